package nodeops

import (
	"context"
	"errors"
	"fmt"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// snapshot takes one, which stays on the node until it is cleared.
func snapshot(d *Deps) operation.Kind {
	return operation.Define(rest.TypeSnapshot, operation.Spec[rest.SnapshotRequest]{
		Run: func(ctx context.Context, r *rest.SnapshotRequest, _ *operation.Handle) error {
			entities, err := rest.ParseEntities(r.Entities)
			if err != nil {
				return fmt.Errorf("reading entities: %w", err)
			}
			err = d.Node.Snapshot(ctx, r.SnapshotTag, entities.Strings())
			var asked bool
			for _, before := range []error{cassandra.ErrSnapshotExists, cassandra.ErrUnknownKeyspace, cassandra.ErrUnknownTable, cassandra.ErrInvalid} {
				asked = asked || errors.Is(err, before)
			}
			if err != nil && !asked {
				// Other keyspaces may have an older one of the same tag, so it is not
				// ours to clear.
				return fmt.Errorf("%w; some tables may have the snapshot, and clear-snapshot removes it", err)
			}
			return err
		},
		Uncancellable: blocking,
	})
}
