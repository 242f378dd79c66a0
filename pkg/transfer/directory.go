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
		f, err := os.Open(parent)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return fmt.Errorf("syncing %s: %w", parent, err)
		}
	}
	return nil
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
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return fmt.Errorf("asking for the free space in %s: %w", dir, err)
	}
	if free := stat.Bavail * uint64(stat.Bsize); need > free {
		return fmt.Errorf("%w: the download needs %d bytes, and %s has %d", ErrNoSpace, need, dir, free)
	}
	return nil
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
		if !strings.HasPrefix(e.Name(), hidden) || !e.Type().IsRegular() {
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
		f, err := r.root.Open(dir)
		if err == nil {
			err = errors.Join(f.Sync(), f.Close())
		}
		if err != nil {
			return fmt.Errorf("syncing %s: %w", filepath.Join(r.root.Name(), dir), err)
		}
	}
	return nil
}
