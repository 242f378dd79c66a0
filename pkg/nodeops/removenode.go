package nodeops

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// removeNode makes the ring take a dead node for gone. It is off until it is enabled.
func removeNode(d *Deps) operation.Kind {
	return operation.Define(rest.TypeRemoveNode, operation.Spec[rest.RemoveNodeRequest]{
		Run: func(ctx context.Context, r *rest.RemoveNodeRequest, h *operation.Handle) error {
			is := func(m cassandra.Member) bool { return m.HostID == r.HostID }
			return d.outlive(ctx, h, work{
				ask: func(ctx context.Context) error {
					known, err := d.requireDown(ctx, is)
					switch {
					case err != nil:
						return err
					case !known:
						return fmt.Errorf("no node of the ring has the host id %s", r.HostID)
					}
					return d.Node.RemoveNode(ctx, r.HostID)
				},
				look: func(ctx context.Context, _ asked) (sight, error) {
					if removing, err := d.Node.Removing(ctx); removing || err != nil {
						return atWork, err
					}
					return over, nil
				},
				settle: func(ctx context.Context, _ error) error {
					known, err := d.requireDown(ctx, is)
					if err == nil && known {
						err = errors.New("the node is still a member of the ring, and Cassandra does not remove it any more; submit it again")
					}
					return err
				},
			})
		},
		Outlives:      true,
		Exclusive:     func(*rest.RemoveNodeRequest) (string, bool) { return membership() },
		Uncancellable: "the others stream already what the node had",
	})
}

// assassinate makes the ring forget a dead node, and what it had is not moved. It
// is off until it is enabled.
func assassinate(d *Deps) operation.Kind {
	return operation.Define(rest.TypeAssassinate, operation.Spec[rest.AssassinateRequest]{
		Run: func(ctx context.Context, r *rest.AssassinateRequest, h *operation.Handle) error {
			address, err := netip.ParseAddr(r.Address)
			if err != nil {
				return fmt.Errorf("reading address: %w", err)
			}
			// Gossip may know an address that is no member: that is what it is for.
			_, err = d.requireDown(ctx, func(m cassandra.Member) bool {
				of, err := netip.ParseAddr(m.Address)
				return err == nil && of.Unmap() == address.Unmap()
			})
			if err != nil {
				return err
			}
			return d.attend(ctx, h, attendance{}, func(ctx context.Context) error { return d.Node.Assassinate(ctx, r.Address) })
		},
		Resumable:     true, // the ring forgets it twice as well as once
		Exclusive:     func(*rest.AssassinateRequest) (string, bool) { return membership() },
		Uncancellable: "gossip spreads it already",
	})
}

// errAlive is for a node that is to be taken out of the ring behind its back.
var errAlive = errors.New("the node is up; decommission it instead")

// requireDown looks for a member that must be down, as this node is not.
func (d *Deps) requireDown(ctx context.Context, is func(m cassandra.Member) bool) (known bool, err error) {
	members, err := d.Node.Ring(ctx)
	if err != nil {
		return false, err
	}
	for _, m := range members {
		if !is(m) {
			continue
		}
		if m.Up {
			return true, fmt.Errorf("%w: %s (%s)", errAlive, m.Address, m.HostID)
		}
		known = true
	}
	return known, nil
}
