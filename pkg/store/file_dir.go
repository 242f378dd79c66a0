package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// staleAfter is when a temporary file has no writer any more: one that is
// written to is never that old.
const staleAfter = 24 * time.Hour

// makeReady makes a directory and those above it durable, once for each bucket
// that is opened: another process may have made one and not brought it to the
// disk yet.
func (b *fileBucket) makeReady(root *os.Root, dir string) error {
	b.mu.Lock()
	_, ready := b.ready[dir]
	b.mu.Unlock()
	if ready {
		return nil
	}
	if dir != "." {
		parent := path.Dir(dir)
		if err := b.makeReady(root, parent); err != nil {
			return err
		}
		if err := root.Mkdir(dir, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
			b.forget(parent)
			return err
		}
		if err := b.syncDir(root, parent); err != nil {
			return err
		}
	}
	b.sweep(root, dir)
	b.mu.Lock()
	b.ready[dir] = struct{}{}
	b.mu.Unlock()
	return nil
}

// forget makes makeReady look again, at every directory of a path.
func (b *fileBucket) forget(dir string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for ; dir != "."; dir = path.Dir(dir) {
		delete(b.ready, dir)
	}
}

// sweep removes what writers that died left in a directory. What it cannot
// remove stays for the next one, and is in nobody's way but that of the room.
func (b *fileBucket) sweep(root *os.Root, dir string) {
	entries, err := readDir(root, dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if !strings.HasPrefix(e.Name(), tempPrefix) {
			continue
		}
		if info, err := root.Lstat(name); err == nil && b.clock.Since(info.ModTime()) > staleAfter {
			_ = root.Remove(name)
		}
	}
}

// prune removes directories without objects, upwards from dir, and returns the
// first that stays. A directory with anything in it cannot be removed.
func (b *fileBucket) prune(root *os.Root, dir string) string {
	for dir != "." {
		b.forget(dir)
		if err := removeDir(root, dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return dir
		}
		dir = path.Dir(dir)
	}
	return dir
}

// removeDir removes nothing but an empty directory. Root.Remove would remove a
// file too, and what should be a directory may be an object.
func removeDir(root *os.Root, dir string) error {
	parent, err := root.Open(path.Dir(dir))
	if err != nil {
		return err
	}
	err = unix.Unlinkat(int(parent.Fd()), path.Base(dir), unix.AT_REMOVEDIR)
	return errors.Join(err, parent.Close())
}

// List walks the directories, one in memory at a time and those above it.
func (b *fileBucket) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		dir := path.Dir(prefix + "x")
		if dir != "." && problemOfPath(dir) != "" {
			return // no key begins so
		}
		root, err := b.open()
		if err == nil {
			err = walk(ctx, root, dir, prefix, yield)
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(Object{}, fmt.Errorf("listing %s in %s: %w", prefix, b.name, classifyFile(err)))
		}
	}
}

// errStopped ends a walk whose caller has seen enough.
var errStopped = errors.New("stopped")

// walk yields the objects below a directory whose keys begin with prefix, in the
// order of their keys.
func walk(ctx context.Context, root *os.Root, dir, prefix string, yield func(Object, error) bool) error {
	entries, err := readDir(root, dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return ended(ctx) // no such keys, or not any more
	}
	if err != nil {
		return err
	}
	// a/b is before a-b as a name, and behind it as a key.
	sortName := func(e fs.DirEntry) string {
		if e.IsDir() {
			return e.Name() + "/"
		}
		return e.Name()
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(sortName(a), sortName(b)) })
	for _, e := range entries {
		if err := ended(ctx); err != nil {
			return err
		}
		key := strings.TrimPrefix(dir+"/"+sortName(e), "./")
		if strings.HasPrefix(e.Name(), tempPrefix) || !strings.HasPrefix(key, prefix) {
			continue
		}
		if err := visit(ctx, root, key, prefix, yield); err != nil {
			return err
		}
	}
	return ended(ctx)
}

func visit(ctx context.Context, root *os.Root, key, prefix string, yield func(Object, error) bool) error {
	if dir, ok := strings.CutSuffix(key, "/"); ok {
		return walk(ctx, root, dir, prefix, yield)
	}
	info, err := root.Lstat(key)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && !info.Mode().IsRegular():
		return nil
	case err != nil:
		return err
	case !yield(Object{Key: key, Size: info.Size(), Modified: info.ModTime()}, nil):
		return errStopped
	}
	return nil
}

func readDir(root *os.Root, dir string) ([]fs.DirEntry, error) {
	f, err := root.Open(dir)
	if err != nil {
		return nil, err
	}
	entries, err := f.ReadDir(-1)
	return entries, errors.Join(err, f.Close())
}

// syncDir brings the names in a directory to the disk.
func (b *fileBucket) syncDir(root *os.Root, dir string) error {
	f, err := root.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // pruned since, with everything in it
	}
	if err != nil {
		return err
	}
	return errors.Join(supported(b.sync(f)), f.Close())
}

// supported is the error of syncing a directory, unless there is no such call:
// some network file systems have none.
func supported(err error) error {
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	return err
}
