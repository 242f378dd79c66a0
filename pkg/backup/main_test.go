package backup_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
	"github.com/icarus-sidecar/icarus/pkg/backup"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(ring.Around(m)) }

const schemaVersion = "40b7edb9-c49e-3800-9b50-353ea0f50fa7"

func noError(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// tag is a final tag, later for a greater n.
func tag(n int64) string { return manifest.FinalTag("snap", schemaVersion, time.UnixMilli(n)) }

// node is a Cassandra of directories and nothing else. cassandratest has one
// that behaves in more ways; this one has SSTables that tests can change.
type node struct {
	t    testing.TB
	dirs []string

	mu     sync.Mutex
	tables []cassandra.Table
	// snapshotting is called in the middle of a snapshot.
	snapshotting func(tag string) error
	// down is what every call fails with.
	down error
}

func newNode(tb testing.TB, dirs int) *node {
	tb.Helper()
	n := &node{t: tb}
	for range dirs {
		n.dirs = append(n.dirs, tb.TempDir())
	}
	return n
}

// table adds a table, "ks.t".
func (n *node) table(name string) cassandra.Table {
	n.t.Helper()
	keyspace, table, _ := strings.Cut(name, ".")
	sum := md5.Sum([]byte(name))
	t := cassandra.Table{Keyspace: keyspace, Name: table, ID: hex.EncodeToString(sum[:])}
	for _, dir := range n.dirs {
		t.DataPaths = append(t.DataPaths, filepath.Join(dir, keyspace, table+"-"+t.ID))
		noError(n.t, os.MkdirAll(t.DataPaths[len(t.DataPaths)-1], 0o700))
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tables = append(n.tables, t)
	return t
}

// sstable writes the files of an SSTable into a directory of its table.
func (n *node) sstable(dir, base, data string) {
	n.t.Helper()
	n.component(dir, base+"-Data.db", data)
	n.component(dir, base+"-Digest.crc32", "12345")
	n.component(dir, base+"-Statistics.db", "statistics of "+data)
	n.component(dir, base+"-TOC.txt", "Data.db\nDigest.crc32\nStatistics.db\nTOC.txt\n")
}

// component replaces a file, as Cassandra does: by another one of the same name.
func (n *node) component(dir, file, body string) {
	n.t.Helper()
	path := filepath.Join(dir, file)
	noError(n.t, os.MkdirAll(dir, 0o700))
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		noError(n.t, err)
	}
	noError(n.t, os.WriteFile(path, []byte(body), 0o600))
}

func (n *node) Identity(context.Context) (cassandra.Identity, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return cassandra.Identity{Tokens: []string{"-5", "7"}}, n.down
}

func (n *node) SchemaVersion(context.Context) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return schemaVersion, n.down
}

// fall makes every further call fail, until it is called with nil.
func (n *node) fall(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = err
}

func (n *node) Tables(_ context.Context, keyspaces ...string) ([]cassandra.Table, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.down != nil {
		return nil, n.down
	}
	for _, keyspace := range keyspaces {
		if keyspace != "bare" && !slices.ContainsFunc(n.tables, func(t cassandra.Table) bool { return t.Keyspace == keyspace }) {
			return nil, cassandra.ErrUnknownKeyspace
		}
	}
	return slices.DeleteFunc(slices.Clone(n.tables), func(t cassandra.Table) bool {
		return len(keyspaces) > 0 && !slices.Contains(keyspaces, t.Keyspace)
	}), nil
}

