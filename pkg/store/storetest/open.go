package storetest

import (
	"testing"

	"github.com/icarus-sidecar/icarus/pkg/store"
)

// Opened is a node's part of a bucket, as the sidecar opens it. The bucket is made if
// need be, and closed after the test.
func Opened(tb testing.TB, location string, o store.Options) store.Bucket {
	tb.Helper()
	l, err := store.ParseLocation(location)
	if err != nil {
		tb.Fatal(err)
	}
	if err := store.CheckBucket(tb.Context(), l, o, true); err != nil {
		tb.Fatal(err)
	}
	b, err := store.Open(tb.Context(), l, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := b.Close(); err != nil {
			tb.Error(err)
		}
	})
	return store.Prefixed(b, l.NodePrefix())
}

// Files is Opened of a bucket of files.
func Files(tb testing.TB) store.Bucket {
	tb.Helper()
	return Opened(tb, "file://"+tb.TempDir()+"/bucket/cluster/dc/node", store.Options{})
}
