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
			force := r.Force == nil || *r.Force
			err = d.attend(ctx, h, attendance{progress: d.streamed(cassandra.StreamDecommission)}, func(ctx context.Context) error {
				return d.Node.Decommission(ctx, force)
			})
			if err != nil {
				return err
			}
			if mode, err = d.Node.OperationMode(ctx); err != nil {
				return err
			}
			if mode != cassandra.ModeDecommissioned {
				return fmt.Errorf("the node is %s after its decommission, not %s; its log has the reason", mode, cassandra.ModeDecommissioned)
			}
			return nil
		},
		Exclusive:     func(*rest.DecommissionRequest) (string, bool) { return membership() },
		Uncancellable: "Cassandra has no way back once the node is leaving the ring",
	})
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
