package nodeops

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
)

// Info answers what the REST API asks about the node: it is a server.Node.
type Info struct {
	Node  Node
	Clock clock.PassiveClock
}

// Version is the release of Cassandra.
func (i Info) Version(ctx context.Context) (rest.CassandraVersion, error) {
	v, err := i.Node.Version(ctx)
	if err != nil {
		return rest.CassandraVersion{}, err
	}
	return rest.CassandraVersion{Major: v.Major, Minor: v.Minor, Patch: v.Patch, DSEPatch: -1, PreReleaseLabels: v.PreRelease}, nil
}

// SchemaVersion is that of the node.
func (i Info) SchemaVersion(ctx context.Context) (string, error) { return i.Node.SchemaVersion(ctx) }

// OperationMode is what the node is at.
func (i Info) OperationMode(ctx context.Context) (string, error) { return i.Node.OperationMode(ctx) }

// Topology is the whole ring.
func (i Info) Topology(ctx context.Context) (rest.Topology, error) {
	members, err := i.Node.Ring(ctx)
	if err != nil {
		return rest.Topology{}, err
	}
	return topology(ctx, i.Node, members, i.Clock.Now())
}

// topology describes members of the ring as the document in buckets does.
func topology(ctx context.Context, node Node, members []cassandra.Member, at time.Time) (rest.Topology, error) {
	id, err := node.Identity(ctx)
	if err != nil {
		return rest.Topology{}, err
	}
	schema, err := node.SchemaVersion(ctx)
	if err != nil {
		return rest.Topology{}, err
	}
	t := rest.Topology{Timestamp: at.UnixMilli(), ClusterName: id.ClusterName, SchemaVersion: schema}
	names := hostnames(ctx, members)
	for k, m := range members {
		t.Topology = append(t.Topology, rest.TopologyNode{
			Hostname: names[k], Cluster: id.ClusterName, DC: m.Datacenter, Rack: m.Rack, NodeID: m.HostID, IPAddress: m.Address,
		})
	}
	slices.SortStableFunc(t.Topology, func(a, b rest.TopologyNode) int { return cmp.Compare(a.DC, b.DC) })
	return t, nil
}

const (
	// A name server that does not answer must not hold up a backup: the names
	// are for people.
	lookupPatience    = 2 * time.Second
	concurrentLookups = 32
)

// hostnames are what the addresses of members are called, or the addresses
// where they have no name.
func hostnames(ctx context.Context, members []cassandra.Member) []string {
	ctx, cancel := context.WithTimeout(ctx, lookupPatience)
	defer cancel()
	names := make([]string, len(members))
	var group errgroup.Group
	group.SetLimit(concurrentLookups)
	for k, m := range members {
		group.Go(func() error {
			names[k] = m.Address
			if found, err := net.DefaultResolver.LookupAddr(ctx, m.Address); err == nil && len(found) > 0 {
				names[k] = strings.TrimSuffix(found[0], ".")
			}
			return nil
		})
	}
	_ = group.Wait() // none of them fails
	return names
}
