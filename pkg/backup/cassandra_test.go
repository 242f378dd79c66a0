package backup_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
	"github.com/icarus-sidecar/icarus/hack/dataset"
	"github.com/icarus-sidecar/icarus/pkg/backup"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/cassandra/cassandratest"
	"github.com/icarus-sidecar/icarus/pkg/jmx"
	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
)

// twice backs a node up two times; nothing may be left, nor sent again.
func twice(t *testing.T, n cassandratest.Node, b store.Bucket, r backup.Request) *manifest.Manifest {
	t.Helper()
	var m *manifest.Manifest
	for _, r.Tag = range []string{tag(1), tag(2)} {
		result, err := backup.Run(t.Context(), n, b, r, nil)
		noError(t, err)
		if len(result.Warnings) > 0 {
			t.Errorf("the warnings are %v", result.Warnings)
		}
		if r.Tag == tag(2) && result.Counts.FilesReused != result.Counts.FilesTotal {
			t.Errorf("the second backup counted %+v", result.Counts)
		}
		tags, err := n.SnapshotTags(t.Context())
		noError(t, err)
		if slices.Contains(tags, r.Tag) || len(keys(t, b, "intents/")) > 0 {
			t.Errorf("snapshots %v and intents %v are left", tags, keys(t, b, "intents/"))
		}
		m = checkObjects(t, b, r.Tag)
	}
	return m
}

func TestEveryReleaseIsBackedUp(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]cassandratest.Options{
		"3.11":                   {Release: "3.11.19", DataDirs: 2},
		"4.1":                    {DataDirs: 3},
		"5.0 with ids of UUIDs":  {Release: "5.0.6", UUIDs: true},
		"4.0 with one directory": {Release: "4.0.20"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := cassandratest.New(t, o)
			n.CreateKeyspace("shop")
			n.CreateTable("shop", "items")
			n.CreateIndex("shop", "items", "items_by_v")
			n.CreateTable("shop", "Empty")
			for _, row := range []string{"apple", "pear", "plum"} {
				n.AddSSTable("shop", "items", row)
			}
			n.Write("shop", "items", "quince") // in memory until the snapshot
			m := twice(t, n, storetest.Files(t), backup.Request{Owner: "o", Keyspaces: []string{"shop"}})
			if diff := cmp.Diff([]string{"shop.Empty", "shop.items"}, m.TableNames()); diff != "" {
				t.Error(diff)
			}
			table, _ := m.Table("shop", "items")
			if table.Totals().Files != 8*8 || table.ID != n.Described("shop", "items").ID {
				t.Errorf("the manifest has %+v", table)
			}
			if !strings.Contains(table.SchemaContent, "CREATE INDEX") {
				t.Errorf("the schema is %q", table.SchemaContent)
			}
		})
	}
}

func TestASnapshotWhoseAnswerIsLostIsCleared(t *testing.T) {
	t.Parallel()
	n := cassandratest.New(t, cassandratest.Options{})
	n.CreateKeyspace("shop")
	n.CreateTable("shop", "items")
	lost := errors.New("connection reset")
	n.After = func(_ context.Context, c cassandratest.Call) error {
		if c.Method == "Snapshot" {
			return lost
		}
		return nil
	}
	b := storetest.Files(t)
	if _, err := backup.Run(t.Context(), n, b, request(1), nil); !errors.Is(err, lost) {
		t.Errorf("the error is %v", err)
	}
	if left := n.Snapshots("shop", "items"); len(left) > 0 {
		t.Errorf("snapshots are left: %v", left)
	}
}

func TestASnapshotThatCannotBeClearedIsAWarning(t *testing.T) {
	t.Parallel()
	n := cassandratest.New(t, cassandratest.Options{})
	n.CreateKeyspace("shop")
	n.CreateTable("shop", "items")
	n.Fail("ClearSnapshot", errors.New("no answer"))
	b := storetest.Files(t)
	result, err := backup.Run(t.Context(), n, b, request(1), nil)
	noError(t, err)
	if len(result.Warnings) != 1 || !strings.Contains(result.Warnings[0], "no answer") {
		t.Errorf("the warnings are %v", result.Warnings)
	}
	checkObjects(t, b, tag(1))
}

// The real thing: every table of the schema, the system's too, is in the
// backup, with all of the data set's forms.
func TestARealNodeIsBackedUp(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"3.11", "5.0"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			r := ring.ForTest(t, ring.Options{Version: version})
			n := cassandra.New(func(ctx context.Context) (*jmx.Client, error) {
				return jmx.Dial(ctx, jmx.Options{Address: r.Nodes[0].JMX})
			})
			session, err := r.CQL().CreateSession()
			noError(t, err)
			defer session.Close()
			s := dataset.New(session, dataset.Options{Prefix: "backup", Nodes: map[string]int{"dc1": 1}, Rows: 50})
			noError(t, s.Populate(t.Context(), func(ctx context.Context, keyspace, table string) error {
				return n.Flush(ctx, keyspace, table)
			}))
			b := storetest.Files(t)
			m := twice(t, n, b, backup.Request{Owner: "o", Keyspaces: s.Keyspaces()})
			tables, err := n.Tables(t.Context(), s.Keyspaces()...)
			noError(t, err)
			for _, table := range tables {
				backed, there := m.Table(table.Keyspace, table.Name)
				if !there || backed.ID != table.ID || backed.SchemaContent == "" {
					t.Errorf("%s is there: %v, with id %s and schema %q", table, there, backed.ID, backed.SchemaContent)
				}
			}
			if got := m.Totals().Tables; got != len(tables) {
				t.Errorf("%d tables are there, and %d should be", got, len(tables))
			}

			result, err := backup.Run(t.Context(), n, b, request(3), nil)
			noError(t, err)
			all, err := n.Tables(t.Context())
			noError(t, err)
			if result.Tables != len(all) {
				t.Errorf("%d of %d tables are there", result.Tables, len(all))
			}
			checkObjects(t, b, tag(3))
		})
	}
}
