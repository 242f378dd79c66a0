package restore

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// disk is what a test replaces of the operating system; nil is the real one.
type disk struct {
	link func(from *os.File, name string, to *os.File, as string) error
	free func(dir string) (uint64, error)
	same func(a, b string) (bool, error)
	// before is told of each change that a restore in place is about to make.
	before func(change string)
}

// linkTo makes a hard link from a file in one directory to a name in another. The
// names stay in the directories, and a link is not followed.
func (d disk) linkTo(from *os.File, name string, to *os.File, as string) error {
	if d.link != nil {
		return d.link(from, name, to, as)
	}
	err := unix.Linkat(int(from.Fd()), name, int(to.Fd()), as, 0)
	if err != nil {
		return &os.LinkError{Op: "link", Old: filepath.Join(from.Name(), name), New: filepath.Join(to.Name(), as), Err: err}
	}
	return nil
}

// cannotLink reports whether a link failed because there can be none: between
// two file systems, in one that knows none, or to a file of another user.
func cannotLink(err error) bool {
	return errors.Is(err, unix.EXDEV) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EMLINK)
}

// freeIn is how many bytes a directory's file system has left for us.
func (d disk) freeIn(dir string) (uint64, error) {
	if d.free != nil {
		return d.free(dir)
	}
	return transfer.Free(dir)
}

// sameDevice reports whether files of one directory can be linked into another.
func (d disk) sameDevice(a, b string) (bool, error) {
	if d.same != nil {
		return d.same(a, b)
	}
	var devices [2]uint64
	for i, dir := range []string{a, b} {
		info, err := os.Stat(dir)
		if err != nil {
			return false, err
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return true, nil // linking will show
		}
		devices[i] = uint64(stat.Dev) //nolint:unconvert // narrower elsewhere
	}
	return devices[0] == devices[1], nil
}

// checkRoom looks, before anything is truncated, for room in data directories to
// which no link can be made, so that files have to be copied there.
func (j *job) checkRoom(p *place, tables []table, live map[string]cassandra.Table) error {
	if j.Strategy != StrategyHardlinks {
		return nil // Cassandra says when it cannot copy, and takes up all or nothing of a table
	}
	need := map[string]uint64{} // by data directory
	for _, t := range tables {
		paths := live[t.Target].DataPaths
		if len(paths) == 0 || t.bytes() == 0 {
			continue
		}
		for _, path := range paths {
			same, err := j.disk.sameDevice(p.path, path)
			if err != nil {
				return fmt.Errorf("looking at the directory of %s: %w", t.Target, err)
			}
			if !same {
				need[filepath.Dir(filepath.Dir(path))] += uint64(t.bytes())/uint64(len(paths)) + 1
			}
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(need)) { // the same error each time
		bytes := need[dir]
		free, err := j.disk.freeIn(dir)
		if err != nil {
			return err
		}
		if bytes > free {
			return fmt.Errorf("%w: downloads lie on another file system and have to be copied to %s, which needs %d bytes and has %d",
				transfer.ErrNoSpace, dir, bytes, free)
		}
	}
	return nil
}

// readDir reads a directory that the path names itself, no link to one.
func readDir(dir string) ([]fs.DirEntry, error) {
	root, err := os.OpenRoot(filepath.Dir(dir))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return fs.ReadDir(root.FS(), filepath.Base(dir))
}

// owner is who files for Cassandra must belong to.
type owner struct{ uid, gid int }

// ownerOf is the owner of a directory of Cassandra's, if it is for this program
// to give files away: as root, it is.
func ownerOf(dir string) (*owner, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // there is nothing to do then
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid == 0 {
		return nil, nil //nolint:nilnil // it is ours already
	}
	return &owner{int(stat.Uid), int(stat.Gid)}, nil
}
