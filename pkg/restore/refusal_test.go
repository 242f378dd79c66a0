package restore_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/restore"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

func TestWhatCannotSucceedIsRefusedBeforeAnythingChanges(t *testing.T) {
	t.Parallel()
	both := phases[:2]
	download := []phase{restore.Download}
	unhealthy := &cassandra.HealthError{Reasons: []string{"10.0.0.3 is down"}}
	cases := map[string]struct {
		phases []phase
		change func(f *fixture)
		want   error
		names  []string
	}{
		"a tag that no backup has": {both, func(f *fixture) { f.r.SnapshotTag = "night" }, restore.ErrNoBackup, []string{"night", "file:///bucket"}},
		"a schema version that no backup has": {
			both, func(f *fixture) {
				f.r.SnapshotTag, f.r.ExactSchemaVersion = "nightly", true
				f.r.SchemaVersion = "11111111-c49e-3800-9b50-353ea0f50fa7"
			}, restore.ErrNoBackup, []string{"11111111-c49e-3800-9b50-353ea0f50fa7"},
		},
		"a tag that climbs":       {phases, func(f *fixture) { f.r.SnapshotTag = "../up" }, restore.ErrInvalid, nil},
		"a strategy of its own":   {phases, func(f *fixture) { f.r.Strategy = "IN_PLACE" }, restore.ErrInvalid, []string{"IN_PLACE"}},
		"a relative directory":    {phases, func(f *fixture) { f.r.SourceDir = "downloads" }, restore.ErrInvalid, []string{"downloads"}},
		"a host id that climbs":   {phases, func(f *fixture) { f.node.id.HostID = "../x" }, restore.ErrInvalid, nil},
		"a table not in there":    {both, func(f *fixture) { f.r.Entities = []string{"shop.orders", "shop.archive"} }, restore.ErrNotInBackup, []string{"shop.archive"}},
		"a keyspace not in there": {both, func(f *fixture) { f.r.Entities = []string{"bank"} }, restore.ErrNotInBackup, []string{"bank"}},
		"a table missing here": {
			both, func(f *fixture) { f.node.tables = f.node.tables[1:] },
			restore.ErrNoTable,
			[]string{"shop.orders", "create"},
		},
		"a keyspace missing here": {
			both, func(f *fixture) { f.r.Rename = map[string]string{"shop.orders": "bank.orders"} },
			restore.ErrNoTable,
			[]string{"bank.orders"},
		},
		"two tables into one": {
			both, func(f *fixture) { f.r.Rename = map[string]string{"shop.orders": "shop.empty"} },
			restore.ErrInvalid,
			[]string{"shop.orders", "shop.empty"},
		},
		"a rename of what is not restored": {
			both, func(f *fixture) {
				f.r.Entities, f.r.Rename = []string{"shop.empty"}, map[string]string{"shop.orders": "shop.archive"}
			}, restore.ErrInvalid, []string{"shop.orders"},
		},
		"a rename into Cassandra's own": {
			both, func(f *fixture) { f.r.Rename = map[string]string{"shop.orders": "system.local"} },
			restore.ErrInvalid,
			[]string{"system.local"},
		},
		"a manifest that is none": {
			both, func(f *fixture) { f.object(manifest.ManifestKey(tag), []byte("{")) },
			manifest.ErrCorrupt, nil,
		},
		"downloads among Cassandra's data": {
			both, func(f *fixture) { f.r.SourceDir = filepath.Join(f.node.dataDirs[1], "downloads") },
			restore.ErrInvalid,
			[]string{"downloads"},
		},
		"data directories out of sight": {
			phases[:1], func(f *fixture) { f.r.DataDirs = []string{"/nowhere"} },
			os.ErrNotExist,
			[]string{"/nowhere"},
		},
		"an import before Cassandra 4": {
			phases[:1], func(f *fixture) { f.r.Strategy, f.node.noImport = restore.StrategyImport, true },
			cassandra.ErrUnsupported, nil,
		},
		"other tokens":      {download, func(f *fixture) { f.node.id.Tokens = []string{"-5", "18"} }, restore.ErrTokens, nil},
		"an unhealthy ring": {phases[1:4], func(f *fixture) { f.node.unhealthy = unhealthy }, cassandra.ErrUnhealthy, []string{"10.0.0.3"}},
		"no room to copy": {
			download, func(f *fixture) { f.r = restore.WithFree(f.r, 10) },
			transfer.ErrNoSpace,
			[]string{"data0"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, restore.StrategyHardlinks)
			tables := f.node.tables
			c.change(f)
			for _, p := range c.phases {
				f.wants(p, c.want, c.names...)
			}
			f.node.tables = tables
			f.wantRows("shop.orders", "one", "three", "two")
		})
	}
}

