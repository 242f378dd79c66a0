package nodeops

import (
	"context"
	"net/http"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// truncate empties a table on the whole ring. It is off until it is enabled.
func truncate(d *Deps) operation.Kind {
	return operation.Define(rest.TypeTruncate, operation.Spec[rest.TruncateRequest]{
		Run: func(ctx context.Context, r *rest.TruncateRequest, _ *operation.Handle) error {
			return d.Node.Truncate(ctx, r.Keyspace, r.Table)
		},
		Check: func(_ context.Context, r *rest.TruncateRequest) error {
			if cassandra.IsSystem(r.Keyspace) {
				return &rest.Error{Code: http.StatusBadRequest, Message: "keyspace " + r.Keyspace + " is Cassandra's own and is not truncated"}
			}
			return nil
		},
		Uncancellable: blocking,
	})
}
