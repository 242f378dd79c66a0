package nodeops

import (
	"context"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// garbageCollect drops what newer data has deleted or replaced.
func garbageCollect(d *Deps) operation.Kind {
	return operation.Define(rest.TypeGarbageCollect, operation.Spec[rest.GarbageCollectRequest]{
		Run: func(ctx context.Context, r *rest.GarbageCollectRequest, h *operation.Handle) error {
			c := compactions{keyspace: r.Keyspace, tables: r.Tables, types: []string{cassandra.CompactionGarbage}}
			return d.compacting(ctx, h, c, func(ctx context.Context) error {
				return d.Node.GarbageCollect(ctx, r.Keyspace, r.Granularity, r.Jobs, r.Tables...)
			})
		},
		Outlives:  true,
		Exclusive: func(r *rest.GarbageCollectRequest) (string, bool) { return sstables(r.Keyspace) },
	})
}
