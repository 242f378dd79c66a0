package transfer

import (
	"bytes"
	"context"
	"fmt"

	"github.com/icarus-sidecar/icarus/pkg/store"
)

// Read reads a document of at most maxBytes. A longer one is store.ErrCorrupt.
func Read(ctx context.Context, b store.Bucket, key string, maxBytes int64) ([]byte, error) {
	object, err := b.Stat(ctx, key)
	if err != nil {
		return nil, err
	}
	if object.Size > maxBytes {
		return nil, fmt.Errorf("reading %s: %w: it has %d bytes, more than %d", key, store.ErrCorrupt, object.Size, maxBytes)
	}
	f := newFetcher(b, Options{})
	body := bytes.NewBuffer(make([]byte, 0, object.Size))
	if err := f.fetch(ctx, key, object.Size, body, func(int) {}); err != nil {
		return nil, fmt.Errorf("reading %s: %w", key, err)
	}
	return body.Bytes(), nil
}
