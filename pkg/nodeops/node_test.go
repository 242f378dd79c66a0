package nodeops_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/nodeops"
	"github.com/icarus-sidecar/icarus/pkg/store"
)

// own is the location of a node in the bucket.
func (s *sidecar) own() string {
	return "file://" + s.ring.dir + "/Test-Cluster/dc1/" + s.node.HostID()
}

func TestANodeIsBackedUpAndRestored(t *testing.T) {
	t.Parallel()
	r := newRing(t, "dc1")
	r.fill()
	s := r.sidecars[0]
	op := s.completed(r.backup(func(b *rest.BackupRequest) {
		b.GlobalRequest, b.StorageLocation, b.UploadClusterTopology = false, s.own(), true
	}))
	var result rest.BackupResult
	noError(t, op.DecodeResult(&result))
	want := rest.BackupResult{
		SnapshotTag: tagOf(t, op), SchemaVersion: manifest.ParseTag(tagOf(t, op)).SchemaVersion, Tables: 2,
		ManifestKey: "Test-Cluster/dc1/" + s.node.HostID() + "/manifests/" + tagOf(t, op) + ".json",
	}
	if result != want {
		t.Errorf("the result is %+v, want %+v", result, want)
	}
	r.read(result.ManifestKey)
	var topology rest.Topology
	noError(t, json.Unmarshal(r.read("topology", result.SnapshotTag+".json"), &topology))
	if len(topology.Topology) != 1 || op.Transfer == nil || op.Transfer.BytesDone == 0 {
		t.Errorf("topology %+v, transfer %+v", topology, op.Transfer)
	}

	s.node.Write("shop", "items", "later")
	for _, phase := range []rest.RestorePhase{rest.PhaseInit, rest.PhaseDownload, rest.PhaseTruncate, rest.PhaseImport, rest.PhaseCleanup} {
		done := s.completed(r.restore(rest.StrategyImport, func(q *rest.RestoreRequest) {
			q.GlobalRequest, q.RestorationPhase, q.StorageLocation = false, phase, s.own()
		}))
		if done.CurrentPhase != string(phase) {
			t.Errorf("phase %s is told as %s", phase, done.CurrentPhase)
		}
	}
	wantRows(t, s, "shop.items", "apple", "item-of-127.0.0.1")
}

func TestABackupWithoutATagGetsOne(t *testing.T) {
	t.Parallel()
	r := newRing(t, "dc1")
	r.fill()
	op := r.sidecars[0].completed(r.backup(func(b *rest.BackupRequest) { b.SnapshotTag = "" }))
	if tag := manifest.ParseTag(tagOf(t, op)); !tag.Complete || !strings.HasPrefix(tag.User, "autosnap-") {
		t.Errorf("the tag is %s", tag)
	}
}

func TestDirectoriesOutsideOfTheRootsAreRefused(t *testing.T) {
	t.Parallel()
	r := newRing(t, "dc1")
	r.fill()
	s := r.sidecars[0]
	mentions(t, s.failed(r.backup(func(b *rest.BackupRequest) {
		b.GlobalRequest, b.StorageLocation, b.DataDirs = false, s.own(), []rest.Path{"/etc"}
	})), "dataDirs /etc")
	mentions(t, s.failed(r.restore(rest.StrategyHardlinks, func(q *rest.RestoreRequest) {
		q.GlobalRequest, q.StorageLocation, q.DataDirs = false, s.own(), []rest.Path{"/etc"}
	})), "dataDirs /etc")
	mentions(t, s.failed(r.restore(rest.StrategyHardlinks, func(q *rest.RestoreRequest) {
		q.GlobalRequest, q.StorageLocation, q.Import.SourceDir = false, s.own(), "/srv"
	})), "import.sourceDir /srv")
	r.untouched()
}

