package transfer_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
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

// shapes are what nodes have, a tenth as much as they would: few large files, many
// of middle size, many small ones, and SSTables of eight components.
var shapes = map[string]func() (sizes []int){
	"few-large":   func() []int { return slices.Repeat([]int{100 << 20}, 4) },
	"many-middle": func() []int { return slices.Repeat([]int{5 << 20}, 20) },
	"many-small":  func() []int { return slices.Repeat([]int{50 << 10}, 2000) },
	"sstables": func() []int {
		return slices.Repeat([]int{1 << 20, 10, 16 << 10, 64 << 10, 5 << 10, 1 << 10, 10 << 10, 92}, 25)
	},
}

// BenchmarkShapes moves each shape to a bucket that keeps nothing, and from one
// that is in memory. Allocations are those of all files together.
func BenchmarkShapes(b *testing.B) {
	for name, shape := range shapes {
		sizes := shape()
		var bytes int64
		for _, size := range sizes {
			bytes += int64(size)
		}
		report := func(b *testing.B) {
			b.Helper()
			b.ReportMetric(float64(b.N*len(sizes))/b.Elapsed().Seconds(), "files/s")
		}
		b.Run("up/"+name, func(b *testing.B) {
			dir := b.TempDir()
			items := make([]transfer.Outgoing, len(sizes))
			for i, size := range sizes {
				items[i] = outgoing(b, dir, fmt.Sprint(i), content(b, size))
				items[i].SHA256 = "" // as a first backup has them
			}
			b.SetBytes(bytes)
			b.ReportAllocs()
			for b.Loop() {
				_, err := transfer.Upload(b.Context(), sink{storetest.NewMemory()}, items, transfer.Options{})
				noError(b, err)
			}
			report(b)
		})
		b.Run("down/"+name, func(b *testing.B) {
			bucket, dir := storetest.NewMemory(), b.TempDir()
			items := make([]transfer.Incoming, len(sizes))
			for i, size := range sizes {
				items[i] = incoming(b, bucket, fmt.Sprint(i), content(b, size))
			}
			b.SetBytes(bytes)
			b.ReportAllocs()
			for b.Loop() {
				noError(b, transfer.Download(b.Context(), bucket, filepath.Join(dir, "to"), items, transfer.Options{}))
				b.StopTimer()
				noError(b, os.RemoveAll(filepath.Join(dir, "to")))
				b.StartTimer()
			}
			report(b)
		})
	}
}

// BenchmarkHash is the pass over a file of which nothing is known but its name.
func BenchmarkHash(b *testing.B) {
	dir := b.TempDir()
	var list []transfer.File
	for i := range benchFiles {
		path := filepath.Join(dir, fmt.Sprint(i))
		write(b, path, content(b, benchSize))
		list = append(list, transfer.File{Path: path, Size: benchSize})
	}
	b.SetBytes(benchFiles * benchSize)
	b.ReportAllocs()
	for b.Loop() {
		_, err := transfer.Hash(b.Context(), list, transfer.Options{})
		noError(b, err)
	}
}

// BenchmarkPlan puts a hundred thousand files in order, and moves none of them.
func BenchmarkPlan(b *testing.B) {
	const files = 100_000
	size := func(i int) int64 { return int64(i) * 7919 % (20 << 20) }
	stop := errors.New("that is all")
	b.ReportAllocs()
	for b.Loop() {
		err := transfer.UploadEach(b.Context(), storetest.NewMemory(), files, size,
			func(i int) transfer.Outgoing {
				return transfer.Outgoing{Path: "none", Size: size(i), Places: []transfer.Place{{Key: "k"}}}
			},
			func(int, transfer.Placed) error { return stop }, transfer.Options{Parallel: 1})
		if !errors.Is(err, os.ErrNotExist) {
			b.Fatal(err)
		}
	}
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
