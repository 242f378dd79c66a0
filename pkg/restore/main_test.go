package restore_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/restore"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(ring.Around(m)) }

const (
	schemaVersion = "40b7edb9-c49e-3800-9b50-353ea0f50fa7"
	tag           = "nightly-" + schemaVersion + "-1700000000000"
	hostID        = "e6260ff8-fb5b-4eed-b0b6-3f13f47a7af7"
)

// fixture is a node, its part of a bucket, and a request to restore it.
type fixture struct {
	t      *testing.T
	node   *fakeNode
	bucket store.Bucket
	r      restore.Request
}

// newFixture has a backup of shop.orders with three rows, shop.empty with none
// and system_auth.roles with one.
func newFixture(t *testing.T, strategy restore.Strategy) *fixture {
	t.Helper()
	f := &fixture{
		t: t, node: newNode(t, hostID, 2, "shop.orders", "shop.empty", "shop.archive", "system_auth.roles", "system.local"),
		bucket: storetest.NewMemory(),
		r:      restore.Request{ID: "run-1", SnapshotTag: tag, Strategy: strategy, SourceDir: t.TempDir(), Location: "file:///bucket"},
	}
	for _, row := range []string{"one", "two", "three"} {
		f.node.write("shop.orders", row)
	}
	f.node.write("system_auth.roles", "admin")
	f.node.write("system.local", "me")
	f.backUp(tag, "shop.orders", "shop.empty", "system_auth.roles", "system.local")
	return f
}

// backUp puts what tables hold into the bucket.
func (f *fixture) backUp(tag string, tables ...string) *manifest.Manifest {
	f.t.Helper()
	m := &manifest.Manifest{Tokens: f.node.id.Tokens, SchemaVersion: f.node.schema, Snapshot: manifest.Snapshot{Name: tag}}
	for _, name := range tables {
		keyspace, table, _ := strings.Cut(name, ".")
		ft, err := f.node.table(keyspace, table)
		if err != nil {
			f.t.Fatal(err)
		}
		held := manifest.Table{ID: ft.ID, SSTables: map[string][]manifest.Entry{}}
		for path := range ft.live {
			base := filepath.Base(path)
			for component := range componentsOf("") {
				body := f.read(path + "-" + component)
				key := manifest.DataKey{Keyspace: keyspace, Table: table, TableID: ft.ID, Dir: "1-" + base, File: base + "-" + component}.String()
				f.object(key, body)
				held.SSTables[base] = append(held.SSTables[base], entry(key, body))
			}
			// What belongs to an index is in the manifest too, and in no bucket here.
			key := manifest.DataKey{Keyspace: keyspace, Table: table, TableID: ft.ID, Index: ".idx", Dir: "1-" + base, File: base + "-Data.db"}.String()
			held.SSTables[base] = append(held.SSTables[base], entry(key, []byte("index")))
		}
		m.Add(manifest.TableName{Keyspace: keyspace, Table: table}, held)
	}
	f.commit(tag, m)
	return m
}

func (f *fixture) commit(tag string, m *manifest.Manifest) {
	f.t.Helper()
	body, err := m.Encode()
	if err != nil {
		f.t.Fatal(err)
	}
	if err := f.bucket.Replace(f.t.Context(), manifest.ManifestKey(tag), body); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) object(key string, body []byte) {
	f.t.Helper()
	if err := f.bucket.Replace(f.t.Context(), key, body); err != nil {
		f.t.Fatal(err)
	}
}

func entry(key string, body []byte) manifest.Entry {
	sum := sha256.Sum256(body)
	return manifest.Entry{ObjectKey: key, Type: manifest.File, Size: int64(len(body)), Hash: hex.EncodeToString(sum[:])}
}

func (f *fixture) read(path string) []byte {
	f.t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		f.t.Fatal(err)
	}
	return body
}

type phase func(context.Context, restore.Node, store.Bucket, restore.Request, func(restore.Progress)) (restore.Result, error)

var phases = []phase{restore.Init, restore.Download, restore.Truncate, restore.Import, restore.Cleanup}

func (f *fixture) run(p phase) (restore.Result, error) {
	f.t.Helper()
	return p(f.t.Context(), f.node, f.bucket, f.r, nil)
}

func (f *fixture) must(ps ...phase) (last restore.Result) {
	f.t.Helper()
	for i, p := range ps {
		var err error
		if last, err = f.run(p); err != nil {
			f.t.Fatalf("phase %d: %v", i, err)
		}
	}
	return last
}

// wants runs a phase that fails in a known way and changes nothing of Cassandra's.
func (f *fixture) wants(p phase, want error, names ...string) {
	f.t.Helper()
	calls := len(f.node.calls)
	_, err := f.run(p)
	if !errors.Is(err, want) {
		f.t.Fatalf("got error %v, want %v", err, want)
	}
	for _, name := range names {
		if !strings.Contains(err.Error(), name) {
			f.t.Errorf("error %q does not name %q", err, name)
		}
	}
	if got := f.node.calls[calls:]; len(got) > 0 {
		f.t.Errorf("Cassandra was asked to %v", got)
	}
}

func (f *fixture) wantRows(table string, want ...string) {
	f.t.Helper()
	if want == nil {
		want = []string{}
	}
	if diff := cmp.Diff(want, f.node.rows(table)); diff != "" {
		f.t.Errorf("rows of %s (-want +got):\n%s", table, diff)
	}
	if idle := f.node.idle(table); len(idle) > 0 {
		f.t.Errorf("files of %s that are not in use: %v", table, idle)
	}
}

// tree lists the files below a directory.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	files := []string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files = append(files, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return files
}

// crash is the panic of a sidecar that is killed.
type crash struct{}

// crashing runs a phase until it is killed.
func (f *fixture) crashing(p phase) (crashed bool) {
	f.t.Helper()
	defer func() {
		switch v := recover(); v {
		case nil:
		case crash{}:
			crashed = true
		default:
			panic(v)
		}
	}()
	if _, err := f.run(p); err != nil {
		f.t.Fatalf("before the crash: %v", err)
	}
	return false
}
