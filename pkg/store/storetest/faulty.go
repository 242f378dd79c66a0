package storetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"sync"

	"github.com/icarus-sidecar/icarus/pkg/store"
)

// Op is a method of a bucket.
type Op string

// The methods that a Faulty counts.
const (
	Put     Op = "Put"
	Create  Op = "Create"
	Replace Op = "Replace"
	Get     Op = "Get"
	Stat    Op = "Stat"
	List    Op = "List"
	Delete  Op = "Delete"
)

// Faulty is a bucket that fails where its hooks say so, and counts the calls.
// The hooks are set before the first call; those that are nil do nothing. They
// are called from many goroutines where the bucket is.
type Faulty struct {
	bucket store.Bucket

	// Before comes before a call, which does not happen if it returns an error.
	// The key of a List is its prefix.
	Before func(ctx context.Context, op Op, key string) error
	// After comes after a call that went well; its error is as an answer that
	// got lost. List has none.
	After func(op Op, key string) error
	// Body stands between the caller and what Get reads.
	Body func(key string, r io.Reader) io.Reader

	mu    sync.Mutex
	calls map[Op]int
}

// NewFaulty is a bucket without faults so far.
func NewFaulty(b store.Bucket) *Faulty { return &Faulty{bucket: b, calls: map[Op]int{}} }

// Calls is how often a method was called.
func (f *Faulty) Calls(op Op) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[op]
}

// Put is the bucket's, between the hooks.
func (f *Faulty) Put(ctx context.Context, key string, size int64, open func() (io.ReadCloser, error)) error {
	return f.call(ctx, Put, key, func() error { return f.bucket.Put(ctx, key, size, open) })
}

// Create is the bucket's, between the hooks.
func (f *Faulty) Create(ctx context.Context, key string, body []byte) error {
	return f.call(ctx, Create, key, func() error { return f.bucket.Create(ctx, key, body) })
}

// Replace is the bucket's, between the hooks.
func (f *Faulty) Replace(ctx context.Context, key string, body []byte) error {
	return f.call(ctx, Replace, key, func() error { return f.bucket.Replace(ctx, key, body) })
}

// Get is the bucket's, between the hooks.
func (f *Faulty) Get(ctx context.Context, key string, offset int64) (r io.ReadCloser, o store.Object, err error) {
	err = f.call(ctx, Get, key, func() (err error) {
		r, o, err = f.bucket.Get(ctx, key, offset)
		return err
	})
	if err != nil {
		if r != nil {
			err = errors.Join(err, r.Close())
		}
		return nil, store.Object{}, err
	}
	if f.Body != nil {
		r = struct {
			io.Reader
			io.Closer
		}{f.Body(key, r), r}
	}
	return r, o, nil
}

// Stat is the bucket's, between the hooks.
func (f *Faulty) Stat(ctx context.Context, key string) (o store.Object, err error) {
	err = f.call(ctx, Stat, key, func() (err error) {
		o, err = f.bucket.Stat(ctx, key)
		return err
	})
	return o, err
}

// List is the bucket's, after Before.
func (f *Faulty) List(ctx context.Context, prefix string) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		if err := f.call(ctx, List, prefix, func() error { return nil }); err != nil {
			yield(store.Object{}, err)
			return
		}
		for o, err := range f.bucket.List(ctx, prefix) {
			if !yield(o, err) {
				return
			}
		}
	}
}

// Delete is the bucket's, between the hooks.
func (f *Faulty) Delete(ctx context.Context, key string) error {
	return f.call(ctx, Delete, key, func() error { return f.bucket.Delete(ctx, key) })
}

// DeleteMany is a Delete of each key, so that a crash or a failure can come between
// any two of them.
func (f *Faulty) DeleteMany(ctx context.Context, keys []string) error {
	return deleteEach(ctx, keys, f.Delete)
}

// Close is the bucket's.
func (f *Faulty) Close() error { return f.bucket.Close() }

func (f *Faulty) call(ctx context.Context, op Op, key string, do func() error) error {
	f.mu.Lock()
	f.calls[op]++
	f.mu.Unlock()
	if f.Before != nil {
		if err := f.Before(ctx, op, key); err != nil {
			return err
		}
	}
	if err := do(); err != nil {
		return err
	}
	if f.After != nil && op != List {
		return f.After(op, key)
	}
	return nil
}

// Truncated ends after n bytes as if there were no more.
func Truncated(r io.Reader, n int64) io.Reader { return io.LimitReader(r, n) }

// Broken fails with err after n bytes.
func Broken(r io.Reader, n int64, err error) io.Reader {
	return io.MultiReader(io.LimitReader(r, n), failing{err})
}

// Flipped has one bit wrong, in the byte at an offset.
func Flipped(r io.Reader, offset int64) io.Reader {
	return &flipped{r: r, left: offset}
}

type failing struct{ err error }

// Read fails.
func (f failing) Read([]byte) (int, error) { return 0, f.err }

type flipped struct {
	r    io.Reader
	left int64
}

// Read flips the bit when it comes by.
func (f *flipped) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if f.left >= 0 && f.left < int64(n) {
		p[f.left] ^= 1
	}
	f.left -= int64(n)
	return n, err
}

// Opening is an open function for Put that reads body.
func Opening(body []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
}