func (n *node) Snapshot(ctx context.Context, tag string, entities []string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.down != nil {
		return n.down
	}
	if len(n.snapshots(tag)) > 0 {
		return cassandra.ErrSnapshotExists
	}
	for i, t := range n.tables {
		if len(entities) > 0 && !slices.Contains(entities, t.Keyspace) && !slices.Contains(entities, t.String()) {
			continue
		}
		n.snapshot(t, tag)
		if i == 0 && n.snapshotting != nil {
			if err := n.snapshotting(tag); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

func (n *node) snapshot(t cassandra.Table, tag string) {
	list := []string{}
	for _, path := range t.DataPaths {
		to := filepath.Join(path, "snapshots", tag)
		noError(n.t, filepath.WalkDir(path, func(at string, d fs.DirEntry, err error) error {
			if d.IsDir() && d.Name() == "snapshots" {
				return fs.SkipDir
			}
			if err != nil || d.IsDir() {
				return err
			}
			name, err := filepath.Rel(path, at)
			noError(n.t, err)
			if strings.HasSuffix(name, "-Data.db") {
				list = append(list, name)
			}
			noError(n.t, os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o700))
			return os.Link(at, filepath.Join(to, name))
		}))
	}
	// Cassandra writes these into one of the directories.
	to := filepath.Join(t.DataPaths[0], "snapshots", tag)
	body, err := json.Marshal(map[string]any{"files": list})
	noError(n.t, err)
	n.component(to, "manifest.json", string(body))
	if !cassandra.IsSystem(t.Keyspace) {
		n.component(to, "schema.cql", "CREATE TABLE "+t.String())
	}
}

// snapshots are the directories of a snapshot, of all if tag is "*".
func (n *node) snapshots(tag string) []string {
	n.t.Helper()
	var all []string
	for _, dir := range n.dirs {
		some, err := filepath.Glob(filepath.Join(dir, "*", "*", "snapshots", tag))
		noError(n.t, err)
		all = append(all, some...)
	}
	return all
}

func (n *node) ClearSnapshot(ctx context.Context, tag string, _ ...string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.down != nil {
		return n.down
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, dir := range n.snapshots(tag) {
		noError(n.t, os.RemoveAll(dir))
	}
	return nil
}

func (n *node) SnapshotTags(ctx context.Context) ([]string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.down != nil {
		return nil, n.down
	}
	var tags []string
	for _, dir := range n.snapshots("*") {
		tags = append(tags, filepath.Base(dir))
	}
	slices.Sort(tags)
	return slices.Compact(tags), ctx.Err()
}

// request is one of everything, under the tag of number.
func request(number int64) backup.Request {
	return backup.Request{
		Tag: tag(number), Owner: "owner of " + tag(number), Parallel: 2,
		Clock: testingclock.NewFakeClock(time.UnixMilli(number)),
	}
}

// small is a node with two tables, one of which has an index, and a system table.
func small(tb testing.TB) (*node, cassandra.Table) {
	tb.Helper()
	n := newNode(tb, 1)
	t1 := n.table("ks1.t1")
	n.sstable(t1.DataPaths[0], "nb-1-big", "one")
	n.sstable(t1.DataPaths[0], "nb-2-big", "two")
	n.sstable(filepath.Join(t1.DataPaths[0], ".t1idx"), "nb-1-big", "index of one")
	n.sstable(n.table("ks1.t2").DataPaths[0], "nb-1-big", "other")
	n.sstable(n.table("system.local").DataPaths[0], "nb-7-big", "system")
	return n, t1
}

const smallFiles = 5 * 4

// run makes a backup that must succeed.
func run(tb testing.TB, n *node, b store.Bucket, r backup.Request) backup.Result {
	tb.Helper()
	result, err := backup.Run(tb.Context(), n, b, r, nil)
	noError(tb, err)
	checkCommitted(tb, n, b, r.Tag)
	return result
}

// checkCommitted holds a backup, and what is left of its making, to the promises.
func checkCommitted(tb testing.TB, n *node, b store.Bucket, tag string) *manifest.Manifest {
	tb.Helper()
	checkClean(tb, n, b)
	return checkObjects(tb, b, tag)
}

// checkObjects reads a manifest, and every object that it names.
func checkObjects(tb testing.TB, b store.Bucket, tag string) *manifest.Manifest {
	tb.Helper()
	m, err := manifest.Decode(get(tb, b, manifest.ManifestKey(tag)))
	noError(tb, err)
	for _, table := range m.Tables() {
		for e := range table.Entries() {
			content := get(tb, b, e.ObjectKey)
			if int64(len(content)) != e.Size || sum(content) != e.Hash {
				tb.Errorf("%s is not what the manifest says", e.ObjectKey)
			}
		}
	}
	return m
}

// checkClean looks for what must not be there after a backup, however it ended.
func checkClean(tb testing.TB, n *node, b store.Bucket) {
	tb.Helper()
	if left := n.snapshots("*"); len(left) > 0 {
		tb.Errorf("snapshots are left: %v", left)
	}
	if left := keys(tb, b, "intents/"); len(left) > 0 {
		tb.Errorf("intents are left: %v", left)
	}
}

// checkNone is for a backup that failed.
func checkNone(tb testing.TB, n *node, b store.Bucket, tag string) {
	tb.Helper()
	if slices.Contains(keys(tb, b, "manifests/"), manifest.ManifestKey(tag)) {
		tb.Error("there is a manifest")
	}
	checkClean(tb, n, b)
}

func keys(tb testing.TB, b store.Bucket, prefix string) []string {
	tb.Helper()
	var all []string
	for o, err := range b.List(context.WithoutCancel(tb.Context()), prefix) {
		noError(tb, err)
		all = append(all, o.Key)
	}
	return all
}

func get(tb testing.TB, b store.Bucket, key string) []byte {
	tb.Helper()
	body, err := transfer.Read(context.WithoutCancel(tb.Context()), b, key, 1<<30)
	noError(tb, err)
	return body
}

func put(tb testing.TB, b store.Bucket, key, body string) {
	tb.Helper()
	noError(tb, b.Put(tb.Context(), key, int64(len(body)), storetest.Opening([]byte(body))))
}
