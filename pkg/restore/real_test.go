package restore_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
	"github.com/icarus-sidecar/icarus/hack/dataset"
	"github.com/icarus-sidecar/icarus/pkg/backup"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/jmx"
	"github.com/icarus-sidecar/icarus/pkg/restore"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
)

func TestARealNodeGetsItsDataBack(t *testing.T) {
	t.Parallel()
	settings := map[string]map[string]string{
		"4.1": {"auto_snapshot": "true"},
		"5.0": {"auto_snapshot": "true", "uuid_sstable_identifiers_enabled": "true"},
	}
	for version, settings := range settings {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			r := ring.ForTest(t, ring.Options{Version: version, DataDirs: 2, Settings: settings})
			for _, strategy := range strategies {
				t.Run(string(strategy), func(t *testing.T) { backUpDamageRestore(t, r, strategy) })
			}
		})
	}
}

func backUpDamageRestore(t *testing.T, r *ring.Ring, strategy restore.Strategy) {
	t.Helper()
	session, err := r.CQL().CreateSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	node := cassandra.New(func(ctx context.Context) (*jmx.Client, error) {
		return jmx.Dial(ctx, jmx.Options{Address: r.Nodes[0].JMX})
	})
	flush := func(ctx context.Context, keyspace, table string) error { return node.Flush(ctx, keyspace, table) }
	set := dataset.New(session, dataset.Options{Prefix: "restore_" + strings.ToLower(string(strategy)), Nodes: map[string]int{"dc1": 1}, Rows: 60})
	if err := set.Populate(t.Context(), flush); err != nil {
		t.Fatal(err)
	}
	before, err := set.Prints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	bucket := storetest.Files(t)
	if _, err := backup.Run(t.Context(), node, bucket, backup.Request{Tag: tag, Owner: "test", Keyspaces: set.Keyspaces()}, nil); err != nil {
		t.Fatal(err)
	}
	if err := set.Damage(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := set.CreateLater(t.Context()); err != nil {
		t.Fatal(err)
	}
	snapshots, err := node.SnapshotTags(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(snapshots) == 0 {
		t.Error("there is no snapshot of the damage's own truncation")
	}
	request := restore.Request{ID: "run", SnapshotTag: tag, Entities: set.Keyspaces(), Strategy: strategy, SourceDir: t.TempDir()}
	for i, p := range phases {
		if _, err := p(t.Context(), node, bucket, request, nil); err != nil {
			t.Fatalf("phase %d: %v", i, err)
		}
	}
	after, err := set.Prints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if after[set.Later()].Rows == 0 {
		t.Error("the table that was made after the backup lost its rows")
	}
	delete(after, set.Later())
	for _, d := range dataset.Compare(before, after) {
		t.Error(d)
	}
	left, err := node.SnapshotTags(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(snapshots, left); diff != "" {
		t.Errorf("snapshots before and after (-want +got):\n%s", diff)
	}
}
