package transfer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/store"
)

// Hidden begins the names of files that are being written. Cassandra takes no
// notice of such files.
const Hidden = ".icarus-"

// Incoming is an object that is to become a local file, unless the file exists.
type Incoming struct {
	Key string
	// Path of the file within the directory, with slashes.
	Path string
	Size int64
	// Hash is a SHA-256 in hexadecimal or a CRC-32 in decimal; where it is ""
	// only the size is verified.
	Hash string
}

// Download moves objects into a directory, which it makes. A file that is there
// with the right content is kept, and any other in its place is replaced.
func Download(ctx context.Context, b store.Bucket, dir string, items []Incoming, o Options) error {
	r := &receiver{fetcher: newFetcher(b, o), options: o, items: items}
	defer r.meter.finish()
	if err := r.count(); err != nil {
		return err
	}
	if err := Stopped(ctx); err != nil {
		return err
	}
	return r.within(dir, func() error {
		missing, err := r.missing(ctx)
		if err != nil {
			return err
		}
		if err := checkSpace(dir, missing); err != nil {
			return err
		}
		dirs, err := r.makeDirs()
		if err != nil {
			return err
		}
		if err := r.move(ctx, missing); err != nil {
			return err
		}
		return r.sync(dirs)
	})
}

// Verify reads the files that Download would have made of the items. One that
// is missing is fs.ErrNotExist, one with other content store.ErrCorrupt.
func Verify(ctx context.Context, dir string, items []Incoming, o Options) error {
	r := &receiver{fetcher: newFetcher(nil, o), options: o, items: items}
	defer r.meter.finish()
	if err := r.count(); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	r.root = root
	return Each(ctx, len(items), Parallel(o.Parallel), func(ctx context.Context, i int) error {
		t := &tally{m: r.meter}
		if err := r.check(ctx, items[i]); err != nil {
			return fmt.Errorf("verifying %s: %w", filepath.Join(dir, items[i].Path), err)
		}
		t.reused(items[i].Size)
		return nil
	})
}

// receiver is one call of Download or Verify.
type receiver struct {
	fetcher
	options Options
	items   []Incoming
	// root keeps every name below the directory, whatever links lie in it.
	root *os.Root
}

// count checks the items and adds them to the total.
func (r *receiver) count() error {
	total := Counts{FilesTotal: int64(len(r.items))}
	seen := make(map[string]string, len(r.items))
	for _, item := range r.items {
		if err := checkIncoming(item); err != nil {
			return err
		}
		if former, twice := seen[item.Path]; twice {
			return fmt.Errorf("%w: %s and %s would both be %s", ErrInvalid, former, item.Key, item.Path)
		}
		seen[item.Path] = item.Key
		total.BytesTotal += item.Size
		if total.BytesTotal < 0 {
			return fmt.Errorf("%w: the sizes add up to more than can be counted", ErrInvalid)
		}
	}
	r.meter.add(total)
	return nil
}

func checkIncoming(item Incoming) error {
	if !filepath.IsLocal(item.Path) || path.Clean(item.Path) != item.Path || item.Path == "." ||
		strings.ContainsAny(item.Path, "\\\x00") || strings.HasPrefix(path.Base(item.Path), Hidden) {
		return fmt.Errorf("%w: %.300q is no path for %s", ErrInvalid, item.Path, item.Key)
	}
	return checkContent(item)
}

// checkContent checks what an item says of the bytes.
func checkContent(item Incoming) error {
	if item.Size < 0 {
		return fmt.Errorf("%w: %s has %d bytes", ErrInvalid, item.Key, item.Size)
	}
	if _, err := newDigest(item.Hash); err != nil {
		return fmt.Errorf("%w, of %s", err, item.Key)
	}
	return nil
}

// missing finds the files that are not there as they should be, and counts the
// others.
func (r *receiver) missing(ctx context.Context) ([]Incoming, error) {
	absent := make([]bool, len(r.items))
	err := Each(ctx, len(r.items), Parallel(r.options.Parallel), func(ctx context.Context, i int) error {
		err := r.check(ctx, r.items[i])
		switch {
		case err == nil:
			t := &tally{m: r.meter}
			t.reused(r.items[i].Size)
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, store.ErrCorrupt):
			absent[i] = true
		default:
			return fmt.Errorf("looking at %s: %w", r.local(r.items[i]), err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var missing []Incoming
	for i, item := range r.items {
		if absent[i] {
			missing = append(missing, item)
		}
	}
	return missing, nil
}

// check reads a file and compares it with what the item says.
func (r *receiver) check(ctx context.Context, item Incoming) error {
	info, err := r.root.Lstat(item.Path)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%w: it is no regular file", store.ErrCorrupt)
	case info.Size() != item.Size:
		return wrongSize(info.Size(), item.Size)
	case item.Hash == "":
		return nil
	}
	d, err := newDigest(item.Hash)
	if err != nil {
		return err
	}
	f, err := r.root.Open(item.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := passOnce(ctx, f, item.Size, d, func(int) {}); err != nil {
		return err
	}
	return d.check()
}

// move downloads the items. An object comes as one stream, so that all workers
// may take the large ones.
func (r *receiver) move(ctx context.Context, items []Incoming) error {
	return watch(ctx, r.options, Parallel(r.options.Parallel), func(workers []*pulse) error {
		lanes := newLanes(len(items), func(i int) int64 { return items[i].Size })
		return lanes.run(ctx, workers, true, func(ctx context.Context, p *pulse, i int) error {
			return r.download(ctx, p, items[i])
		})
	})
}

// download makes one file. What is written beside its place is gone if this
// fails.
func (r *receiver) download(ctx context.Context, p *pulse, item Incoming) (err error) {
	temp := path.Join(path.Dir(item.Path), Hidden+rand.Text())
	f, err := r.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666) // less the umask, as Cassandra's own files
	if err != nil {
		return fmt.Errorf("downloading %s to %s: %w", item.Key, r.local(item), full(r.root.Name(), err))
	}
	defer func() {
		if err != nil {
			// Closing twice is no harm; what counts is that nothing stays behind.
			_ = f.Close()
			err = errors.Join(fmt.Errorf("downloading %s to %s: %w", item.Key, r.local(item), full(r.root.Name(), err)), r.root.Remove(temp))
		}
	}()
	t := &tally{m: r.meter}
	if err := r.fill(ctx, p, f, item, t); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := Stopped(ctx); err != nil {
		return err
	}
	if err := r.root.Rename(temp, item.Path); err != nil {
		return err
	}
	t.moved()
	return nil
}

// fill writes an object to a file, and brings it to the disk.
func (r *receiver) fill(ctx context.Context, p *pulse, f *os.File, item Incoming, t *tally) error {
	d, err := newDigest(item.Hash)
	if err != nil {
		return err
	}
	w := &writing{f: f}
	if err := r.fetch(ctx, p, item.Key, item.Size, io.MultiWriter(w, d), t.add); err != nil {
		return err
	}
	if err := d.check(); err != nil {
		return err
	}
	p.rest() // the disk may take long, and says so itself when it does not go on
	return w.sync()
}

// local is the path of an item for people.
func (r *receiver) local(item Incoming) string { return filepath.Join(r.root.Name(), item.Path) }
