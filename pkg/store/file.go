package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
	"k8s.io/utils/clock"
)

const (
	// tempPrefix begins the names of files that are not objects yet. Nothing
	// that a bucket shows has such a name.
	tempPrefix = ".icarus-"

	// Cassandra's group reads what is backed up, and nobody else does.
	dirMode  fs.FileMode = 0o750
	fileMode fs.FileMode = 0o640
)

// fileBucket is a directory. gocloud.dev has one too, which two writers of a key
// can both win, and which never brings a file to the disk.
//
// os.Root confines every access: a symbolic link in the bucket cannot lead out
// of it. Objects are regular files; whatever else lies there is not shown.
type fileBucket struct {
	path  string // of the directory
	name  string // in errors
	clock clock.PassiveClock
	// link is how a file gets its name if nothing has it yet, and sync how it
	// gets to the disk.
	link func(root *os.Root, temp, key string) error
	sync func(f *os.File) error

	mu    sync.Mutex
	root  *os.Root
	ready map[string]struct{} // directories whose entries on the way are durable
}

func openFile(_ context.Context, l Location, o Options, _ *retrier) (Bucket, error) {
	return &fileBucket{
		path: l.path(), name: l.bucketName(), clock: o.Clock,
		link: (*os.Root).Link, sync: (*os.File).Sync, ready: map[string]struct{}{},
	}, nil
}

func checkFile(_ context.Context, l Location, _ Options, create bool) error {
	info, err := os.Stat(l.path())
	switch {
	case err == nil && !info.IsDir():
		return invalid("%s is not a directory", l.path())
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return classifyFile(err)
	case !create:
		return fmt.Errorf("%w: there is no directory %s", ErrNoBucket, l.path())
	}
	if err := makeDurable(l.path()); err != nil {
		return fmt.Errorf("creating it: %w", classifyFile(err))
	}
	return nil
}

// makeDurable makes a directory and those above it, so that they are there
// after a crash too.
func makeDurable(dir string) error {
	parent := path.Dir(dir)
	err := os.Mkdir(dir, dirMode)
	if errors.Is(err, fs.ErrNotExist) && parent != dir {
		if err := makeDurable(parent); err != nil {
			return err
		}
		err = os.Mkdir(dir, dirMode)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := os.Open(parent)
	if err != nil {
		return err
	}
	return errors.Join(supported(f.Sync()), f.Close())
}

// Get opens a file.
func (b *fileBucket) Get(ctx context.Context, key string, offset int64) (io.ReadCloser, Object, error) {
	r, o, err := b.get(ctx, key, offset)
	if err != nil {
		return nil, Object{}, b.doing("reading", key, err)
	}
	return r, o, nil
}

func (b *fileBucket) get(ctx context.Context, key string, offset int64) (_ io.ReadCloser, _ Object, err error) {
	o, err := b.stat(ctx, key)
	if err != nil {
		return nil, Object{}, err
	}
	if offset < 0 || offset > o.Size {
		return nil, Object{}, invalid("offset %d of %d bytes", offset, o.Size)
	}
	root, err := b.open()
	if err != nil {
		return nil, Object{}, err
	}
	f, err := root.Open(key)
	if err != nil {
		return nil, Object{}, err
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, Object{}, errors.Join(err, f.Close())
	}
	return &endingReader{f, func() error { return ended(ctx) }}, o, nil
}

// Stat shows regular files only.
func (b *fileBucket) Stat(ctx context.Context, key string) (Object, error) {
	o, err := b.stat(ctx, key)
	if err != nil {
		return Object{}, b.doing("looking for", key, err)
	}
	return o, nil
}

func (b *fileBucket) stat(ctx context.Context, key string) (Object, error) {
	if err := checkFileKey(ctx, key); err != nil {
		return Object{}, err
	}
	root, err := b.open()
	if err != nil {
		return Object{}, err
	}
	info, err := root.Lstat(key)
	switch {
	case errors.Is(err, unix.ENOTDIR), err == nil && !info.Mode().IsRegular():
		return Object{}, ErrNotFound
	case err != nil:
		return Object{}, err
	}
	return Object{Key: key, Size: info.Size(), Modified: info.ModTime()}, nil
}

// Delete removes a file, and the directories that it leaves empty.
func (b *fileBucket) Delete(ctx context.Context, key string) error {
	_, err := b.stat(ctx, key)
	if err == nil {
		err = b.remove(key)
	}
	if err = classifyFile(err); err != nil && !errors.Is(err, ErrNotFound) {
		return b.doing("deleting", key, err)
	}
	return nil
}

func (b *fileBucket) remove(key string) error {
	root, err := b.open()
	if err != nil {
		return err
	}
	if err := root.Remove(key); err != nil {
		return err
	}
	return b.syncDir(root, b.prune(root, path.Dir(key)))
}

// Close closes the directory.
func (b *fileBucket) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.root == nil {
		return nil
	}
	err := b.root.Close()
	b.root = nil
	return err
}

// open opens the directory at its first use, as Open asks for nothing.
func (b *fileBucket) open() (*os.Root, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.root != nil {
		return b.root, nil
	}
	root, err := os.OpenRoot(b.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: there is no directory %s", ErrNoBucket, b.path)
	}
	if err != nil {
		return nil, err
	}
	b.root = root
	return root, nil
}

// doing says what was being done to a key, and in which bucket.
func (b *fileBucket) doing(what, key string, err error) error {
	return fmt.Errorf("%s %s in %s: %w", what, key, b.name, classifyFile(err))
}

// checkFileKey refuses, besides what no bucket takes, the names of temporary files.
func checkFileKey(ctx context.Context, key string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	if strings.HasPrefix(key, tempPrefix) || strings.Contains(key, "/"+tempPrefix) {
		return invalid("names that begin with %s are ours", tempPrefix)
	}
	return ended(ctx)
}

// classifyFile gives an error of the file system its sentinel; a full disk and
// other states of the machine stay what they are.
func classifyFile(err error) error {
	switch {
	case errors.Is(err, ErrNoBucket), errors.Is(err, ErrNotFound), errors.Is(err, ErrExists):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return as(ErrNotFound, err)
	case errors.Is(err, fs.ErrPermission):
		return as(ErrDenied, err)
	case errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.EISDIR), errors.Is(err, unix.ENAMETOOLONG), errors.Is(err, unix.ELOOP):
		return as(ErrInvalid, err)
	case errors.Is(err, unix.ESTALE), errors.Is(err, unix.ETIMEDOUT), errors.Is(err, unix.EAGAIN):
		return as(ErrTransient, err) // what a network file system says when its server went away
	}
	return err
}

// endingReader ends with its context.
type endingReader struct {
	io.ReadCloser
	ended func() error
}

// Read reads until the context ends.
func (r *endingReader) Read(p []byte) (int, error) {
	if err := r.ended(); err != nil {
		return 0, err
	}
	return r.ReadCloser.Read(p)
}

// ended is why a context is over, as both its error and its cause.
func ended(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if err == nil || errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}
