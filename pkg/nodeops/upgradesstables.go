package nodeops

import (
	"context"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// upgradeSSTables rewrites SSTables of older formats.
func upgradeSSTables(d *Deps) operation.Kind {
	return operation.Define(rest.TypeUpgradeSSTables, operation.Spec[rest.UpgradeSSTablesRequest]{
		Run: func(ctx context.Context, r *rest.UpgradeSSTablesRequest, h *operation.Handle) error {
			c := compactions{
				keyspace: r.Keyspace, tables: r.Tables, types: []string{cassandra.CompactionUpgrade}, skips: !r.IncludeAllSSTables,
			}
			return d.compacting(ctx, h, c, func(ctx context.Context) error {
				return d.Node.UpgradeSSTables(ctx, r.Keyspace, r.IncludeAllSSTables, r.Jobs, r.Tables...)
			})
		},
		Outlives:  true,
		Exclusive: func(r *rest.UpgradeSSTablesRequest) (string, bool) { return sstables(r.Keyspace) },
	})
}