func TestWhatOnlyAStoppedNodeWouldHeedIsWarnedOf(t *testing.T) {
	t.Parallel()
	r := newRing(t, "dc1")
	r.fill()
	s := r.sidecars[0]
	s.completed(r.backup(nil))
	ask := func(q *rest.RestoreRequest) { q.NewCluster, q.RestoreSystemAuth = true, true }
	for name, req := range map[string]rest.Request{
		"of the ring": r.restore(rest.StrategyHardlinks, ask),
		"of a node": r.restore(rest.StrategyHardlinks, func(q *rest.RestoreRequest) {
			ask(q)
			q.GlobalRequest, q.StorageLocation = false, s.own()
		}),
	} {
		warnings := s.completed(req).Warnings
		if len(warnings) != 2 || !strings.HasPrefix(warnings[0], "newCluster ") || !strings.HasPrefix(warnings[1], "restoreSystemAuth ") {
			t.Errorf("a restore %s warns %v", name, warnings)
		}
	}
}

func TestRequestsThatAreRefusedAtTheDoor(t *testing.T) {
	t.Parallel()
	r := newRing(t, "dc1")
	r.fill()
	cases := map[string]struct {
		req   rest.Request
		field string
	}{
		"a key of KMS": {r.backup(func(b *rest.BackupRequest) { b.KMSKeyID = "alias/mine" }), "kmsKeyId"},
		"a key of KMS for a restore": {
			r.restore(rest.StrategyImport, func(q *rest.RestoreRequest) { q.KMSKeyID = "alias/mine" }), "kmsKeyId",
		},
		"a tag with no room for what is added": {r.backup(func(b *rest.BackupRequest) { b.SnapshotTag = strings.Repeat("t", 200) }), "snapshotTag"},
		"a location of no known store":         {r.backup(func(b *rest.BackupRequest) { b.StorageLocation = "ftp://bucket" }), "storageLocation"},
		"a proxy without a host": {
			r.backup(func(b *rest.BackupRequest) { b.ProxySettings = &rest.ProxySettings{UseProxy: true} }), "proxySettings.proxyHost",
		},
		"half of an account": {
			r.backup(func(b *rest.BackupRequest) {
				b.StorageLocation, b.Credentials = "s3://bucket", &rest.Credentials{AccessKeyID: "id", Endpoint: "http://elsewhere"}
			}),
			"credentials.secretAccessKey",
		},
		"a restore in place of the ring": {
			r.restore(rest.StrategyInPlace, func(q *rest.RestoreRequest) { q.RestorationPhase = "" }), "globalRequest",
		},
		"a restore in place of some node": {
			r.restore(rest.StrategyInPlace, func(q *rest.RestoreRequest) {
				q.RestorationPhase, q.GlobalRequest, q.StorageLocation = "", false, "s3://bucket"
			}), "storageLocation",
		},
		"a restore that downloads to nowhere": {
			r.restore(rest.StrategyHardlinks, func(q *rest.RestoreRequest) { q.Import.SourceDir = "" }), "import.sourceDir",
		},
		"a topology without a place": {
			newRequest(rest.TypeUploadTopology, func(u *rest.UploadTopologyRequest) { u.StorageLocation, u.SnapshotTag = "s3://b", "t" }),
			"storageLocation",
		},
		"an import into what a node knows of itself": {
			newRequest(rest.TypeImport, func(i *rest.ImportRequest) { i.Keyspace, i.Table, i.TablePath = "system", "local", "/x" }), "keyspace",
		},
		"a truncation, which is off": {
			newRequest(rest.TypeTruncate, func(q *rest.TruncateRequest) { q.Keyspace, q.Table = "shop", "items" }), "type",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			told := r.sidecars[0].refused(c.req)
			if told.Code != http.StatusBadRequest || len(told.Violations) != 1 || told.Violations[0].Field != c.field {
				t.Errorf("the answer is %d %s %+v, want a violation of %s", told.Code, told.Message, told.Violations, c.field)
			}
		})
	}
	if ops := r.sidecars[0].states(); len(ops) > 0 {
		t.Errorf("there are operations: %v", ops)
	}
	r.untouched()
}

