//nolint:thelper // its functions are tests, and where they fail counts
package cassandratest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
)

func knowsItself(t *testing.T, s Subject) {
	id, err := s.Identity(t.Context())
	must(t, err)
	if _, err := uuid.Parse(id.HostID); err != nil {
		t.Errorf("the id is %q: %v", id.HostID, err)
	}
	if len(id.Tokens) == 0 || !slices.IsSorted(id.Tokens) || strings.ContainsAny(id.ClusterName, " \t") {
		t.Errorf("identity %+v", id)
	}
	ring, err := s.Ring(t.Context())
	must(t, err)
	want := []cassandra.Member{{
		Address: id.Address, HostID: id.HostID, Datacenter: id.Datacenter, Rack: id.Rack, Up: true, State: cassandra.StateNormal,
	}}
	if diff := cmp.Diff(want, ring); diff != "" {
		t.Errorf("ring: %s", diff)
	}
	schema, err := s.SchemaVersion(t.Context())
	must(t, err)
	agreement, err := s.SchemaAgreement(t.Context())
	must(t, err)
	if diff := cmp.Diff(map[string][]string{schema: {id.Address}}, agreement); diff != "" {
		t.Errorf("schema: %s", diff)
	}
	files, err := s.ConfigurationFiles(t.Context())
	must(t, err)
	if !slices.ContainsFunc(files, func(file string) bool {
		body, err := os.ReadFile(file)
		return err == nil && strings.Contains(string(body), "cluster_name")
	}) {
		t.Errorf("its configuration is in none of %q", files)
	}
	mode, err := s.OperationMode(t.Context())
	must(t, err)
	if mode != cassandra.StateNormal {
		t.Errorf("the node is %s", mode)
	}
	must(t, s.CheckHealth(t.Context()))
	version, err := s.Version(t.Context())
	must(t, err)
	if same, err := cassandra.ParseVersion(id.ReleaseVersion); err != nil || !cmp.Equal(same, version) {
		t.Errorf("release %v of %s", version, id.ReleaseVersion)
	}
	can, err := s.CanImport(t.Context())
	must(t, err)
	if can != (version.Major >= 4) {
		t.Errorf("%v can import: %v", version, can)
	}
}

func listsTables(t *testing.T, s Subject) {
	// In upper case, so that a name that loses its case is not found.
	const keyspace, table = "conform_Lists", "CamelCase"
	s.CreateKeyspace(keyspace)
	none, err := s.Tables(t.Context(), keyspace)
	must(t, err)
	if len(none) != 0 {
		t.Errorf("an empty keyspace has %v", none)
	}
	s.MakeTable(keyspace, table)
	s.MakeTable(keyspace, "another")
	s.CreateIndex(keyspace, table, "by_v")
	keyspaces, err := s.Keyspaces(t.Context())
	must(t, err)
	for _, want := range []string{keyspace, "system", "system_schema", "system_auth"} {
		if !slices.Contains(keyspaces, want) || !slices.IsSorted(keyspaces) {
			t.Errorf("%s is not in %v, or they are not in order", want, keyspaces)
		}
	}
	tables, err := s.Tables(t.Context(), keyspace)
	must(t, err)
	names := make([]string, 0, 2)
	for _, table := range tables {
		names = append(names, table.String())
		checkPaths(t, s, table)
	}
	if diff := cmp.Diff([]string{keyspace + "." + table, keyspace + ".another"}, names); diff != "" {
		t.Errorf("tables: %s", diff)
	}
	all, err := s.Tables(t.Context())
	must(t, err)
	for _, name := range append(names, "system.local") {
		if !slices.ContainsFunc(all, func(t cassandra.Table) bool { return t.String() == name }) {
			t.Errorf("%s is not among all tables", name)
		}
	}
}

// checkPaths wants one directory of a table in each data directory.
func checkPaths(t *testing.T, s Subject, table cassandra.Table) {
	t.Helper()
	dirs, err := s.DataDirectories(t.Context())
	must(t, err)
	want := make([]string, 0, len(dirs))
	for _, dir := range dirs {
		want = append(want, filepath.Join(dir, table.Keyspace, table.Name+"-"+table.ID))
	}
	got := slices.Sorted(slices.Values(table.DataPaths))
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("directories of %s: %s", table, diff)
	}
	if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(table.ID) {
		t.Errorf("the id of %s is %q", table, table.ID)
	}
}

func madeAnew(t *testing.T, s Subject) {
	const keyspace, name = "conform_anew", "t"
	s.CreateKeyspace(keyspace)
	s.MakeTable(keyspace, name)
	before := only(t, s, keyspace)
	s.Write(keyspace, name, "a")
	must(t, s.Flush(t.Context(), keyspace))
	s.DropTable(keyspace, name)
	s.MakeTable(keyspace, name)
	after := only(t, s, keyspace)
	checkPaths(t, s, after)
	if before.ID == after.ID {
		t.Errorf("the table has the id %s as before", after.ID)
	}
	if len(s.Rows(keyspace, name)) != 0 {
		t.Error("the new table has rows")
	}
}

