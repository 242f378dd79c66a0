package nodeops

import (
	"context"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// verifySSTables checks the SSTables of the node.
func verifySSTables(d *Deps) operation.Kind {
	return operation.Define(rest.TypeVerifySSTables, operation.Spec[rest.VerifySSTablesRequest]{
		Run: func(ctx context.Context, r *rest.VerifySSTablesRequest, h *operation.Handle) error {
			o := cassandra.VerifyOptions{
				Extended: r.ExtendedVerify, Quick: r.Quick, CheckVersion: r.CheckVersion, CheckTokens: r.CheckTokens,
				MutateRepairStatus: r.MutateRepairStatus, DiskFailurePolicy: r.DiskFailurePolicy,
			}
			c := compactions{keyspace: r.Keyspace, tables: r.Tables, types: []string{cassandra.CompactionVerify}}
			return d.compacting(ctx, h, c, func(ctx context.Context) error {
				return d.Node.Verify(ctx, r.Keyspace, o, r.Tables...)
			})
		},
		Outlives:  true,
		Exclusive: func(r *rest.VerifySSTablesRequest) (string, bool) { return sstables(r.Keyspace) },
	})
}
