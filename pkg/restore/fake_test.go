package restore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/jmx"
	"github.com/icarus-sidecar/icarus/pkg/sstable"
)

// fakeNode is a Cassandra that keeps SSTables in directories, and does with them
// what the real one does when it truncates, loads and imports.
type fakeNode struct {
	t        *testing.T
	id       cassandra.Identity
	schema   string
	dataDirs []string

	mu         sync.Mutex
	tables     []*fakeTable
	unhealthy  error
	noImport   bool
	generation int
	clock      int64

	// before and after stand around the calls that change something.
	before, after func(call string) error
	calls         []string
}

type fakeTable struct {
	cassandra.Table
	// live are the SSTables in use: "<dir>/<base>".
	live map[string]bool
}

func newNode(t *testing.T, hostID string, dataDirs int, tables ...string) *fakeNode {
	t.Helper()
	n := &fakeNode{
		t: t, schema: schemaVersion, clock: 1700000000000,
		id: cassandra.Identity{ClusterName: "c", Datacenter: "dc1", HostID: hostID, Tokens: []string{"-5", "17"}},
	}
	root := t.TempDir()
	for i := range dataDirs {
		n.dataDirs = append(n.dataDirs, filepath.Join(root, fmt.Sprintf("data%d", i)))
	}
	for i, name := range tables {
		n.create(name, fmt.Sprintf("%032x", i+1))
	}
	return n
}

func (n *fakeNode) create(name, id string) {
	n.t.Helper()
	keyspace, table, _ := strings.Cut(name, ".")
	ft := &fakeTable{Table: cassandra.Table{Keyspace: keyspace, Name: table, ID: id}, live: map[string]bool{}}
	for _, dir := range n.dataDirs {
		path := filepath.Join(dir, keyspace, table+"-"+id)
		ft.DataPaths = append(ft.DataPaths, path)
		if err := os.MkdirAll(path, 0o755); err != nil {
			n.t.Fatal(err)
		}
	}
	n.tables = append(n.tables, ft)
}

func (n *fakeNode) table(keyspace, name string) (*fakeTable, error) {
	for _, ft := range n.tables {
		if ft.Keyspace == keyspace && ft.Name == name {
			return ft, nil
		}
	}
	return nil, fmt.Errorf("%w: %s.%s", cassandra.ErrUnknownTable, keyspace, name)
}

func (n *fakeNode) Identity(context.Context) (cassandra.Identity, error) { return n.id, nil }
func (n *fakeNode) SchemaVersion(context.Context) (string, error)        { return n.schema, nil }
func (n *fakeNode) CheckHealth(context.Context) error                    { return n.unhealthy }
func (n *fakeNode) DataDirectories(context.Context) ([]string, error)    { return n.dataDirs, nil }
func (n *fakeNode) CanImport(context.Context) (bool, error)              { return !n.noImport, nil }

func (n *fakeNode) Tables(_ context.Context, keyspaces ...string) ([]cassandra.Table, error) {
	var found []cassandra.Table
	for _, ft := range n.tables {
		if slices.Contains(keyspaces, ft.Keyspace) {
			found = append(found, ft.Table)
		}
	}
	if len(found) == 0 {
		return nil, cassandra.ErrUnknownKeyspace
	}
	return found, nil
}

// around runs a call that changes something, between the hooks.
func (n *fakeNode) around(ctx context.Context, call, keyspace, table string, do func(ft *fakeTable) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	call += " " + keyspace + "." + table
	if n.before != nil {
		if err := n.before(call); err != nil {
			return err
		}
	}
	n.mu.Lock()
	ft, err := n.table(keyspace, table)
	if err == nil {
		err = do(ft)
		n.calls = append(n.calls, call)
	}
	n.mu.Unlock()
	if err != nil {
		return err
	}
	if n.after != nil {
		return n.after(call)
	}
	return nil
}

// Truncate takes a snapshot and removes what is in use, and only that.
func (n *fakeNode) Truncate(ctx context.Context, keyspace, table string) error {
	return n.around(ctx, "truncate", keyspace, table, func(ft *fakeTable) error {
		n.clock++
		for _, dir := range ft.DataPaths {
			for _, file := range n.files(dir) {
				if !ft.live[filepath.Join(dir, baseOf(file))] {
					continue
				}
				snapshot := filepath.Join(dir, "snapshots", fmt.Sprintf("truncated-%d-%s", n.clock, table))
				if err := errors.Join(os.MkdirAll(snapshot, 0o755), os.Rename(filepath.Join(dir, file), filepath.Join(snapshot, file))); err != nil {
					return err
				}
			}
		}
		ft.live = map[string]bool{}
		return nil
	})
}

