package store

import (
	"context"
	"io"
	"iter"
	"strings"
)

// Prefixed is the part of a bucket under a prefix; its keys are relative to it.
// Closing it closes nothing.
func Prefixed(b Bucket, prefix string) Bucket { return &prefixed{b, prefix} }

type prefixed struct {
	bucket Bucket
	prefix string
}

// Put writes below the prefix.
func (p *prefixed) Put(ctx context.Context, key string, size int64, open func() (io.ReadCloser, error)) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	return p.bucket.Put(ctx, p.prefix+key, size, open)
}

// Create writes below the prefix.
func (p *prefixed) Create(ctx context.Context, key string, body []byte) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	return p.bucket.Create(ctx, p.prefix+key, body)
}

// Replace writes below the prefix.
func (p *prefixed) Replace(ctx context.Context, key string, body []byte) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	return p.bucket.Replace(ctx, p.prefix+key, body)
}

// Get reads below the prefix.
func (p *prefixed) Get(ctx context.Context, key string, offset int64) (io.ReadCloser, Object, error) {
	if err := CheckKey(key); err != nil {
		return nil, Object{}, err
	}
	r, o, err := p.bucket.Get(ctx, p.prefix+key, offset)
	return r, p.relative(o), err
}

// Stat looks below the prefix.
func (p *prefixed) Stat(ctx context.Context, key string) (Object, error) {
	if err := CheckKey(key); err != nil {
		return Object{}, err
	}
	o, err := p.bucket.Stat(ctx, p.prefix+key)
	return p.relative(o), err
}

// List yields keys relative to the prefix.
func (p *prefixed) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		for o, err := range p.bucket.List(ctx, p.prefix+prefix) {
			if !yield(p.relative(o), err) {
				return
			}
		}
	}
}

// Delete deletes below the prefix.
func (p *prefixed) Delete(ctx context.Context, key string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	return p.bucket.Delete(ctx, p.prefix+key)
}

// Close leaves the bucket open, which others have a part of too.
func (p *prefixed) Close() error { return nil }

func (p *prefixed) relative(o Object) Object {
	o.Key = strings.TrimPrefix(o.Key, p.prefix)
	return o
}
