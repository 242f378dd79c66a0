package nodeops

import (
	"context"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// cleanup drops the data that the node no longer owns. Two cleanups of one
// keyspace would find each other's SSTables taken, so one waits for the other.
func cleanup(d *Deps) operation.Kind {
	return operation.Define(rest.TypeCleanup, operation.Spec[rest.CleanupRequest]{
		Run: func(ctx context.Context, r *rest.CleanupRequest, _ *operation.Handle) error {
			return d.Node.Cleanup(ctx, r.Keyspace, r.Jobs, r.Tables...)
		},
		Exclusive: func(r *rest.CleanupRequest) (string, bool) { return "cleanup " + r.Keyspace, true },
	})
}
