package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/icarus-sidecar/icarus/pkg/store"
)

// NewMemory is an empty bucket in memory.
func NewMemory() store.Bucket { return &memory{objects: map[string]stored{}} }

type memory struct {
	mu      sync.Mutex
	objects map[string]stored
	writes  int64
}

type stored struct {
	body     []byte
	modified time.Time
}

func (s stored) object(key string) store.Object {
	return store.Object{Key: key, Size: int64(len(s.body)), Modified: s.modified}
}

// Put keeps a copy.
func (m *memory) Put(ctx context.Context, key string, size int64, open func() (io.ReadCloser, error)) (err error) {
	if err := check(ctx, key); err != nil {
		return err
	}
	if size < 0 {
		return fmt.Errorf("writing %s: %w size %d", key, store.ErrInvalid, size)
	}
	if _, err := m.Stat(ctx, key); err == nil {
		return fmt.Errorf("writing %s: %w", key, store.ErrExists)
	}
	r, err := open()
	if err != nil {
		return fmt.Errorf("writing %s: %w", key, err)
	}
	defer r.Close()
	body := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
	if _, err := io.Copy(body, &reader{check: func() error { return ended(ctx) }, r: io.LimitReader(r, size+1)}); err != nil {
		return fmt.Errorf("writing %s: %w", key, err)
	}
	if int64(body.Len()) != size {
		return fmt.Errorf("writing %s: %w: it has not the %d bytes that were announced", key, store.ErrInvalid, size)
	}
	return m.set(ctx, key, body.Bytes(), false)
}

// Create keeps a copy.
func (m *memory) Create(ctx context.Context, key string, body []byte) error {
	if err := check(ctx, key); err != nil {
		return err
	}
	return m.set(ctx, key, bytes.Clone(body), false)
}

// Replace keeps a copy.
func (m *memory) Replace(ctx context.Context, key string, body []byte) error {
	if err := check(ctx, key); err != nil {
		return err
	}
	return m.set(ctx, key, bytes.Clone(body), true)
}

// Get reads what was there at the call.
func (m *memory) Get(ctx context.Context, key string, offset int64) (io.ReadCloser, store.Object, error) {
	s, err := m.find(ctx, key)
	if err != nil {
		return nil, store.Object{}, err
	}
	o := s.object(key)
	if offset < 0 || offset > o.Size {
		return nil, store.Object{}, fmt.Errorf("reading %s: %w offset %d of %d bytes", key, store.ErrInvalid, offset, o.Size)
	}
	return &reader{check: func() error { return ended(ctx) }, r: bytes.NewReader(s.body[offset:])}, o, nil
}

// Stat looks into the map.
func (m *memory) Stat(ctx context.Context, key string) (store.Object, error) {
	s, err := m.find(ctx, key)
	if err != nil {
		return store.Object{}, err
	}
	return s.object(key), nil
}

func (m *memory) find(ctx context.Context, key string) (stored, error) {
	if err := check(ctx, key); err != nil {
		return stored{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.objects[key]
	if !ok {
		return stored{}, fmt.Errorf("looking for %s: %w", key, store.ErrNotFound)
	}
	return s, nil
}

// List yields what was there at its begin and still is.
func (m *memory) List(ctx context.Context, prefix string) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		m.mu.Lock()
		keys := slices.Sorted(maps.Keys(m.objects))
		m.mu.Unlock()
		for _, key := range keys {
			if err := ended(ctx); err != nil {
				yield(store.Object{}, fmt.Errorf("listing %s: %w", prefix, err))
				return
			}
			if !strings.HasPrefix(key, prefix) {
				continue
			}
			o, err := m.Stat(ctx, key)
			if errors.Is(err, store.ErrNotFound) {
				continue // deleted since
			}
			if !yield(o, err) || err != nil {
				return
			}
		}
		if err := ended(ctx); err != nil {
			yield(store.Object{}, fmt.Errorf("listing %s: %w", prefix, err))
		}
	}
}

// Delete frees a key.
func (m *memory) Delete(ctx context.Context, key string) error {
	if err := check(ctx, key); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, key)
	return nil
}

// DeleteMany frees the keys one by one.
func (m *memory) DeleteMany(ctx context.Context, keys []string) error {
	return deleteEach(ctx, keys, m.Delete)
}

func deleteEach(ctx context.Context, keys []string, del func(ctx context.Context, key string) error) error {
	failed := map[string]error{}
	for _, key := range keys {
		if err := del(ctx, key); err != nil {
			failed[key] = err
		}
	}
	return store.Deleting(failed)
}

// Close has nothing to close.
func (m *memory) Close() error { return nil }

// set checks the context under the lock, so that nothing appears after the
// cancel was seen by anyone.
func (m *memory) set(ctx context.Context, key string, body []byte, replace bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ended(ctx); err != nil {
		return fmt.Errorf("writing %s: %w", key, err)
	}
	if _, taken := m.objects[key]; taken && !replace {
		return fmt.Errorf("writing %s: %w", key, store.ErrExists)
	}
	// A clock of its own, which only goes forward: tests see the order of the
	// writes, and the same times in every run.
	m.writes++
	m.objects[key] = stored{body, time.Unix(m.writes, 0).UTC()}
	return nil
}

func check(ctx context.Context, key string) error {
	if err := store.CheckKey(key); err != nil {
		return err
	}
	if err := ended(ctx); err != nil {
		return fmt.Errorf("reaching %s: %w", key, err)
	}
	return nil
}

// ended is why a context is over, as both its error and its cause.
func ended(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if err == nil || errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// reader ends with its context, as that of a real bucket does.
type reader struct {
	check func() error
	r     io.Reader
}

// Read reads until the context ends.
func (r *reader) Read(p []byte) (int, error) {
	if err := r.check(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// Close has nothing to close.
func (r *reader) Close() error { return nil }
