package nodeops

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// compactions are those that Cassandra runs for a request, as far as one can
// tell: another's of the same type and table look alike.
type compactions struct {
	types    []string
	keyspace string
	tables   []string // of the request; none is all
	// skips says that Cassandra leaves out what it has done before, so that to ask
	// once more finishes what may lack, and shows that it is done.
	skips bool

	node Node
	// seen are the tables that were at work at some time, of count tables.
	seen  map[string]bool
	count int
}

// compacting runs a call whose work Cassandra shows as compactions.
func (d *Deps) compacting(ctx context.Context, h *operation.Handle, c compactions, call func(ctx context.Context) error) error {
	c.node, c.seen, c.count = d.Node, map[string]bool{}, len(c.tables)
	w := work{
		attendance: attendance{progress: c.progress, stop: c.stop}, ask: call, look: c.look,
		advice: "what was done stays done, and to submit it again does no harm",
	}
	if c.skips {
		w.settle = func(ctx context.Context, _ error) error {
			h.Warn("Cassandra was asked once more, since nobody had heard how it ended; what was done it leaves out")
			return call(ctx)
		}
	}
	return d.outlive(ctx, h, w)
}

// sstables excludes operations that would find each other's SSTables taken.
func sstables(keyspace string) (key string, queue bool) { return "sstables " + keyspace, true }

func (c *compactions) running(ctx context.Context) ([]cassandra.Compaction, error) {
	all, err := c.node.Compactions(ctx)
	return slices.DeleteFunc(all, func(r cassandra.Compaction) bool {
		return r.Keyspace != c.keyspace || !slices.Contains(c.types, r.Type) ||
			len(c.tables) > 0 && !slices.Contains(c.tables, tableOf(r))
	}), err
}

// look looks for them. What waits does not tell what it is for.
func (c *compactions) look(ctx context.Context, _ asked) (sight, error) {
	running, err := c.running(ctx)
	if err != nil {
		return unseen, err
	}
	if len(running) > 0 {
		return atWork, nil
	}
	queued, err := c.node.CompactionsQueued(ctx)
	if queued > 0 {
		return hidden, err
	}
	return unseen, err
}

// tableOf is the table of a compaction, which may be of its index: "table.index".
func tableOf(r cassandra.Compaction) string {
	table, _, _ := strings.Cut(r.Table, ".")
	return table
}

// progress counts tables: Cassandra takes one after the other and does not tell
// which are done, so it is what was seen at work before, and a part of what is
// now. A small table may be done unseen; then it is too low, never too high.
func (c *compactions) progress(ctx context.Context) (float64, error) {
	if c.count == 0 {
		tables, err := c.node.Tables(ctx, c.keyspace)
		if err != nil {
			return 0, err
		}
		c.count = len(tables)
	}
	running, err := c.running(ctx)
	if err != nil || c.count == 0 {
		return 0, err
	}
	done, total := map[string]int64{}, map[string]int64{}
	for _, r := range running {
		c.seen[tableOf(r)] = true
		done[tableOf(r)] += r.Done
		total[tableOf(r)] += r.Total
	}
	sum := float64(len(c.seen) - len(total))
	for table, of := range total {
		if of > 0 {
			sum += float64(done[table]) / float64(of)
		}
	}
	return sum / float64(max(c.count, len(c.seen))), nil
}

// stop ends those that run.
func (c *compactions) stop(ctx context.Context) (asked bool, err error) {
	running, err := c.running(ctx)
	for _, r := range running {
		stopped := c.node.StopCompaction(ctx, r.ID)
		asked = asked || stopped == nil
		err = errors.Join(err, stopped)
	}
	return asked, err
}
