package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"sync/atomic"
)

// service is what one provider of object storage does in its own way. Keys are
// checked before they come here; errors have their sentinels.
type service interface {
	// refuse tells what of the keys that CheckKey takes it would not keep.
	refuse(key string) error
	// stat is ErrNotFound for a key that is free.
	stat(ctx context.Context, key string) (Object, error)
	// get reads from an offset. The Object is the whole one. It is errRange where
	// nothing lies behind the offset.
	get(ctx context.Context, key string, offset int64) (io.ReadCloser, Object, error)
	// send writes an object of at most a part with one request.
	send(ctx context.Context, key string, body []byte, w write) error
	// sendLarge writes a larger one, if its key is free. Nothing is seen of it
	// before all of it is there, and nothing of it stays where it fails.
	sendLarge(ctx context.Context, key string, size int64, body io.Reader) error
	// list is Bucket.List.
	list(ctx context.Context, prefix string) iter.Seq2[Object, error]
	// remove may be ErrNotFound for a key that is free.
	remove(ctx context.Context, key string) error
	// batch is how many keys removeMany takes at the most.
	batch() int
	// removeMany tells which keys it could not free, or an error for all of them;
	// that is errNoBatch where the server knows no such request.
	removeMany(ctx context.Context, keys []string) (failed map[string]error, err error)
	// sort gives an error its sentinel.
	sort(ctx context.Context, err error) error
	// rest closes the connections that nobody uses.
	rest()
}

// write is how an object is written.
type write struct {
	onlyIfAbsent bool
	class        string // of storage, "" for the default one
}

// cloud is a bucket at a provider of object storage.
type cloud struct {
	service
	label   string // in errors
	class   string // of storage, of what Put writes
	buffers *buffers
	// oneByOne is that the server takes no deletion of many keys.
	oneByOne atomic.Bool
}

// Put sends an object at once, or in parts if it is large.
func (c *cloud) Put(ctx context.Context, key string, size int64, open func() (io.ReadCloser, error)) error {
	return c.doing(ctx, "writing", key, c.put(ctx, key, size, open, c.class))
}

func (c *cloud) put(ctx context.Context, key string, size int64, open func() (io.ReadCloser, error), class string) (err error) {
	if err := c.check(ctx, key); err != nil {
		return err
	}
	if size < 0 {
		return invalid("size %d", size)
	}
	large := size > c.buffers.partSize
	if large {
		// Whoever has the key already is seen before everything is sent, and not
		// only by the last request.
		switch _, err := c.stat(ctx, key); {
		case err == nil:
			return ErrExists
		case !errors.Is(err, ErrNotFound):
			return err
		}
	}
	r, err := opened(open)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	body := exactly(ctx, r, size)
	if large {
		return c.sendLarge(ctx, key, size, body)
	}
	return c.buffers.with(ctx, size, func(buffer []byte) error {
		if err := readWhole(body, buffer); err != nil {
			return err
		}
		return c.send(ctx, key, buffer, write{onlyIfAbsent: true, class: class})
	})
}

// Create is Put in the default class.
func (c *cloud) Create(ctx context.Context, key string, body []byte) error {
	return c.doing(ctx, "writing", key, c.put(ctx, key, int64(len(body)), reading(body), ""))
}

// Replace is a request without a condition.
func (c *cloud) Replace(ctx context.Context, key string, body []byte) error {
	err := c.check(ctx, key)
	if err == nil {
		err = c.send(ctx, key, body, write{})
	}
	return c.doing(ctx, "replacing", key, err)
}

// Get is one request, and its answer the reader.
func (c *cloud) Get(ctx context.Context, key string, offset int64) (io.ReadCloser, Object, error) {
	doing := func(err error) error { return c.doing(ctx, "reading", key, err) }
	r, o, err := c.read(ctx, key, offset)
	if err != nil {
		return nil, Object{}, doing(err)
	}
	return &connectionReader{r, func() error { return ended(ctx) }, doing}, o, nil
}

func (c *cloud) read(ctx context.Context, key string, offset int64) (io.ReadCloser, Object, error) {
	if err := c.check(ctx, key); err != nil {
		return nil, Object{}, err
	}
	if offset < 0 {
		return nil, Object{}, invalid("offset %d", offset)
	}
	r, o, err := c.get(ctx, key, offset)
	if !errors.Is(err, errRange) {
		return r, o, err
	}
	// Nothing is left to read, or the offset lies behind the end.
	o, err = c.stat(ctx, key)
	if err == nil && o.Size != offset {
		err = invalid("offset %d of %d bytes", offset, o.Size)
	}
	return http.NoBody, o, err
}

// Stat is one request. S3 answers it alike for a missing bucket and a missing object.
func (c *cloud) Stat(ctx context.Context, key string) (Object, error) {
	err := c.check(ctx, key)
	var o Object
	if err == nil {
		o, err = c.stat(ctx, key)
	}
	if err != nil {
		return Object{}, c.doing(ctx, "looking for", key, err)
	}
	return o, nil
}

// List asks for a page of objects when it is needed.
func (c *cloud) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		for o, err := range c.list(ctx, prefix) {
			if !yield(o, c.doing(ctx, "listing", prefix, err)) || err != nil {
				return
			}
		}
	}
}

// Delete is one request.
func (c *cloud) Delete(ctx context.Context, key string) error {
	err := c.check(ctx, key)
	if err == nil {
		err = c.remove(ctx, key)
	}
	if errors.Is(err, ErrNotFound) && ended(ctx) == nil {
		return nil
	}
	return c.doing(ctx, "deleting", key, err)
}

// Close closes the connections that nobody uses.
func (c *cloud) Close() error {
	c.rest()
	return nil
}

func (c *cloud) check(ctx context.Context, key string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	if err := c.refuse(key); err != nil {
		return err
	}
	return ended(ctx)
}

// doing says what was being done to a key, and in which bucket. A nil err stays nil.
func (c *cloud) doing(ctx context.Context, what, key string, err error) error {
	if err == nil {
		return nil
	}
	return doing(what, key, c.label, c.sort(ctx, err))
}

// checkCloud asks for a bucket with look, which is ErrNoBucket where there is
// none, and makes that if it shall. Someone else may do so at the same time.
func checkCloud(l Location, create bool, look, make func() error) error {
	err := look()
	switch {
	case !errors.Is(err, ErrNoBucket):
		return err
	case !create:
		return fmt.Errorf("%w: %s", ErrNoBucket, l.bucketName())
	}
	err = make()
	switch {
	case errors.Is(err, errConflict), errors.Is(err, ErrExists):
		return look()
	case err != nil:
		return fmt.Errorf("creating it: %w", err)
	}
	return nil
}
