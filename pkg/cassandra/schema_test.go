package cassandra

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

const (
	// Two ids of version 1, the second made later, though it sorts before; and
	// one that tells no time.
	earlier  = "ffffffff000011eebe560242ac120002"
	later    = "00000000000111eebe560242ac120002"
	timeless = "7ad54392bcdd35a684174e047860b377"
)

func TestTablesThatTellTheirDirectories(t *testing.T) {
	t.Parallel()
	s := stubWithTable("4.1.10", []string{"DataPaths"})
	gone := tableBean("ks", "dropped")
	s.beans = append(s.beans, gone, "org.apache.cassandra.db:type=Tables,table=Camel,keyspace=ks")
	s.values[tableBean("ks", "t")]["DataPaths"] = texts("/d1/ks/t-"+later, "/d2/ks/t-"+later)
	s.values[tableBean("system", "local")] = map[string]any{"DataPaths": texts("/d1/system/local-" + timeless)}
	s.values["org.apache.cassandra.db:type=Tables,table=Camel,keyspace=ks"] = map[string]any{"DataPaths": texts("/d1/ks/Camel-" + earlier)}
	got, err := s.node(t).Tables(t.Context())
	want := []Table{
		{"ks", "Camel", earlier, []string{"/d1/ks/Camel-" + earlier}},
		{"ks", "t", later, []string{"/d1/ks/t-" + later, "/d2/ks/t-" + later}},
		{"system", "local", timeless, []string{"/d1/system/local-" + timeless}},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

func TestATableIsNotLeftOutForItsDirectories(t *testing.T) {
	t.Parallel()
	for name, paths := range map[string]any{
		"there is none":         texts(),
		"one without an id":     texts("/d1/ks/t"),
		"one of another table":  texts("/d1/ks/u-" + later),
		"one with half an id":   texts("/d1/ks/t-0000"),
		"something else":        int32(1),
		"one with a bad letter": texts("/d1/ks/t-" + strings.ToUpper(later[:31]) + "G"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stubWithTable("4.1.10", []string{"DataPaths"})
			s.values[tableBean("ks", "t")]["DataPaths"] = paths
			if got, err := s.node(t).Tables(t.Context(), "ks"); err == nil || got != nil {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestTablesWhoseDirectoriesAreLookedFor(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, dir := range []string{
		"d1/ks/t-" + earlier, "d1/ks/t-" + later, "d2/ks/t-" + later, "d1/ks/tt-" + earlier, "d1/ks/t-notanid", "d1/other/t-" + earlier,
	} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "d2/ks/t-"+timeless), nil, 0o644); err != nil { // no directory
		t.Fatal(err)
	}
	s := stubWithTable("3.11.19", nil)
	s.values[storageService]["AllDataFileLocations"] = []string{root + "/d1/", root + "/d2", root + "/d3"}
	got, err := s.node(t).Tables(t.Context(), "ks")
	want := []Table{{"ks", "t", later, []string{root + "/d1/ks/t-" + later, root + "/d2/ks/t-" + later}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	// One id that tells no time, beside others, leaves it open which is the living.
	if err := os.MkdirAll(filepath.Join(root, "d1/ks/t-"+timeless), 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := s.node(t).Tables(t.Context(), "ks"); err == nil || !strings.Contains(err.Error(), timeless) {
		t.Errorf("got %v, %v", got, err)
	}
	s.values[storageService]["AllDataFileLocations"] = []string{root + "/nowhere"}
	if got, err := s.node(t).Tables(t.Context(), "ks"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestDataDirectories(t *testing.T) {
	t.Parallel()
	const all, tables = "AllDataFileLocations", "NonLocalSystemKeyspacesDataFileLocations"
	for name, c := range map[string]struct {
		values map[string]any
		want   []string
	}{
		"before 4.0":                     {map[string]any{all: []string{"/d2/", "/d1"}}, []string{"/d2", "/d1"}},
		"alike":                          {map[string]any{all: []string{"/d1"}, tables: []string{"/d1"}}, []string{"/d1"}},
		"local tables have one of their": {map[string]any{all: []string{"/local", "/d1", "/d2"}, tables: []string{"/d1", "/d2"}}, []string{"/d1", "/d2", "/local"}},
	} {
		s := &stub{values: map[jmx.ObjectName]map[string]any{storageService: c.values}}
		got, err := s.node(t).DataDirectories(t.Context())
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
	if got, err := (&stub{}).node(t).DataDirectories(t.Context()); err == nil {
		t.Errorf("none is %v", got)
	}
}

func TestSystemKeyspaces(t *testing.T) {
	t.Parallel()
	for keyspace, want := range map[string][2]bool{
		"system": {true, true}, "system_schema": {true, true}, "system_auth": {true, false}, "system_traces": {true, false},
		"system_distributed": {true, false}, "system_mine": {false, false}, "System": {false, false}, "": {false, false},
	} {
		if got := [2]bool{IsSystem(keyspace), IsLocal(keyspace)}; got != want {
			t.Errorf("%q: %v, want %v", keyspace, got, want)
		}
	}
}
