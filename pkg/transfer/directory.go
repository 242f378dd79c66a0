package transfer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrNoSpace is for a directory that has not the room for what is to come.
var ErrNoSpace = errors.New("not enough space")

// within opens the directory, which it makes where it is not, for do.
func (r *receiver) within(dir string, do func() error) error {
	if err := makeDurably(dir); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	r.root = root
	return do()
}

// makeDurably makes a directory and writes its entry, and those of the parents
// that had to be made, to disk.
func makeDurably(dir string) error {
	var made []string // the parents of new directories
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		_, err := os.Lstat(at)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) || filepath.Dir(at) == at {
			return err
		}
		made = append(made, filepath.Dir(at))
	}
	if err := os.MkdirAll(dir, 0o777); err != nil { // less the umask: Cassandra has to read it, perhaps as another user
		return err
	}
	for _, parent := range made {
		if err := SyncDir(os.Open, parent); err != nil {
			return fmt.Errorf("syncing %s: %w", parent, err)
		}
	}
	return nil
}

// SyncDir writes the names in a directory to disk. Open is that of a root, or
// os.Open.
func SyncDir(open func(name string) (*os.File, error), dir string) error {
	f, err := open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// WriteFile puts a content under a name, on disk and whole, or changes nothing.
// The file has the permissions, less the umask; as, which may be nil, gives it
// those, and the owner, that it is to have besides.
func WriteFile(root *os.Root, name string, body []byte, perm fs.FileMode, as func(*os.File) error) (err error) {
	temporary := path.Join(path.Dir(name), Hidden+path.Base(name))
	// What a crash left may be another's to read.
	if err := root.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			if left := root.Remove(temporary); left != nil && !errors.Is(left, fs.ErrNotExist) {
				err = errors.Join(err, left)
			}
		}
	}()
	_, err = f.Write(body)
	if err == nil && as != nil {
		err = as(f)
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := root.Rename(temporary, name); err != nil {
		return err
	}
	return SyncDir(root.Open, path.Dir(name))
}

// Free is how many bytes a directory's file system has left for us.
func Free(dir string) (uint64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return 0, fmt.Errorf("asking for the free space in %s: %w", dir, err)
	}
	return stat.Bavail * uint64(stat.Bsize), nil
}

// checkSpace compares what is to come with what is free. It is no reservation:
// a disk that fills up meanwhile is found when it does.
func checkSpace(dir string, items []Incoming) error {
	var need uint64
	for _, item := range items {
		need += uint64(item.Size) // neither they nor their sum are negative: count saw to it
	}
	if need == 0 {
		return nil
	}
	free, err := Free(dir)
	if err != nil {
		return err
	}
	if need > free {
		return fmt.Errorf("%w: the download needs %d bytes, and %s has %d", ErrNoSpace, need, dir, free)
	}
	return nil
}

// full makes the error of a disk that filled up meanwhile an ErrNoSpace.
func full(dir string, err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return fmt.Errorf("%w in %s: %w", ErrNoSpace, dir, err)
	}
	return err
}

// makeDirs makes the directories of the items, removes what an earlier life left
// unfinished in them, and returns them and their parents. Those of files that
// are in place belong to them: whoever put them there may have died before it
// synced their directory.
func (r *receiver) makeDirs() ([]string, error) {
	seen := map[string]bool{".": true}
	for _, item := range r.items {
		dir := path.Dir(item.Path)
		if seen[dir] {
			continue
		}
		if err := r.root.MkdirAll(dir, 0o777); err != nil {
			return nil, fmt.Errorf("making the directory of %s: %w", r.local(item), err)
		}
		for at := dir; !seen[at]; at = path.Dir(at) {
			seen[at] = true
		}
	}
	dirs := make([]string, 0, len(seen))
	for dir := range seen {
		dirs = append(dirs, dir)
		if err := r.sweep(dir); err != nil {
			return nil, err
		}
	}
	slices.Sort(dirs)
	return dirs, nil
}

func (r *receiver) sweep(dir string) error {
	entries, err := fs.ReadDir(r.root.FS(), dir)
	if err != nil {
		return fmt.Errorf("reading %s: %w", filepath.Join(r.root.Name(), dir), err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), Hidden) || !e.Type().IsRegular() {
			continue
		}
		if err := r.root.Remove(path.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("removing what an interrupted download left: %w", err)
		}
	}
	return nil
}

// sync writes the entries of directories to disk: once for all their files.
func (r *receiver) sync(dirs []string) error {
	for _, dir := range dirs {
		if err := SyncDir(r.root.Open, dir); err != nil {
			return fmt.Errorf("syncing %s: %w", filepath.Join(r.root.Name(), dir), err)
		}
	}
	return nil
}
