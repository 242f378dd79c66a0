package retention_test

import (
	"context"
	"testing"

	"github.com/icarus-sidecar/icarus/hack/stores"
	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/retention"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// page is how many keys S3 lists at a request.
const page = 1000

// onS3 is a node's part of a bucket of a real server, and counts the requests to it.
func onS3(tb testing.TB) (store.Bucket, *stores.Counted) {
	tb.Helper()
	server := stores.S3ForTest(tb, "bucket")
	count := stores.CountForTest(tb, server.Endpoint)
	return storetest.Opened(tb, "s3://bucket/cluster/dc/node", store.Options{
		Endpoint: count.Endpoint, PathStyle: true, Connections: transfer.DefaultParallel,
		Credentials: store.Credentials{AccessKeyID: stores.AccessKey, SecretAccessKey: stores.SecretKey},
	}), count
}

// A list asks S3 once for each thousand keys of manifests, which are all that is
// listed, and once for each manifest. What is in them changes nothing of that.
func TestAListOfAThousandBackupsAsksS3ForNoMoreThanItNeeds(t *testing.T) {
	t.Parallel()
	b, count := onS3(t)
	manyBackups(t, b, 1)
	upload(t, b, 1, 2, 3) // which are not listed
	count.Take()
	const listing = (many + page - 1) / page
	l := list(t, b, retention.Query{Keys: 1000})
	if got := count.Take(); len(l.Backups) != many || got > listing+many {
		t.Errorf("%d backups took %d requests; %d for the listing and %d for the manifests are enough", len(l.Backups), got, listing, many)
	}
}

// BenchmarkListOfAThousandBackups is of 20 SSTables each, and is to take 2 s at most.
func BenchmarkListOfAThousandBackups(b *testing.B) {
	for kind, open := range map[string]func(tb testing.TB) store.Bucket{
		"files": storetest.Files,
		"S3": func(tb testing.TB) store.Bucket {
			tb.Helper()
			node, _ := onS3(tb)
			return node
		},
	} {
		b.Run(kind, func(b *testing.B) {
			node := open(b)
			manyBackups(b, node, each)
			for b.Loop() {
				if l := list(b, node, retention.Query{Keys: 1000}); len(l.Backups) != many {
					b.Fatal(len(l.Backups))
				}
			}
		})
	}
}

// manyBackups are of so many objects each. Each but the first shares all but ten with
// the one before.
func manyBackups(tb testing.TB, b store.Bucket, objects int) {
	tb.Helper()
	bodies := make([][]byte, many)
	for n := range bodies {
		bodies[n] = document(tb, tag(n), sequence(n*step, n*step+objects)...)
	}
	noError(tb, transfer.Each(tb.Context(), many, transfer.DefaultParallel, func(ctx context.Context, n int) error {
		return b.Create(ctx, manifest.ManifestKey(tag(n)), bodies[n])
	}))
}
