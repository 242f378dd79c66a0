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
	node     Node
	types    []string
	keyspace string
	tables   []string // of the request; none is all
	// seen are the tables that were at work at some time, of count tables.
	seen  map[string]bool
	count int
}

// compacting runs a call whose work Cassandra shows as compactions of some types.
func (d *Deps) compacting(
	ctx context.Context, h *operation.Handle, keyspace string, tables []string, call func(ctx context.Context) error, types ...string,
) error {
	c := &compactions{node: d.Node, types: types, keyspace: keyspace, tables: tables, seen: map[string]bool{}, count: len(tables)}
	return d.attend(ctx, h, attendance{progress: c.progress, stop: c.stop}, call)
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
