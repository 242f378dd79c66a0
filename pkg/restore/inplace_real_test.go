package restore_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
	"github.com/icarus-sidecar/icarus/hack/dataset"
	"github.com/icarus-sidecar/icarus/pkg/backup"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/jmx"
	"github.com/icarus-sidecar/icarus/pkg/restore"
	"github.com/icarus-sidecar/icarus/pkg/store"
)

// realNode is a node of its own that is stopped, wiped and started.
type realNode struct {
	*cassandra.Node
	t      *testing.T
	ring   *ring.Ring
	set    *dataset.Set
	before dataset.Prints
	id     cassandra.Identity
	bucket store.Bucket
	r      restore.InPlaceRequest
	done   *restore.InPlaceRequest // the last
}

// Up is false if nothing listens.
func (n *realNode) Up(ctx context.Context) (bool, error) {
	_, err := n.OperationMode(ctx)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return false, nil
	}
	return err == nil, err
}

func TestARealNodeThatWasWipedStartsWithItsData(t *testing.T) {
	t.Parallel()
	for version, settings := range map[string]map[string]string{
		"3.11": nil, "4.0": nil, "4.1": nil, "5.0": {"uuid_sstable_identifiers_enabled": "true"},
	} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			n := newRealNode(t, ring.Options{Version: version, DataDirs: 2, Settings: settings})
			if _, err := restore.InPlace(t.Context(), n, n.bucket, n.r, nil); !errors.Is(err, restore.ErrRunning) {
				t.Fatalf("while it runs: %v", err)
			}

			n.r.System = true
			n.wipeAndRestore()
			if id := n.identity(); id.HostID != n.id.HostID || !slices.Equal(id.Tokens, n.id.Tokens) {
				t.Errorf("with its own keyspaces it is %+v, and was %+v", id, n.id)
			}

			n.r.System, n.r.NewCluster = false, true
			n.wipeAndRestore()
			if id := n.identity(); id.HostID == n.id.HostID || !slices.Equal(id.Tokens, n.id.Tokens) {
				t.Errorf("as a new node it is %+v, and was %+v", id, n.id)
			}
		})
	}
}

func newRealNode(t *testing.T, o ring.Options) *realNode {
	t.Helper()
	n := &realNode{t: t, ring: ring.Own(t, o)}
	n.Node = cassandra.New(func(ctx context.Context) (*jmx.Client, error) {
		return jmx.Dial(ctx, jmx.Options{Address: n.ring.Nodes[0].JMX})
	})
	n.prints(func() error {
		flush := func(ctx context.Context, keyspace, table string) error { return n.Flush(ctx, keyspace, table) }
		return n.set.Populate(t.Context(), flush)
	})
	n.before = n.prints(nil)
	n.id = n.identity()
	at := store.Location{Provider: store.File, Dir: t.TempDir(), Bucket: "bucket"}.WithNode("c", "dc1", n.id.HostID)
	n.noError(store.CheckBucket(t.Context(), at, store.Options{}, true))
	bucket, err := store.Open(t.Context(), at, store.Options{})
	n.noError(err)
	t.Cleanup(func() { n.noError(bucket.Close()) })
	n.bucket = bucket
	_, err = backup.Run(t.Context(), n.Node, store.Prefixed(bucket, at.NodePrefix()), backup.Request{Tag: tag, Owner: "test"}, nil)
	n.noError(err)
	dir := n.ring.Nodes[0].Dir
	n.r = restore.InPlaceRequest{
		SnapshotTag: "nightly", Location: at, DataDirs: n.ring.Nodes[0].DataDirs, CassandraDir: dir, ConfigDir: dir + "/conf", UpdateYAML: true,
	}
	return n
}

func (n *realNode) noError(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

func (n *realNode) identity() cassandra.Identity {
	n.t.Helper()
	id, err := n.Identity(n.t.Context())
	n.noError(err)
	slices.Sort(id.Tokens)
	return id
}

// prints are those of the rows, after do.
func (n *realNode) prints(do func() error) dataset.Prints {
	n.t.Helper()
	session, err := n.ring.CQL().CreateSession()
	n.noError(err)
	defer session.Close()
	n.set = dataset.New(session, dataset.Options{Prefix: "in_place", Nodes: map[string]int{"dc1": 1}, Rows: 60})
	if do != nil {
		n.noError(do())
	}
	prints, err := n.set.Prints(n.t.Context())
	n.noError(err)
	return prints
}

// wipeAndRestore loses the disks of the node between its last stop and next start.
func (n *realNode) wipeAndRestore() {
	n.t.Helper()
	n.noError(n.ring.Stop(n.t.Context(), 1))
	if n.done != nil { // and the node has run since
		n.repeated(*n.done, true)
	}
	for _, dir := range n.r.DataDirs {
		n.noError(os.RemoveAll(dir))
	}
	n.repeated(n.r, false)
	result, err := restore.InPlace(n.t.Context(), n, n.bucket, n.r, nil)
	n.noError(err)
	if result.SnapshotTag != tag || len(result.Warnings) > 0 {
		n.t.Errorf("the result is %+v", result)
	}
	n.repeated(n.r, true)
	done := n.r
	n.done = &done
	n.noError(n.ring.Start(n.t.Context(), 1))
	for _, d := range dataset.Compare(n.before, n.prints(nil)) {
		n.t.Error(d)
	}
}

// repeated asks whether a restore is done already.
func (n *realNode) repeated(r restore.InPlaceRequest, want bool) {
	n.t.Helper()
	if _, done, err := restore.Repeated(n.t.Context(), n, r); done != want || err != nil {
		n.t.Errorf("that it is done is %t, %v", done, err)
	}
}
