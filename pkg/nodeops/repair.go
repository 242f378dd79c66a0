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
			err := d.outlive(ctx, h, d.repairing(h, r))
			if errors.Is(err, cassandra.ErrNothingToRepair) && ctx.Err() == nil {
				h.Warn(cassandra.ErrNothingToRepair.Error())
				return nil
			}
			return err
		},
		Outlives: true,
		Check: func(_ context.Context, r *rest.RepairRequest) error {
			if cassandra.IsLocal(r.Keyspace) {
				return rest.Invalid(rest.Violation{Field: "keyspace", Message: r.Keyspace + " is each node's own: no other has a replica of it"})
			}
			return nil
		},
		Exclusive: func(*rest.RepairRequest) (string, bool) { return "repair", true },
	})
}

// repairing is a repair, whose number is kept as soon as Cassandra tells it.
func (d *Deps) repairing(h *operation.Handle, r *rest.RepairRequest) work {
	var state cassandra.RepairState
	var reason string
	return work{
		attendance: attendance{stop: func(ctx context.Context) (bool, error) {
			err := d.Node.StopRepairs(ctx)
			return err == nil, err
		}},
		ask: func(ctx context.Context) error {
			var unkept error
			begun := func(number int) { unkept = keepRepair(h, number) }
			report := func(done, of int) { h.SetProgress(float64(done) / float64(of)) }
			err := d.Node.Repair(ctx, r.Keyspace, repairOptions(r), begun, report)
			return errors.Join(err, unkept)
		},
		look: func(ctx context.Context, of asked) (s sight, err error) {
			number := of.Repair
			if of.Started.IsZero() {
				number = 0 // it may be that of another process
			}
			state, reason, err = d.Node.RepairStatus(ctx, number)
			switch {
			case err != nil || state == cassandra.RepairUnknown:
				return unseen, err
			case state == cassandra.RepairRunning:
				return atWork, nil
			}
			return over, nil
		},
		settle: func(_ context.Context, unknown error) error {
			switch state {
			case cassandra.RepairCompleted:
				return nil
			case cassandra.RepairFailed:
				return errors.New(reason)
			case cassandra.RepairUnknown, cassandra.RepairRunning:
			}
			return unknown
		},
		advice: "submit it again: where the replicas agree they are only compared",
	}
}

func keepRepair(h *operation.Handle, number int) error {
	var of asked
	if _, err := h.Kept(&of); err != nil {
		return err
	}
	of.Repair = number
	return h.Keep(of)
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
