package store

import (
	"context"
	"io"
	"iter"
	"time"
)

// Object is what a bucket tells of an object.
type Object struct {
	Key      string
	Size     int64
	Modified time.Time
}

// Bucket holds objects under keys. It is safe for concurrent use. Every method
// that takes a key gives ErrInvalid for one that CheckKey refuses.
type Bucket interface {
	// Put writes an object of exactly size bytes, unless its key is taken
	// (ErrExists). open is called again for each attempt, and what it returns is
	// closed. Another number of bytes is ErrInvalid and leaves nothing.
	Put(ctx context.Context, key string, size int64, open func() (io.ReadCloser, error)) error
	// Create is Put of a small document.
	Create(ctx context.Context, key string, body []byte) error
	// Replace is Create that overwrites. It is for intents, which say that a
	// backup still runs, and for nothing that a backup consists of.
	Replace(ctx context.Context, key string, body []byte) error
	// Get reads an object from an offset, which is at most its size. The Object
	// is the whole one. The context ends the reading too; the reader is closed
	// by the caller.
	Get(ctx context.Context, key string, offset int64) (io.ReadCloser, Object, error)
	// Stat is ErrNotFound for a key that is free.
	Stat(ctx context.Context, key string) (Object, error)
	// List yields every object whose key begins with prefix, in ascending order.
	// It ends with the first error.
	List(ctx context.Context, prefix string) iter.Seq2[Object, error]
	// Delete frees a key. One that is free already is no error.
	Delete(ctx context.Context, key string) error
	// DeleteMany is Delete of many keys, with as few requests as the store takes for
	// them. An error is a *DeleteError, which has the keys that may not be free.
	DeleteMany(ctx context.Context, keys []string) error
	// Close frees what the bucket holds open.
	Close() error
}
