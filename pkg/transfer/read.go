package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/icarus-sidecar/icarus/pkg/store"
)

// Read reads a document of at most maxBytes, as it was at one time. A longer one
// is store.ErrCorrupt.
func Read(ctx context.Context, b store.Bucket, key string, maxBytes int64) ([]byte, error) {
	var body bytes.Buffer
	err := Stream(ctx, b, key, maxBytes, func(r io.Reader, size int64) error {
		body.Grow(int(size) + bytes.MinRead)
		_, err := body.ReadFrom(r)
		return err
	})
	if err != nil {
		return nil, err
	}
	return body.Bytes(), nil
}

// Stream is Read of a document that is not wanted whole. Do may leave a rest.
func Stream(ctx context.Context, b store.Bucket, key string, maxBytes int64, do func(r io.Reader, size int64) error) error {
	source, object, err := b.Get(ctx, key, 0)
	if err != nil {
		return err
	}
	defer source.Close() // it was only read: closing can lose nothing
	if object.Size > maxBytes {
		return fmt.Errorf("reading %s: %w: it has %d bytes, more than %d", key, store.ErrCorrupt, object.Size, maxBytes)
	}
	left := object.Size
	limited := io.LimitReader(source, left)
	whole := readerFunc(func(p []byte) (int, error) {
		n, err := limited.Read(p)
		left -= int64(n)
		if stopped := Stopped(ctx); stopped != nil {
			return 0, stopped
		}
		if errors.Is(err, io.EOF) && left > 0 {
			err = fmt.Errorf("%w: %d of %d bytes are missing", io.ErrUnexpectedEOF, left, object.Size)
		}
		return n, err
	})
	if err := do(whole, object.Size); err != nil {
		return fmt.Errorf("reading %s: %w", key, err)
	}
	return nil
}
