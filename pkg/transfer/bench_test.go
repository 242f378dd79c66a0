package transfer_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

const (
	benchFiles = 8
	benchSize  = 8 << 20
)

// sink takes bodies and keeps nothing: what is measured is the mover.
type sink struct{ store.Bucket }

func (sink) Put(_ context.Context, _ string, _ int64, open func() (io.ReadCloser, error)) error {
	r, err := open()
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, r)
	return err
}

// BenchmarkUpload tells the throughput, and how long it takes in units of what
// must be done: io.Copy of the same files into a hash, one after the other.
func BenchmarkUpload(b *testing.B) {
	dir := b.TempDir()
	var items []transfer.Outgoing
	for i := range benchFiles {
		items = append(items, outgoing(b, dir, fmt.Sprint(i), content(b, benchSize)))
	}
	b.SetBytes(benchFiles * benchSize)
	b.ReportAllocs()
	var plain time.Duration
	for b.Loop() {
		b.StopTimer()
		plain += timed(b, func() error {
			for _, item := range items {
				if err := copyFile(item.Path, sha256.New()); err != nil {
					return err
				}
			}
			return nil
		})
		b.StartTimer()
		_, err := transfer.Upload(b.Context(), sink{storetest.NewMemory()}, items, transfer.Options{})
		noError(b, err)
	}
	b.ReportMetric(float64(b.Elapsed())/float64(plain), "x/io.Copy")
}

// BenchmarkDownload is compared with io.Copy to a file that is synced, one after
// the other and unverified.
func BenchmarkDownload(b *testing.B) {
	bucket := storetest.NewMemory()
	var items []transfer.Incoming
	for i := range benchFiles {
		items = append(items, incoming(b, bucket, fmt.Sprint(i), content(b, benchSize)))
	}
	b.SetBytes(benchFiles * benchSize)
	b.ReportAllocs()
	var plain time.Duration
	dir := b.TempDir()
	for b.Loop() {
		b.StopTimer()
		plain += timed(b, func() error {
			for _, item := range items {
				if err := copyObject(b.Context(), bucket, item.Key, filepath.Join(dir, "plain")); err != nil {
					return err
				}
			}
			return nil
		})
		noError(b, os.RemoveAll(filepath.Join(dir, "moved")))
		b.StartTimer()
		noError(b, transfer.Download(b.Context(), bucket, filepath.Join(dir, "moved"), items, transfer.Options{}))
	}
	b.ReportMetric(float64(b.Elapsed())/float64(plain), "x/io.Copy")
}

// BenchmarkSmallFiles is what most components of SSTables are.
func BenchmarkSmallFiles(b *testing.B) {
	dir := b.TempDir()
	var items []transfer.Outgoing
	for i := range 1000 {
		items = append(items, outgoing(b, dir, fmt.Sprint(i), content(b, 100)))
	}
	b.ReportAllocs()
	for b.Loop() {
		_, err := transfer.Upload(b.Context(), sink{storetest.NewMemory()}, items, transfer.Options{})
		noError(b, err)
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "files/s")
}

func timed(b *testing.B, do func() error) time.Duration {
	b.Helper()
	begin := time.Now()
	noError(b, do())
	return time.Since(begin)
}

func copyFile(path string, w io.Writer) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

func copyObject(ctx context.Context, bucket store.Bucket, key, path string) error {
	r, _, err := bucket.Get(ctx, key, 0)
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(f, r); err != nil {
		return err
	}
	return f.Sync()
}
