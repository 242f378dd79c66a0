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
			return d.compacting(ctx, h, r.Keyspace, r.Tables, func(ctx context.Context) error {
				return d.Node.GarbageCollect(ctx, r.Keyspace, r.Granularity, r.Jobs, r.Tables...)
			}, cassandra.CompactionGarbage)
		},
		Exclusive: func(r *rest.GarbageCollectRequest) (string, bool) { return sstables(r.Keyspace) },
	})
}
