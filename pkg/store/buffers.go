package store

import (
	"context"
	"io"
	"math/bits"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

const (
	// partsAtOnce is how many connections one large file may use; many files share
	// them all.
	partsAtOnce = 4

	// largeBudget and littleBudget are what the bodies of all requests of a bucket
	// take, whatever number of connections was asked for: six parts on their way
	// fill a line of some gigabits. A body of up to littleBody does not wait behind
	// parts, which are on their way for as long as hundreds of little ones.
	largeBudget  = 48 << 20
	littleBudget = 16 << 20
	littleBody   = 1 << 20

	// leastBuffer is the smallest that is lent.
	leastBuffer = 4 << 10
)

// buffers are the bodies of all requests of a bucket that are being sent. A body
// lies in memory, so that it can be sent again and its checksum goes with it.
type buffers struct {
	partSize      int64
	large, little *semaphore.Weighted // bytes
	largest       int64
	pools         [64]sync.Pool // of *[]byte, by the power of two that is their length
}

func newBuffers(partSize int64, connections int) *buffers {
	largest := max(partSize, min(partSize*int64(connections), largeBudget))
	return &buffers{
		partSize: partSize, large: semaphore.NewWeighted(largest), little: semaphore.NewWeighted(littleBudget), largest: largest,
	}
}

// partLength is how long the parts of an object are: as long as they are best or,
// of an object that would have too many, longer.
func partLength(best, size, maxParts int64) int64 { return max(best, (size+maxParts-1)/maxParts) }

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
	class := bits.Len64(uint64(max(n, leastBuffer) - 1))
	weight, memory := int64(1)<<class, b.little
	if n > littleBody {
		weight, memory = min(weight, b.largest), b.large
	}
	if err := memory.Acquire(ctx, weight); err != nil {
		return nil, func() {}, ended(ctx)
	}
	if n > b.partSize {
		// Those of an object beyond 78 GiB, which no other has use for.
		return make([]byte, n), func() { memory.Release(weight) }, nil
	}
	pool := &b.pools[class]
	whole, ok := pool.Get().(*[]byte)
	if !ok {
		fresh := make([]byte, 1<<class)
		whole = &fresh
	}
	return (*whole)[:n], func() { pool.Put(whole); memory.Release(weight) }, nil
}

// parts reads a body of size bytes in parts of a length, and sends some at once. After
// an error no more are begun, and those on their way come to their end: one that is
// cut off may arrive all the same, and be there when all were discarded.
func (b *buffers) parts(ctx context.Context, body io.Reader, size, length int64, send func(i int, part []byte) error) error {
	var group errgroup.Group
	group.SetLimit(partsAtOnce)
	var failed atomic.Bool
	count := int((size + length - 1) / length)
	for i := 0; i < count && !failed.Load(); i++ {
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
			err := send(i, buffer)
			if err != nil {
				failed.Store(true)
			}
			return err
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
