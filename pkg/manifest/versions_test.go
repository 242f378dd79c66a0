package manifest_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
)

// shape is what a manifest holds of a table: its SSTables with the files of each,
// how many files are of an index, and the kinds of its hashes.
type shape struct {
	SSTables map[string]int
	Indexed  int
	Hashes   []manifest.HashKind
	Others   int
}

func shapeOf(t *testing.T, table manifest.Table) shape {
	t.Helper()
	s := shape{SSTables: map[string]int{}, Others: len(table.Others)}
	kinds := map[manifest.HashKind]bool{}
	for base, files := range table.SSTables {
		s.SSTables[base] = len(files)
	}
	for e := range table.Entries() {
		k, err := e.DataKey()
		if err != nil {
			t.Error(err)
		}
		if k.Index != "" {
			s.Indexed++
		}
		kinds[e.HashKind()] = true
	}
	s.Hashes = slices.Sorted(maps.Keys(kinds))
	return s
}

// The first is of Esop 1.1.4 itself. The other is of no Esop that runs here: it was
// written after its form, with BTI, UUIDs, files of no bytes, and a bare keyspace.
func TestDecodeReadsEveryFormOfEsop(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]struct {
		tables    map[string]shape
		keyspaces []string
		bytes     int64
	}{
		"testdata/esop-1.1.4-entries.json": {
			tables: map[string]shape{
				"esop1.plain":   {SSTables: map[string]int{"nb-1-big": 8, "nb-2-big": 8}, Hashes: []manifest.HashKind{manifest.SHA256}, Others: 1},
				"esop1.indexed": {SSTables: map[string]int{"nb-1-big": 16}, Indexed: 8, Hashes: []manifest.HashKind{manifest.SHA256}, Others: 1},
				"esop1.empty":   {SSTables: map[string]int{}, Others: 1},
			},
			keyspaces: []string{"esop1"},
			bytes:     20019,
		},
		"testdata/esop-4.1-form.json": {
			tables: map[string]shape{
				"shop.orders": {
					SSTables: map[string]int{"da-3gfz_1b2c_00ooo2jqxtgdvuwm5v-bti": 8, "oa-7-big": 1}, Indexed: 2,
					Hashes: []manifest.HashKind{manifest.CRC32, manifest.NoHash, manifest.SHA256},
				},
				"shop.empty": {SSTables: map[string]int{}},
			},
			keyspaces: []string{"bare", "shop"},
			bytes:     366,
		},
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			m := decode(t, golden(t, file))
			got := map[string]shape{}
			for name, table := range m.Tables() {
				got[name.String()] = shapeOf(t, table)
			}
			if diff := cmp.Diff(want.tables, got); diff != "" {
				t.Errorf("tables (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want.keyspaces, slices.Sorted(maps.Keys(m.Snapshot.Keyspaces))); diff != "" {
				t.Errorf("keyspaces (-want +got):\n%s", diff)
			}
			if got := m.Totals().Bytes; got != want.bytes {
				t.Errorf("%d bytes, want %d", got, want.bytes)
			}
			if again := decode(t, encode(t, m)); again.Totals() != m.Totals() {
				t.Errorf("written in the form of today it is %+v, and was %+v", again.Totals(), m.Totals())
			}
		})
	}
}

// What a version to come lists in another form would be read as an empty backup.
func TestANewerFormIsRefused(t *testing.T) {
	t.Parallel()
	whole := string(encode(t, sample(nil)))
	for what, body := range map[string]string{
		"a number of a version":       strings.Replace(whole, "{", `{"version": 2,`, 1),
		"a name of a version":         strings.Replace(whole, "{", `{"version": "5.0.0",`, 1),
		"files of a table elsewhere":  strings.Replace(whole, `"sstables"`, `"files"`, 1),
		"null in place of the files":  `{"snapshot":{"name":"s","keyspaces":{"k":{"tables":{"t":{"id":"` + id + `","sstables":null}}}}}}`,
		"a table that has no content": `{"snapshot":{"name":"s","keyspaces":{"k":{"tables":{"t":{}}}}}}`,
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			if m, err := manifest.Decode([]byte(body)); !errors.Is(err, manifest.ErrCorrupt) || m != nil {
				t.Errorf("it is %+v, %v", m, err)
			}
			if _, err := walk([]byte(body)); strings.Contains(what, "version") && !errors.Is(err, manifest.ErrCorrupt) {
				t.Errorf("walked through it is %v", err)
			}
		})
	}
	if _, err := manifest.Decode([]byte(strings.Replace(whole, "{", `{"version": null,`, 1))); err != nil {
		t.Errorf("no version is refused: %v", err)
	}
}