// change alters the one entry of the manifest that is a Data.db with these bytes.
func (f *fixture) change(row string, alter func(e *manifest.Entry)) {
	f.t.Helper()
	m := f.backUp(tag, "shop.orders")
	held, _ := m.Table("shop", "orders")
	for _, list := range held.SSTables {
		for i := range list {
			if strings.HasSuffix(list[i].ObjectKey, "-Data.db") && list[i].Hash == entry("", []byte(row)).Hash {
				alter(&list[i])
			}
		}
	}
	f.commit(tag, m)
}

func TestWhatTheBucketLostOrChangedIsNotRestored(t *testing.T) {
	t.Parallel()
	var key string
	remember := func(e *manifest.Entry) { key = e.ObjectKey }
	cases := map[string]struct {
		change func(f *fixture)
		want   error
	}{
		"an object is missing": {func(f *fixture) {
			f.change("two", remember)
			if err := f.bucket.Delete(f.t.Context(), key); err != nil {
				f.t.Fatal(err)
			}
		}, store.ErrNotFound},
		"a bit flips": {func(f *fixture) {
			f.change("two", remember)
			faulty := storetest.NewFaulty(f.bucket)
			faulty.Body = func(k string, r io.Reader) io.Reader {
				if k == key {
					return storetest.Flipped(r, 1)
				}
				return r
			}
			f.bucket = faulty
		}, store.ErrCorrupt},
		"an object is shorter": {func(f *fixture) {
			f.change("two", remember)
			f.object(key, []byte("t"))
		}, store.ErrCorrupt},
		"the disk is too small": {func(f *fixture) {
			f.change("two", func(e *manifest.Entry) { remember(e); e.Size = 1 << 60 })
			key = "" // the space is asked for all objects at once
		}, transfer.ErrNoSpace},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, restore.StrategyHardlinks)
			c.change(f)
			f.wants(restore.Download, c.want, key)
			for _, file := range tree(t, f.r.SourceDir) {
				if filepath.Base(file) == filepath.Base(key) || strings.Contains(file, "downloaded.json") {
					t.Errorf("%s is there", file)
				}
			}
			for _, p := range []phase{restore.Truncate, restore.Import} {
				f.wants(p, restore.ErrNotDownloaded)
			}
			f.wantRows("shop.orders", "one", "three", "two")
		})
	}
}

func TestKeysThatClimbAreRefused(t *testing.T) {
	t.Parallel()
	for _, key := range []string{
		"data/shop/orders-00000000000000000000000000000001/1-x/../../../../../etc/passwd",
		"data/shop/orders-00000000000000000000000000000001/../nb-1-big-Data.db",
		"/etc/nb-1-big-Data.db",
		"data/shop/other-00000000000000000000000000000001/1-x/nb-1-big-Data.db",
	} {
		f := newFixture(t, restore.StrategyHardlinks)
		body := `{"snapshot":{"name":"` + tag + `","keyspaces":{"shop":{"tables":{"orders":{"id":"00000000000000000000000000000001",
			"sstables":{"nb-1-big":[{"objectKey":"` + key + `","type":"FILE","size":1}]}}}}}},"tokens":["-5","17"]}`
		f.object(manifest.ManifestKey(tag), []byte(body))
		f.wants(restore.Download, manifest.ErrCorrupt)
	}
}

func TestDownloadsBehindALinkAreRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t, restore.StrategyHardlinks)
	elsewhere := t.TempDir()
	if err := os.Symlink(elsewhere, filepath.Join(f.r.SourceDir, hostID)); err != nil {
		t.Fatal(err)
	}
	for _, p := range phases[1:] {
		if _, err := f.run(p); err == nil {
			t.Error("a phase went through a link that leads out of the source directory")
		}
	}
	if got := tree(t, elsewhere); len(got) > 0 {
		t.Errorf("files lie elsewhere: %v", got)
	}
}

