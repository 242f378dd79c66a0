package nodeops

import (
	"context"
	"errors"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// repair makes the replicas of a keyspace agree. One runs at a time: Cassandra
// ends all repairs of a node or none, and a cancelled one should take no other of
// ours along.
func repair(d *Deps) operation.Kind {
	return operation.Define(rest.TypeRepair, operation.Spec[rest.RepairRequest]{
		Run: func(ctx context.Context, r *rest.RepairRequest, h *operation.Handle) error {
			stop := func(ctx context.Context) (bool, error) {
				err := d.Node.StopRepairs(ctx)
				return err == nil, err
			}
			report := func(done, of int) { h.SetProgress(float64(done) / float64(of)) }
			err := d.attend(ctx, h, attendance{stop: stop}, func(ctx context.Context) error {
				return d.Node.Repair(ctx, r.Keyspace, repairOptions(r), report)
			})
			if errors.Is(err, cassandra.ErrNothingToRepair) && ctx.Err() == nil {
				h.Warn(cassandra.ErrNothingToRepair.Error())
				return nil
			}
			return err
		},
		Check: func(_ context.Context, r *rest.RepairRequest) error {
			if cassandra.IsLocal(r.Keyspace) {
				return rest.Invalid(rest.Violation{Field: "keyspace", Message: r.Keyspace + " is each node's own: no other has a replica of it"})
			}
			return nil
		},
		Exclusive: func(*rest.RepairRequest) (string, bool) { return "repair", true },
	})
}

func repairOptions(r *rest.RepairRequest) cassandra.RepairOptions {
	return cassandra.RepairOptions{
		Tables: r.Tables, Incremental: r.Incremental, PrimaryRange: r.PrimaryRange, Parallelism: r.Parallelism, JobThreads: r.JobThreads,
		Ranges: ranges(r.TokenRanges), Datacenters: rest.SplitDatacenters(r.DC), Hosts: r.Hosts,
	}
}

func ranges(of []rest.TokenRange) []cassandra.TokenRange {
	all := make([]cassandra.TokenRange, 0, len(of))
	for _, r := range of {
		all = append(all, cassandra.TokenRange{Start: r.Start, End: r.End})
	}
	return all
}
