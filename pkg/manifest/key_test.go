package manifest_test

import (
	"errors"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
)

const id = "b3f71410e6fb11f1aa441f9a4fe33efd"

func TestKeysOfDocuments(t *testing.T) {
	t.Parallel()
	got := []string{manifest.ManifestKey("t"), manifest.IntentKey("t"), manifest.TopologyKey("t")}
	if diff := cmp.Diff([]string{"manifests/t.json", "intents/t.json", "topology/t.json"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTagOfKey(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"manifests/nightly.json":      "nightly",
		"manifests/a.json.json":       "a.json",
		"manifests/of others' ü.json": "of others' ü",
	} {
		if got, ok := manifest.TagOfKey(key); !ok || got != want {
			t.Errorf("%q is of %q, %v", key, got, ok)
		}
	}
	if tag, ok := manifest.TagOfTopologyKey(manifest.TopologyKey("nightly")); !ok || tag != "nightly" {
		t.Errorf("a topology is of %q, %v", tag, ok)
	}
	if tag, ok := manifest.TagOfTopologyKey(manifest.ManifestKey("nightly")); ok {
		t.Errorf("a manifest is the topology of %q", tag)
	}
	for _, key := range []string{
		"", "manifests/", "manifests/.json", "manifests/a", "manifests/a/b.json", "intents/a.json", "x/manifests/a.json", "manifests/...json",
		"manifests/a\x00.json", "manifests/a\xff.json", `manifests/a\b.json`,
	} {
		if tag, ok := manifest.TagOfKey(key); ok {
			t.Errorf("%q is of %q", key, tag)
		}
	}
}

func TestParseDataKey(t *testing.T) {
	t.Parallel()
	for key, test := range map[string]struct {
		want  manifest.DataKey
		local string
	}{
		"data/test1/t_2-" + id + "/2-1392624994/nb-2-big-Data.db": {
			manifest.DataKey{Keyspace: "test1", Table: "t_2", TableID: id, Dir: "2-1392624994", File: "nb-2-big-Data.db"},
			"nb-2-big-Data.db",
		},
		"data/test1/T2-" + id + "/.vi/2-3511275174/nb-2-big-Data.db": {
			manifest.DataKey{Keyspace: "test1", Table: "T2", TableID: id, Index: ".vi", Dir: "2-3511275174", File: "nb-2-big-Data.db"},
			".vi/nb-2-big-Data.db",
		},
		"data/k/t-" + id + "/3g1m_0abc_2xyz-77-0123456789abcdef/da-3g1m_0abc_2xyz-bti-SAI+ba+idx+PrimaryKey.db": {
			manifest.DataKey{Keyspace: "k", Table: "t", TableID: id, Dir: "3g1m_0abc_2xyz-77-0123456789abcdef", File: "da-3g1m_0abc_2xyz-bti-SAI+ba+idx+PrimaryKey.db"},
			"da-3g1m_0abc_2xyz-bti-SAI+ba+idx+PrimaryKey.db",
		},
	} {
		got, err := manifest.ParseDataKey(key)
		if err != nil {
			t.Error(err)
			continue
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s:\n%s", key, diff)
		}
		if got.String() != key || got.LocalPath() != test.local {
			t.Errorf("%s is written %s, and lies in %s", key, got, got.LocalPath())
		}
	}
}

func TestDistinctKey(t *testing.T) {
	t.Parallel()
	k := manifest.DataKey{Keyspace: "k", Table: "t", TableID: id, Dir: "1-2", File: "nb-1-big-Statistics.db"}
	other := k.Distinct("0123456789abcdef" + strings.Repeat("0", 48))
	if want := "data/k/t-" + id + "/1-2-0123456789abcdef/nb-1-big-Statistics.db"; other.String() != want {
		t.Errorf("it is %s, want %s", other, want)
	}
	if parsed, err := manifest.ParseDataKey(other.String()); err != nil || parsed != other || parsed.LocalPath() != k.LocalPath() {
		t.Errorf("it is read as %+v, %v", parsed, err)
	}
}

func TestParseDataKeyRefuses(t *testing.T) {
	t.Parallel()
	table := "data/k/t-" + id
	for _, key := range []string{
		"", "data", "data/k/t-" + id + "/schema.cql", "/" + table + "/1-2/f", table + "/1-2/f/", table + "//f", table + "/1-2//f",
		table + "/1-2/..", table + "/../f", table + "/../1-2/f", table + "/./1-2/f", table + "/1-2/.", table + "/1-2/.f", table + "/.i/.j/f",
		table + "/i/1-2/f", table + "/./1-2/f", table + "/.i/x/1-2/f", table + "/1-2/f\x00", table + "/1-2/f\n", `data/k/t-` + id + `/1-2/a\b`,
		"data/../t-" + id + "/1-2/f", "data/k/../1-2/f", "data//t-" + id + "/1-2/f", "data/k/-" + id + "/1-2/f", "data/k/t/1-2/f",
		"data/k/t-" + strings.ToUpper(id) + "/1-2/f", "data/k/t-" + id[1:] + "/1-2/f", "data/k k/t-" + id + "/1-2/f", "Data/k/t-" + id + "/1-2/f",
		"commitlog/CommitLog-7-1.log.5", "manifests/a.json", "other/k/t-" + id + "/1-2/f", table + "/1-2/" + strings.Repeat("f", 256),
		table + "/.i" + strings.Repeat("f", 254) + "/1-2/f", "data/" + strings.Repeat("k", 223) + "/t-" + id + "/1-2/f",
	} {
		if k, err := manifest.ParseDataKey(key); !errors.Is(err, manifest.ErrCorrupt) || k != (manifest.DataKey{}) {
			t.Errorf("%q is taken for %+v, %v", key, k, err)
		}
	}
}

func FuzzParseDataKey(f *testing.F) {
	for _, seed := range []string{
		"data/test1/t2-" + id + "/.vi/2-3511275174/nb-2-big-Data.db", "data/k/t-" + id + "/1-2-0123456789abcdef/nb-1-big-TOC.txt",
		"data/k/t-" + id + "/../nb-1-big-Data.db", "/data/k/t-" + id + "/1-2/x", "data/k/t-" + id + "/1-2/\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, key string) {
		k, err := manifest.ParseDataKey(key)
		if err != nil {
			if !errors.Is(err, manifest.ErrCorrupt) {
				t.Errorf("%q: %v", key, err)
			}
			return
		}
		if k.String() != key || path.Clean(key) != key {
			t.Errorf("%q is written %q", key, k)
		}
		if local := k.LocalPath(); !filepath.IsLocal(local) || strings.ContainsAny(local, "\\\x00") || strings.Count(local, "/") > 1 {
			t.Errorf("%q lies in %q", key, local)
		}
	})
}
