package nodeops

import (
	"context"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// rebuild streams the node's data from others.
func rebuild(d *Deps) operation.Kind {
	return operation.Define(rest.TypeRebuild, operation.Spec[rest.RebuildRequest]{
		Run: func(ctx context.Context, r *rest.RebuildRequest, h *operation.Handle) error {
			return d.outlive(ctx, h, work{
				attendance: attendance{progress: d.streamed(cassandra.StreamRebuild)},
				ask: func(ctx context.Context) error {
					return d.Node.Rebuild(ctx, cassandra.RebuildOptions{
						SourceDatacenter: r.SourceDC, Keyspace: r.Keyspace, Ranges: ranges(r.SpecificTokens), Sources: r.SpecificSources,
					})
				},
				look:   d.streaming(cassandra.StreamRebuild),
				advice: "Cassandra's log says whether all ranges came; if not, submit it again",
			})
		},
		Outlives:      true,
		Exclusive:     func(*rest.RebuildRequest) (string, bool) { return membership() },
		Uncancellable: "Cassandra streams until everything is there or a restart",
	})
}
