//nolint:thelper // its functions are tests, and where they fail counts
package cassandratest

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/jmx"
	"github.com/icarus-sidecar/icarus/pkg/sstable"
)

// save copies a table's files into a directory, as a download would.
func save(t *testing.T, s Subject, table cassandra.Table) string {
	t.Helper()
	must(t, s.Snapshot(t.Context(), "conform-save", []string{table.String()}))
	to := filepath.Join(t.TempDir(), table.Keyspace, table.Name)
	must(t, os.MkdirAll(to, 0o755))
	for i, path := range table.DataPaths {
		files, err := group(filepath.Join(path, snapshotsDir, "conform-save"))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		must(t, err)
		for base, names := range files {
			// Generations may be alike in two directories.
			as := renumbered(base, 1000*(i+1))
			for _, name := range names {
				copyFile(t, filepath.Join(path, snapshotsDir, "conform-save", name), filepath.Join(to, as+strings.TrimPrefix(name, base)))
			}
		}
	}
	must(t, s.ClearSnapshot(t.Context(), "conform-save", table.Keyspace))
	return to
}

// renumbered is the base with a higher generation, or with another id.
func renumbered(base string, more int) string {
	n, _ := sstable.ParseName(base + "-Data.db")
	as := "2" + n.Generation[1:] // from a time long ago
	if generation, err := strconv.Atoi(n.Generation); err == nil {
		as = strconv.Itoa(generation + more)
	}
	return strings.Replace(base, "-"+n.Generation+"-", "-"+as+"-", 1)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	body, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, body, 0o666))
}

// copyInto copies saved SSTables into a directory of their table, with higher
// generations. It returns their new bases.
func copyInto(t *testing.T, saved, dir string, more int) []string {
	t.Helper()
	files, err := group(saved)
	must(t, err)
	bases := make([]string, 0, len(files))
	for base, names := range files {
		as := filepath.Join(dir, renumbered(base, more))
		bases = append(bases, as)
		for _, name := range names {
			copyFile(t, filepath.Join(saved, name), as+strings.TrimPrefix(name, base))
		}
	}
	slices.Sort(bases)
	return bases
}

func loads(t *testing.T, s Subject) {
	const keyspace = "conform_loads"
	table := prepare(t, s, keyspace, "a", "b", "c")
	saved := save(t, s, table)
	must(t, s.Truncate(t.Context(), keyspace, "t"))
	wantRows(t, s, keyspace)
	eventually(t, "the SSTables remain", func() bool { return len(onDisk(t, table, "")) == 0 })
	// In the last directory, whatever Cassandra would have chosen.
	copied := copyInto(t, saved, table.DataPaths[len(table.DataPaths)-1], 1<<30)
	wantRows(t, s, keyspace)
	must(t, s.LoadNewSSTables(t.Context(), keyspace, "t"))
	wantRows(t, s, keyspace, "a", "b", "c")
	for _, base := range onDisk(t, table, "") {
		if slices.Contains(copied, base) {
			t.Errorf("%s has its name still", base)
		}
	}
	if n := len(onDisk(t, table, "")); n != len(copied) {
		t.Errorf("of %d SSTables there are %d", len(copied), n)
	}
	before := onDisk(t, table, "")
	must(t, s.LoadNewSSTables(t.Context(), keyspace, "t"))
	if diff := cmp.Diff(before, onDisk(t, table, "")); diff != "" {
		t.Errorf("to load nothing does something: %s", diff)
	}
}

func loadsIndexes(t *testing.T, s Subject) {
	const keyspace = "conform_loadsindexes"
	s.CreateKeyspace(keyspace)
	s.MakeTable(keyspace, "t")
	s.CreateIndex(keyspace, "t", "by_v")
	s.Write(keyspace, "t", "a", "b")
	must(t, s.Flush(t.Context(), keyspace))
	table := only(t, s, keyspace)
	saved := save(t, s, table)
	must(t, s.Truncate(t.Context(), keyspace, "t"))
	eventually(t, "the SSTables of the index remain", func() bool { return len(onDisk(t, table, ".by_v")) == 0 })
	copyInto(t, saved, table.DataPaths[0], 1<<30)
	must(t, s.LoadNewSSTables(t.Context(), keyspace, "t"))
	wantRows(t, s, keyspace, "a", "b")
	must(t, s.Flush(t.Context(), keyspace))
	if len(onDisk(t, table, ".by_v")) == 0 {
		t.Error("the index was not built")
	}
}

func loadsTwice(t *testing.T, s Subject) {
	const keyspace = "conform_loadstwice"
	table := prepare(t, s, keyspace, "a")
	saved := save(t, s, table)
	must(t, s.Truncate(t.Context(), keyspace, "t"))
	s.Write(keyspace, "t", "b")
	must(t, s.Flush(t.Context(), keyspace))
	copyInto(t, saved, table.DataPaths[0], 1<<30)
	must(t, s.LoadNewSSTables(t.Context(), keyspace, "t"))
	wantRows(t, s, keyspace, "a", "b")
	// What Cassandra writes next does not meet the names of what it took up.
	s.Write(keyspace, "t", "c")
	must(t, s.Flush(t.Context(), keyspace))
	wantRows(t, s, keyspace, "a", "b", "c")
}

