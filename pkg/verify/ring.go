package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/retention"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// Gap is a node that a topology names and that has no backup of its tag.
type Gap struct {
	Node retention.Node
	Tag  string
}

// Ring holds backups against the topologies that were written when all nodes had
// theirs, and tells of nodes that have theirs no more and of topologies that cannot
// be read. Holders are the nodes that have each tag. A datacenter of which no node
// has it was not backed up, or its backups were removed. The bucket is whole.
func Ring(ctx context.Context, b store.Bucket, holders map[string][]retention.Node, o Options) ([]Gap, []Bad, Cost, error) {
	o = o.completed()
	start := o.Clock.Now()
	r := &rings{bucket: &counting{Bucket: b}}
	tags := slices.Sorted(maps.Keys(holders))
	err := transfer.Each(ctx, len(tags), transfer.Parallel(o.Parallel), func(ctx context.Context, i int) error {
		return r.look(ctx, tags[i], holders[tags[i]])
	})
	slices.SortFunc(r.gaps, func(a, b Gap) int {
		return cmp.Or(cmp.Compare(a.Tag, b.Tag), cmp.Compare(a.Node.String(), b.Node.String()))
	})
	slices.SortFunc(r.bad, byKey)
	cost := r.bucket.cost()
	cost.Time = o.Clock.Since(start)
	return r.gaps, r.bad, cost, err
}

type rings struct {
	bucket *counting

	mu   sync.Mutex
	gaps []Gap
	bad  []Bad
}

func (r *rings) look(ctx context.Context, tag string, holders []retention.Node) error {
	ring, err := retention.Ring(ctx, r.bucket, tag)
	switch {
	case errors.Is(err, store.ErrNotFound): // a backup of one node needs none
		return nil
	case errors.Is(err, store.ErrCorrupt):
		r.mu.Lock()
		defer r.mu.Unlock()
		r.bad = append(r.bad, Bad{
			Key: manifest.TopologyKey(tag), Problem: Unreadable, Expected: "a topology", Found: err.Error(), Backups: []string{tag},
		})
		return nil
	case err != nil:
		return fmt.Errorf("reading the topology of %s: %w", tag, err)
	}
	for _, node := range ring {
		backedUp := slices.ContainsFunc(holders, func(h retention.Node) bool {
			return h.Cluster == node.Cluster && h.Datacenter == node.Datacenter
		})
		if !backedUp || slices.Contains(holders, node) {
			continue
		}
		// It may have been made, or removed everywhere, since.
		if _, err := node.Bucket(r.bucket).Stat(ctx, manifest.ManifestKey(tag)); err == nil {
			continue
		} else if !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("looking for the backup %s of %s: %w", tag, node, err)
		}
		r.mu.Lock()
		r.gaps = append(r.gaps, Gap{node, tag})
		r.mu.Unlock()
	}
	return nil
}
