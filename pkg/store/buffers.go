package store

import (
	"context"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

// partsAtOnce is how many connections one large file may use; many files share
// them all.
const partsAtOnce = 4

// buffers are the bodies of all requests of a bucket that are being sent. A body
// lies in memory, so that it can be sent again and its checksum goes with it.
type buffers struct {
	partSize int64
	memory   *semaphore.Weighted // bytes
	budget   int64
	pool     sync.Pool // of *[]byte, a part each
}

func newBuffers(partSize int64, connections int) *buffers {
	budget := partSize * int64(connections)
	return &buffers{partSize: partSize, memory: semaphore.NewWeighted(budget), budget: budget}
}

// with lends a buffer of n bytes.
func (b *buffers) with(ctx context.Context, n int64, do func(buffer []byte) error) error {
	buffer, release, err := b.take(ctx, n)
	defer release()
	if err != nil {
		return err
	}
	return do(buffer)
}

// take waits until the bodies of all calls leave room for n bytes more.
func (b *buffers) take(ctx context.Context, n int64) (buffer []byte, release func(), err error) {
	weight := min(n, b.budget)
	if err := b.memory.Acquire(ctx, weight); err != nil {
		return nil, func() {}, ended(ctx)
	}
	if n > b.partSize || n < b.partSize/2 {
		return make([]byte, n), func() { b.memory.Release(weight) }, nil
	}
	whole, ok := b.pool.Get().(*[]byte)
	if !ok {
		fresh := make([]byte, b.partSize)
		whole = &fresh
	}
	return (*whole)[:n], func() { b.pool.Put(whole); b.memory.Release(weight) }, nil
}

// parts reads a body of size bytes in parts of a length, and sends some at once.
func (b *buffers) parts(ctx context.Context, body io.Reader, size, length int64, send func(ctx context.Context, i int, part []byte) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(partsAtOnce)
	count := int((size + length - 1) / length)
	for i := range count {
		buffer, release, err := b.take(ctx, min(length, size-int64(i)*length))
		if err == nil {
			err = readPart(body, buffer, i == count-1)
		}
		if err != nil {
			release()
			group.Go(func() error { return err })
			break
		}
		group.Go(func() error {
			defer release()
			return send(ctx, i, buffer)
		})
	}
	return group.Wait()
}

// readPart fills a buffer; after the last one there must be nothing more.
func readPart(body io.Reader, buffer []byte, last bool) error {
	if last {
		return readWhole(body, buffer)
	}
	_, err := io.ReadFull(body, buffer)
	return err
}

func readWhole(body io.Reader, buffer []byte) error {
	if _, err := io.ReadFull(body, buffer); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, body)
	return err
}
