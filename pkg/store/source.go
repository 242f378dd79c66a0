package store

import (
	"bytes"
	"context"
	"errors"
	"io"
)

// reading opens a document.
func reading(body []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
}

// exactly is a reader of size bytes: one more or less is an ErrInvalid. It ends
// with its context.
func exactly(ctx context.Context, r io.Reader, size int64) io.Reader {
	return &exactReader{r: r, size: size, left: size, ended: func() error { return ended(ctx) }}
}

type exactReader struct {
	r          io.Reader
	size, left int64
	ended      func() error
}

// Read reads no further than one byte too many.
func (e *exactReader) Read(p []byte) (int, error) {
	if err := e.ended(); err != nil {
		return 0, err
	}
	// One more byte than is left, to see whether there is one.
	if int64(len(p)) > e.left+1 {
		p = p[:e.left+1]
	}
	n, err := e.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &sourceError{err}
	}
	switch {
	case int64(n) > e.left:
		return 0, invalid("it has more than the %d bytes that were announced", e.size)
	case errors.Is(err, io.EOF) && int64(n) < e.left:
		return n, invalid("it has %d bytes, and %d were announced", e.size-e.left+int64(n), e.size)
	}
	e.left -= int64(n)
	return n, err
}

// sourceError is of what an object is made from. The store has no part in it,
// and another attempt reads the same.
type sourceError struct{ err error }

// Error says whose failure it is.
func (e *sourceError) Error() string { return "reading what is to be written: " + e.err.Error() }

// Unwrap is the failure of the source.
func (e *sourceError) Unwrap() error { return e.err }

// opened opens what an object is made from.
func opened(open func() (io.ReadCloser, error)) (io.ReadCloser, error) {
	r, err := open()
	if err != nil {
		return nil, &sourceError{err}
	}
	return r, nil
}
