package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/store"
)

// ErrInvalid is for items that contradict themselves or lead elsewhere.
var ErrInvalid = errors.New("invalid transfer")

// File is a local file that is expected to have a size.
type File struct {
	Path string
	Size int64
}

// Hash reads files, as many at once as there are cores, and returns the SHA-256
// of each in hexadecimal. One that has not the size that was expected is
// store.ErrCorrupt.
func Hash(ctx context.Context, files []File, o Options) ([]string, error) {
	meter := newMeter(o)
	defer meter.finish()
	total := Counts{FilesTotal: int64(len(files))}
	for _, f := range files {
		total.BytesTotal += f.Size
	}
	meter.add(total)
	sums := make([]string, len(files))
	err := Each(ctx, len(files), min(Parallel(o.Parallel), runtime.GOMAXPROCS(0)), func(ctx context.Context, i int) error {
		t := &tally{m: meter}
		sum, err := hashFile(ctx, files[i], t.add)
		if err != nil {
			return fmt.Errorf("hashing %s: %w", files[i].Path, err)
		}
		sums[i] = sum
		t.moved()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return sums, nil
}

func hashFile(ctx context.Context, want File, more func(n int)) (string, error) {
	f, err := openSized(want)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	n, err := passOnce(ctx, f, want.Size, h, more)
	if err != nil {
		return "", err
	}
	if n != want.Size {
		return "", wrongSize(n, want.Size)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// openSized opens a regular file that has the size it should have.
func openSized(want File) (*os.File, error) {
	f, err := os.Open(want.Path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%w: it is no regular file", store.ErrCorrupt)
	case info.Size() != want.Size:
		err = wrongSize(info.Size(), want.Size)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// MismatchError is the store.ErrCorrupt of content that is not what was expected.
type MismatchError struct {
	// Hash says that the hash is another; else it is the size.
	Hash bool
	// Found and Expected are hashes, or numbers of bytes.
	Found, Expected string
}

// Error tells both.
func (e *MismatchError) Error() string {
	if e.Hash {
		return fmt.Sprintf("%v: its hash is %s, not %s", store.ErrCorrupt, e.Found, e.Expected)
	}
	return fmt.Sprintf("%v: it has %s bytes, not %s", store.ErrCorrupt, e.Found, e.Expected)
}

// Is makes it a store.ErrCorrupt.
func (e *MismatchError) Is(target error) bool { return target == store.ErrCorrupt }

func wrongSize(got, want int64) error {
	return &MismatchError{Found: strconv.FormatInt(got, 10), Expected: strconv.FormatInt(want, 10)}
}

// Copy copies until the source ends or ctx does.
func Copy(ctx context.Context, w io.Writer, r io.Reader) (done int64, err error) {
	return pass(ctx, r, w, func(int) {})
}

// passOnce is pass of a file that nobody will read soon.
func passOnce(ctx context.Context, f *os.File, size int64, w io.Writer, more func(n int)) (done int64, err error) {
	way := follow(f, size)
	defer way.end()
	return pass(ctx, f, w, func(n int) {
		way.moved(n)
		more(n)
	})
}

// pass copies from r to w until r ends or ctx does, and tells more of each piece.
func pass(ctx context.Context, r io.Reader, w io.Writer, more func(n int)) (done int64, err error) {
	err = withBuffer(func(buffer []byte) error {
		for {
			n, readErr := r.Read(buffer)
			// After the read, which may have taken long, and before the write.
			if err := Stopped(ctx); err != nil {
				return err
			}
			if n > 0 {
				if _, err := w.Write(buffer[:n]); err != nil {
					return err
				}
				done += int64(n)
				more(n)
			}
			switch {
			case errors.Is(readErr, io.EOF):
				return nil
			case readErr != nil:
				return readErr
			}
		}
	})
	return done, err
}

// digest verifies bytes against a hash in the forms that manifests have it.
type digest struct {
	hash hash.Hash // nil where there is nothing to verify
	want string
	text func(sum []byte) string
}

var (
	sha256Form = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)
	crc32Form  = regexp.MustCompile(`^[0-9]{1,10}$`)
)

// newDigest takes a SHA-256 in hexadecimal, a CRC-32 in decimal, as the
// original writes on request, or "", which every content has.
func newDigest(want string) (*digest, error) {
	switch {
	case want == "":
		return &digest{}, nil
	case sha256Form.MatchString(want):
		return &digest{sha256.New(), strings.ToLower(want), hex.EncodeToString}, nil
	case crc32Form.MatchString(want):
		return &digest{crc32.NewIEEE(), want, func(sum []byte) string {
			return strconv.FormatUint(uint64(binary.BigEndian.Uint32(sum)), 10)
		}}, nil
	}
	return nil, fmt.Errorf("%w: %.100q is neither a SHA-256 nor a CRC-32", ErrInvalid, want)
}

// Write takes the next bytes.
func (d *digest) Write(p []byte) (int, error) {
	if d.hash == nil {
		return len(p), nil
	}
	return d.hash.Write(p)
}

// check compares what was written with what was wanted.
func (d *digest) check() error {
	if d.hash == nil {
		return nil
	}
	if got := d.text(d.hash.Sum(nil)); got != d.want {
		return &MismatchError{Hash: true, Found: got, Expected: d.want}
	}
	return nil
}
