package transfer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/utils/clock"
)

const (
	// DefaultParallel is the original's number of connections.
	DefaultParallel = 10
	// MaxParallel bounds what a request can ask for: more streams than this fill
	// no network, they only cost memory and the patience of the store.
	MaxParallel = 256
	// bufferSize stays within the second level cache of a core; larger buffers
	// were measured to be slower.
	bufferSize = 256 << 10
)

// Options say how to move. The zero value is usable.
type Options struct {
	// Parallel is how many files are moved at once; DefaultParallel if 0.
	Parallel int
	// BytesPerSecond limits all streams together; 0 is no limit.
	BytesPerSecond int64
	// Limits are shared with other calls, or change while this one runs; each of
	// them holds.
	Limits []*Limiter
	// Stall is for how long a worker may move nothing, before that is ErrStalled;
	// 0 is for ever.
	Stall time.Duration
	// Report is told how far the work is, about ten times a second and once at
	// the end. It is never called twice at the same time.
	Report func(Counts)
	// Counted is what was done before, such as files that were found in place
	// and are not among the items; it is part of what Report is told.
	Counted Counts
	// Clock is the real one if nil.
	Clock clock.Clock
}

// Parallel is how many are worked on at once where so many were asked for.
func Parallel(asked int) int {
	if asked <= 0 {
		return DefaultParallel
	}
	return min(asked, MaxParallel)
}

func (o Options) clock() clock.Clock {
	if o.Clock == nil {
		return clock.RealClock{}
	}
	return o.Clock
}

// Each runs do for every index up to n, limit at once. The first error stops
// the others and is returned after all of them have ended.
func Each(ctx context.Context, n, limit int, do func(ctx context.Context, i int) error) error {
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(limit)
	for i := range n {
		if inner.Err() != nil {
			break
		}
		group.Go(func() error {
			if err := Stopped(inner); err != nil {
				return err
			}
			return do(inner, i)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	// Without an error of its own the loop ends early only if ctx did.
	return Stopped(ctx)
}

// Stopped is why ctx is done, both its error and the cause, and nil while it is
// not.
func Stopped(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if err == nil || errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// buffers are those of streams that ended.
var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// withBuffer lends a buffer to do.
func withBuffer(do func(buffer []byte) error) error {
	buffer := buffers.Get().(*[bufferSize]byte) //nolint:forcetypeassert // the pool holds nothing else
	defer buffers.Put(buffer)
	return do(buffer[:])
}
