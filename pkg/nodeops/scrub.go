package nodeops

import (
	"context"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// scrub rewrites SSTables, without what cannot be read if the request says so.
func scrub(d *Deps) operation.Kind {
	return operation.Define(rest.TypeScrub, operation.Spec[rest.ScrubRequest]{
		Run: func(ctx context.Context, r *rest.ScrubRequest, h *operation.Handle) error {
			o := cassandra.ScrubOptions{
				NoSnapshot: r.DisableSnapshot, SkipCorrupted: r.SkipCorrupted, NoValidate: r.NoValidate,
				ReinsertOverflowedTTL: r.ReinsertOverflowedTTL, Jobs: r.Jobs,
			}
			c := compactions{keyspace: r.Keyspace, tables: r.Tables, types: []string{cassandra.CompactionScrub}}
			return d.compacting(ctx, h, c, func(ctx context.Context) error {
				return d.Node.Scrub(ctx, r.Keyspace, o, r.Tables...)
			})
		},
		Check: func(_ context.Context, r *rest.ScrubRequest) error {
			if r.SkipCorrupted && cassandra.IsLocal(r.Keyspace) {
				return rest.Invalid(rest.Violation{Field: "skipCorrupted", Message: "would drop what the node knows of itself: " + r.Keyspace + " is Cassandra's own"})
			}
			return nil
		},
		Outlives:  true,
		Exclusive: func(r *rest.ScrubRequest) (string, bool) { return sstables(r.Keyspace) },
	})
}
