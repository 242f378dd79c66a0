package store_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/hack/stores"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
)

// requests are those that a server got, as the test wants to see them.
type requests struct {
	mu   sync.Mutex
	seen []string
}

func (q *requests) add(s string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.seen = append(q.seen, s)
}

// written has one of each kind of write, in this order.
func written(t *testing.T, b store.Bucket) {
	t.Helper()
	err := errors.Join(
		b.Put(t.Context(), "small", 1, storetest.Opening([]byte("x"))), b.Put(t.Context(), "large", severalParts, storetest.Opening(make([]byte, severalParts))),
		b.Create(t.Context(), "document", []byte("x")), b.Replace(t.Context(), "document", []byte("y")),
	)
	if err != nil {
		t.Fatal(err)
	}
	wantObject(t, b, "document", []byte("y"))
}

// versitygw keeps the tags, and knows neither classes nor encryption: that they are
// sent is what can be seen.
func TestS3IsToldHowToKeepAnObject(t *testing.T) {
	t.Parallel()
	server := stores.S3ForTest(t, "bucket")
	var q requests
	o := between(t, server, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		// The parts take what the upload began with.
		if r.Method == http.MethodPut && !r.URL.Query().Has("partNumber") || r.URL.Query().Has("uploads") {
			h := r.Header
			q.add(strings.Join([]string{
				h.Get("X-Amz-Storage-Class"), h.Get("X-Amz-Server-Side-Encryption"), h.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"), h.Get("X-Amz-Tagging"),
			}, " "))
		}
		pass.ServeHTTP(w, r)
	})
	for name, c := range map[string]struct {
		keep           store.Objects
		data, document string
	}{
		"class, key and tags": {
			store.Objects{StorageClass: "STANDARD_IA", Encryption: "aws:kms:dsse", Key: "alias/k", Tags: map[string]string{"team": "a b", "x": "y"}},
			"STANDARD_IA aws:kms:dsse alias/k team=a%20b&x=y", " aws:kms:dsse alias/k team=a%20b&x=y",
		},
		"a key alone":        {store.Objects{Key: "alias/k"}, " aws:kms alias/k ", " aws:kms alias/k "},
		"S3's own key":       {store.Objects{Encryption: "AES256"}, " AES256  ", " AES256  "},
		"the account's key":  {store.Objects{Encryption: "aws:kms"}, " aws:kms  ", " aws:kms  "},
		"as the bucket says": {store.Objects{}, "   ", "   "},
	} {
		q.seen = nil
		o.Objects = c.keep
		b := open(t, "s3://bucket", o, false)
		written(t, b)
		if diff := cmp.Diff([]string{c.data, c.data, c.document, c.document}, q.seen); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if err := b.DeleteMany(t.Context(), []string{"small", "large", "document"}); err != nil {
			t.Fatal(err)
		}
	}
}

// fake-gcs-server keeps the class and the metadata.
func TestGCSIsToldHowToKeepAnObject(t *testing.T) {
	t.Parallel()
	const key = "projects/p/locations/l/keyRings/r/cryptoKeys/k"
	server := stores.GCSForTest(t, "bucket")
	var q requests
	o := gcsOptions(server)
	o.GCS.Endpoint = proxied(t, server.Endpoint, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if r.Method == http.MethodPost {
			q.add(r.URL.Query().Get("kmsKeyName"))
		}
		pass.ServeHTTP(w, r)
	})
	o.Objects = store.Objects{StorageClass: "nearline", Key: key, Tags: map[string]string{"team": "data"}}
	written(t, open(t, "gcp://bucket", o, false))
	if diff := cmp.Diff([]string{key, key, key, key}, q.seen); diff != "" {
		t.Errorf("the keys (-want +got):\n%s", diff)
	}
	for name, class := range map[string]string{"small": "NEARLINE", "large": "NEARLINE", "document": "STANDARD"} {
		a, err := http.Get(server.Endpoint + "/storage/v1/b/bucket/o/" + name)
		if err != nil {
			t.Fatal(err)
		}
		var kept struct {
			StorageClass string
			Metadata     map[string]string
		}
		err = errors.Join(json.NewDecoder(a.Body).Decode(&kept), a.Body.Close())
		if err != nil || kept.StorageClass != class || kept.Metadata["team"] != "data" {
			t.Errorf("%s is %+v, %v", name, kept, err)
		}
	}
}

// Azurite keeps the tier and the tags, and knows no scopes.
func TestAzureIsToldHowToKeepAnObject(t *testing.T) {
	t.Parallel()
	server := stores.AzureForTest(t, "container")
	var q requests
	o := azureOptions(server)
	o.Azure.Endpoint = proxied(t, server.Endpoint, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if r.Method == http.MethodPut {
			q.add(r.Header.Get("X-Ms-Encryption-Scope"))
		}
		pass.ServeHTTP(w, r)
	}) + "/" + stores.AzureAccount
	o.Objects = store.Objects{StorageClass: "COOL", Tags: map[string]string{"team": "data"}}
	written(t, open(t, "azure://container", o, false))
	client, err := server.Client()
	if err != nil {
		t.Fatal(err)
	}
	for name, tier := range map[string]string{"small": "Cool", "large": "Cool", "document": "Hot"} {
		blob := client.ServiceClient().NewContainerClient("container").NewBlobClient(name)
		about, err := blob.GetProperties(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		tags, err := blob.GetTags(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if *about.AccessTier != tier || len(tags.BlobTagSet) != 1 || *tags.BlobTagSet[0].Value != "data" {
			t.Errorf("%s is in the tier %s, with %d tags", name, *about.AccessTier, len(tags.BlobTagSet))
		}
	}
	q.seen = nil
	o.Objects = store.Objects{Key: "scope"}
	_ = open(t, "azure://container", o, false).Create(t.Context(), "scoped", nil) // Azurite may refuse it
	if diff := cmp.Diff([]string{"scope"}, q.seen); diff != "" {
		t.Errorf("the scopes (-want +got):\n%s", diff)
	}
}

func TestWhatAProviderDoesNotHaveIsRefusedWhenItIsOpened(t *testing.T) {
	t.Parallel()
	for location, keep := range map[string]store.Objects{
		"file:///b/bucket/c/d/n": {StorageClass: "STANDARD"}, "s3://bucket": {StorageClass: "DEEP_ARCHIVE"},
		"gcp://bucket": {Encryption: "AES256"}, "azure://bucket": {Tags: map[string]string{"a": strings.Repeat("b", 257)}},
	} {
		l, err := store.ParseLocation(location)
		if err != nil {
			t.Fatal(err)
		}
		o := at(l.Provider, "http://127.0.0.1:1")
		o.Objects = keep
		if _, err := store.Open(t.Context(), l, o); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", location, err)
		}
	}
}
