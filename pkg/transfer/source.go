package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"

	"github.com/icarus-sidecar/icarus/pkg/store"
)

// unchanged tells of a file without reading it.
func unchanged(before, now fs.FileInfo) bool {
	return os.SameFile(before, now) && before.Size() == now.Size() && before.ModTime().Equal(now.ModTime())
}

// source is a file for one attempt to send it. Its first error is its last word.
type source struct {
	s    *sending
	f    *os.File
	way  *reading
	hash hash.Hash
	left int64
	next func(p []byte) (int, error)
	err  error
}

// open opens the file. The reader fails instead of giving the last bytes of what
// is not the planned content, or not that of an earlier attempt, so that no
// object can come of it.
func (s *sending) open(ctx context.Context) (*source, error) {
	f, err := openSized(File{s.Path, s.Size})
	if err != nil {
		return nil, err
	}
	r := &source{s: s, f: f, way: follow(f, s.Size), hash: sha256.New(), left: s.Size}
	r.next = func(p []byte) (int, error) { return r.read(ctx, p) }
	if s.before == nil {
		if s.before, err = f.Stat(); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	if err := r.check(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

// check is for when the last byte was read: what was sent must be what was
// planned, or one file from its begin to its end.
func (r *source) check() error {
	if r.left > 0 {
		return nil
	}
	if want := r.s.SHA256; want != "" {
		if got := hex.EncodeToString(r.hash.Sum(nil)); got != want {
			return fmt.Errorf("%w: it changed, its SHA-256 is %s, not %s", store.ErrCorrupt, got, want)
		}
		return nil
	}
	now, err := r.f.Stat()
	if err != nil {
		return err
	}
	if !unchanged(r.s.before, now) {
		return fmt.Errorf("%w: it changed while it was read", store.ErrCorrupt)
	}
	return nil
}

// whole says that everything was read, and was what it should be.
func (r *source) whole() bool {
	return r != nil && r.left == 0 && (r.err == nil || errors.Is(r.err, io.EOF))
}

// sum is the SHA-256 of what was read.
func (r *source) sum() string { return hex.EncodeToString(r.hash.Sum(nil)) }

func (r *source) read(ctx context.Context, p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.f.Read(p[:min(int64(len(p)), r.left, bufferSize)])
	if errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("%w: it ended %d bytes early", store.ErrCorrupt, r.left)
	}
	if err != nil {
		return 0, err
	}
	r.hash.Write(p[:n])
	r.left -= int64(n)
	r.way.moved(n)
	if err := r.s.passed(ctx, r.s.pulse, n); err != nil {
		return 0, err
	}
	if err := r.check(); err != nil {
		return 0, err
	}
	if err := Stopped(ctx); err != nil {
		return 0, err
	}
	r.s.tally.add(n)
	return n, nil
}

// Read reads the next bytes.
func (r *source) Read(p []byte) (int, error) {
	if r.err != nil || len(p) == 0 {
		return 0, r.err
	}
	n, err := r.next(p)
	r.err = err
	return n, err
}

// Close closes the file.
func (r *source) Close() error {
	r.way.end()
	return r.f.Close()
}
