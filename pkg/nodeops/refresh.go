package nodeops

import (
	"context"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// blocking is why a call that Cassandra makes as a whole cannot be cancelled.
const blocking = "Cassandra finishes it once it has begun; wait for its end"

// refresh takes up the SSTables that were put into a table's directory.
func refresh(d *Deps) operation.Kind {
	return operation.Define(rest.TypeRefresh, operation.Spec[rest.RefreshRequest]{
		Run: func(ctx context.Context, r *rest.RefreshRequest, _ *operation.Handle) error {
			return d.Node.LoadNewSSTables(ctx, r.Keyspace, r.Table)
		},
		Check:         func(_ context.Context, r *rest.RefreshRequest) error { return takesSSTables(r.Keyspace) },
		Exclusive:     func(r *rest.RefreshRequest) (string, bool) { return "import " + r.Keyspace + "." + r.Table, true },
		Uncancellable: blocking,
	})
}
