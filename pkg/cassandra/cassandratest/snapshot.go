package cassandratest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
)

// snapshotsDir is in each directory of a table.
const snapshotsDir = "snapshots"

// takeSnapshot is the operation.
func (f *Fake) takeSnapshot(tag string, entities []string) error {
	if f.mode == cassandra.StateJoining {
		return thrown("java.io.IOException", "Cannot snapshot until bootstrap completes")
	}
	tables := f.selected(entities)
	for _, t := range tables {
		if f.hasSnapshot(t, tag) {
			return thrown("java.io.IOException", "Snapshot %s already exists.", tag)
		}
	}
	for _, t := range tables {
		if err := f.on(t).flush(); err != nil {
			return err
		}
		if err := f.on(t).snapshot(tag); err != nil {
			return err
		}
	}
	return nil
}

// selected are the tables that entities mean, which exist; that was checked.
func (f *Fake) selected(entities []string) []*tableSchema {
	if len(entities) == 0 {
		return f.ring.tables
	}
	var tables []*tableSchema
	for _, t := range f.ring.tables {
		if slices.Contains(entities, t.keyspace) || slices.Contains(entities, t.keyspace+"."+t.name) {
			tables = append(tables, t)
		}
	}
	return tables
}

func (f *Fake) hasSnapshot(t *tableSchema, tag string) bool {
	return slices.ContainsFunc(f.paths(t), func(dir string) bool {
		_, err := os.Stat(filepath.Join(dir, snapshotsDir, tag))
		return err == nil
	})
}

// snapshot links what is in use into the snapshot, and describes it there.
func (t *tableOn) snapshot(tag string) error {
	files := []string{} // no null in the list
	for _, live := range slices.Sorted(maps.Keys(t.live)) {
		dir, base := filepath.Dir(live), filepath.Base(live)
		owner, index := dir, ""
		if strings.HasPrefix(filepath.Base(dir), ".") {
			owner, index = filepath.Dir(dir), filepath.Base(dir)
		}
		to := filepath.Join(owner, snapshotsDir, tag, index)
		if err := os.MkdirAll(to, 0o755); err != nil {
			return err
		}
		names, err := filesOf(dir, base)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := os.Link(filepath.Join(dir, name), filepath.Join(to, name)); err != nil {
				return err
			}
		}
		files = append(files, filepath.Join(index, base+"-Data.db"))
	}
	return t.describe(tag, files)
}

// describe writes schema.cql, which tables of the system have not, and the list
// of what was taken into one of the directories.
func (t *tableOn) describe(tag string, files []string) error {
	dir := filepath.Join(t.node.paths(t.tableSchema)[0], snapshotsDir, tag)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	list := map[string]any{"files": files}
	if r := t.node.ring.release; r.Major > 4 || r.Major == 4 && r.Minor >= 1 {
		list["created_at"], list["expires_at"] = "2023-11-14T22:13:20.000Z", nil
	}
	body, err := json.Marshal(list)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "manifest.json"), body, 0o644); err != nil {
		return err
	}
	if cassandra.IsSystem(t.keyspace) {
		return nil
	}
	return os.WriteFile(filepath.Join(dir, "schema.cql"), []byte(t.cql()), 0o644)
}

// clearSnapshot is the operation. It looks into the directories, and so finds what
// dropped tables have.
func (f *Fake) clearSnapshot(tag string, keyspaces []string) error {
	found, err := f.snapshots()
	errs := []error{err}
	for _, dir := range found {
		keyspace := filepath.Base(filepath.Dir(filepath.Dir(filepath.Dir(dir))))
		if filepath.Base(dir) == tag && (len(keyspaces) == 0 || slices.Contains(keyspaces, keyspace)) {
			errs = append(errs, os.RemoveAll(dir))
		}
	}
	return errors.Join(errs...)
}

// snapshots are the directories of all snapshots.
func (f *Fake) snapshots() ([]string, error) {
	var all []string
	for _, dir := range f.dataDirs {
		found, err := filepath.Glob(filepath.Join(dir, "*", "*", snapshotsDir, "*"))
		if err != nil {
			return nil, fmt.Errorf("looking for snapshots: %w", err)
		}
		all = append(all, found...)
	}
	return all, nil
}

// Snapshots are the directories of a table's snapshots, without those of dropped
// tables of its name.
func (f *Fake) Snapshots(keyspace, table string) (dirs []string) {
	f.tb.Helper()
	f.with(keyspace, table, func(t *tableOn) error {
		all, err := f.snapshots()
		for _, dir := range all {
			if slices.Contains(f.paths(t.tableSchema), filepath.Dir(filepath.Dir(dir))) {
				dirs = append(dirs, dir)
			}
		}
		return err
	})
	return dirs
}

// truncate is the operation: on all nodes of the ring.
func (f *Fake) truncate(t *tableSchema) error {
	for _, n := range f.ring.nodes {
		if n.down {
			return thrown("java.io.IOException", "Cannot achieve consistency level ALL, as %s is down", n.Address())
		}
	}
	tag := f.ring.tag("truncated", t)
	for _, n := range f.ring.nodes {
		if err := n.on(t).discard(tag); err != nil {
			return err
		}
	}
	return nil
}

// discard empties a table. Its data stay in a snapshot.
func (t *tableOn) discard(tag string) error {
	if err := t.flush(); err != nil {
		return err
	}
	if err := t.snapshot(tag); err != nil {
		return err
	}
	return t.remove(slices.Sorted(maps.Keys(t.live)))
}