func TestTruncateIsOffUntilItIsEnabled(t *testing.T) {
	t.Parallel()
	r := newRing(t, "dc1")
	deps := r.sidecars[0].deps()
	registry, err := nodeops.Kinds(deps, nil)
	noError(t, err)
	if _, on := registry[rest.TypeTruncate]; on {
		t.Error("truncate is on by itself")
	}
	if registry, err = nodeops.Kinds(deps, []string{rest.TypeTruncate}); err != nil {
		t.Fatal(err)
	}
	kind := registry[rest.TypeTruncate]
	ask := func(keyspace string) *rest.TruncateRequest {
		return newRequest(rest.TypeTruncate, func(q *rest.TruncateRequest) { q.Keyspace, q.Table = keyspace, "t" })
	}
	noError(t, kind.Check(t.Context(), ask("shop")))
	for _, keyspace := range []string{"system", "system_auth", "system_schema"} {
		var told *rest.Error
		if err := kind.Check(t.Context(), ask(keyspace)); !errors.As(err, &told) || told.Code != http.StatusBadRequest {
			t.Errorf("truncating %s: %v", keyspace, err)
		}
	}
	if _, err := nodeops.Kinds(deps, []string{rest.TypeTruncate, "no-such"}); err == nil || !strings.Contains(err.Error(), "no-such") {
		t.Errorf("enabling what does not exist: %v", err)
	}
}

func TestAnEnabledTruncationTruncates(t *testing.T) {
	t.Parallel()
	r := newRing(t, "dc1")
	r.fill()
	s := r.sidecars[0]
	s.stop()
	s.start(rest.TypeTruncate)
	s.completed(newRequest(rest.TypeTruncate, func(q *rest.TruncateRequest) { q.Keyspace, q.Table = "shop", "items" }))
	wantRows(t, s, "shop.items")
	wantRows(t, s, "shop.orders", "order-of-127.0.0.1")
}

func TestFlushAndCleanup(t *testing.T) {
	t.Parallel()
	r := newRing(t, "dc1")
	r.fill()
	s := r.sidecars[0]
	s.completed(newRequest(rest.TypeFlush, func(f *rest.FlushRequest) { f.Keyspace, f.Tables = "shop", []string{"items"} }))
	if live := s.node.Live("shop", "items"); len(live) != 1 {
		t.Errorf("after the flush there are %v", live)
	}
	s.completed(newRequest(rest.TypeCleanup, func(c *rest.CleanupRequest) { c.Keyspace, c.Jobs = "shop", 2 }))
	if calls := s.node.Calls("Cleanup"); !slices.Equal(calls, []string{"Cleanup shop 2"}) {
		t.Errorf("it was asked for %v", calls)
	}
	mentions(t, s.failed(newRequest(rest.TypeFlush, func(f *rest.FlushRequest) { f.Keyspace = "zoo" })), "host of 127.0.0.1: ", "zoo")
}

func TestImport(t *testing.T) {
	t.Parallel()
	r := newRing(t, "dc1")
	r.fill()
	s := r.sidecars[0]
	s.node.CreateTable("shop", "copy")
	base := s.node.AddSSTable("shop", "items", "imported")
	files, err := filepath.Glob(filepath.Join(s.node.Described("shop", "items").DataPaths[0], base+"-*"))
	noError(t, err)
	outside := t.TempDir()
	inside := filepath.Join(r.downloads, "shop", "copy")
	noError(t, os.MkdirAll(inside, 0o755))
	for _, file := range files {
		body, err := os.ReadFile(file)
		noError(t, err)
		for _, dir := range []string{inside, outside} {
			noError(t, os.WriteFile(filepath.Join(dir, filepath.Base(file)), body, 0o600))
		}
	}
	noError(t, os.Symlink(outside, filepath.Join(r.downloads, "leads-out")))
	ask := func(dir string) *rest.ImportRequest {
		return newRequest(rest.TypeImport, func(i *rest.ImportRequest) { i.Keyspace, i.Table, i.TablePath = "shop", "copy", rest.URI(dir) })
	}
	for dir, want := range map[string]string{
		outside:                                        "--allow-directory",
		filepath.Join(r.downloads, "leads-out"):        "--allow-directory",
		filepath.Join(r.downloads, "nowhere"):          "no such file",
		filepath.Join(inside, filepath.Base(files[0])): "is not a directory",
	} {
		mentions(t, s.failed(ask(dir)), want)
	}
	if n := r.calls("Import"); n > 0 {
		t.Errorf("Cassandra was asked for %d imports", n)
	}
	s.completed(ask(inside))
	wantRows(t, s, "shop.copy", "imported")
}

