package transfer

import (
	"bytes"
	"context"
	"fmt"

	"github.com/icarus-sidecar/icarus/pkg/store"
)

// Read reads a document of at most maxBytes, as it was at one time. A longer one
// is store.ErrCorrupt.
func Read(ctx context.Context, b store.Bucket, key string, maxBytes int64) ([]byte, error) {
	source, object, err := b.Get(ctx, key, 0)
	if err != nil {
		return nil, err
	}
	defer source.Close() // it was only read: closing can lose nothing
	if object.Size > maxBytes {
		return nil, fmt.Errorf("reading %s: %w: it has %d bytes, more than %d", key, store.ErrCorrupt, object.Size, maxBytes)
	}
	body := bytes.NewBuffer(make([]byte, 0, object.Size))
	f := newFetcher(b, Options{})
	if err := f.take(ctx, source, object.Size, body, func(int) {}); err != nil {
		return nil, fmt.Errorf("reading %s: %w", key, err)
	}
	return body.Bytes(), nil
}
