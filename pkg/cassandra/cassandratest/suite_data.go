//nolint:thelper // its functions are tests, and where they fail counts
package cassandratest

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

// onDisk are the bases of the SSTables in the directories of a table, or of one
// of its indexes: "<directory>/nb-1-big".
func onDisk(t *testing.T, table cassandra.Table, index string) []string {
	t.Helper()
	var bases []string
	for _, path := range table.DataPaths {
		dir := filepath.Join(path, index)
		files, err := group(dir)
		if index != "" && errors.Is(err, os.ErrNotExist) {
			continue
		}
		must(t, err)
		for base := range files {
			bases = append(bases, filepath.Join(dir, base))
		}
	}
	slices.Sort(bases)
	return bases
}

// prepare makes a table with rows on disk.
func prepare(t *testing.T, s Subject, keyspace string, rows ...string) cassandra.Table {
	t.Helper()
	s.CreateKeyspace(keyspace)
	s.MakeTable(keyspace, "t")
	s.Write(keyspace, "t", rows...)
	must(t, s.Flush(t.Context(), keyspace))
	return only(t, s, keyspace)
}

func wantRows(t *testing.T, s Subject, keyspace string, want ...string) {
	t.Helper()
	if got := s.Rows(keyspace, "t"); !slices.Equal(want, got) {
		t.Errorf("%s has the rows %v, want %v", keyspace, got, want)
	}
}

func flushes(t *testing.T, s Subject) {
	const keyspace = "conform_flush"
	s.CreateKeyspace(keyspace)
	s.MakeTable(keyspace, "t")
	s.MakeTable(keyspace, "u")
	tables, err := s.Tables(t.Context(), keyspace)
	must(t, err)
	must(t, s.Flush(t.Context(), keyspace, "t"))
	if found := onDisk(t, tables[0], ""); len(found) != 0 {
		t.Errorf("an empty table has %v", found)
	}
	s.Write(keyspace, "t", "a")
	s.Write(keyspace, "u", "a")
	must(t, s.Flush(t.Context(), keyspace, "t"))
	if found := onDisk(t, tables[0], ""); len(found) == 0 {
		t.Error("the table has no SSTable")
	}
	if found := onDisk(t, tables[1], ""); len(found) != 0 {
		t.Errorf("the other table has %v", found)
	}
	must(t, s.Flush(t.Context(), keyspace))
	if found := onDisk(t, tables[1], ""); len(found) == 0 {
		t.Error("the other table has no SSTable")
	}
	before := onDisk(t, tables[0], "")
	must(t, s.Flush(t.Context(), keyspace))
	if diff := cmp.Diff(before, onDisk(t, tables[0], "")); diff != "" {
		t.Errorf("to flush nothing does something: %s", diff)
	}
}

func cleansUp(t *testing.T, s Subject) {
	const keyspace = "conform_cleanup"
	prepare(t, s, keyspace, "a")
	must(t, s.Cleanup(t.Context(), keyspace, 0))
	must(t, s.Cleanup(t.Context(), keyspace, 1, "t"))
	wantRows(t, s, keyspace, "a")
	var exception *jmx.Exception
	if err := s.Cleanup(t.Context(), "system", 0); !errors.As(err, &exception) {
		t.Errorf("of system: %v, want an exception of Cassandra", err)
	}
}

// truncations are the snapshots that Cassandra made of truncations.
func truncations(t *testing.T, table cassandra.Table) []string {
	t.Helper()
	var tags []string
	for _, path := range table.DataPaths {
		found, err := filepath.Glob(filepath.Join(path, snapshotsDir, "*"))
		must(t, err)
		for _, dir := range found {
			if regexp.MustCompile(`^truncated-[0-9]{13}-` + table.Name + `$`).MatchString(filepath.Base(dir)) {
				tags = append(tags, filepath.Base(dir))
			}
		}
	}
	slices.Sort(tags)
	return slices.Compact(tags)
}

func truncates(t *testing.T, s Subject) {
	const keyspace = "conform_truncate"
	table := prepare(t, s, keyspace, "a", "b")
	s.Write(keyspace, "t", "c")
	must(t, s.Truncate(t.Context(), keyspace, "t"))
	wantRows(t, s, keyspace)
	tags := truncations(t, table)
	if len(tags) != 1 {
		t.Fatalf("there are the snapshots %v", tags)
	}
	// What was flushed, and what was not, perhaps in several SSTables.
	snapshot, _ := look(t, table, tags[0])
	if len(snapshot.data) < 2 || snapshot.lists != 1 || snapshot.schemas != 1 {
		t.Errorf("the snapshot is %+v", snapshot)
	}
	eventually(t, "the SSTables remain", func() bool { return len(onDisk(t, table, "")) == 0 })
	must(t, s.ClearSnapshot(t.Context(), tags[0], keyspace))
	if tags := truncations(t, table); len(tags) != 0 {
		t.Errorf("there are the snapshots %v", tags)
	}
	must(t, s.Truncate(t.Context(), keyspace, "t")) // an empty one
	s.Write(keyspace, "t", "d")
	wantRows(t, s, keyspace, "d")
}

func truncatesLive(t *testing.T, s Subject) {
	const keyspace = "conform_live"
	table := prepare(t, s, keyspace, "a")
	copied := copyInto(t, save(t, s, table), table.DataPaths[0], 1<<30)
	must(t, s.Truncate(t.Context(), keyspace, "t"))
	eventually(t, "other files remain than those that are in no use", func() bool {
		return cmp.Equal(copied, onDisk(t, table, ""))
	})
	must(t, s.LoadNewSSTables(t.Context(), keyspace, "t"))
	wantRows(t, s, keyspace, "a")
}

// eventually waits for what Cassandra does behind our back.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal(what)
		}
	}
}
