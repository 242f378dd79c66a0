package cassandratest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
)

// CreateKeyspace makes an empty keyspace on all nodes of the ring.
func (f *Fake) CreateKeyspace(keyspace string) {
	f.tb.Helper()
	f.change(func() {
		f.ring.changes++
		f.ring.addKeyspace(keyspace)
	})
}

func (r *ring) addKeyspace(keyspace string) {
	if !slices.Contains(r.keyspaces, keyspace) {
		r.keyspaces = append(r.keyspaces, keyspace)
		slices.Sort(r.keyspaces)
	}
}

// CreateTable makes a table of the columns k and v on all nodes, and its keyspace
// if need be. A table that is dropped and made again has another id.
func (f *Fake) CreateTable(keyspace, name string) cassandra.Table {
	f.tb.Helper()
	return f.create(&tableSchema{keyspace: keyspace, name: name})
}

func (f *Fake) create(of *tableSchema) cassandra.Table {
	f.tb.Helper()
	t := *of // those of the system are made in many rings
	f.ring.mu.Lock()
	defer f.ring.mu.Unlock()
	if f.ring.find(t.keyspace, t.name) != nil {
		f.tb.Fatalf("creating table %s.%s: it exists", t.keyspace, t.name)
	}
	f.ring.changes++
	if t.id == "" { // as a version 1 UUID, later than the one before
		t.id = fmt.Sprintf("%08x7e4f11eebe560242ac120002", f.ring.changes)
	}
	f.ring.addKeyspace(t.keyspace)
	f.ring.tables = append(f.ring.tables, &t)
	for _, n := range f.ring.nodes {
		n.stores[t.id] = &store{live: map[string]bool{}}
		for _, dir := range n.paths(&t) {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				f.tb.Fatalf("creating table %s.%s: %v", t.keyspace, t.name, err)
			}
		}
	}
	return f.described(&t)
}

// CreateIndex makes a secondary index, which has SSTables of its own for what is
// flushed from now on.
func (f *Fake) CreateIndex(keyspace, table, index string) {
	f.tb.Helper()
	f.with(keyspace, table, func(t *tableOn) error {
		f.ring.changes++
		t.indexes = append(t.indexes, index)
		for _, n := range f.ring.nodes {
			for _, dir := range n.paths(t.tableSchema) {
				if err := os.MkdirAll(filepath.Join(dir, "."+index), 0o755); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// DropTable drops a table on all nodes. What was flushed of it stays in a
// snapshot.
func (f *Fake) DropTable(keyspace, table string) {
	f.tb.Helper()
	f.with(keyspace, table, func(t *tableOn) error {
		f.ring.changes++
		tag := f.ring.tag("dropped", t.tableSchema)
		f.ring.tables = slices.DeleteFunc(f.ring.tables, func(other *tableSchema) bool { return other == t.tableSchema })
		var errs []error
		for _, n := range f.ring.nodes {
			errs = append(errs, n.on(t.tableSchema).discard(tag))
		}
		return errors.Join(errs...)
	})
}

// Described is the table as Tables lists it.
func (f *Fake) Described(keyspace, table string) (d cassandra.Table) {
	f.tb.Helper()
	f.with(keyspace, table, func(t *tableOn) error {
		d = f.described(t.tableSchema)
		return nil
	})
	return d
}

func (f *Fake) described(t *tableSchema) cassandra.Table {
	return cassandra.Table{Keyspace: t.keyspace, Name: t.name, ID: t.id, DataPaths: f.paths(t)}
}

// paths are the directories of a table.
func (f *Fake) paths(t *tableSchema) []string {
	paths := make([]string, 0, len(f.dataDirs))
	for _, dir := range f.dataDirs {
		paths = append(paths, filepath.Join(dir, t.keyspace, t.name+"-"+t.id))
	}
	return paths
}

// find is nil where there is no such table.
func (r *ring) find(keyspace, name string) *tableSchema {
	for _, t := range r.tables {
		if t.keyspace == keyspace && t.name == name {
			return t
		}
	}
	return nil
}

// tag names a snapshot that Cassandra itself makes of a table.
func (r *ring) tag(why string, t *tableSchema) string {
	r.clock++
	return fmt.Sprintf("%s-%d-%s", why, r.clock, t.name)
}

// with does something with a table, for the test.
func (f *Fake) with(keyspace, table string, do func(t *tableOn) error) {
	f.tb.Helper()
	f.ring.mu.Lock()
	defer f.ring.mu.Unlock()
	t := f.ring.find(keyspace, table)
	if t == nil {
		f.tb.Fatalf("there is no table %s.%s", keyspace, table)
	}
	if err := do(f.on(t)); err != nil {
		f.tb.Fatalf("changing %s.%s: %v", keyspace, table, err)
	}
}

// cql is how a snapshot describes a table.
func (t *tableSchema) cql() string {
	id := strings.Join([]string{t.id[:8], t.id[8:12], t.id[12:16], t.id[16:20], t.id[20:]}, "-")
	text := fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s.%s (\n    k text PRIMARY KEY,\n    v text\n) WITH ID = %s;\n",
		quoted(t.keyspace), quoted(t.name), id)
	for _, index := range t.indexes {
		text += fmt.Sprintf("CREATE INDEX %s ON %s.%s (v);\n", quoted(index), quoted(t.keyspace), quoted(t.name))
	}
	return text
}

// quoted is a name as CQL wants it.
func quoted(name string) string {
	if name == strings.ToLower(name) {
		return name
	}
	return `"` + name + `"`
}
