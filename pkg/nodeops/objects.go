package nodeops

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/store"
)

// regionForm keeps a region from being more than a part of a host's name.
var regionForm = regexp.MustCompile(`^[a-zA-Z0-9-]{1,64}$`)

// checkObjects refuses what the provider does not have.
func checkObjects(p store.Provider, s rest.Store) []rest.Violation {
	var v []rest.Violation
	refuse := func(field string, err error) {
		if err != nil {
			v = append(v, rest.Violation{Field: field, Message: strings.TrimPrefix(err.Error(), store.ErrInvalid.Error()+": ")})
		}
	}
	refuse("storageClass", store.CheckStorageClass(p, s.StorageClass))
	if err := store.CheckEncryption(p, s.ServerSideEncryption, ""); err != nil {
		refuse("serverSideEncryption", err)
	} else {
		refuse("encryptionKeyName", store.CheckEncryption(p, s.ServerSideEncryption, s.EncryptionKeyName))
	}
	refuse("objectTags", store.CheckTags(p, s.ObjectTags))
	switch {
	case s.Region == "":
	case p == store.File, p == store.GCP, p == store.GS, p == store.Azure:
		v = append(v, rest.Violation{Field: "region", Message: "a bucket of " + string(p) + " is found without a region"})
	case !regionForm.MatchString(s.Region):
		v = append(v, rest.Violation{Field: "region", Message: "is not the name of a region"})
	}
	if s.Insecure && s.Credentials == nil && (p == store.GCP || p == store.GS) {
		v = append(v, rest.Violation{Field: "insecure", Message: "would send a token of the sidecar in plain HTTP; it goes with credentials only"})
	}
	return v
}

// keep is what a request says of the objects, in place of what the sidecar says. A
// directory has none of it, whatever the sidecar's buckets have.
func keep(own store.Objects, p store.Provider, s rest.Store) store.Objects {
	if p == store.File {
		return store.Objects{}
	}
	o := store.Objects{StorageClass: cmp.Or(s.StorageClass, own.StorageClass), Encryption: own.Encryption, Key: own.Key, Tags: own.Tags}
	if s.ServerSideEncryption != "" || s.EncryptionKeyName != "" {
		o.Encryption, o.Key = s.ServerSideEncryption, s.EncryptionKeyName
	}
	if len(s.ObjectTags) > 0 {
		o.Tags = s.ObjectTags
	}
	return o
}

// reach is what the credentials of a request say of the way to their server.
func reach(o *store.Options, p store.Provider, c *rest.Credentials) {
	switch p {
	case store.GCP, store.GS:
		o.GCS.Endpoint = cmp.Or(c.Endpoint, o.GCS.Endpoint)
	case store.Azure:
		o.Azure.Endpoint = cmp.Or(c.Endpoint, o.Azure.Endpoint)
	default:
		elsewhere(o, c.Region, c.Endpoint)
		if c.PathStyle != nil {
			o.PathStyle = *c.PathStyle
		}
	}
	o.CABundle = c.CABundle
}
