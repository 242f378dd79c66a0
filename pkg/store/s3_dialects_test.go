package store_test

import (
	"errors"
	"testing"

	"github.com/icarus-sidecar/icarus/hack/stores"
	"github.com/icarus-sidecar/icarus/pkg/store"
)

func TestADialectOfS3IsS3AtItsEndpoint(t *testing.T) {
	t.Parallel()
	server := stores.S3ForTest(t)
	for _, p := range []store.Provider{store.MinIO, store.Ceph, store.Oracle} {
		o := s3Options(server)
		o.PathStyle = false // the dialect knows
		l := store.Location{Provider: p, Bucket: "bucket-of-" + string(p)}
		b := open(t, l.String(), o, true)
		if err := b.Create(t.Context(), "a/b", []byte("x")); err != nil {
			t.Error(err)
		}
		wantObject(t, b, "a/b", []byte("x"))
		o.Endpoint = ""
		_, openErr := store.Open(t.Context(), l, o)
		for _, err := range []error{openErr, store.CheckBucket(t.Context(), l, o, true)} {
			if !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s without an endpoint: %v", p, err)
			}
		}
	}
}