// onEach are the methods that take a keyspace and a table.
func onEach(t *testing.T, s Subject, keyspace, table string) map[string]error {
	t.Helper()
	return map[string]error{
		"Snapshot":        s.Snapshot(t.Context(), "conform-unknown", []string{keyspace + "." + table}),
		"Truncate":        s.Truncate(t.Context(), keyspace, table),
		"Flush":           s.Flush(t.Context(), keyspace, table),
		"Cleanup":         s.Cleanup(t.Context(), keyspace, 0, table),
		"LoadNewSSTables": s.LoadNewSSTables(t.Context(), keyspace, table),
		"Import":          s.Import(t.Context(), keyspace, table, []string{t.TempDir()}, cassandra.ImportOptions{}),
	}
}

func unknown(t *testing.T, s Subject) {
	const keyspace = "conform_unknown"
	s.CreateKeyspace(keyspace)
	s.MakeTable(keyspace, "t")
	want := func(calls map[string]error, want error) {
		t.Helper()
		for name, err := range calls {
			if !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
		}
	}
	want(onEach(t, s, keyspace, "nothing"), cassandra.ErrUnknownTable)
	want(onEach(t, s, keyspace, "T"), cassandra.ErrUnknownTable)
	want(onEach(t, s, "conform_nowhere", "t"), cassandra.ErrUnknownKeyspace)
	_, err := s.Tables(t.Context(), keyspace, "conform_nowhere")
	want(map[string]error{
		"Tables":               err,
		"Snapshot of keyspace": s.Snapshot(t.Context(), "conform-unknown", []string{keyspace, "conform_nowhere"}),
		"Flush of keyspace":    s.Flush(t.Context(), "conform_nowhere"),
		"Cleanup of keyspace":  s.Cleanup(t.Context(), "conform_nowhere", 1),
	}, cassandra.ErrUnknownKeyspace)
	tags, err := s.SnapshotTags(t.Context())
	must(t, err)
	if slices.Contains(tags, "conform-unknown") {
		t.Error("a snapshot of what is unknown was taken")
	}
}

func invalid(t *testing.T, s Subject) {
	const keyspace = "conform_invalid"
	s.CreateKeyspace(keyspace)
	s.MakeTable(keyspace, "t")
	s.Write(keyspace, "t", "a")
	must(t, s.Snapshot(t.Context(), "conform-invalid", []string{keyspace}))
	calls := map[string]error{
		"an import of no directory":       s.Import(t.Context(), keyspace, "t", nil, cassandra.ImportOptions{}),
		"an import of a relative path":    s.Import(t.Context(), keyspace, "t", []string{"here"}, cassandra.ImportOptions{}),
		"a keyspace and a table":          s.Snapshot(t.Context(), "x", []string{keyspace, keyspace + ".t"}),
		"a negative number of jobs":       s.Cleanup(t.Context(), keyspace, -1),
		"clearing a keyspace of patterns": s.ClearSnapshot(t.Context(), "x", "*"),
	}
	for _, tag := range []string{"", ".", "..", "a/b", "../a", "a\x00", " ", strings.Repeat("a", 300)} {
		calls["a snapshot "+tag] = s.Snapshot(t.Context(), tag, []string{keyspace})
		calls["clearing "+tag] = s.ClearSnapshot(t.Context(), tag, keyspace)
	}
	for _, name := range []string{"", "*", "t,type=x", "t?", "a-b", `"t"`, "t.t", strings.Repeat("a", 300)} {
		for method, err := range onEach(t, s, keyspace, name) {
			calls[method+" of "+name] = err
		}
	}
	for what, err := range calls {
		if !errors.Is(err, cassandra.ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	tags, err := s.SnapshotTags(t.Context())
	must(t, err)
	if !slices.Contains(tags, "conform-invalid") {
		t.Error("a snapshot of another tag was cleared")
	}
}

func cancelled(t *testing.T, s Subject) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, identity := s.Identity(ctx)
	_, tables := s.Tables(ctx)
	for what, err := range map[string]error{
		"Identity": identity, "Tables": tables,
		"Truncate": s.Truncate(ctx, "conform_nowhere", "t"),
		"Snapshot": s.Snapshot(ctx, "conform-cancelled", nil),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// only is the one table of a keyspace.
func only(t *testing.T, s Subject, keyspace string) cassandra.Table {
	t.Helper()
	tables, err := s.Tables(t.Context(), keyspace)
	must(t, err)
	if len(tables) != 1 {
		t.Fatalf("%s has %v, want one table", keyspace, tables)
	}
	return tables[0]
}
