package verify

import (
	"context"
	"io"
	"iter"
	"sync/atomic"

	"github.com/icarus-sidecar/icarus/pkg/store"
)

// counting is a bucket that counts what it is asked for.
type counting struct {
	store.Bucket
	requests, bytes atomic.Int64
}

func (c *counting) cost() Cost {
	return Cost{Requests: c.requests.Load(), BytesRead: c.bytes.Load()}
}

// Get counts one, and the bytes that are read.
func (c *counting) Get(ctx context.Context, key string, offset int64) (io.ReadCloser, store.Object, error) {
	c.requests.Add(1)
	body, o, err := c.Bucket.Get(ctx, key, offset)
	if err != nil {
		return body, o, err
	}
	return &countingReader{body, &c.bytes}, o, nil
}

// Stat counts one.
func (c *counting) Stat(ctx context.Context, key string) (store.Object, error) {
	c.requests.Add(1)
	return c.Bucket.Stat(ctx, key)
}

// List counts one for each page that is begun.
func (c *counting) List(ctx context.Context, prefix string) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		c.requests.Add(1)
		n := 0
		for o, err := range c.Bucket.List(ctx, prefix) {
			if n++; n > page {
				c.requests.Add(1)
				n = 1
			}
			if !yield(o, err) {
				return
			}
		}
	}
}

type countingReader struct {
	io.ReadCloser
	bytes *atomic.Int64
}

// Read counts what was read.
func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.bytes.Add(int64(n))
	return n, err
}
