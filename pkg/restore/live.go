package restore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/sstable"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

const (
	// dataComponent makes an SSTable of its other components.
	dataComponent = "Data.db"
	// tocComponent is the one component to which Cassandra appends.
	tocComponent = "TOC.txt"
)

// liveDirs are the directories of a table in which Cassandra keeps its SSTables.
type liveDirs []*liveDir

type liveDir struct {
	root *os.Root
	// dir is root itself, for what takes a directory's descriptor.
	dir  *os.File
	path string
	// owner is nil where files need not be given away.
	owner *owner
}

// openLive opens the directories of a table, all of which must be there.
func openLive(t cassandra.Table) (liveDirs, error) {
	if len(t.DataPaths) == 0 {
		return nil, fmt.Errorf("opening the directories of %s: there is none: %w", t, fs.ErrNotExist)
	}
	dirs := make(liveDirs, 0, len(t.DataPaths))
	for _, path := range t.DataPaths {
		root, err := os.OpenRoot(path)
		if err != nil {
			dirs.close()
			return nil, fmt.Errorf("opening the directory of %s: %w", t, err)
		}
		d := &liveDir{root: root, path: path}
		dirs = append(dirs, d)
		if d.dir, err = root.Open("."); err == nil {
			d.owner, err = ownerOf(path)
		}
		if err != nil {
			dirs.close()
			return nil, fmt.Errorf("looking at the directory of %s: %w", t, err)
		}
	}
	return dirs, nil
}

// close closes what was held open only to reach files through it.
func (dirs liveDirs) close() {
	for _, d := range dirs {
		_ = d.root.Close()
		if d.dir != nil {
			_ = d.dir.Close()
		}
	}
}

// at is the directory with a path, nil if it is none of them.
func (dirs liveDirs) at(path string) *liveDir {
	for _, d := range dirs {
		if d.path == path {
			return d
		}
	}
	return nil
}

// sync makes the names in all directories durable.
func (dirs liveDirs) sync() error {
	for _, d := range dirs {
		if err := d.dir.Sync(); err != nil {
			return fmt.Errorf("syncing %s: %w", d.path, err)
		}
	}
	return nil
}

// holds reports whether a file is in a directory.
func (dirs liveDirs) holds(path, name string) (bool, error) {
	d := dirs.at(path)
	if d == nil {
		return false, nil
	}
	_, err := d.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// scan lists the SSTables in all directories.
func (dirs liveDirs) scan() (there, error) {
	th := there{bases: map[string]bool{}}
	for _, d := range dirs {
		entries, err := fs.ReadDir(d.root.FS(), ".")
		if err != nil {
			return there{}, fmt.Errorf("reading %s: %w", d.path, err)
		}
		for _, e := range entries {
			n, ok := sstable.ParseName(e.Name())
			if !ok {
				continue
			}
			th.bases[n.Base] = true
			if generation, err := strconv.ParseInt(n.Generation, 10, 64); err == nil {
				th.highest = max(th.highest, generation)
			}
			if n.Component != dataComponent {
				continue
			}
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue // compacted meanwhile
			}
			if err != nil {
				return there{}, fmt.Errorf("reading %s: %w", d.path, err)
			}
			th.data = append(th.data, liveData{d.path, n.Base, info})
		}
	}
	return th, nil
}

// sweep removes what an interrupted attempt left that is no SSTable: copies that
// were being written, and links without a Data.db, which came last.
func (dirs liveDirs) sweep(links []link) error {
	partial := slices.Clone(links)
	for _, l := range links {
		whole, err := dirs.holds(l.Dir, l.As+"-"+dataComponent)
		if err != nil {
			return err
		}
		if whole {
			partial = slices.DeleteFunc(partial, func(p link) bool { return p == l })
		}
	}
	return errors.Join(dirs.remove(partial), dirs.removeNames(func(_, name string) bool { return strings.HasPrefix(name, transfer.Hidden) }))
}

// remove removes links, Data.db first, so that what a crash leaves is no SSTable.
func (dirs liveDirs) remove(links []link) error {
	for _, l := range links {
		if d := dirs.at(l.Dir); d != nil {
			if err := d.root.Remove(l.As + "-" + dataComponent); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return dirs.removeNames(func(path, name string) bool {
		return slices.ContainsFunc(links, func(l link) bool { return l.Dir == path && strings.HasPrefix(name, l.As+"-") })
	})
}

func (dirs liveDirs) removeNames(wanted func(path, name string) bool) error {
	for _, d := range dirs {
		entries, err := fs.ReadDir(d.root.FS(), ".")
		if err != nil {
			return fmt.Errorf("reading %s: %w", d.path, err)
		}
		for _, e := range entries {
			if !wanted(d.path, e.Name()) || !e.Type().IsRegular() {
				continue
			}
			if err := d.root.Remove(e.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}
