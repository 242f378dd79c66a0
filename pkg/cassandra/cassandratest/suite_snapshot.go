//nolint:thelper // its functions are tests, and where they fail counts
package cassandratest

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/sstable"
)

// taken is what lies in the directories of a snapshot of a table.
type taken struct {
	// data are the Data.db files: "nb-1-big-Data.db", ".idx/nb-1-big-Data.db".
	data []string
	// listed are those that manifest.json names.
	listed []string
	schema string
	// lists and schemas are how many files there are of them.
	lists, schemas int
	// linked is whether every file of a live SSTable is that of the snapshot.
	linked bool
}

// look reads a snapshot; ok is false where there is none.
func look(t *testing.T, table cassandra.Table, tag string) (s taken, ok bool) {
	t.Helper()
	s.linked = true
	for _, path := range table.DataPaths {
		dir := filepath.Join(path, snapshotsDir, tag)
		sstables, err := sstable.Scan(os.DirFS(dir), ".")
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		must(t, err)
		ok = true
		for _, table := range sstables {
			s.data = append(s.data, filepath.Join(table.Index, table.Base+"-Data.db"))
			for _, c := range table.Components {
				s.linked = s.linked && same(t, filepath.Join(dir, c.Path), filepath.Join(path, c.Path))
			}
		}
		if body, err := os.ReadFile(filepath.Join(dir, "manifest.json")); err == nil {
			var list struct{ Files []string }
			must(t, json.Unmarshal(body, &list))
			s.listed, s.lists = append(s.listed, list.Files...), s.lists+1
		}
		if body, err := os.ReadFile(filepath.Join(dir, "schema.cql")); err == nil {
			s.schema, s.schemas = string(body), s.schemas+1
		}
	}
	slices.Sort(s.data)
	slices.Sort(s.listed)
	return s, ok
}

// same is whether both are one file.
func same(t *testing.T, a, b string) bool {
	t.Helper()
	first, err := os.Stat(a)
	must(t, err)
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}

func snapshotLinks(t *testing.T, s Subject) {
	const keyspace, tag = "conform_Links", "conform-links"
	s.CreateKeyspace(keyspace)
	s.MakeTable(keyspace, "Table1")
	s.Write(keyspace, "Table1", "a", "b")
	must(t, s.Snapshot(t.Context(), tag, []string{keyspace}))
	table := only(t, s, keyspace)
	snapshot, ok := look(t, table, tag)
	if !ok || len(snapshot.data) == 0 || !snapshot.linked {
		t.Fatalf("the snapshot is %+v", snapshot)
	}
	if diff := cmp.Diff(snapshot.data, snapshot.listed); diff != "" || snapshot.lists != 1 {
		t.Errorf("manifest.json is there %d times, and differs: %s", snapshot.lists, diff)
	}
	created := regexp.MustCompile(`CREATE TABLE (IF NOT EXISTS )?"conform_Links"\."Table1" \(`)
	id := table.ID[:8] + "-" + table.ID[8:12] + "-" + table.ID[12:16] + "-" + table.ID[16:20] + "-" + table.ID[20:]
	if snapshot.schemas != 1 || !created.MatchString(snapshot.schema) || !strings.Contains(snapshot.schema, "ID = "+id) {
		t.Errorf("schema.cql is there %d times: %s", snapshot.schemas, snapshot.schema)
	}
	tags, err := s.SnapshotTags(t.Context())
	must(t, err)
	if !slices.Contains(tags, tag) || !slices.IsSorted(tags) {
		t.Errorf("the tags are %v", tags)
	}
	must(t, s.ClearSnapshot(t.Context(), tag))
}

func snapshotIndexes(t *testing.T, s Subject) {
	const keyspace, tag = "conform_indexes", "conform-indexes"
	s.CreateKeyspace(keyspace)
	s.MakeTable(keyspace, "t")
	s.CreateIndex(keyspace, "t", "by_v")
	s.Write(keyspace, "t", "a", "b")
	must(t, s.Snapshot(t.Context(), tag, []string{keyspace + ".t"}))
	snapshot, _ := look(t, only(t, s, keyspace), tag)
	indexed := slices.ContainsFunc(snapshot.data, func(name string) bool { return filepath.Dir(name) == ".by_v" })
	if !indexed || !snapshot.linked {
		t.Errorf("the snapshot is %+v", snapshot)
	}
	if diff := cmp.Diff(snapshot.data, snapshot.listed); diff != "" {
		t.Errorf("manifest.json differs: %s", diff)
	}
	if !strings.Contains(snapshot.schema, "CREATE INDEX ") || !strings.Contains(snapshot.schema, "by_v") {
		t.Errorf("schema.cql is %s", snapshot.schema)
	}
	must(t, s.ClearSnapshot(t.Context(), tag))
}

func snapshotEmpty(t *testing.T, s Subject) {
	const keyspace, tag = "conform_empty", "conform-empty"
	s.CreateKeyspace(keyspace)
	s.MakeTable(keyspace, "t")
	must(t, s.Snapshot(t.Context(), tag, []string{keyspace}))
	snapshot, ok := look(t, only(t, s, keyspace), tag)
	if !ok || len(snapshot.data)+len(snapshot.listed) != 0 || snapshot.lists != 1 || snapshot.schemas != 1 {
		t.Errorf("the snapshot is %+v", snapshot)
	}
	must(t, s.ClearSnapshot(t.Context(), tag))
}

