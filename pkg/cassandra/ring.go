package cassandra

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Member is one node of the ring, as this node sees it.
type Member struct {
	Address, HostID, Datacenter, Rack string
	// Up is what gossip says.
	Up bool
	// State is NORMAL, JOINING, LEAVING or MOVING.
	State string
}

// The states of a member.
const (
	StateNormal  = "NORMAL"
	StateJoining = "JOINING"
	StateLeaving = "LEAVING"
	StateMoving  = "MOVING"
)

// Ring reads the members, by datacenter and address.
func (n *Node) Ring(ctx context.Context) ([]Member, error) {
	var members []Member
	err := n.with(ctx, func(c Conn) error {
		a, err := read(ctx, c, storageService, "EndpointToHostId", "LiveNodes", "JoiningNodes", "LeavingNodes", "MovingNodes")
		if err != nil {
			return err
		}
		if members, err = membersOf(a); err != nil {
			return err
		}
		for i := range members {
			if err := place(ctx, c, &members[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the ring: %w", err)
	}
	slices.SortFunc(members, func(a, b Member) int {
		return cmp.Or(cmp.Compare(a.Datacenter, b.Datacenter), cmp.Compare(a.Address, b.Address))
	})
	return members, nil
}

func membersOf(a attributes) ([]Member, error) {
	hostIDs, err := a.pairs("EndpointToHostId")
	if err != nil {
		return nil, err
	}
	live, err := a.list("LiveNodes")
	if err != nil {
		return nil, err
	}
	states := map[string]string{}
	for _, s := range []struct{ attribute, state string }{
		{"JoiningNodes", StateJoining}, {"LeavingNodes", StateLeaving}, {"MovingNodes", StateMoving},
	} {
		addresses, err := a.list(s.attribute)
		if err != nil {
			return nil, err
		}
		for _, address := range addresses {
			states[address] = s.state
		}
	}
	members := make([]Member, 0, len(hostIDs))
	for address, hostID := range hostIDs {
		members = append(members, Member{
			Address: address, HostID: hostID,
			Up:    slices.Contains(live, address),
			State: cmp.Or(states[address], StateNormal),
		})
	}
	return members, nil
}

// place asks where a member stands.
func place(ctx context.Context, c Conn, m *Member) error {
	for _, of := range []struct {
		op string
		to *string
	}{{"getDatacenter", &m.Datacenter}, {"getRack", &m.Rack}} {
		v, err := c.Invoke(ctx, snitch, of.op, []string{javaString}, m.Address)
		if err != nil {
			return doing(err, "asking %s of %s", of.op, m.Address)
		}
		text, ok := v.(string)
		if !ok {
			return fmt.Errorf("asking %s of %s: the answer is a %T, not a text", of.op, m.Address, v)
		}
		*of.to = text
	}
	return nil
}