// What a proxy and a store are told stays between them and the sidecar.
func TestSecretsAreInNoAnswer(t *testing.T) {
	t.Parallel()
	r := newRing(t, "dc1")
	r.fill()
	op := r.sidecars[0].run(r.backup(func(b *rest.BackupRequest) {
		b.StorageLocation, b.GlobalRequest = "s3://bucket", false
		b.Retry = rest.Retry{Enabled: true, Strategy: "LINEAR"}
		b.Credentials = &rest.Credentials{AccessKeyID: "AKIDSHOWN", SecretAccessKey: "hunter2-secret", SessionToken: "hunter2-token", Region: "eu-west-1"}
		b.ProxySettings = &rest.ProxySettings{
			UseProxy: true, ProxyHost: "127.0.0.1", ProxyPort: 1, ProxyProtocol: "http", ProxyUsername: "me", ProxyPassword: "hunter2-proxy",
		}
	}))
	if op.State != rest.StateFailed {
		t.Fatalf("it is %s, through a proxy that is not there", op.State)
	}
	text, err := json.Marshal(op)
	noError(t, err)
	if strings.Contains(string(text), "hunter2") || strings.Contains(string(text), "AKIDSHOWN") {
		t.Errorf("a secret is in %s", text)
	}
	mentions(t, op.Errors, "s3://bucket")
	r.untouched()
}

func TestATopologyIsWrittenOnce(t *testing.T) {
	t.Parallel()
	r := newRing(t, "dc1", "dc1")
	deps := r.sidecars[0].deps()
	location, err := store.ParseLocation(r.bucket)
	noError(t, err)
	noError(t, store.CheckBucket(t.Context(), location, store.Options{}, true))
	b, err := store.Open(t.Context(), location, store.Options{})
	noError(t, err)
	defer b.Close()
	const tag = "nightly-5c4e3a00-0000-3000-8000-000000000001-1700000000000"
	key := manifest.TopologyKey(tag)
	noError(t, deps.PutTopology(t.Context(), b, tag))
	first := r.read(key)

	r.sidecars[0].node.CreateTable("shop", "since") // another schema since then
	noError(t, deps.PutTopology(t.Context(), b, tag))
	if again := r.read(key); string(again) != string(first) {
		t.Errorf("it was %s and is %s", first, again)
	}
	named := strings.Replace(string(first), `"hostname": "127.0.0.2"`, `"hostname": "two.example"`, 1)
	noError(t, b.Replace(t.Context(), key, []byte(named)))
	noError(t, deps.PutTopology(t.Context(), b, tag)) // a name server that is away makes no other ring
	for _, other := range []string{strings.Replace(named, "rack2", "rack9", 1), "{}", "none"} {
		noError(t, b.Replace(t.Context(), key, []byte(other)))
		if err := deps.PutTopology(t.Context(), b, tag); !errors.Is(err, store.ErrExists) {
			t.Errorf("over %s: %v", other, err)
		}
		if left := r.read(key); string(left) != other {
			t.Errorf("it became %s", left)
		}
	}
}
