package cassandra_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gocql/gocql"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/cassandra/cassandratest"
	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

// real is a node of a ring, whose data are changed by CQL.
type real struct {
	*cassandra.Node
	t       *testing.T
	session *gocql.Session
}

func nodeOf(n *ring.Node) *cassandra.Node {
	return cassandra.New(func(ctx context.Context) (*jmx.Client, error) {
		return jmx.Dial(ctx, jmx.Options{Address: n.JMX})
	})
}

func TestRealNodeConforms(t *testing.T) {
	t.Parallel()
	for version, ids := range map[string]string{"4.1": "false", "5.0": "true"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			r := ring.ForTest(t, ring.Options{
				Version: version, DataDirs: 2,
				Settings: map[string]string{"auto_snapshot": "true", "uuid_sstable_identifiers_enabled": ids},
			})
			session, err := r.CQL().CreateSession()
			if err != nil {
				t.Fatal(err)
			}
			defer session.Close()
			snapshotsTogether(t, &real{nodeOf(r.Nodes[0]), t, session})
			cassandratest.Run(t, func(t *testing.T) cassandratest.Subject {
				t.Helper()
				return &real{nodeOf(r.Nodes[0]), t, session}
			})
		})
	}
}

// snapshotsTogether takes two snapshots at once of what was not flushed: each has to
// have it all, whoever flushes it.
func snapshotsTogether(t *testing.T, r *real) {
	t.Helper()
	const rounds, tables = 4, 12
	r.run("CREATE KEYSPACE together WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
	for i := range tables {
		r.run("CREATE TABLE together.t%d (k int PRIMARY KEY, v blob) WITH compaction = {'class': 'SizeTieredCompactionStrategy', 'enabled': 'false'}", i)
	}
	for round := range rounds {
		for i := range tables {
			r.run("INSERT INTO together.t%d (k, v) VALUES (%d, 0x00)", i, round)
		}
		tags := []string{fmt.Sprintf("left-%d", round), fmt.Sprintf("right-%d", round)}
		var group errgroup.Group
		for _, tag := range tags {
			group.Go(func() error { return r.Snapshot(t.Context(), tag, []string{"together"}) })
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		for i := range tables {
			held := map[string][]string{}
			for _, tag := range tags {
				held[tag] = r.dataFiles(tag, fmt.Sprintf("t%d", i))
			}
			if diff := cmp.Diff(held[tags[0]], held[tags[1]]); diff != "" || len(held[tags[0]]) <= round {
				t.Errorf("round %d: two snapshots of t%d have %v", round, i, held)
			}
		}
	}
	r.run("DROP KEYSPACE together")
}

// dataFiles are the SSTables of a table in a snapshot.
func (r *real) dataFiles(tag, table string) (names []string) {
	r.t.Helper()
	dirs, err := r.DataDirectories(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "together", table+"-*", "snapshots", tag, "*-Data.db"))
		if err != nil {
			r.t.Fatal(err)
		}
		for _, file := range files {
			names = append(names, filepath.Base(file))
		}
	}
	slices.Sort(names)
	return names
}

func (r *real) run(format string, args ...any) {
	r.t.Helper()
	statement := fmt.Sprintf(format, args...)
	if err := r.session.Query(statement).WithContext(r.t.Context()).Exec(); err != nil {
		r.t.Fatalf("running %s: %v", statement, err)
	}
}

func (r *real) CreateKeyspace(keyspace string) {
	r.t.Helper()
	r.run(`CREATE KEYSPACE %q WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`, keyspace)
}

func (r *real) MakeTable(keyspace, table string) {
	r.t.Helper()
	r.run(`CREATE TABLE %q.%q (k text PRIMARY KEY, v text)`, keyspace, table)
}

func (r *real) CreateIndex(keyspace, table, index string) {
	r.t.Helper()
	r.run(`CREATE INDEX %q ON %q.%q (v)`, index, keyspace, table)
}

func (r *real) DropTable(keyspace, table string) {
	r.t.Helper()
	r.run(`DROP TABLE %q.%q`, keyspace, table)
}

func (r *real) Write(keyspace, table string, rows ...string) {
	r.t.Helper()
	for _, row := range rows {
		r.run(`INSERT INTO %q.%q (k, v) VALUES ('%s', 'v')`, keyspace, table, row)
	}
}

func (r *real) Rows(keyspace, table string) []string {
	r.t.Helper()
	rows := []string{}
	found := r.session.Query(fmt.Sprintf(`SELECT k FROM %q.%q`, keyspace, table)).WithContext(r.t.Context()).Iter()
	for row := ""; found.Scan(&row); {
		rows = append(rows, row)
	}
	if err := found.Close(); err != nil {
		r.t.Fatalf("reading %s.%s: %v", keyspace, table, err)
	}
	slices.Sort(rows)
	return rows
}

func TestDialFails(t *testing.T) {
	t.Parallel()
	closed := errors.New("closed")
	node := cassandra.New(func(context.Context) (*jmx.Client, error) { return nil, closed })
	if _, err := node.Identity(t.Context()); !errors.Is(err, closed) {
		t.Errorf("got %v", err)
	}
}
