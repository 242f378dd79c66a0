package manifest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
)

// goldens are manifests that Icarus 3.0.0 wrote: one of tables with and without
// a secondary index, one with an empty table.
var goldens = []string{"testdata/icarus-3.0.0-index.json", "testdata/icarus-3.0.0-empty-table.json"}

func golden(tb testing.TB, file string) []byte {
	tb.Helper()
	body, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

func decode(tb testing.TB, body []byte) *manifest.Manifest {
	tb.Helper()
	m, err := manifest.Decode(body)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func encode(tb testing.TB, m *manifest.Manifest) []byte {
	tb.Helper()
	body, err := m.Encode()
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

func compact(t *testing.T, body []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, body); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Names, order and omissions of fields are the original's, to the byte: blanks
// alone are ours.
func TestEncodeWritesWhatTheOriginalWrites(t *testing.T) {
	t.Parallel()
	for _, file := range goldens {
		body := golden(t, file)
		got := encode(t, decode(t, body))
		if diff := cmp.Diff(compact(t, body), compact(t, got)); diff != "" {
			t.Errorf("%s:\n%s", file, diff)
		}
		if again := encode(t, decode(t, got)); !bytes.Equal(got, again) {
			t.Errorf("%s: written twice, it is another", file)
		}
	}
}

func TestDecodeReadsWhatTheOriginalWrote(t *testing.T) {
	t.Parallel()
	m := decode(t, golden(t, goldens[0]))
	if diff := cmp.Diff([]string{"test1.testtable1", "test1.testtable2"}, m.TableNames()); diff != "" {
		t.Error(diff)
	}
	if m.SchemaVersion != schema || len(m.Tokens) != 16 || m.Size != m.Totals().Bytes {
		t.Errorf("it is %+v", m)
	}
	if diff := cmp.Diff(manifest.Totals{Tables: 2, Files: 24, Bytes: 14969}, m.Totals()); diff != "" {
		t.Error(diff)
	}
	table, ok := m.Table("test1", "testtable2")
	if !ok || table.ID != id || !strings.Contains(table.SchemaContent, "CREATE INDEX") {
		t.Fatalf("the table is %+v", table)
	}
	var inIndex int
	for e := range table.Entries() {
		k, err := e.DataKey()
		if err != nil || e.HashKind() != manifest.SHA256 {
			t.Errorf("%+v: %v", e, err)
		}
		if k.Index == ".vi" {
			inIndex++
		}
	}
	if inIndex != 8 || len(table.SSTables["nb-2-big"]) != 16 {
		t.Errorf("%d files of the index among %d", inIndex, len(table.SSTables["nb-2-big"]))
	}
	m = decode(t, golden(t, goldens[1]))
	if table, ok := m.Table("test1", "testtable2"); !ok || len(table.SSTables) != 0 {
		t.Errorf("the empty table is %+v, %v", table, ok)
	}
	if _, ok := m.Table("test2", "testtable2"); ok {
		t.Error("there is a table in a keyspace that is not")
	}
}

var hash = strings.Repeat("0f", 32)

func entry(file string, size int64) manifest.Entry {
	return manifest.Entry{ObjectKey: "data/k/t-" + id + "/1-2/" + file, Type: manifest.File, Size: size, Hash: hash}
}

// sample is a small manifest; change makes another of it.
func sample(change func(m *manifest.Manifest, t *manifest.Table)) *manifest.Manifest {
	m := &manifest.Manifest{Snapshot: manifest.Snapshot{Name: "s"}, Tokens: []string{"5", "-3", "12"}, SchemaVersion: schema}
	table := manifest.Table{ID: id, SchemaContent: "CREATE TABLE k.t (a int PRIMARY KEY) -- <&>\n", SSTables: map[string][]manifest.Entry{
		"nb-1-big": {entry("nb-1-big-TOC.txt", 0), entry("nb-1-big-Data.db", 7)},
	}}
	if change != nil {
		change(m, &table)
	}
	m.Add(manifest.TableName{Keyspace: "k", Table: "t"}, table)
	return m
}

func TestEncode(t *testing.T) {
	t.Parallel()
	m := sample(func(m *manifest.Manifest, _ *manifest.Table) {
		m.Size = 1 << 40
		m.Snapshot.Keyspaces = map[string]manifest.Keyspace{"empty": {}}
		m.Add(manifest.TableName{Keyspace: "k", Table: "none"}, manifest.Table{ID: strings.Repeat("0", 32)})
	})
	want := `{"snapshot":{"name":"s","keyspaces":{"empty":{"tables":{}},"k":{"tables":{` +
		`"none":{"sstables":{},"id":"00000000000000000000000000000000"},` +
		`"t":{"sstables":{"nb-1-big":[` +
		`{"objectKey":"data/k/t-` + id + `/1-2/nb-1-big-Data.db","type":"FILE","size":7,"hash":"` + hash + `"},` +
		`{"objectKey":"data/k/t-` + id + `/1-2/nb-1-big-TOC.txt","type":"FILE","size":0,"hash":"` + hash + `"}]},` +
		`"id":"` + id + `","schemaContent":"CREATE TABLE k.t (a int PRIMARY KEY) -- <&>\n"}}}}},` +
		`"tokens":["-3","12","5"],"schemaVersion":"` + schema + `","size":7}`
	got := encode(t, m)
	if diff := cmp.Diff(want, compact(t, got)); diff != "" {
		t.Error(diff)
	}
	if m.Size != 1<<40 || m.Tokens[0] != "5" || m.Snapshot.Keyspaces["k"].Tables["t"].SSTables["nb-1-big"][0].Size != 0 {
		t.Error("Encode changed the manifest")
	}
	if !bytes.HasPrefix(got, []byte("{\n  \"snapshot\": {\n")) {
		t.Errorf("it is not indented: %.40q", got)
	}
}

func TestEncodeOfAnEmptySnapshot(t *testing.T) {
	t.Parallel()
	got := encode(t, &manifest.Manifest{Snapshot: manifest.Snapshot{Name: "s"}})
	if want := `{"snapshot":{"name":"s","keyspaces":{}},"tokens":[],"size":0}`; compact(t, got) != want {
		t.Errorf("it is %s", got)
	}
}

func TestDecodeReadsTheFormBeforeEsop2(t *testing.T) {
	t.Parallel()
	dir := "data/k/t-" + id
	body := `{"snapshot":{"name":"old-1","keyspaces":{"k":{"tables":{"t":{"entries":[
		{"objectKey":"` + dir + `/schema.cql","type":"CQL_SCHEMA","size":0},
		{"objectKey":"` + dir + `/1-2/mc-1-big-Data.db","type":"FILE","size":5},
		{"objectKey":"` + dir + `/2-9/mc-2-big-Data.db","type":"FILE","size":6},
		{"objectKey":"` + dir + `/.i/1-7/mc-1-big-Data.db","type":"FILE","size":7}]%s}}}}},"tokens":["1"],"new":{"x":[1]}}`
	file := func(key string, size int64) manifest.Entry {
		return manifest.Entry{ObjectKey: dir + key, Type: manifest.File, Size: size}
	}
	want := manifest.Table{
		ID: id,
		SSTables: map[string][]manifest.Entry{
			"mc-1-big": {file("/1-2/mc-1-big-Data.db", 5), file("/.i/1-7/mc-1-big-Data.db", 7)},
			"mc-2-big": {file("/2-9/mc-2-big-Data.db", 6)},
		},
		Others: []manifest.Entry{{ObjectKey: dir + "/schema.cql", Type: manifest.CQLSchema}},
	}
	for what, rest := range map[string]string{"with an id": `,"id":"` + id + `"`, "without": ""} {
		m := decode(t, fmt.Appendf(nil, body, rest))
		got, _ := m.Table("k", "t")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", what, diff)
		}
		if diff := cmp.Diff(manifest.Totals{Tables: 1, Files: 3, Bytes: 18}, m.Totals()); diff != "" {
			t.Errorf("%s:\n%s", what, diff)
		}
	}
}

func TestHashesOfAllKinds(t *testing.T) {
	t.Parallel()
	for written, test := range map[string]struct {
		hash string
		kind manifest.HashKind
	}{
		"":                       {"", manifest.NoHash},
		strings.ToUpper(hash):    {hash, manifest.SHA256},
		strings.Repeat("12", 32): {strings.Repeat("12", 32), manifest.SHA256},
		"0":                      {"0", manifest.CRC32},
		"4294967295":             {"4294967295", manifest.CRC32},
	} {
		body := encode(t, sample(nil))
		body = bytes.ReplaceAll(body, []byte(hash), []byte(written))
		table, _ := decode(t, body).Table("k", "t")
		for e := range table.Entries() {
			if e.Hash != test.hash || e.HashKind() != test.kind {
				t.Errorf("%q is %q, a %s", written, e.Hash, e.HashKind())
			}
		}
	}
}

func TestWhatIsSaidTwiceCountsOnce(t *testing.T) {
	t.Parallel()
	e := fmt.Sprintf(`{"objectKey":"data/k/t-%s/1-2/nb-1-big-Data.db","type":"FILE","size":5,"hash":"%s"}`, id, hash)
	body := fmt.Sprintf(`{"snapshot":{"name":"s","keyspaces":{"k":{"tables":{"t":{"id":"%s","sstables":{"nb-1-big":[%s,%s]}}}}}}}`, id, e, e)
	if got := decode(t, []byte(body)).Totals(); got != (manifest.Totals{Tables: 1, Files: 1, Bytes: 5}) {
		t.Errorf("it is %+v", got)
	}
}

func TestInconsistentManifests(t *testing.T) {
	t.Parallel()
	one := func(change func(e *manifest.Entry)) func(*manifest.Manifest, *manifest.Table) {
		return func(_ *manifest.Manifest, t *manifest.Table) { change(&t.SSTables["nb-1-big"][1]) }
	}
	add := func(base, key string) func(*manifest.Manifest, *manifest.Table) {
		return func(_ *manifest.Manifest, t *manifest.Table) {
			t.SSTables[base] = append(t.SSTables[base], manifest.Entry{ObjectKey: key, Type: manifest.File, Size: 1})
		}
	}
	key := func(key string) func(*manifest.Manifest, *manifest.Table) {
		return one(func(e *manifest.Entry) { e.ObjectKey = key })
	}
	dir := "data/k/t-" + id
	for what, change := range map[string]func(*manifest.Manifest, *manifest.Table){
		"no name":            func(m *manifest.Manifest, _ *manifest.Table) { m.Snapshot.Name = "" },
		"a name that climbs": func(m *manifest.Manifest, _ *manifest.Table) { m.Snapshot.Name = "../s" },
		"a keyspace that climbs": func(m *manifest.Manifest, _ *manifest.Table) {
			m.Snapshot.Keyspaces = map[string]manifest.Keyspace{"..": {}}
		},
		"a keyspace without a name": func(m *manifest.Manifest, _ *manifest.Table) {
			m.Snapshot.Keyspaces = map[string]manifest.Keyspace{"": {}}
		},
		"a table that climbs": func(m *manifest.Manifest, _ *manifest.Table) {
			m.Add(manifest.TableName{Keyspace: "k", Table: "../t"}, manifest.Table{ID: id})
		},
		"no id":                     func(_ *manifest.Manifest, t *manifest.Table) { t.ID = "" },
		"an id that is none":        func(_ *manifest.Manifest, t *manifest.Table) { t.ID = "../" + id },
		"another id":                func(_ *manifest.Manifest, t *manifest.Table) { t.ID = strings.Repeat("0", 32) },
		"an SSTable without files":  func(_ *manifest.Manifest, t *manifest.Table) { t.SSTables["nb-2-big"] = nil },
		"an SSTable without a name": add("", dir+"/1-2/nb-1-big-Index.db"),
		"an absolute key":           key("/" + dir + "/1-2/nb-1-big-Data.db"),
		"a key that climbs":         key(dir + "/../nb-1-big-Data.db"),
		"a key with an empty part":  key(dir + "//1-2/nb-1-big-Data.db"),
		"a key with NUL":            key(dir + "/1-2/nb-1-big-Data.db\x00"),
		"a key elsewhere":           key("manifests/k/t-" + id + "/1-2/nb-1-big-Data.db"),
		"a key of another keyspace": key("data/k2/t-" + id + "/1-2/nb-1-big-Data.db"),
		"a key of another table":    key("data/k/t2-" + id + "/1-2/nb-1-big-Data.db"),
		"a key of another id":       key("data/k/t-" + strings.Repeat("0", 32) + "/1-2/nb-1-big-Data.db"),
		"a key of another SSTable":  key(dir + "/1-2/nb-2-big-Data.db"),
		"a key again, other size":   add("nb-1-big", dir+"/1-2/nb-1-big-Data.db"),
		"a file again":              add("nb-1-big", dir+"/1-2-0123456789abcdef/nb-1-big-Data.db"),
		"a file again, other name":  add("big", dir+"/1-3/nb-1-big-Data.db"),
		"a negative size":           one(func(e *manifest.Entry) { e.Size = -1 }),
		"sizes beyond measure": func(_ *manifest.Manifest, t *manifest.Table) {
			t.SSTables["nb-1-big"][0].Size, t.SSTables["nb-1-big"][1].Size = math.MaxInt64, 1
		},
		"no type":                      one(func(e *manifest.Entry) { e.Type = "" }),
		"a type of no SSTable's":       one(func(e *manifest.Entry) { e.Type = manifest.CommitLog }),
		"a hash too short":             one(func(e *manifest.Entry) { e.Hash = "abc" }),
		"a hash of an empty encrypted": one(func(e *manifest.Entry) { e.Hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" }),
		"a hash that is too large":     one(func(e *manifest.Entry) { e.Hash = "4294967296" }),
		"a negative hash":              one(func(e *manifest.Entry) { e.Hash = "-1" }),
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			m := sample(change)
			// Written as it is, without the checks of Encode.
			body, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := manifest.Decode(body); !errors.Is(err, manifest.ErrCorrupt) || got != nil {
				t.Errorf("it is read: %v", err)
			}
			if body, err := m.Encode(); !errors.Is(err, manifest.ErrCorrupt) || body != nil {
				t.Errorf("it is written: %v", err)
			}
		})
	}
}

func TestDecodeRefusesWhatIsNoManifest(t *testing.T) {
	t.Parallel()
	whole := string(encode(t, sample(nil)))
	table := `{"snapshot":{"name":"s","keyspaces":{"k":{"tables":{"t":{"id":"` + id + `","entries":[%s]}}}}}}`
	for what, body := range map[string]string{
		"nothing":                  "",
		"null":                     "null",
		"an empty object":          "{}",
		"a list":                   "[]",
		"half of it":               whole[:len(whole)/2],
		"something after it":       whole + "{}",
		"a size with a fraction":   strings.Replace(whole, `"size": 7`, `"size": 7.5`, 1),
		"a size beyond 64 bits":    strings.Replace(whole, `"size": 7`, `"size": 18446744073709551616`, 1),
		"no object for a table":    `{"snapshot":{"name":"s","keyspaces":{"k":{"tables":{"t":7}}}}}`,
		"null for an entry":        fmt.Sprintf(table, "null"),
		"a schema elsewhere":       fmt.Sprintf(table, `{"objectKey":"data/k/t-`+id+`/../schema.cql","type":"CQL_SCHEMA","size":1}`),
		"a schema of a sibling":    fmt.Sprintf(table, `{"objectKey":"data/k/u-`+id+`/schema.cql","type":"CQL_SCHEMA","size":1}`),
		"a schema in a file":       fmt.Sprintf(table, `{"objectKey":"data/k/t-`+id+`/1-2/nb-1-big-Data.db","type":"CQL_SCHEMA","size":1}`),
		"a commit log that climbs": fmt.Sprintf(table, `{"objectKey":"commitlog/../x","type":"COMMIT_LOG","size":1}`),
		"an unknown type":          fmt.Sprintf(table, `{"objectKey":"data/k/t-`+id+`/x","type":"X","size":1}`),
		"a file of no SSTable":     fmt.Sprintf(table, `{"objectKey":"data/k/t-`+id+`/1-2/passwd","type":"FILE","size":1}`),
		"a file elsewhere, no id":  `{"snapshot":{"name":"s","keyspaces":{"k":{"tables":{"t":{"entries":[{"objectKey":"x/nb-1-big-Data.db","type":"FILE"}]}}}}}}`,
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			if m, err := manifest.Decode([]byte(body)); !errors.Is(err, manifest.ErrCorrupt) || m != nil {
				t.Errorf("it is %+v, %v", m, err)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	for _, file := range append(goldens, "testdata/esop-1.1.4-entries.json", "testdata/esop-4.1-form.json") {
		f.Add(golden(f, file))
	}
	f.Add(encode(f, sample(nil)))
	f.Add([]byte(`{"snapshot":{"name":"s","keyspaces":{"k":{"tables":{"t":{"entries":[{"objectKey":"data/k/t-` + id +
		`/1-2/mc-1-big-Data.db","type":"FILE","size":5},{"objectKey":"data/k/t-` + id + `/schema.cql","type":"CQL_SCHEMA","size":0}]}}}}}}`))
	f.Add([]byte(`{"snapshot":{"name":"s","keyspaces":null}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := manifest.Decode(body)
		if err != nil {
			if !errors.Is(err, manifest.ErrCorrupt) {
				t.Errorf("error is %v", err)
			}
			return
		}
		for name, table := range m.Tables() {
			var local []string
			for e := range table.Entries() {
				k, err := e.DataKey()
				if err != nil || k.Keyspace != name.Keyspace || k.Table != name.Table || e.Size < 0 {
					t.Errorf("%s has %+v: %v", name, e, err)
				}
				local = append(local, k.LocalPath())
			}
			slices.Sort(local)
			if n := len(local); len(slices.Compact(local)) != n {
				t.Errorf("files of %s lie in one place", name)
			}
		}
		once := encode(t, m)
		if again := encode(t, decode(t, once)); !bytes.Equal(once, again) {
			t.Errorf("written twice it is another:\n%s", cmp.Diff(string(once), string(again)))
		}
	})
}
