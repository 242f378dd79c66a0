package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"k8s.io/utils/clock"
)

// Retrying is a bucket whose calls are tried again. Open's are already.
func Retrying(b Bucket, r Retry, c clock.Clock) Bucket {
	return &retrying{b, newRetrier(r, c)}
}

type retrying struct {
	bucket Bucket
	retry  *retrier
}

// Put tries again, and claims an object whose answer got lost.
func (b *retrying) Put(ctx context.Context, key string, size int64, open func() (io.ReadCloser, error)) error {
	return b.write(ctx,
		func() error { return b.bucket.Put(ctx, key, size, open) },
		func() (bool, error) { return hasSize(ctx, b.bucket.Stat, key, size) })
}

// Create tries again, and claims a document whose answer got lost.
func (b *retrying) Create(ctx context.Context, key string, body []byte) error {
	return b.write(ctx,
		func() error { return b.bucket.Create(ctx, key, body) },
		func() (bool, error) { return hasBody(ctx, b.bucket, key, body) })
}

// write tries a write that wants its key free. If the answer of an attempt got
// lost, the object that is in the way of the next one may be ours.
func (b *retrying) write(ctx context.Context, put func() error, isOurs func() (bool, error)) error {
	maybeDone := false
	return b.retry.do(ctx, func() error {
		err := put()
		if maybeDone && errors.Is(err, ErrExists) {
			return claim(err, isOurs)
		}
		maybeDone = maybeDone || mayHaveHappened(err)
		return err
	})
}

// claim is nil if the object that is in the way is ours.
func claim(exists error, isOurs func() (bool, error)) error {
	ours, err := isOurs()
	switch {
	case err != nil:
		return err
	case ours:
		return nil
	}
	return exists
}

func hasSize(ctx context.Context, stat func(context.Context, string) (Object, error), key string, size int64) (bool, error) {
	o, err := stat(ctx, key)
	return err == nil && o.Size == size, err
}

func hasBody(ctx context.Context, b Bucket, key string, body []byte) (_ bool, err error) {
	r, o, err := b.Get(ctx, key, 0)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if o.Size != int64(len(body)) {
		return false, nil
	}
	there, err := io.ReadAll(r)
	return bytes.Equal(there, body), err
}

// Replace tries again.
func (b *retrying) Replace(ctx context.Context, key string, body []byte) error {
	return b.retry.do(ctx, func() error { return b.bucket.Replace(ctx, key, body) })
}

// Stat tries again.
func (b *retrying) Stat(ctx context.Context, key string) (o Object, err error) {
	err = b.retry.do(ctx, func() (err error) {
		o, err = b.bucket.Stat(ctx, key)
		return err
	})
	return o, err
}

// Delete tries again.
func (b *retrying) Delete(ctx context.Context, key string) error {
	return b.retry.do(ctx, func() error { return b.bucket.Delete(ctx, key) })
}

// List starts again after a failure, and passes over what it yielded before.
func (b *retrying) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		last := ""
		err := b.retry.do(ctx, func() error {
			for o, err := range b.bucket.List(ctx, prefix) {
				if err != nil {
					return err
				}
				if o.Key <= last {
					continue
				}
				if !yield(o, nil) {
					return nil
				}
				last = o.Key
			}
			return nil
		})
		if err != nil {
			yield(Object{}, err)
		}
	}
}

// Get tries again, and so does the reader.
func (b *retrying) Get(ctx context.Context, key string, offset int64) (io.ReadCloser, Object, error) {
	var body io.ReadCloser
	var object Object
	err := b.retry.do(ctx, func() (err error) {
		body, object, err = b.bucket.Get(ctx, key, offset)
		return err
	})
	if err != nil {
		return nil, Object{}, err
	}
	r := &resumingReader{body: body, at: offset, size: object.Size}
	r.resume = func(err error, read func() error) error {
		return b.retry.again(ctx, b.retry.clock.Now(), err, func() error {
			body, now, err := b.bucket.Get(ctx, key, r.at)
			if err != nil {
				return err
			}
			err = r.body.Close()
			r.body = body
			if now.Size != object.Size || !now.Modified.Equal(object.Modified) {
				return fmt.Errorf("reading %s: %w: it changed while it was read", key, ErrCorrupt)
			}
			return errors.Join(err, read())
		})
	}
	return r, object, nil
}

// Close closes the bucket.
func (b *retrying) Close() error { return b.bucket.Close() }

// resumingReader goes on where a connection broke. What it reads is one object
// to its end, or an error: an end before the announced size is a broken
// connection too.
type resumingReader struct {
	body     io.ReadCloser
	at, size int64
	resume   func(err error, read func() error) error
}

// Read reads, on a new connection if the old one broke.
func (r *resumingReader) Read(p []byte) (int, error) {
	n, err := r.read(p)
	if n > 0 || err == nil || !retryable(err) {
		// Bytes that came with an error count; the error comes again.
		if n > 0 && err != nil && retryable(err) {
			err = nil
		}
		return n, err
	}
	end := false
	err = r.resume(err, func() error {
		n, err = r.read(p)
		if end = errors.Is(err, io.EOF); end || n > 0 {
			return nil
		}
		return err
	})
	if err == nil && end {
		err = io.EOF
	}
	return n, err
}

func (r *resumingReader) read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	r.at += int64(n)
	if errors.Is(err, io.EOF) && r.at < r.size {
		err = as(ErrTransient, io.ErrUnexpectedEOF)
	}
	return n, err
}

// Close closes the connection.
func (r *resumingReader) Close() error { return r.body.Close() }
