package nodeops

import (
	"context"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// clearSnapshot removes a snapshot. One that is not there is no error.
func clearSnapshot(d *Deps) operation.Kind {
	return operation.Define(rest.TypeClearSnapshot, operation.Spec[rest.ClearSnapshotRequest]{
		Run: func(ctx context.Context, r *rest.ClearSnapshotRequest, _ *operation.Handle) error {
			return d.Node.ClearSnapshot(ctx, r.SnapshotTag, r.Keyspaces...)
		},
		Resumable:     true, // to clear twice does no harm
		Uncancellable: blocking,
	})
}
