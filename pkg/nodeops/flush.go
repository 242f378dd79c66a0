package nodeops

import (
	"context"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// flush writes memtables to disk.
func flush(d *Deps) operation.Kind {
	return operation.Define(rest.TypeFlush, operation.Spec[rest.FlushRequest]{
		Run: func(ctx context.Context, r *rest.FlushRequest, _ *operation.Handle) error {
			return d.Node.Flush(ctx, r.Keyspace, r.Tables...)
		},
		Resumable:     true, // to flush twice does no harm
		Uncancellable: blocking,
	})
}
