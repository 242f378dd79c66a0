package backup_test

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	testingclock "k8s.io/utils/clock/testing"

	"github.com/icarus-sidecar/icarus/pkg/backup"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
)

// hollow is a bucket that keeps the bodies of documents only, and counts requests
// as S3 would get them: a page of a list has a thousand keys, and an object of
// more than 8 MiB is looked for, begun, sent in parts, and completed.
type hollow struct {
	store.Bucket // of documents

	mu       sync.Mutex
	sizes    map[string]int64
	requests atomic.Int64
	sent     atomic.Int64
}

func newHollow() *hollow { return &hollow{Bucket: storetest.NewMemory(), sizes: map[string]int64{}} }

func isData(key string) bool { return strings.HasPrefix(key, "data/") }

func (h *hollow) Put(ctx context.Context, key string, size int64, open func() (io.ReadCloser, error)) error {
	const part = 8 << 20
	h.requests.Add(1)
	if size > part {
		h.requests.Add(2 + (size+part-1)/part)
	}
	if !isData(key) {
		return h.Bucket.Put(ctx, key, size, open)
	}
	r, err := open()
	if err != nil {
		return err
	}
	defer r.Close()
	n, err := io.Copy(io.Discard, r)
	h.sent.Add(n)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sizes[key] = size
	return err
}

func (h *hollow) Create(ctx context.Context, key string, body []byte) error {
	h.requests.Add(1)
	return h.Bucket.Create(ctx, key, body)
}

func (h *hollow) Replace(ctx context.Context, key string, body []byte) error {
	h.requests.Add(1)
	return h.Bucket.Replace(ctx, key, body)
}

func (h *hollow) Get(ctx context.Context, key string, offset int64) (io.ReadCloser, store.Object, error) {
	h.requests.Add(1)
	return h.Bucket.Get(ctx, key, offset)
}

func (h *hollow) Stat(ctx context.Context, key string) (store.Object, error) {
	h.requests.Add(1)
	return h.Bucket.Stat(ctx, key)
}

func (h *hollow) Delete(ctx context.Context, key string) error {
	h.requests.Add(1)
	return h.Bucket.Delete(ctx, key)
}

func (h *hollow) List(ctx context.Context, prefix string) iter.Seq2[store.Object, error] {
	const page = 1000
	h.requests.Add(1)
	if !isData(prefix) {
		return h.Bucket.List(ctx, prefix)
	}
	return func(yield func(store.Object, error) bool) {
		h.mu.Lock()
		defer h.mu.Unlock()
		shown := 0
		for key, size := range h.sizes {
			if !strings.HasPrefix(key, prefix) {
				continue
			}
			if shown++; shown%page == 0 {
				h.requests.Add(1)
			}
			if !yield(store.Object{Key: key, Size: size}, nil) {
				return
			}
		}
	}
}

// components are those of an SSTable of today.
var components = []string{"Data.db", "Digest.crc32", "Filter.db", "Index.db", "Statistics.db", "Summary.db", "CompressionInfo.db", "TOC.txt"}

// many is a node of some files, in tables of the given shares of ten.
func many(tb testing.TB, files int, shares ...int) *node {
	tb.Helper()
	n := newNode(tb, 1)
	toc := strings.Join(components, "\n")
	for i, share := range shares {
		dir := n.table(fmt.Sprintf("ks.t%02d", i)).DataPaths[0]
		for g := range files * share / 10 / len(components) {
			for _, c := range components {
				body := fmt.Sprint(i, g, c)
				switch c {
				case "Digest.crc32":
					body = fmt.Sprint(1000 + g)
				case "TOC.txt":
					body = toc
				}
				noError(tb, os.WriteFile(filepath.Join(dir, fmt.Sprintf("nb-%d-big-%s", g, c)), []byte(body), 0o600))
			}
		}
	}
	return n
}

// later is a request whose clock is so late that every file is long settled.
func later(number int64, cache string, d backup.Dedup) backup.Request {
	r := request(number)
	r.Clock = testingclock.NewFakeClock(time.Now().Add(time.Hour))
	r.Parallel, r.CacheDir, r.Dedup = 10, cache, d
	return r
}

func mustRun(tb testing.TB, n *node, b store.Bucket, r backup.Request) backup.Result {
	tb.Helper()
	result, err := backup.Run(tb.Context(), n, b, r, nil)
	noError(tb, err)
	if len(result.Warnings) > 0 {
		tb.Fatal(result.Warnings)
	}
	return result
}

// BenchmarkNothingNew is the backup of a hundred thousand files that the last one
// has: they are looked at, and none is read or sent.
func BenchmarkNothingNew(b *testing.B) {
	const files = 100_000
	n := many(b, files, 5, 3, 1, 1)
	bucket, cache := newHollow(), b.TempDir()
	mustRun(b, n, bucket, later(1, cache, ""))
	number := int64(1)
	for dedup, most := range map[backup.Dedup]int64{backup.DedupListing: 120, backup.DedupManifest: 20} {
		b.Run(string(dedup), func(b *testing.B) {
			b.ReportAllocs()
			var requests int64
			for b.Loop() {
				number++
				before, sent := bucket.requests.Load(), bucket.sent.Load()
				result := mustRun(b, n, bucket, later(number, cache, dedup))
				requests = bucket.requests.Load() - before
				if requests > most || bucket.sent.Load() != sent || result.Counts.FilesReused != files {
					b.Fatalf("%d requests, %d bytes, and %+v", requests, bucket.sent.Load()-sent, result.Counts)
				}
			}
			b.ReportMetric(float64(requests), "requests")
		})
	}
}
