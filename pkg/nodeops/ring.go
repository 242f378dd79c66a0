package nodeops

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// errRing is for a ring that a global request cannot work with; what is wrong
// with which node was told to the handle.
var errRing = errors.New("nothing was started")

// ringFor reads the members in some datacenters (all, if none is named), and
// makes sure that each is fit to be asked for something: up and staying.
// What is not so becomes an error of that node.
func (d *Deps) ringFor(ctx context.Context, datacenters []string, h *operation.Handle) ([]cassandra.Member, error) {
	members, err := d.Node.Ring(ctx)
	if err != nil {
		return nil, err
	}
	members, err = inDatacenters(members, datacenters)
	if err != nil {
		return nil, err
	}
	fit := true
	for _, m := range members {
		switch {
		case !m.Up:
			h.Fail(m.Address, fmt.Sprintf("node %s is down, so says the gossip of this node; bring it up, or leave its datacenter %s out with dc",
				m.Address, m.Datacenter))
			fit = false
		case m.State != cassandra.StateNormal:
			h.Fail(m.Address, fmt.Sprintf("node %s is %s; wait until it is NORMAL", m.Address, m.State))
			fit = false
		}
	}
	if !fit {
		return nil, errRing
	}
	return members, nil
}

func inDatacenters(members []cassandra.Member, datacenters []string) ([]cassandra.Member, error) {
	existing := map[string]bool{}
	for _, m := range members {
		existing[m.Datacenter] = true
	}
	for _, dc := range datacenters {
		if !existing[dc] {
			return nil, fmt.Errorf("there is no datacenter %s; there are %s", dc, strings.Join(slices.Sorted(maps.Keys(existing)), ", "))
		}
	}
	if len(datacenters) == 0 {
		return members, nil
	}
	return slices.DeleteFunc(members, func(m cassandra.Member) bool { return !slices.Contains(datacenters, m.Datacenter) }), nil
}

// requireAgreement refuses a ring whose nodes have different schemas: their
// backups would not belong together. Nodes that do not answer are not asked
// here; ringFor has told of them as far as they matter.
func (d *Deps) requireAgreement(ctx context.Context) error {
	versions, err := d.Node.SchemaAgreement(ctx)
	if err != nil {
		return err
	}
	delete(versions, "UNREACHABLE")
	if len(versions) <= 1 {
		return nil
	}
	var parts []string
	for _, v := range slices.Sorted(maps.Keys(versions)) {
		parts = append(parts, v+" on "+strings.Join(versions[v], ", "))
	}
	return fmt.Errorf("the nodes do not agree on the schema; try again when they do: %s", strings.Join(parts, "; "))
}

// clusterNodes are members as a coordinated operation knows them.
func clusterNodes(t rest.Topology) []cluster.Node {
	nodes := make([]cluster.Node, 0, len(t.Topology))
	for _, n := range t.Topology {
		nodes = append(nodes, cluster.Node{
			HostID: n.NodeID, Hostname: n.Hostname, Address: n.IPAddress, Datacenter: n.DC, Rack: n.Rack,
		})
	}
	return nodes
}
