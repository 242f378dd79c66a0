package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/sstable"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// found is what a table's snapshot holds.
type found struct {
	table cassandra.Table
	// seen says that some directory has a snapshot.
	seen   bool
	schema string
	files  []*file
	// listed are the Data.db files that Cassandra's own list names; nil where
	// there is no list.
	listed []string
}

const (
	schemaFile = "schema.cql"
	// listFile is Cassandra's list of what it has taken into the snapshot.
	listFile = "manifest.json"
)

// scan reads the snapshot of every table, and begins the manifest. Tables are
// those from before the snapshot. One that was dropped since has no place in the
// schema any more, and one that was made since none in the snapshot.
func (j *job) scan(ctx context.Context, before []cassandra.Table) (*manifest.Manifest, []*file, error) {
	after, err := j.tables(ctx)
	if err != nil {
		return nil, nil, err
	}
	tables := slices.DeleteFunc(after, func(t cassandra.Table) bool {
		return !slices.ContainsFunc(before, func(b cassandra.Table) bool { return b.ID == t.ID && b.String() == t.String() })
	})
	if len(tables) == 0 {
		return nil, nil, fmt.Errorf("%w: every table was dropped meanwhile", ErrIncomplete)
	}
	m, err := j.begin(ctx)
	if err != nil {
		return nil, nil, err
	}
	snapshots := make([]found, len(tables))
	err = transfer.Each(ctx, len(tables), runtime.GOMAXPROCS(0), func(_ context.Context, i int) (err error) {
		if snapshots[i], err = j.look(tables[i]); err != nil {
			return fmt.Errorf("reading the snapshot of %s: %w", tables[i], err)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	var files []*file
	for _, s := range snapshots {
		m.Add(manifest.TableName{Keyspace: s.table.Keyspace, Table: s.table.Name},
			manifest.Table{ID: s.table.ID, SchemaContent: s.schema, SSTables: map[string][]manifest.Entry{}})
		files = append(files, s.files...)
	}
	return m, files, nil
}

// begin is the manifest without tables.
func (j *job) begin(ctx context.Context) (*manifest.Manifest, error) {
	id, err := j.node.Identity(ctx)
	if err != nil {
		return nil, err
	}
	version, err := j.node.SchemaVersion(ctx)
	if err != nil {
		return nil, err
	}
	return &manifest.Manifest{Snapshot: manifest.Snapshot{Name: j.Tag}, Tokens: id.Tokens, SchemaVersion: version}, nil
}

// look reads the snapshot of a table in all of its directories.
func (j *job) look(t cassandra.Table) (found, error) {
	f := found{table: t}
	for _, path := range t.DataPaths {
		if err := f.lookIn(filepath.Join(path, "snapshots", j.name)); err != nil {
			return found{}, err
		}
	}
	switch {
	case !f.seen:
		return found{}, fmt.Errorf("%w: there is none in %s; does this program see the node's data directories, under the same paths?",
			ErrIncomplete, strings.Join(t.DataPaths, ", "))
	case f.listed == nil && len(j.DataDirs) > 0:
		// Cassandra's own paths cannot leave out a directory, but a request can.
		return found{}, fmt.Errorf("%w: there is no %s in %s, so that a data directory seems to be missing in the request",
			ErrIncomplete, listFile, strings.Join(t.DataPaths, ", "))
	}
	return f, f.check()
}

// check compares what was found with what Cassandra says to have taken.
func (f *found) check() error {
	there := make(map[string]*file, len(f.files))
	for _, c := range f.files {
		name := c.key("").LocalPath()
		if other, twice := there[name]; twice {
			return fmt.Errorf("%w: %s and %s have one name", ErrIncomplete, other.path(), c.path())
		}
		there[name] = c
	}
	for _, name := range f.listed {
		if there[name] == nil {
			return fmt.Errorf("%w: %s names %s, which is in none of %s", ErrIncomplete, listFile, name, strings.Join(f.table.DataPaths, ", "))
		}
	}
	return nil
}

func (f *found) lookIn(dir string) error {
	fsys := os.DirFS(dir)
	sstables, err := sstable.Scan(fsys, ".")
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			return nil // a data directory that has nothing of this table
		}
	}
	if err != nil {
		return fmt.Errorf("in %s: %w", dir, err)
	}
	f.seen = true
	for _, s := range sstables {
		in := f.directory(filepath.Join(dir, s.Index), s.Index)
		at := s.Dir()
		for _, c := range s.Components {
			f.files = append(f.files, &file{in: in, name: c.File, base: s.Base, dir: at, content: content{size: c.Size}})
		}
	}
	schema, err := fs.ReadFile(fsys, schemaFile)
	switch {
	case errors.Is(err, fs.ErrNotExist): // it is in one of the directories, and system tables have none
	case err != nil:
		return fmt.Errorf("reading %s: %w", filepath.Join(dir, schemaFile), err)
	default:
		f.schema = string(schema)
	}
	return f.readList(fsys, dir)
}

// directory is the one that SSTables of the table, or of an index, lie in.
func (f *found) directory(path, index string) *directory {
	if len(f.files) > 0 {
		if last := f.files[len(f.files)-1].in; last.path == path {
			return last
		}
	}
	return &directory{path: path, key: manifest.DataKey{
		Keyspace: f.table.Keyspace, Table: f.table.Name, TableID: f.table.ID, Index: index,
	}}
}

// readList reads Cassandra's list, which is in one of the directories.
func (f *found) readList(fsys fs.FS, dir string) error {
	body, err := fs.ReadFile(fsys, listFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var list struct {
		Files []string `json:"files"`
	}
	if err == nil {
		err = json.Unmarshal(body, &list)
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", filepath.Join(dir, listFile), err)
	}
	f.listed = append(f.listed, list.Files...)
	if f.listed == nil {
		f.listed = []string{}
	}
	return nil
}
