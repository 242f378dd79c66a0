package cluster

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// Ring is the part of the ring that an operation is about.
type Ring struct {
	Nodes []Node
	// Locate is the storage location of one node.
	Locate func(n Node) (string, error)
}

// nodes checks the ring, and returns it by address.
func (r Ring) nodes() ([]Node, error) {
	if len(r.Nodes) == 0 {
		return nil, fmt.Errorf("%w: there is no node", ErrPlan)
	}
	if r.Locate == nil {
		return nil, fmt.Errorf("%w: nodes have no storage location", ErrPlan)
	}
	hosts, addresses := map[string]Node{}, map[string]Node{}
	for _, n := range r.Nodes {
		if n.HostID == "" || n.Address == "" {
			return nil, fmt.Errorf("%w: node %+v has no host id or no address", ErrPlan, n)
		}
		if other, twice := hosts[n.HostID]; twice {
			return nil, fmt.Errorf("%w: nodes %s and %s have the same host id %s", ErrPlan, other.Address, n.Address, n.HostID)
		}
		if other, twice := addresses[n.Address]; twice {
			return nil, fmt.Errorf("%w: nodes %s and %s have the same address %s", ErrPlan, other.HostID, n.HostID, n.Address)
		}
		hosts[n.HostID], addresses[n.Address] = n, n
	}
	return byAddress(r.Nodes), nil
}

// locate finds the storage location of every node now, so that none is found
// to have no place when others are at work already.
func (r Ring) locate() ([]Node, map[string]string, error) {
	nodes, err := r.nodes()
	if err != nil {
		return nil, nil, err
	}
	locations := make(map[string]string, len(nodes))
	for _, n := range nodes {
		if locations[n.HostID], err = r.Locate(n); err != nil {
			return nil, nil, fmt.Errorf("%w: locating the backups of %s: %w", ErrPlan, n.Address, err)
		}
	}
	return nodes, locations, nil
}

// byAddress sorts numbers as numbers: 10.0.0.9 is before 10.0.0.10.
func byAddress(nodes []Node) []Node {
	type parsed struct {
		addr netip.Addr
		node Node
	}
	all := make([]parsed, len(nodes))
	for i, n := range nodes {
		addr, err := netip.ParseAddr(n.Address)
		if err != nil {
			addr = netip.Addr{} // a name; those come first, by their letters
		}
		all[i] = parsed{addr, n}
	}
	slices.SortFunc(all, func(a, b parsed) int {
		return cmp.Or(a.addr.Compare(b.addr), cmp.Compare(a.node.Address, b.node.Address))
	})
	sorted := make([]Node, len(all))
	for i, p := range all {
		sorted[i] = p.node
	}
	return sorted
}
