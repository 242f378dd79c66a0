package nodeops

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/retention"
	"github.com/icarus-sidecar/icarus/pkg/store"
)

// scope says whose backups a request is about.
type scope struct {
	store   rest.Store
	global  bool
	resolve bool
	dc      string
	// narrow refuses a bucket with several clusters of which the location names none.
	narrow bool
}

// locateOne is the location of the node that a request is about. Cassandra is
// asked only where the location does not name one.
func (d *Deps) locateOne(ctx context.Context, s scope) (store.Location, error) {
	l, err := store.ParseLocation(s.store.StorageLocation)
	if err != nil || s.global || l.HasNode() && !s.resolve {
		return l, err
	}
	id, err := d.Node.Identity(ctx)
	if err != nil {
		return store.Location{}, err
	}
	return l.WithNode(id.ClusterName, id.Datacenter, id.HostID), nil
}

// withPlaces opens the bucket and calls do with the places of the nodes that a
// request is about.
func (d *Deps) withPlaces(ctx context.Context, s scope, do func(b store.Bucket, places []retention.Node) error) error {
	l, err := d.locateOne(ctx, s)
	if err != nil {
		return err
	}
	return d.withBucket(ctx, s.store, l, false, func(b store.Bucket) error {
		if !s.global {
			return do(b, []retention.Node{{Cluster: l.Cluster, Datacenter: l.Datacenter, HostID: l.NodeID}})
		}
		all, err := retention.Nodes(ctx, b)
		if err != nil {
			return err
		}
		places, err := s.among(all, l.Cluster)
		if err != nil {
			return err
		}
		return do(b, places)
	})
}

// among picks the nodes of a global request. A location that names a cluster of
// the bucket means that one; where it names none, as a placeholder does, it means
// all that are there.
func (s scope) among(all []retention.Node, cluster string) ([]retention.Node, error) {
	var clusters []string
	for _, n := range all {
		clusters = append(clusters, n.Cluster)
	}
	slices.Sort(clusters)
	clusters = slices.Compact(clusters)
	named := slices.Contains(clusters, cluster)
	if s.narrow && !named && len(clusters) > 1 {
		return nil, fmt.Errorf("the bucket has backups of several clusters, %s, and storageLocation %s names none of them",
			strings.Join(clusters, ", "), s.store.StorageLocation)
	}
	datacenters := rest.SplitDatacenters(s.dc)
	var places []retention.Node
	found := map[string]bool{}
	for _, n := range all {
		if named && n.Cluster != cluster || len(datacenters) > 0 && !slices.Contains(datacenters, n.Datacenter) {
			continue
		}
		found[n.Datacenter] = true
		places = append(places, n)
	}
	for _, dc := range datacenters {
		if !found[dc] {
			return nil, fmt.Errorf("the bucket has no backup of datacenter %s", dc)
		}
	}
	return places, nil
}