// LoadNewSSTables renames what is not in use to its next generations.
func (n *fakeNode) LoadNewSSTables(ctx context.Context, keyspace, table string) error {
	return n.around(ctx, "load", keyspace, table, func(ft *fakeTable) error {
		for _, dir := range ft.DataPaths {
			bases := map[string][]string{}
			for _, file := range n.files(dir) {
				bases[baseOf(file)] = append(bases[baseOf(file)], file)
			}
			for base, files := range bases {
				if ft.live[filepath.Join(dir, base)] {
					continue
				}
				if !slices.Contains(files, base+"-Data.db") {
					return &jmx.Exception{Class: "java.lang.AssertionError", Message: "no Data.db of " + base}
				}
				if strings.HasPrefix(base, "zz-") {
					continue // a format that this release does not know
				}
				if err := n.take(ft, dir, dir, base, files, os.Rename); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Import copies by hard links, as the real one does where it can.
func (n *fakeNode) Import(ctx context.Context, keyspace, table string, dirs []string, _ cassandra.ImportOptions) error {
	return n.around(ctx, "import", keyspace, table, func(ft *fakeTable) error {
		for _, from := range dirs {
			bases := map[string][]string{}
			for _, file := range n.files(from) {
				bases[baseOf(file)] = append(bases[baseOf(file)], file)
			}
			for base, files := range bases {
				if err := n.take(ft, from, ft.DataPaths[0], base, files, os.Link); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (n *fakeNode) take(ft *fakeTable, from, to, base string, files []string, put func(a, b string) error) error {
	n.generation++
	as := fmt.Sprintf("nb-%d-big", n.generation)
	for _, file := range files {
		component := strings.TrimPrefix(file, base+"-")
		if component == "Statistics.db" { // the level is reset, by another file under the name
			temp := filepath.Join(from, "tmp")
			if err := errors.Join(os.WriteFile(temp, []byte("level 0"), 0o644), os.Rename(temp, filepath.Join(from, file))); err != nil {
				return err
			}
		}
		if err := put(filepath.Join(from, file), filepath.Join(to, as+"-"+component)); err != nil {
			return err
		}
		if component == "TOC.txt" {
			f, err := os.OpenFile(filepath.Join(to, as+"-"+component), os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("SAI.db\n")
			if err := errors.Join(err, f.Close()); err != nil {
				return err
			}
		}
	}
	ft.live[filepath.Join(to, as)] = true
	return nil
}

// write flushes an SSTable with one row.
func (n *fakeNode) write(name, row string) {
	n.t.Helper()
	keyspace, table, _ := strings.Cut(name, ".")
	ft, err := n.table(keyspace, table)
	if err != nil {
		n.t.Fatal(err)
	}
	n.generation++
	base := fmt.Sprintf("nb-%d-big", n.generation)
	dir := ft.DataPaths[n.generation%len(ft.DataPaths)]
	for component, body := range componentsOf(row) {
		if err := os.WriteFile(filepath.Join(dir, base+"-"+component), []byte(body), 0o644); err != nil {
			n.t.Fatal(err)
		}
	}
	ft.live[filepath.Join(dir, base)] = true
}

// rows reads the table, as far as it is in use.
func (n *fakeNode) rows(name string) []string {
	n.t.Helper()
	keyspace, table, _ := strings.Cut(name, ".")
	ft, err := n.table(keyspace, table)
	if err != nil {
		n.t.Fatal(err)
	}
	rows := []string{}
	for path := range ft.live {
		body, err := os.ReadFile(path + "-Data.db")
		if err != nil {
			n.t.Fatal(err)
		}
		rows = append(rows, string(body))
	}
	slices.Sort(rows)
	return rows
}

// idle are the files in a table's directories that are not in use.
func (n *fakeNode) idle(name string) []string {
	n.t.Helper()
	keyspace, table, _ := strings.Cut(name, ".")
	ft, err := n.table(keyspace, table)
	if err != nil {
		n.t.Fatal(err)
	}
	var idle []string
	for _, dir := range ft.DataPaths {
		entries, err := os.ReadDir(dir)
		if err != nil {
			n.t.Fatal(err)
		}
		for _, e := range entries {
			if !e.IsDir() && !ft.live[filepath.Join(dir, baseOf(e.Name()))] {
				idle = append(idle, e.Name())
			}
		}
	}
	return idle
}

func (n *fakeNode) snapshots(name string) []string {
	n.t.Helper()
	keyspace, table, _ := strings.Cut(name, ".")
	ft, err := n.table(keyspace, table)
	if err != nil {
		n.t.Fatal(err)
	}
	var found []string
	for _, dir := range ft.DataPaths {
		matches, err := filepath.Glob(filepath.Join(dir, "snapshots", "*"))
		if err != nil {
			n.t.Fatal(err)
		}
		for _, m := range matches {
			found = append(found, filepath.Base(m))
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func (n *fakeNode) files(dir string) []string {
	n.t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		n.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if _, ok := sstable.ParseName(e.Name()); ok && !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

func baseOf(file string) string {
	name, _ := sstable.ParseName(file)
	return name.Base
}

func componentsOf(row string) map[string]string {
	return map[string]string{
		"Data.db": row, "Index.db": "index of " + row, "Statistics.db": "level 3 of " + row,
		"Filter.db": "", "TOC.txt": "Data.db\nIndex.db\nStatistics.db\nFilter.db\nTOC.txt\n",
	}
}
