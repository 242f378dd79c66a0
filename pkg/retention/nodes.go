package retention

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// Node is a node's place in a bucket.
type Node struct{ Cluster, Datacenter, HostID string }

// String is how keys begin that are the node's, without the slash.
func (n Node) String() string { return n.Cluster + "/" + n.Datacenter + "/" + n.HostID }

// Bucket is the node's part of a bucket.
func (n Node) Bucket(b store.Bucket) store.Bucket { return store.Prefixed(b, n.String()+"/") }

// Nodes finds the nodes that have a part of a bucket, sorted. It lists the whole
// bucket: a thousand objects a request is what stores give.
func Nodes(ctx context.Context, b store.Bucket) ([]Node, error) {
	var nodes []Node
	for o, err := range b.List(ctx, "") {
		if err != nil {
			return nil, fmt.Errorf("looking for nodes: %w", err)
		}
		const parts = 5 // cluster, datacenter, node, kind, rest
		p := strings.SplitN(o.Key, "/", parts)
		if len(p) < parts || p[3]+"/" != manifest.ManifestPrefix && p[3]+"/" != manifest.DataPrefix {
			continue
		}
		// They come in the order of their keys, so that a node's are together.
		if n := (Node{p[0], p[1], p[2]}); len(nodes) == 0 || nodes[len(nodes)-1] != n {
			nodes = append(nodes, n)
		}
	}
	return slices.Compact(nodes), nil
}

// Ring is the nodes that the topology of a tag names. It is store.ErrNotFound where
// there is none, and store.ErrCorrupt where it is no topology. The bucket is whole.
func Ring(ctx context.Context, b store.Bucket, tag string) ([]Node, error) {
	key := manifest.TopologyKey(tag)
	body, err := transfer.Read(ctx, b, key, manifest.MaxTopologyBytes)
	if err != nil {
		return nil, err
	}
	var ring struct {
		Topology []struct {
			Cluster string `json:"cluster"`
			DC      string `json:"dc"`
			NodeID  string `json:"nodeId"`
		} `json:"topology"`
	}
	if err := json.Unmarshal(body, &ring); err != nil || len(ring.Topology) == 0 {
		return nil, fmt.Errorf("reading %s: %w: it is no topology", key, store.ErrCorrupt)
	}
	nodes := make([]Node, 0, len(ring.Topology))
	for _, n := range ring.Topology {
		nodes = append(nodes, Node{n.Cluster, n.DC, n.NodeID})
	}
	return nodes, nil
}

// PruneTopology deletes the topology of a tag when none of its nodes has a backup
// of that tag any more, and tells whether it did. The bucket is whole.
func PruneTopology(ctx context.Context, b store.Bucket, tag string) (bool, error) {
	ring, err := Ring(ctx, b, tag)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, place := range ring {
		_, err := place.Bucket(b).Stat(ctx, manifest.ManifestKey(tag))
		switch {
		case err == nil:
			return false, nil
		case !errors.Is(err, store.ErrNotFound):
			return false, fmt.Errorf("looking for the backup %s of %s: %w", tag, place, err)
		}
	}
	key := manifest.TopologyKey(tag)
	if err := b.Delete(ctx, key); err != nil {
		return false, fmt.Errorf("removing %s: %w", key, err)
	}
	return true, nil
}
