package dataset

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gocql/gocql"
	"golang.org/x/sync/errgroup"
)

// Flush writes a table's memtables to disk on every node. The database has no
// statement for it, so the caller brings one: over JMX, or by a sidecar.
type Flush func(ctx context.Context, keyspace, table string) error

// Flushes is how many SSTables a node gets of the ledger.
const Flushes = 20

// writers is how many statements are on their way at a time.
const writers = 16

// Options describe a data set. The zero value suits three nodes in dc1.
type Options struct {
	// Prefix begins the names of the keyspaces; demo if empty.
	Prefix string
	// Nodes are how many nodes each data centre has: no keyspace is replicated
	// more often there. Three in dc1 if empty.
	Nodes map[string]int
	// Rows is the number of rows of most tables; 200 if 0.
	Rows int
	// PayloadBytes is the size of the incompressible part of each of the ledger's
	// rows; 256 if 0.
	PayloadBytes int
}

// Set is a data set in a cluster.
type Set struct {
	session *gocql.Session
	o       Options
}

// New is the data set that a session reaches. Nothing is created yet.
func New(session *gocql.Session, o Options) *Set {
	if o.Prefix == "" {
		o.Prefix = "demo"
	}
	if len(o.Nodes) == 0 {
		o.Nodes = map[string]int{"dc1": 3}
	}
	if o.Rows == 0 {
		o.Rows = 200
	}
	if o.PayloadBytes == 0 {
		o.PayloadBytes = 256
	}
	return &Set{session: session, o: o}
}

// Shop is the keyspace of replication 2.
func (s *Set) Shop() string { return s.o.Prefix + "_shop" }

// Bank is the keyspace of replication 3.
func (s *Set) Bank() string { return s.o.Prefix + "_bank" }

// Keyspaces are both.
func (s *Set) Keyspaces() []string { return []string{s.Shop(), s.Bank()} }

// Later is the table, with its keyspace, that CreateLater makes.
func (s *Set) Later() string { return s.Bank() + ".later" }

// Prints tells what the data set holds now.
func (s *Set) Prints(ctx context.Context) (Prints, error) {
	return Fingerprint(ctx, s.session, s.Keyspaces()...)
}

// replicated is the replication clause of a keyspace.
func replicated(times int, nodes map[string]int) string {
	var b strings.Builder
	b.WriteString("{'class': 'NetworkTopologyStrategy'")
	for _, dc := range slices.Sorted(maps.Keys(nodes)) {
		fmt.Fprintf(&b, ", '%s': %d", dc, min(times, nodes[dc]))
	}
	return b.String() + "}"
}

// run runs one statement that has no answer.
func (s *Set) run(ctx context.Context, statement string, values ...any) error {
	if err := s.session.Query(statement, values...).WithContext(ctx).Exec(); err != nil {
		return fmt.Errorf("running %q: %w", abbreviate(statement), err)
	}
	return nil
}

// each runs a statement for the rows from first to below end, several at a time.
func (s *Set) each(ctx context.Context, first, end int, statement string, values func(row int) []any) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(writers)
	for row := first; row < end; row++ {
		g.Go(func() error { return s.run(ctx, statement, values(row)...) })
	}
	return g.Wait()
}

// abbreviate shortens a statement to what names it.
func abbreviate(statement string) string {
	const most = 80
	line := strings.Join(strings.Fields(statement), " ")
	if len(line) > most {
		line = line[:most] + "..."
	}
	return line
}
