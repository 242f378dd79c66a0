package nodeops

import (
	"context"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// compact makes as few SSTables as it may.
func compact(d *Deps) operation.Kind {
	return operation.Define(rest.TypeCompact, operation.Spec[rest.CompactRequest]{
		Run: func(ctx context.Context, r *rest.CompactRequest, h *operation.Handle) error {
			o := cassandra.MajorOptions{SplitOutput: r.SplitOutput, StartToken: r.StartToken, EndToken: r.EndToken}
			c := compactions{
				keyspace: r.Keyspace, tables: r.Tables, types: []string{cassandra.CompactionMajor, cassandra.CompactionMinor},
			}
			return d.compacting(ctx, h, c, func(ctx context.Context) error {
				return d.Node.MajorCompact(ctx, r.Keyspace, o, r.Tables...)
			})
		},
		Outlives:  true,
		Exclusive: func(r *rest.CompactRequest) (string, bool) { return sstables(r.Keyspace) },
	})
}
