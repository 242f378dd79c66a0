package store_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/hack/stores"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemoryKeepsThePromises(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) store.Bucket { return storetest.NewMemory() })
}

func TestFaultyWithoutFaultsKeepsThePromises(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) store.Bucket { return storetest.NewFaulty(storetest.NewMemory()) })
}

func TestPrefixedKeepsThePromises(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Bucket {
		t.Helper()
		b := storetest.NewMemory()
		for _, key := range []string{"a/other", "cluster/dc", "cluster/dc/node2/a/b", "cluster/dc/nod", "z"} {
			if err := b.Create(t.Context(), key, []byte("of another node")); err != nil {
				t.Fatal(err)
			}
		}
		return store.Prefixed(b, "cluster/dc/node/")
	})
}

func TestRetryingKeepsThePromises(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) store.Bucket {
		return store.Retrying(storetest.NewMemory(), store.Retry{}, clock.RealClock{})
	})
}

func TestFileKeepsThePromises(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Bucket {
		t.Helper()
		return open(t, "file://"+t.TempDir()+"/bucket/cluster/dc/node", store.Options{}, true)
	})
}

func TestS3KeepsThePromises(t *testing.T) {
	t.Parallel()
	server := stores.S3ForTest(t)
	var buckets atomic.Int32
	storetest.Run(t, func(t *testing.T) store.Bucket {
		t.Helper()
		name := fmt.Sprintf("bucket-%d", buckets.Add(1))
		b := open(t, "s3://"+name, s3Options(server), true)
		t.Cleanup(func() { wantNoUploads(t, server, name) })
		return b
	})
}

func open(tb testing.TB, location string, o store.Options, create bool) store.Bucket {
	tb.Helper()
	l, err := store.ParseLocation(location)
	if err != nil {
		tb.Fatal(err)
	}
	if create {
		if err := store.CheckBucket(tb.Context(), l, o, true); err != nil {
			tb.Fatal(err)
		}
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
	return b
}

func s3Options(server *stores.S3) store.Options {
	return store.Options{
		Endpoint: server.Endpoint, PathStyle: true, Connections: 8,
		Credentials: store.Credentials{AccessKeyID: stores.AccessKey, SecretAccessKey: stores.SecretKey},
	}
}

func TestGCSKeepsThePromises(t *testing.T) {
	t.Parallel()
	server := stores.GCSForTest(t)
	var buckets atomic.Int32
	storetest.Run(t, func(t *testing.T) store.Bucket {
		t.Helper()
		return open(t, fmt.Sprintf("gcp://bucket-%d", buckets.Add(1)), gcsOptions(server), true)
	})
}

func TestAzureKeepsThePromises(t *testing.T) {
	t.Parallel()
	server := stores.AzureForTest(t)
	var containers atomic.Int32
	storetest.Run(t, func(t *testing.T) store.Bucket {
		t.Helper()
		return open(t, fmt.Sprintf("azure://container-%d", containers.Add(1)), azureOptions(server), true)
	})
}

func gcsOptions(server *stores.GCS) store.Options {
	return store.Options{Connections: 8, GCS: store.GCSOptions{Endpoint: server.Endpoint, Anonymous: true, Project: stores.Project}}
}

func azureOptions(server *stores.Azure) store.Options {
	return store.Options{
		Connections: 8, FewerChecksums: true, // which Azurite does not know
		Azure: store.AzureOptions{Account: stores.AzureAccount, Key: stores.AzureKey, Endpoint: server.ServiceURL()},
	}
}
