package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/icarus-sidecar/icarus/pkg/store"
)

// Outgoing is a local file that is to become an object, unless the object
// exists.
type Outgoing struct {
	Path string
	Size int64
	// SHA256 in hexadecimal, as Hash returns it; or "" where it is not known yet,
	// and is found out on the way.
	SHA256 string
	// Places are where the object may lie, in order of preference. The first one
	// is used that is free, or whose object has the very same content.
	Places []Place
	// Further is one place more for a file whose SHA256 is not known, and which the
	// name of that place depends on. It is asked when all others are taken.
	Further func(sha256 string) Place
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
	// SHA256 is that of the object, in hexadecimal.
	SHA256 string
	// Reused says that the object was there already.
	Reused bool
}

// Upload moves files into a bucket and answers in the order of the items. A file
// is read once, and hashed while it is sent: its content is that of the object,
// whatever it was planned to be.
func Upload(ctx context.Context, b store.Bucket, items []Outgoing, o Options) ([]Placed, error) {
	for _, item := range items {
		if err := checkOutgoing(item); err != nil {
			return nil, err
		}
	}
	placed := make([]Placed, len(items))
	err := UploadEach(ctx, b, len(items), func(i int) int64 { return items[i].Size }, func(i int) Outgoing { return items[i] },
		func(i int, p Placed) error {
			placed[i] = p
			return nil
		}, o)
	if err != nil {
		return nil, err
	}
	return placed, nil
}

// UploadEach is Upload of n items that are made when their turn comes, since a
// hundred thousand of them take memory: all must have the size that was told
// before, and done gets where each ended up. Item and done are called from many
// goroutines.
func UploadEach(
	ctx context.Context, b store.Bucket, n int, size func(i int) int64, item func(i int) Outgoing, done func(i int, p Placed) error, o Options,
) error {
	u := &uploader{newFetcher(b, o)}
	defer u.meter.finish()
	total := Counts{FilesTotal: int64(n)}
	for i := range n {
		if size(i) < 0 {
			return fmt.Errorf("%w: %s has %d bytes", ErrInvalid, item(i).Path, size(i))
		}
		total.BytesTotal += size(i)
	}
	u.meter.add(total)
	return watch(ctx, o, Parallel(o.Parallel), func(workers []*pulse) error {
		return newLanes(n, size).run(ctx, workers, false, func(ctx context.Context, p *pulse, i int) error {
			s := &sending{uploader: u, Outgoing: item(i), pulse: p, tally: &tally{m: u.meter}}
			if err := checkOutgoing(s.Outgoing); err != nil {
				return err
			}
			placed, err := s.upload(ctx)
			if err != nil {
				return err
			}
			return done(i, placed)
		})
	})
}

func checkOutgoing(item Outgoing) error {
	switch {
	case item.Size < 0:
		return fmt.Errorf("%w: %s has %d bytes", ErrInvalid, item.Path, item.Size)
	case item.SHA256 != "" && !sha256Form.MatchString(item.SHA256):
		return fmt.Errorf("%w: %.100q is no SHA-256, of %s", ErrInvalid, item.SHA256, item.Path)
	case len(item.Places) == 0:
		return fmt.Errorf("%w: there is no place for %s", ErrInvalid, item.Path)
	}
	return nil
}

type uploader struct{ fetcher }

// sending is one file on its way.
type sending struct {
	*uploader
	Outgoing
	pulse *pulse
	tally *tally
	// before is what the file was when it was first opened.
	before fs.FileInfo
}

func (s *sending) upload(ctx context.Context) (Placed, error) {
	var last string
	for _, place := range s.Places {
		last = place.Key
		if placed, err := s.try(ctx, place); !errors.Is(err, store.ErrExists) {
			return placed, err
		}
	}
	if s.Further != nil { // the hash is known now: the others were compared with it
		place := s.Further(s.SHA256)
		last = place.Key
		if placed, err := s.try(ctx, place); !errors.Is(err, store.ErrExists) {
			return placed, err
		}
	}
	return Placed{}, fmt.Errorf("uploading %s: %w: every key is taken by other content, the last is %s", s.Path, store.ErrExists, last)
}

// try is ErrExists for a place that other content has.
func (s *sending) try(ctx context.Context, place Place) (Placed, error) {
	reused, err := s.occupy(ctx, place)
	switch {
	case err != nil:
		return Placed{}, fmt.Errorf("uploading %s as %s: %w", s.Path, place.Key, err)
	case reused:
		s.tally.reused(s.Size)
	default:
		s.tally.moved()
	}
	return Placed{place.Key, s.SHA256, reused}, nil
}

// occupy makes the object be there, and says whether it was. It is ErrExists
// where other content is.
func (s *sending) occupy(ctx context.Context, place Place) (reused bool, err error) {
	if place.Taken {
		reused, err = s.compare(ctx, place.Key)
		if !errors.Is(err, store.ErrNotFound) {
			return reused, err
		}
		// It was deleted since it was seen: the key is free.
	}
	if err := Stopped(ctx); err != nil {
		return false, err
	}
	var sent *source
	attempts := 0
	err = s.bucket.Put(ctx, place.Key, s.Size, func() (io.ReadCloser, error) {
		attempts++
		s.tally.again()
		source, err := s.open(ctx)
		if err != nil {
			return nil, err
		}
		sent = source
		return source, nil
	})
	switch {
	case errors.Is(err, store.ErrExists):
		s.tally.again()
		return s.compare(ctx, place.Key)
	case err != nil:
		return false, err
	case !sent.whole():
		// The answer to an attempt that broke off may have got lost, and what is
		// there was taken for ours by its size.
		s.tally.again()
		return s.compare(ctx, place.Key)
	}
	s.SHA256 = sent.sum()
	if attempts > 1 { // and so it may be, although everything was sent
		_, err = s.compare(ctx, place.Key)
	}
	return false, err
}

// compare reads an object: nobody vouches for it, so its name and size prove
// nothing. It is ErrExists where the content is another.
func (s *sending) compare(ctx context.Context, key string) (same bool, err error) {
	if s.SHA256 == "" {
		if s.SHA256, err = hashFile(ctx, File{s.Path, s.Size}, func(int) { s.pulse.touch() }); err != nil {
			return false, fmt.Errorf("hashing: %w", err)
		}
	}
	h := sha256.New()
	err = s.fetch(ctx, s.pulse, key, s.Size, h, func(int) {})
	switch {
	case errors.Is(err, store.ErrCorrupt): // of another size
		return false, fmt.Errorf("%w: %w", store.ErrExists, err)
	case err != nil:
		return false, fmt.Errorf("comparing: %w", err)
	case hex.EncodeToString(h.Sum(nil)) != s.SHA256:
		return false, store.ErrExists
	}
	return true, nil
}
