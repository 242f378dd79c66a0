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
			return d.compacting(ctx, h, r.Keyspace, r.Tables, func(ctx context.Context) error {
				return d.Node.UpgradeSSTables(ctx, r.Keyspace, r.IncludeAllSSTables, r.Jobs, r.Tables...)
			}, cassandra.CompactionUpgrade)
		},
		Exclusive: func(r *rest.UpgradeSSTablesRequest) (string, bool) { return sstables(r.Keyspace) },
	})
}
