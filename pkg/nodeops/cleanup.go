package nodeops

import (
	"context"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// cleanup drops the data that the node no longer owns.
func cleanup(d *Deps) operation.Kind {
	return operation.Define(rest.TypeCleanup, operation.Spec[rest.CleanupRequest]{
		Run: func(ctx context.Context, r *rest.CleanupRequest, h *operation.Handle) error {
			c := compactions{keyspace: r.Keyspace, tables: r.Tables, types: []string{cassandra.CompactionCleanup}, skips: true}
			return d.compacting(ctx, h, c, func(ctx context.Context) error {
				return d.Node.Cleanup(ctx, r.Keyspace, r.Jobs, r.Tables...)
			})
		},
		Outlives:  true,
		Exclusive: func(r *rest.CleanupRequest) (string, bool) { return sstables(r.Keyspace) },
	})
}
