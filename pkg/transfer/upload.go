package transfer

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/icarus-sidecar/icarus/pkg/store"
)

// Outgoing is a local file that is to become an object, unless the object
// exists.
type Outgoing struct {
	Path string
	Size int64
	// SHA256 in hexadecimal, as Hash returns it.
	SHA256 string
	// Places are where the object may lie, in order of preference. The first one
	// is used that is free, or whose object has the very same content.
	Places []Place
}

// Place is a key that an object may have.
type Place struct {
	Key string
	// Taken says that an object is known to be there, so that it is compared
	// before any byte is sent. One that is not known is found out too, later.
	Taken bool
}

// Placed is where an Outgoing ended up.
type Placed struct {
	Key string
	// Reused says that the object was there already.
	Reused bool
}

// Upload moves files into a bucket and answers in the order of the items.
func Upload(ctx context.Context, b store.Bucket, items []Outgoing, o Options) ([]Placed, error) {
	u := &uploader{newFetcher(b, o)}
	defer u.meter.finish()
	total := Counts{FilesTotal: int64(len(items))}
	for _, item := range items {
		if err := checkOutgoing(item); err != nil {
			return nil, err
		}
		total.BytesTotal += item.Size
	}
	u.meter.add(total)
	order := largeFirst(len(items), func(i int) int64 { return items[i].Size })
	placed := make([]Placed, len(items))
	err := Each(ctx, len(items), Parallel(o.Parallel), func(ctx context.Context, i int) (err error) {
		placed[order[i]], err = u.upload(ctx, items[order[i]])
		return err
	})
	if err != nil {
		return nil, err
	}
	return placed, nil
}

func checkOutgoing(item Outgoing) error {
	switch {
	case item.Size < 0:
		return fmt.Errorf("%w: %s has %d bytes", ErrInvalid, item.Path, item.Size)
	case !sha256Form.MatchString(item.SHA256):
		return fmt.Errorf("%w: %.100q is no SHA-256, of %s", ErrInvalid, item.SHA256, item.Path)
	case len(item.Places) == 0:
		return fmt.Errorf("%w: there is no place for %s", ErrInvalid, item.Path)
	}
	return nil
}

// largeFirst orders n items so that a large one does not begin when all others
// are done.
func largeFirst(n int, size func(i int) int64) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(size(b), size(a)) })
	return order
}

type uploader struct{ fetcher }

func (u *uploader) upload(ctx context.Context, item Outgoing) (Placed, error) {
	t := &tally{m: u.meter}
	for _, place := range item.Places {
		reused, err := u.occupy(ctx, item, place, t)
		switch {
		case err == nil && reused:
			t.reused(item.Size)
			return Placed{place.Key, true}, nil
		case err == nil:
			t.moved()
			return Placed{place.Key, false}, nil
		case !errors.Is(err, store.ErrExists):
			return Placed{}, fmt.Errorf("uploading %s as %s: %w", item.Path, place.Key, err)
		}
	}
	return Placed{}, fmt.Errorf("uploading %s: %w: every key is taken by other content, the last is %s",
		item.Path, store.ErrExists, item.Places[len(item.Places)-1].Key)
}

// occupy makes the object be there, and says whether it was. It is ErrExists
// where other content is.
func (u *uploader) occupy(ctx context.Context, item Outgoing, place Place, t *tally) (reused bool, err error) {
	if place.Taken {
		reused, err = u.compare(ctx, item, place.Key)
		if !errors.Is(err, store.ErrNotFound) {
			return reused, err
		}
		// It was deleted since it was seen: the key is free.
	}
	if err := Stopped(ctx); err != nil {
		return false, err
	}
	err = u.bucket.Put(ctx, place.Key, item.Size, func() (io.ReadCloser, error) {
		t.again()
		return u.open(ctx, item, t)
	})
	if errors.Is(err, store.ErrExists) {
		t.again()
		return u.compare(ctx, item, place.Key)
	}
	return false, err
}

// compare reads an object: nobody vouches for it, so its name and size prove
// nothing. It is ErrExists where the content is another.
func (u *uploader) compare(ctx context.Context, item Outgoing, key string) (same bool, err error) {
	h := sha256.New()
	err = u.fetch(ctx, key, item.Size, h, func(int) {})
	switch {
	case errors.Is(err, store.ErrCorrupt): // of another size
		return false, fmt.Errorf("%w: %w", store.ErrExists, err)
	case err != nil:
		return false, fmt.Errorf("comparing: %w", err)
	case hex.EncodeToString(h.Sum(nil)) != item.SHA256:
		return false, store.ErrExists
	}
	return true, nil
}

// open opens a file for one attempt to send it. The reader fails instead of
// giving the last bytes of what is not the planned content, so that no object
// can come of it.
func (u *uploader) open(ctx context.Context, item Outgoing, t *tally) (io.ReadCloser, error) {
	f, err := openSized(File{item.Path, item.Size})
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	left := item.Size
	check := func() error {
		if left > 0 {
			return nil
		}
		if got := hex.EncodeToString(h.Sum(nil)); got != item.SHA256 {
			return fmt.Errorf("%w: it changed, its SHA-256 is %s, not %s", store.ErrCorrupt, got, item.SHA256)
		}
		return nil
	}
	if err := check(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &source{f, func(p []byte) (int, error) {
		if left == 0 {
			return 0, io.EOF
		}
		n, err := f.Read(p[:min(int64(len(p)), left, bufferSize)])
		if errors.Is(err, io.EOF) {
			return 0, fmt.Errorf("%w: it ended %d bytes early", store.ErrCorrupt, left)
		}
		if err != nil {
			return 0, err
		}
		h.Write(p[:n])
		left -= int64(n)
		if err := u.limit.wait(ctx, n); err != nil {
			return 0, err
		}
		if err := check(); err != nil {
			return 0, err
		}
		if err := Stopped(ctx); err != nil {
			return 0, err
		}
		t.add(n)
		return n, nil
	}, nil}, nil
}

// source is an open file whose first error is its last word.
type source struct {
	f    *os.File
	read func(p []byte) (int, error)
	err  error
}

// Read reads the next bytes.
func (s *source) Read(p []byte) (int, error) {
	if s.err != nil || len(p) == 0 {
		return 0, s.err
	}
	n, err := s.read(p)
	s.err = err
	return n, err
}

// Close closes the file.
func (s *source) Close() error { return s.f.Close() }
