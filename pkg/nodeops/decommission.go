package nodeops

import (
	"context"
	"errors"
	"fmt"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// decommission makes the node leave the ring. Whether it did is asked in the end,
// since 5.0 returns from a second call as if it had.
func decommission(d *Deps) operation.Kind {
	return operation.Define(rest.TypeDecommission, operation.Spec[rest.DecommissionRequest]{
		Run: func(ctx context.Context, r *rest.DecommissionRequest, h *operation.Handle) error {
			return d.outlive(ctx, h, work{
				attendance: attendance{progress: d.streamed(cassandra.StreamDecommission)},
				ask: func(ctx context.Context) error {
					if err := d.leave(ctx, r.Force == nil || *r.Force); err != nil {
						return err
					}
					return d.requireLeft(ctx)
				},
				look: func(ctx context.Context, _ asked) (sight, error) {
					if mode, err := d.Node.OperationMode(ctx); mode == cassandra.StateLeaving || err != nil {
						return atWork, err
					}
					return over, nil
				},
				settle: func(ctx context.Context, _ error) error { return d.requireLeft(ctx) },
			})
		},
		Outlives:      true,
		Exclusive:     func(*rest.DecommissionRequest) (string, bool) { return membership() },
		Uncancellable: "Cassandra has no way back once the node is leaving the ring",
	})
}

// leave makes the node leave, if it has not done so already.
func (d *Deps) leave(ctx context.Context, force bool) error {
	mode, err := d.Node.OperationMode(ctx)
	switch {
	case err != nil:
		return err
	case mode == cassandra.ModeDecommissioned:
		return nil
	case mode == cassandra.StateLeaving: // 3.11 would begin a second time
		return fmt.Errorf("the node is %s already", mode)
	}
	if err := d.requireOthers(ctx); err != nil {
		return err
	}
	return d.Node.Decommission(ctx, force)
}

// requireLeft asks whether the node has left.
func (d *Deps) requireLeft(ctx context.Context) error {
	mode, err := d.Node.OperationMode(ctx)
	if err == nil && mode != cassandra.ModeDecommissioned {
		err = fmt.Errorf("the node is %s after its decommission, not %s; its log has the reason", mode, cassandra.ModeDecommissioned)
	}
	return err
}

// requireOthers refuses to leave a ring in which no other node is up: 3.11 begins
// nevertheless, and stays LEAVING.
func (d *Deps) requireOthers(ctx context.Context) error {
	members, err := d.Node.Ring(ctx)
	if err != nil {
		return err
	}
	normal := 0 // this node with them
	for _, m := range members {
		if m.Up && m.State == cassandra.StateNormal {
			normal++
		}
	}
	if normal < 2 {
		return errors.New("no other node of the ring is up and NORMAL, to take the data")
	}
	return nil
}
