package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// copyBytes is how much is copied between two looks at the context.
const copyBytes = 256 << 10

// Put copies to a temporary file, and gives it its name when it is on the disk.
func (b *fileBucket) Put(ctx context.Context, key string, size int64, open func() (io.ReadCloser, error)) error {
	// A key that is taken is seen before anything is copied; who takes it
	// meanwhile is seen by publish.
	_, err := b.stat(ctx, key)
	switch {
	case size < 0:
		err = invalid("size %d", size)
	case err == nil:
		err = ErrExists
	case errors.Is(classifyFile(err), ErrNotFound):
		err = b.write(ctx, key, size, open, b.publish)
	}
	if err != nil {
		return b.doing("writing", key, err)
	}
	return nil
}

// Create is Put.
func (b *fileBucket) Create(ctx context.Context, key string, body []byte) error {
	return b.Put(ctx, key, int64(len(body)), reading(body))
}

// Replace renames over what is there.
func (b *fileBucket) Replace(ctx context.Context, key string, body []byte) error {
	if err := checkFileKey(ctx, key); err != nil {
		return b.doing("replacing", key, err)
	}
	if err := b.write(ctx, key, int64(len(body)), reading(body), overwrite); err != nil {
		return b.doing("replacing", key, err)
	}
	return nil
}

// write brings size bytes into a temporary file beside the key, and onto the
// disk, before publish gives them their name.
func (b *fileBucket) write(
	ctx context.Context, key string, size int64, open func() (io.ReadCloser, error), publish func(root *os.Root, temp, key string) error,
) (err error) {
	root, err := b.open()
	if err != nil {
		return err
	}
	dir := path.Dir(key)
	temp, f, err := b.createTemp(root, dir)
	if err != nil {
		return err
	}
	defer func() {
		if removed := root.Remove(temp); removed != nil && !errors.Is(removed, fs.ErrNotExist) {
			err = errors.Join(err, removed)
		}
		if err != nil {
			b.prune(root, dir)
		}
	}()
	if err := errors.Join(b.fill(ctx, f, size, open), f.Close()); err != nil {
		return err
	}
	if err := ended(ctx); err != nil {
		return err
	}
	if err := publish(root, temp, key); err != nil {
		return err
	}
	return b.syncDir(root, dir)
}

// fill copies exactly size bytes to f and onto the disk.
func (b *fileBucket) fill(ctx context.Context, f *os.File, size int64, open func() (io.ReadCloser, error)) (err error) {
	r, err := opened(open)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	source := exactly(ctx, r, size)
	// Only Read and Write, so that the context is looked at between the pieces.
	if _, err := io.CopyBuffer(struct{ io.Writer }{f}, source, make([]byte, copyBytes)); err != nil {
		return err
	}
	return b.sync(f)
}

func overwrite(root *os.Root, temp, key string) error {
	err := root.Rename(temp, key)
	if errors.Is(err, fs.ErrExist) {
		return invalid("it is a directory of other keys")
	}
	return err
}

// publish names the file if the name is free. link(2) is the one way to do that
// which every file system with hard links has; the others have a rename for it.
func (b *fileBucket) publish(root *os.Root, temp, key string) error {
	err := b.link(root, temp, key)
	if noHardLinks(err) {
		err = renameExclusively(root, temp, key)
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	there, err := root.Lstat(key)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrTransient, err) // deleted since
	}
	ours, err := root.Lstat(temp)
	switch {
	case err == nil && os.SameFile(there, ours):
		return nil // NFS repeated the call: the first answer got lost
	case there.IsDir():
		return invalid("it is a directory of other keys")
	}
	return ErrExists
}

func noHardLinks(err error) bool {
	for _, e := range []error{unix.EPERM, unix.EOPNOTSUPP, unix.ENOSYS, unix.EMLINK} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// createTemp makes a file with a name that List does not show.
func (b *fileBucket) createTemp(root *os.Root, dir string) (name string, f *os.File, err error) {
	name = path.Join(dir, tempPrefix+rand.Text())
	// A directory can be pruned between its making and its first file.
	for range 10 {
		if err = b.makeReady(root, dir); err == nil {
			f, err = root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
		}
		if err == nil {
			return name, f, nil
		}
		b.prune(root, dir)
		if !errors.Is(err, fs.ErrNotExist) {
			return "", nil, err
		}
	}
	return "", nil, as(ErrNoBucket, err) // nothing can be made in a directory that is gone
}
