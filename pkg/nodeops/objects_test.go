package nodeops_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/nodeops"
	"github.com/icarus-sidecar/icarus/pkg/store"
)

func TestWhatAStoreDoesNotHaveIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		store rest.Store
		field string // refused, or "" where nothing is
	}{
		"a class of S3":                       {rest.Store{StorageLocation: "s3://bucket", StorageClass: "STANDARD_IA"}, ""},
		"a class of a server's own":           {rest.Store{StorageLocation: "ceph://bucket", StorageClass: "COLD_DISKS"}, ""},
		"a class that has to be thawed":       {rest.Store{StorageLocation: "s3://bucket", StorageClass: "GLACIER"}, "storageClass"},
		"a class of Google":                   {rest.Store{StorageLocation: "gs://bucket", StorageClass: "NEARLINE"}, ""},
		"a class of S3 at Google":             {rest.Store{StorageLocation: "gs://bucket", StorageClass: "STANDARD_IA"}, "storageClass"},
		"a class of Azure":                    {rest.Store{StorageLocation: "azure://bucket", StorageClass: "Cool"}, ""},
		"the archive of Azure":                {rest.Store{StorageLocation: "azure://bucket", StorageClass: "Archive"}, "storageClass"},
		"a class of a directory":              {rest.Store{StorageLocation: "file:///b/bucket/c/d/n", StorageClass: "STANDARD"}, "storageClass"},
		"an encryption of S3":                 {rest.Store{StorageLocation: "s3://bucket", ServerSideEncryption: "aws:kms", EncryptionKeyName: "alias/k"}, ""},
		"an encryption that nobody has":       {rest.Store{StorageLocation: "s3://bucket", ServerSideEncryption: "rot13"}, "serverSideEncryption"},
		"a key where S3 has its own":          {rest.Store{StorageLocation: "s3://bucket", ServerSideEncryption: "AES256", EncryptionKeyName: "k"}, "encryptionKeyName"},
		"a method of S3 at Azure":             {rest.Store{StorageLocation: "azure://bucket", ServerSideEncryption: "AES256"}, "serverSideEncryption"},
		"a scope of Azure":                    {rest.Store{StorageLocation: "azure://bucket", EncryptionKeyName: "scope"}, ""},
		"a key of S3 at Google":               {rest.Store{StorageLocation: "gcp://bucket", EncryptionKeyName: "alias/k"}, "encryptionKeyName"},
		"an encryption of a directory":        {rest.Store{StorageLocation: "file:///b/bucket/c/d/n", EncryptionKeyName: "k"}, "encryptionKeyName"},
		"tags":                                {rest.Store{StorageLocation: "s3://bucket", ObjectTags: map[string]string{"team": "data"}}, ""},
		"a tag with characters of a query":    {rest.Store{StorageLocation: "s3://bucket", ObjectTags: map[string]string{"a&b": "c"}}, "objectTags"},
		"a tag that says an object is none":   {rest.Store{StorageLocation: "azure://bucket", ObjectTags: map[string]string{"icarus_discard": "1"}}, "objectTags"},
		"tags of a directory":                 {rest.Store{StorageLocation: "file:///b/bucket/c/d/n", ObjectTags: map[string]string{"a": "b"}}, "objectTags"},
		"a region of S3":                      {rest.Store{StorageLocation: "s3://bucket", Region: "eu-west-1"}, ""},
		"a region that leads elsewhere":       {rest.Store{StorageLocation: "s3://bucket", Region: "x.example.org/"}, "region"},
		"a region of Google":                  {rest.Store{StorageLocation: "gs://bucket", Region: "eu-west-1"}, "region"},
		"plain HTTP with the sidecar's token": {rest.Store{StorageLocation: "gs://bucket", Insecure: true}, "insecure"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := nodeops.CheckStore(c.store)
			if c.field == "" {
				noError(t, err)
				return
			}
			var refused *rest.Error
			if !errors.As(err, &refused) || len(refused.Violations) != 1 || refused.Violations[0].Field != c.field {
				t.Errorf("it is %v, want %s to be refused", err, c.field)
			}
		})
	}
}

func TestWhatARequestSaysOfTheObjectsGoesBeforeTheSidecars(t *testing.T) {
	t.Parallel()
	own := store.Options{Objects: store.Objects{StorageClass: "STANDARD_IA", Encryption: "AES256", Tags: map[string]string{"own": "1"}}}
	no := false
	for name, c := range map[string]struct {
		store rest.Store
		want  store.Options
	}{
		"nothing":     {rest.Store{StorageLocation: "s3://bucket"}, own},
		"a directory": {rest.Store{StorageLocation: "file:///b/bucket/c/d/n"}, store.Options{}},
		"all": {
			rest.Store{StorageLocation: "s3://bucket", Region: "r", StorageClass: "ONEZONE_IA", EncryptionKeyName: "k", ObjectTags: map[string]string{"a": "b"}},
			store.Options{Region: "r", Objects: store.Objects{StorageClass: "ONEZONE_IA", Key: "k", Tags: map[string]string{"a": "b"}}},
		},
		"the way to a server of the credentials": {
			rest.Store{StorageLocation: "s3://bucket", Credentials: &rest.Credentials{AccessKeyID: "i", SecretAccessKey: "s", Endpoint: "https://e", PathStyle: &no, CABundle: "pem"}},
			store.Options{Endpoint: "https://e", CABundle: "pem", Objects: own.Objects, Credentials: store.Credentials{AccessKeyID: "i", SecretAccessKey: "s"}},
		},
		"another server of Google": {
			rest.Store{StorageLocation: "gs://bucket", Credentials: &rest.Credentials{GCPKey: "k", Endpoint: "https://e"}},
			store.Options{Objects: own.Objects, GCS: store.GCSOptions{Endpoint: "https://e", Key: "k"}},
		},
		"another server of Azure": {
			rest.Store{StorageLocation: "azure://bucket", Credentials: &rest.Credentials{AzureAccount: "a", AzureKey: "k", Endpoint: "https://e/a"}},
			store.Options{Objects: own.Objects, Azure: store.AzureOptions{Account: "a", Key: "k", Endpoint: "https://e/a"}},
		},
	} {
		if diff := cmp.Diff(c.want, (&nodeops.Deps{Store: own}).StoreOptions(c.store)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