func TestTruncateTakesOnlyWhatWasDownloaded(t *testing.T) {
	t.Parallel()
	f := newFixture(t, restore.StrategyHardlinks)
	f.wants(restore.Truncate, restore.ErrNotDownloaded)
	f.r.Entities = []string{"shop.orders"}
	f.must(restore.Download)
	f.r.Entities = []string{"shop.orders", "shop.archive"}
	f.wants(restore.Truncate, restore.ErrNotDownloaded, "shop.archive")
	f.r.Entities = []string{"shop"}
	f.wants(restore.Truncate, restore.ErrNotDownloaded, "shop")
	f.r.Entities, f.r.Rename = []string{"shop.orders"}, map[string]string{"shop.orders": "shop.archive"}
	for _, p := range []phase{restore.Truncate, restore.Import} {
		f.wants(p, restore.ErrNotDownloaded, "shop.archive")
	}
	f.wantRows("shop.orders", "one", "three", "two")
}

func TestAFailedTruncationTellsWhatIsTruncatedAlready(t *testing.T) {
	t.Parallel()
	f := newFixture(t, restore.StrategyHardlinks)
	f.must(restore.Download)
	fault := errors.New("timeout")
	f.node.before = func(call string) error {
		if call == "truncate shop.orders" {
			return fault
		}
		return nil
	}
	_, err := f.run(restore.Truncate)
	if !errors.Is(err, fault) || !strings.Contains(err.Error(), "truncated already: shop.empty") {
		t.Errorf("got %v", err)
	}
}

func TestNothingIsWrittenAfterACancel(t *testing.T) {
	t.Parallel()
	f := newFixture(t, restore.StrategyHardlinks)
	ctx, cancel := context.WithCancel(t.Context())
	faulty := storetest.NewFaulty(f.bucket)
	faulty.Body = func(key string, r io.Reader) io.Reader {
		if strings.HasPrefix(key, "data/") {
			cancel()
		}
		return r
	}
	if _, err := restore.Download(ctx, f.node, faulty, f.r, nil); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	f.wants(restore.Truncate, restore.ErrNotDownloaded)
}

func TestChangedDownloadsAreNotImported(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(dir string) error{
		"shorter": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "nb-1-big-Data.db"), []byte("x"), 0o644)
		},
		"a link": func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, "nb-1-big-Data.db"), filepath.Join(dir, "moved")),
				os.Symlink("moved", filepath.Join(dir, "nb-1-big-Data.db")))
		},
		"a stranger": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "nb-99-big-Data.db"), []byte("x"), 0o644)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, restore.StrategyHardlinks)
			f.must(restore.Download)
			if err := change(f.downloads("shop.orders")); err != nil {
				t.Fatal(err)
			}
			f.wants(restore.Import, store.ErrCorrupt)
			f.must(restore.Download) // heals it
			f.must(restore.Truncate, restore.Import)
			f.wantRows("shop.orders", "one", "three", "two")
		})
	}
}

// downloads is the directory of a table's downloads.
func (f *fixture) downloads(table string) string {
	f.t.Helper()
	keyspace, name, _ := strings.Cut(table, ".")
	ft, err := f.node.table(keyspace, name)
	if err != nil {
		f.t.Fatal(err)
	}
	return filepath.Join(f.r.SourceDir, f.node.id.HostID, tag, keyspace, name+"-"+ft.ID)
}

func TestWithoutDownloadingWhatIsThereMustBeWhole(t *testing.T) {
	t.Parallel()
	f := newFixture(t, restore.StrategyHardlinks)
	f.r.NoDownloadData = true
	f.wants(restore.Download, os.ErrNotExist)
	f.r.NoDownloadData = false
	f.must(restore.Download)
	f.r.NoDownloadData = true
	data := filepath.Join(f.downloads("shop.orders"), "nb-1-big-Data.db")
	was := f.read(data)
	if err := os.WriteFile(data, bytes.ToUpper(was), 0o644); err != nil {
		t.Fatal(err)
	}
	f.wants(restore.Download, store.ErrCorrupt, data)
	if err := os.WriteFile(data, was, 0o644); err != nil {
		t.Fatal(err)
	}
	f.must(restore.Download, restore.Truncate, restore.Import)
	f.wantRows("shop.orders", "one", "three", "two")
}
