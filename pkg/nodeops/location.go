package nodeops

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/store"
)

// checkStore refuses at the door what a request says about the bucket and
// cannot be, or cannot be done yet.
func (d *Deps) checkStore(s rest.Store) error {
	var v []rest.Violation
	l, err := store.ParseLocation(s.StorageLocation)
	if err != nil {
		v = append(v, rest.Violation{Field: "storageLocation", Message: strings.TrimPrefix(err.Error(), store.ErrInvalid.Error()+": ")})
	}
	if s.KMSKeyID != "" {
		v = append(v, rest.Violation{
			Field: "kmsKeyId", Message: "client-side encryption is not supported yet; leave it out and let the store encrypt: serverSideEncryption and encryptionKeyName",
		})
	}
	if p := s.ProxySettings; p != nil && p.UseProxy && p.ProxyHost == "" {
		v = append(v, rest.Violation{Field: "proxySettings.proxyHost", Message: "is missing, as useProxy is set"})
	}
	if err == nil && s.Credentials != nil {
		v = append(v, checkCredentials(l.Provider, s.Credentials)...)
	}
	if err == nil {
		v = append(v, checkObjects(l.Provider, s)...)
	}
	if err == nil && namesSecret(s, l.Provider) {
		if _, err := d.Secrets.Resolve(secretOf(s)); err != nil {
			v = append(v, rest.Violation{Field: "k8sSecretName", Message: err.Error()})
		}
	}
	if len(v) > 0 {
		return rest.Invalid(v...)
	}
	return nil
}

// checkCredentials asks for a whole account of the provider: what the request says
// of the way to the bucket goes with its own keys only, since those of the sidecar
// are not for an address that somebody else chose.
func checkCredentials(p store.Provider, c *rest.Credentials) []rest.Violation {
	var v []rest.Violation
	need := func(field string, isThere bool) {
		if !isThere {
			v = append(v, rest.Violation{Field: "credentials." + field, Message: "is missing"})
		}
	}
	switch p {
	case store.File:
	case store.GCP, store.GS:
		need("gcpKey", c.GCPKey != "")
		if c.GCPKey != "" && !isServiceAccount(c.GCPKey.Reveal()) {
			v = append(v, rest.Violation{Field: "credentials.gcpKey", Message: "must be the JSON document of a service account's key"})
		}
	case store.Azure:
		need("azureAccount", c.AzureAccount != "")
		need("azureKey", c.AzureKey != "")
	case store.S3, store.MinIO, store.Ceph, store.Oracle:
		need("accessKeyId", c.AccessKeyID != "")
		need("secretAccessKey", c.SecretAccessKey != "")
	}
	return v
}

// isServiceAccount tells the one type of key that may be given: those of other
// types name files, programs and addresses of the sidecar's own.
func isServiceAccount(document string) bool {
	var key struct{ Type string }
	return json.Unmarshal([]byte(document), &key) == nil && key.Type == "service_account"
}

// storeOptions are the sidecar's, with what the request asks for.
func (d *Deps) storeOptions(s rest.Store) store.Options {
	o := d.Store
	o.Insecure = o.Insecure || s.Insecure
	o.Connections = s.ConcurrentConnections
	provider := store.Provider(strings.SplitN(s.StorageLocation, "://", 2)[0])
	o.Objects = keep(o.Objects, provider, s)
	o.Region = cmp.Or(s.Region, o.Region)
	if c := s.Credentials; c != nil {
		o.Credentials = store.Credentials{
			AccessKeyID:     c.AccessKeyID.Reveal(),
			SecretAccessKey: store.Secret(c.SecretAccessKey.Reveal()), SessionToken: store.Secret(c.SessionToken.Reveal()),
		}
		// The server stays, and whatever else says who asks goes.
		o.GCS = store.GCSOptions{Endpoint: o.GCS.Endpoint, Key: store.Secret(c.GCPKey.Reveal())}
		o.Azure = store.AzureOptions{
			Account: c.AzureAccount, Key: store.Secret(c.AzureKey.Reveal()), Endpoint: o.Azure.Endpoint, Domain: o.Azure.Domain,
		}
		reach(&o, provider, c)
	}
	if s.Retry.Enabled {
		o.Retry = store.Retry{
			// The first attempt is no retry.
			MaxAttempts: s.Retry.MaxAttempts + 1, Interval: time.Duration(s.Retry.Interval) * time.Second,
			Exponential: s.Retry.Strategy == "EXPONENTIAL",
		}
	}
	if p := s.ProxySettings; p != nil && p.UseProxy {
		const defaultPort = 3128
		o.ProxyURL = &url.URL{
			Scheme: cmp.Or(p.ProxyProtocol, "https"),
			Host:   net.JoinHostPort(p.ProxyHost, strconv.Itoa(cmp.Or(p.ProxyPort, defaultPort))),
		}
		if p.ProxyUsername != "" {
			o.ProxyURL.User = url.UserPassword(p.ProxyUsername, p.ProxyPassword.Reveal())
		}
	}
	return o
}

// elsewhere is another server than the sidecar's, where there is one.
func elsewhere(o *store.Options, region, endpoint string) {
	o.Region = cmp.Or(region, o.Region)
	if endpoint != "" {
		o.Endpoint, o.PathStyle = endpoint, true // as for one of the environment
	}
}

// withBucket opens the bucket of a location, checks it unless the request says
// that it need not be, and closes it after do.
func (d *Deps) withBucket(ctx context.Context, s rest.Store, l store.Location, create bool, do func(b store.Bucket) error) (err error) {
	o, err := d.secretOptions(ctx, s, l.Provider)
	if err != nil {
		return err
	}
	if !s.SkipBucketVerification || create {
		if err := store.CheckBucket(ctx, l, o, create); err != nil {
			return bucketError(err)
		}
	}
	b, err := store.Open(ctx, l, o)
	if err != nil {
		return bucketError(err)
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	return do(b)
}

// bucketError tells the way out of a bucket that is not there.
func bucketError(err error) error {
	if errors.Is(err, store.ErrNoBucket) {
		return fmt.Errorf(`%w; create it, or send "createMissingBucket": true with a backup`, err)
	}
	return err
}

// nodeBucket is what a node has in the bucket, its keys relative to it.
func nodeBucket(b store.Bucket, l store.Location) store.Bucket {
	return store.Prefixed(b, l.NodePrefix())
}