func snapshotTables(t *testing.T, s Subject) {
	const keyspace, tag = "conform_tables", "conform-tables"
	s.CreateKeyspace(keyspace)
	for _, name := range []string{"a", "b", "c"} {
		s.MakeTable(keyspace, name)
		s.Write(keyspace, name, "x")
	}
	must(t, s.Snapshot(t.Context(), tag, []string{keyspace + ".a", keyspace + ".b"}))
	wantSnapshots(t, s, keyspace, tag, "a", "b")
	// Of tables it is asked each by itself whether it has the tag.
	must(t, s.Snapshot(t.Context(), tag, []string{keyspace + ".c"}))
	wantSnapshots(t, s, keyspace, tag, "a", "b", "c")
	must(t, s.ClearSnapshot(t.Context(), tag))
}

// wantSnapshots wants a snapshot of some tables of a keyspace, and of no others.
func wantSnapshots(t *testing.T, s Subject, keyspace, tag string, names ...string) {
	t.Helper()
	tables, err := s.Tables(t.Context(), keyspace)
	must(t, err)
	var found []string
	for _, table := range tables {
		if _, ok := look(t, table, tag); ok {
			found = append(found, table.Name)
		}
	}
	if diff := cmp.Diff(names, found); diff != "" {
		t.Errorf("snapshot %s of %s: %s", tag, keyspace, diff)
	}
}

func tagTaken(t *testing.T, s Subject) {
	const keyspace, tag = "conform_taken", "conform-taken"
	s.CreateKeyspace(keyspace)
	s.MakeTable(keyspace, "a")
	s.MakeTable(keyspace, "b")
	s.Write(keyspace, "a", "x")
	must(t, s.Snapshot(t.Context(), tag, []string{keyspace + ".a"}))
	s.Write(keyspace, "b", "x")
	for _, entities := range [][]string{{keyspace}, {keyspace + ".b", keyspace + ".a"}, {}} {
		if err := s.Snapshot(t.Context(), tag, entities); !errors.Is(err, cassandra.ErrSnapshotExists) {
			t.Errorf("again, of %v: %v", entities, err)
		}
	}
	wantSnapshots(t, s, keyspace, tag, "a")
	must(t, s.ClearSnapshot(t.Context(), tag))
	must(t, s.Snapshot(t.Context(), tag, []string{keyspace}))
	must(t, s.ClearSnapshot(t.Context(), tag))
}

func tagElsewhere(t *testing.T, s Subject) {
	const one, other, tag = "conform_one", "conform_other", "conform-elsewhere"
	for _, keyspace := range []string{one, other} {
		s.CreateKeyspace(keyspace)
		s.MakeTable(keyspace, "t")
		must(t, s.Snapshot(t.Context(), tag, []string{keyspace}))
	}
	wantSnapshots(t, s, one, tag, "t")
	wantSnapshots(t, s, other, tag, "t")
	must(t, s.ClearSnapshot(t.Context(), tag))
}

func clears(t *testing.T, s Subject) {
	const one, other, tag = "conform_clear1", "conform_clear2", "conform-clears"
	for _, keyspace := range []string{one, other} {
		s.CreateKeyspace(keyspace)
		s.MakeTable(keyspace, "t")
		s.Write(keyspace, "t", "a")
	}
	must(t, s.Snapshot(t.Context(), tag, []string{one, other}))
	must(t, s.Snapshot(t.Context(), tag+"-kept", []string{one, other}))
	must(t, s.ClearSnapshot(t.Context(), tag, one))
	wantSnapshots(t, s, one, tag)
	wantSnapshots(t, s, other, tag, "t")
	must(t, s.ClearSnapshot(t.Context(), tag, "conform_nowhere"))
	must(t, s.ClearSnapshot(t.Context(), tag))
	wantSnapshots(t, s, other, tag)
	must(t, s.ClearSnapshot(t.Context(), tag)) // there is none any more
	wantSnapshots(t, s, one, tag+"-kept", "t")
	wantSnapshots(t, s, other, tag+"-kept", "t")
	must(t, s.ClearSnapshot(t.Context(), tag+"-kept"))
	if rows := s.Rows(one, "t"); !cmp.Equal(rows, []string{"a"}) {
		t.Errorf("the table has %v", rows)
	}
}

func clearsDropped(t *testing.T, s Subject) {
	const keyspace, tag = "conform_dropped", "conform-dropped"
	s.CreateKeyspace(keyspace)
	s.MakeTable(keyspace, "t")
	s.Write(keyspace, "t", "a")
	must(t, s.Snapshot(t.Context(), tag, []string{keyspace}))
	table := only(t, s, keyspace)
	s.DropTable(keyspace, "t")
	if _, ok := look(t, table, tag); !ok {
		t.Error("the snapshot is gone with the table")
	}
	must(t, s.ClearSnapshot(t.Context(), tag))
	if _, ok := look(t, table, tag); ok {
		t.Error("the snapshot of the dropped table remains")
	}
}

func snapshotAll(t *testing.T, s Subject) {
	const keyspace, tag = "conform_all", "conform-all"
	s.CreateKeyspace(keyspace)
	s.MakeTable(keyspace, "t")
	must(t, s.Snapshot(t.Context(), tag, nil))
	wantSnapshots(t, s, keyspace, tag, "t")
	tables, err := s.Tables(t.Context(), "system", "system_schema", "system_auth")
	must(t, err)
	for _, table := range tables {
		snapshot, ok := look(t, table, tag)
		if !ok || snapshot.schemas != 0 || snapshot.lists != 1 {
			t.Errorf("the snapshot of %s is %+v", table, snapshot)
		}
	}
	must(t, s.ClearSnapshot(t.Context(), tag))
}
