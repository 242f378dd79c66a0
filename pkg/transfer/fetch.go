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
	limit  *limiter
	meter  *meter
}

func newFetcher(b store.Bucket, o Options) fetcher { return fetcher{b, newLimiter(o), newMeter(o)} }

// fetch writes an object to w and tells more of each piece. An object of another
// size is store.ErrCorrupt, before anything is written.
func (f *fetcher) fetch(ctx context.Context, key string, size int64, w io.Writer, more func(n int)) error {
	body, object, err := f.bucket.Get(ctx, key, 0)
	if err != nil {
		return err
	}
	defer body.Close() // it was only read: closing can lose nothing
	if object.Size != size {
		return wrongSize(object.Size, size)
	}
	return f.take(ctx, body, size, w, more)
}

// take writes the bytes of an object to w.
func (f *fetcher) take(ctx context.Context, body io.Reader, size int64, w io.Writer, more func(n int)) error {
	limited := readerFunc(func(p []byte) (int, error) {
		n, err := body.Read(p)
		if waitErr := f.limit.wait(ctx, n); waitErr != nil {
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
