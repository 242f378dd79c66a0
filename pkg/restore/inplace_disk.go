package restore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// dataDir is a data directory of the node. What lies in it is reached by paths
// that cannot leave it.
type dataDir struct {
	root *os.Root
	path string
	// owner is nil where files need not be given away.
	owner *owner
}

// openDisks opens the data directories, and makes those that are not there.
func (j *inPlace) openDisks() error {
	for _, dir := range j.DataDirs {
		d, err := openDataDir(filepath.Clean(dir))
		if err != nil {
			return fmt.Errorf("opening data directory %s: %w", dir, err)
		}
		j.disks = append(j.disks, d)
	}
	return nil
}

func openDataDir(dir string) (*dataDir, error) {
	parent := filepath.Dir(dir)
	to, err := ownerOf(parent)
	if err != nil {
		return nil, err // somebody mistook the directory, or a volume is missing
	}
	switch err := os.Mkdir(dir, 0o755); {
	case err == nil && to != nil:
		if err := os.Lchown(dir, to.uid, to.gid); err != nil {
			return nil, err
		}
	case err != nil && !errors.Is(err, fs.ErrExist):
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	d := &dataDir{root: root, path: dir}
	if d.owner, err = ownerOf(dir); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return d, nil
}

// close closes what was held open only to reach files through it.
func (j *inPlace) close() {
	for _, d := range j.disks {
		_ = d.root.Close()
	}
}

// tableDir is a directory of a table in a data directory.
type tableDir struct {
	keyspace, table, id string
	// link says that it is a symbolic link or, without a table, its keyspace is.
	link bool
	// data says that there are SSTables in it.
	data bool
}

func (t tableDir) path() string {
	if t.table == "" {
		return t.keyspace
	}
	return t.keyspace + "/" + t.table + "-" + t.id
}

var tableDirForm = regexp.MustCompile(`^([A-Za-z0-9_]{1,222})-([0-9a-f]{32})$`)

// tables lists the directories of tables.
func (d *dataDir) tables() ([]tableDir, error) {
	keyspaces, err := d.list(".")
	if err != nil {
		return nil, err
	}
	var found []tableDir
	for _, keyspace := range keyspaces {
		linked := keyspace.Type()&fs.ModeSymlink != 0
		if !nameForm.MatchString(keyspace.Name()) || !keyspace.IsDir() && !linked {
			continue
		}
		if linked {
			found = append(found, tableDir{keyspace: keyspace.Name(), link: true})
			continue
		}
		tables, err := d.list(keyspace.Name())
		if err != nil {
			return nil, err
		}
		for _, e := range tables {
			m := tableDirForm.FindStringSubmatch(e.Name())
			t := tableDir{keyspace: keyspace.Name(), link: e.Type()&fs.ModeSymlink != 0}
			if m == nil || !e.IsDir() && !t.link {
				continue
			}
			t.table, t.id = m[1], m[2]
			if t.data, err = d.hasData(t); err != nil {
				return nil, err
			}
			found = append(found, t)
		}
	}
	return found, nil
}

func (d *dataDir) hasData(t tableDir) (bool, error) {
	if t.link {
		return false, nil
	}
	entries, err := d.list(t.path())
	for _, e := range entries {
		if isData(e.Name()) {
			return true, nil
		}
	}
	return false, err
}

// list lists a directory; one that is not there is empty.
func (d *dataDir) list(dir string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(d.root.FS(), dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Join(d.path, dir), err)
	}
	return entries, nil
}

// lstat is what lies at a path; nil if there is nothing.
func (d *dataDir) lstat(name string) (fs.FileInfo, error) {
	info, err := d.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // nothing is there
	}
	return info, err
}

// makeDirs makes a directory and those above it, for Cassandra's user.
func (d *dataDir) makeDirs(dir string) error {
	for i := range len(dir) + 1 {
		if i < len(dir) && dir[i] != '/' {
			continue
		}
		err := d.root.Mkdir(dir[:i], 0o755)
		switch {
		case errors.Is(err, fs.ErrExist):
			continue
		case err != nil:
			return err
		}
		if d.owner != nil {
			if err := d.root.Lchown(dir[:i], d.owner.uid, d.owner.gid); err != nil {
				return err
			}
		}
		if err := transfer.SyncDir(d.root.Open, path.Dir(dir[:i])); err != nil {
			return err
		}
	}
	return nil
}

// isTransactionLog tells of the logs in which Cassandra writes down what a compaction
// made and what is to be deleted. By them it would delete, at its next start,
// SSTables that have the same names in the backup.
func isTransactionLog(name string) bool {
	return strings.Contains(name, "_txn_") && strings.HasSuffix(name, ".log")
}
