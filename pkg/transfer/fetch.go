package transfer

import (
	"context"
	"fmt"
	"io"

	"github.com/icarus-sidecar/icarus/pkg/store"
)

// fetcher reads objects whole.
type fetcher struct {
	bucket store.Bucket
	limits []*Limiter
	meter  *meter
}

func newFetcher(b store.Bucket, o Options) fetcher {
	limits := o.Limits[:len(o.Limits):len(o.Limits)]
	if o.BytesPerSecond > 0 {
		limits = append(limits, NewLimiter(o.BytesPerSecond, o.clock()))
	}
	return fetcher{b, limits, newMeter(o)}
}

// passed waits until n bytes that moved may have done so.
func (f *fetcher) passed(ctx context.Context, p *pulse, n int) error {
	if len(f.limits) > 0 {
		p.rest()
	}
	for _, l := range f.limits {
		if err := l.wait(ctx, n); err != nil {
			return err
		}
	}
	p.touch()
	return nil
}

// fetch writes an object to w and tells more of each piece. An object of another
// size is store.ErrCorrupt, before anything is written.
func (f *fetcher) fetch(ctx context.Context, p *pulse, key string, size int64, w io.Writer, more func(n int)) error {
	p.touch()
	body, object, err := f.bucket.Get(ctx, key, 0)
	if err != nil {
		return err
	}
	defer body.Close() // it was only read: closing can lose nothing
	if object.Size != size {
		return wrongSize(object.Size, size)
	}
	return f.take(ctx, p, body, size, w, more)
}

// take writes the bytes of an object to w.
func (f *fetcher) take(ctx context.Context, p *pulse, body io.Reader, size int64, w io.Writer, more func(n int)) error {
	limited := readerFunc(func(b []byte) (int, error) {
		n, err := body.Read(b)
		if waitErr := f.passed(ctx, p, n); waitErr != nil {
			return n, waitErr
		}
		return n, err
	})
	n, err := pass(ctx, io.LimitReader(limited, size), w, more)
	if err == nil && n < size {
		err = fmt.Errorf("%w: it ended at byte %d of %d", io.ErrUnexpectedEOF, n, size)
	}
	return err
}

type readerFunc func(p []byte) (int, error)

// Read calls f.
func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