func overlooksForeign(t *testing.T, s Subject) {
	const keyspace = "conform_foreign"
	table := prepare(t, s, keyspace, "a")
	saved := save(t, s, table)
	files, err := group(saved)
	must(t, err)
	dir := filepath.Join(t.TempDir(), keyspace, "t")
	must(t, os.MkdirAll(dir, 0o755))
	for base, names := range files {
		for _, foreign := range []string{"zz-77-big", "zz-78-zig", "nb-79-zig"} {
			for _, name := range names {
				for _, to := range []string{dir, table.DataPaths[0]} {
					copyFile(t, filepath.Join(saved, name), filepath.Join(to, foreign+strings.TrimPrefix(name, base)))
				}
			}
		}
	}
	before := onDisk(t, table, "")
	// To be done is all that Cassandra says.
	must(t, s.LoadNewSSTables(t.Context(), keyspace, "t"))
	must(t, s.Import(t.Context(), keyspace, "t", []string{dir}, cassandra.ImportOptions{}))
	if diff := cmp.Diff(before, onDisk(t, table, "")); diff != "" {
		t.Errorf("something was taken up: %s", diff)
	}
	wantRows(t, s, keyspace, "a")
}

// withImport is a test of what a release can that has Import; another says that it
// cannot.
func withImport(test func(t *testing.T, s Subject)) func(t *testing.T, s Subject) {
	return func(t *testing.T, s Subject) {
		t.Helper()
		can, err := s.CanImport(t.Context())
		must(t, err)
		if can {
			test(t, s)
			return
		}
		err = s.Import(t.Context(), "system", "local", []string{t.TempDir()}, cassandra.ImportOptions{})
		if !errors.Is(err, cassandra.ErrUnsupported) {
			t.Errorf("got %v, want %v", err, cassandra.ErrUnsupported)
		}
	}
}

func imports(t *testing.T, s Subject) {
	const keyspace = "conform_imports"
	table := prepare(t, s, keyspace, "a", "b")
	saved := save(t, s, table)
	must(t, s.Truncate(t.Context(), keyspace, "t"))
	before, err := group(saved)
	must(t, err)
	must(t, s.Import(t.Context(), keyspace, "t", []string{saved}, cassandra.ImportOptions{}))
	wantRows(t, s, keyspace, "a", "b")
	after, err := group(saved)
	must(t, err)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the directory has changed: %s", diff)
	}
	// A second time is the same data once more.
	must(t, s.Import(t.Context(), keyspace, "t", []string{saved}, cassandra.ImportOptions{Quick: true, KeepLevel: true, KeepRepaired: true}))
	wantRows(t, s, keyspace, "a", "b")
	empty := filepath.Join(t.TempDir(), keyspace, "t")
	must(t, os.MkdirAll(empty, 0o755))
	must(t, s.Import(t.Context(), keyspace, "t", []string{empty}, cassandra.ImportOptions{}))
}

func importsAnywhere(t *testing.T, s Subject) {
	const keyspace = "conform_anywhere"
	table := prepare(t, s, keyspace, "a")
	saved := save(t, s, table)
	for _, path := range []string{
		"a/b", "a/b-" + table.ID, "a/b-" + strings.ToUpper(table.ID), "a/b-c", "a.b/c", "a-b/c", "a/b/snapshots/x.y-z", "a/b/backups", "a/b/c.d",
	} {
		must(t, s.Truncate(t.Context(), keyspace, "t"))
		dir := filepath.Join(t.TempDir(), path)
		must(t, os.MkdirAll(dir, 0o755))
		copyInto(t, saved, dir, 1)
		err := s.Import(t.Context(), keyspace, "t", []string{dir}, cassandra.ImportOptions{})
		if errors.Is(err, cassandra.ErrInvalid) {
			wantRows(t, s, keyspace)
			t.Logf("%s is refused", path)
			continue
		}
		must(t, err)
		wantRows(t, s, keyspace, "a")
	}
}

func importsDamaged(t *testing.T, s Subject) {
	const keyspace = "conform_damaged"
	table := prepare(t, s, keyspace, "a", "b")
	saved := save(t, s, table)
	must(t, s.Truncate(t.Context(), keyspace, "t"))
	files, err := group(saved)
	must(t, err)
	for base := range files {
		data := filepath.Join(saved, base+"-Data.db")
		body, err := os.ReadFile(data)
		must(t, err)
		body[len(body)/2] ^= 0x40
		must(t, os.WriteFile(data, body, 0o666))
	}
	err = s.Import(t.Context(), keyspace, "t", []string{saved}, cassandra.ImportOptions{})
	if err == nil || !strings.Contains(err.Error(), saved) {
		t.Errorf("of damaged data: %v", err)
	}
	wantRows(t, s, keyspace)
}

func importsNothing(t *testing.T, s Subject) {
	const keyspace = "conform_importsnothing"
	prepare(t, s, keyspace, "a")
	var exception *jmx.Exception
	err := s.Import(t.Context(), keyspace, "t", []string{filepath.Join(t.TempDir(), keyspace, "t")}, cassandra.ImportOptions{})
	if !errors.As(err, &exception) {
		t.Errorf("got %v, want an exception of Cassandra", err)
	}
	wantRows(t, s, keyspace, "a")
}
