package nodeops

import (
	"context"
	"fmt"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/secret"
	"github.com/icarus-sidecar/icarus/pkg/store"
)

// The keys of a Secret, by the names that the original gave them.
const (
	keyAccessKeyID     = "awsaccesskeyid"
	keySecretAccessKey = "awssecretaccesskey"
	keySessionToken    = "awssessiontoken"
	keyRegion          = "awsregion"
	keyEndpoint        = "awsendpoint"
	keyGCP             = "gcp"
	keyAzureAccount    = "azurestorageaccount"
	keyAzureKey        = "azurestoragekey"
)

// namesSecret tells whether the keys to the bucket are those of a Secret: those of
// the request go before, and files need none.
func namesSecret(s rest.Store, p store.Provider) bool {
	return s.K8sSecretName != "" && s.Credentials == nil && p != store.File
}

func secretOf(s rest.Store) secret.Name {
	return secret.Name{Namespace: s.K8sNamespace, Name: s.K8sSecretName}
}

// secretOptions are storeOptions with the keys of the Secret that the request names.
// It is read each time: a request that goes on after a restart needs it again, and
// each node of a global one reads it for itself.
func (d *Deps) secretOptions(ctx context.Context, s rest.Store, p store.Provider) (store.Options, error) {
	if !namesSecret(s, p) {
		return d.storeOptions(s), nil
	}
	v, err := d.Secrets.Get(ctx, secretOf(s))
	if err != nil {
		return store.Options{}, err
	}
	c, err := secretCredentials(v, p)
	if err != nil {
		return store.Options{}, err
	}
	if c == nil {
		o := d.storeOptions(s)
		elsewhere(&o, v.Reveal(keyRegion), v.Reveal(keyEndpoint))
		return o, nil
	}
	s.Credentials = c // of a copy: the request stays as it is
	return d.storeOptions(s), nil
}

// secretCredentials are those of the provider alone: a Secret may hold the keys of
// many. There are none, and no error, where a Secret names only the server of S3:
// then the sidecar's own identity is meant, as in the original.
func secretCredentials(v secret.Values, p store.Provider) (*rest.Credentials, error) {
	switch p {
	case store.GCP, store.GS:
		key := v.Reveal(keyGCP)
		if err := v.Require(keyGCP); err != nil {
			return nil, err
		}
		if !isServiceAccount(key) {
			return nil, fmt.Errorf("key %s of Secret %s is not the JSON document of a service account's key", keyGCP, v.Name())
		}
		return &rest.Credentials{GCPKey: rest.Secret(key)}, nil
	case store.Azure:
		if err := v.Require(keyAzureAccount, keyAzureKey); err != nil {
			return nil, err
		}
		return &rest.Credentials{AzureAccount: v.Reveal(keyAzureAccount), AzureKey: rest.Secret(v.Reveal(keyAzureKey))}, nil
	default: // servers of S3 have many names
		id, key := v.Reveal(keyAccessKeyID), v.Reveal(keySecretAccessKey)
		if id == "" && key == "" && (v.Reveal(keyRegion) != "" || v.Reveal(keyEndpoint) != "") {
			return nil, nil //nolint:nilnil // no account is an answer
		}
		if err := v.Require(keyAccessKeyID, keySecretAccessKey); err != nil {
			return nil, err
		}
		return &rest.Credentials{
			AccessKeyID: rest.Secret(id), SecretAccessKey: rest.Secret(key), SessionToken: rest.Secret(v.Reveal(keySessionToken)),
			Region: v.Reveal(keyRegion), Endpoint: v.Reveal(keyEndpoint),
		}, nil
	}
}
