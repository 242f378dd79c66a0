package nodeops

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/operation"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// uploadTopology puts the ring into the bucket, when every node has committed
// its backup. Coordinators ask for it.
func uploadTopology(d *Deps) operation.Kind {
	return operation.Define(rest.TypeUploadTopology, operation.Spec[rest.UploadTopologyRequest]{
		Run: func(ctx context.Context, r *rest.UploadTopologyRequest, _ *operation.Handle) error {
			location, err := store.ParseLocation(r.StorageLocation)
			if err != nil {
				return err
			}
			return d.withBucket(ctx, r.Store, location, false, func(b store.Bucket) error {
				return d.putTopology(ctx, b, r.SnapshotTag)
			})
		},
		Check:     func(_ context.Context, r *rest.UploadTopologyRequest) error { return d.checkStore(r.Store) },
		Resumable: true,
	})
}

// putTopology writes the ring as topology/<tag>.json, in the original's form.
// Its time and schema version are the tag's, so that a second try writes the same
// document.
func (d *Deps) putTopology(ctx context.Context, b store.Bucket, tag string) error {
	members, err := d.Node.Ring(ctx)
	if err != nil {
		return err
	}
	ring, err := topology(ctx, d.Node, members, d.Clock.Now())
	if err != nil {
		return err
	}
	if parsed := manifest.ParseTag(tag); parsed.Complete {
		ring.Timestamp, ring.SchemaVersion = parsed.Time.UnixMilli(), parsed.SchemaVersion
	}
	body, err := json.MarshalIndent(ring, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the topology: %w", err)
	}
	key := manifest.TopologyKey(tag)
	err = b.Create(ctx, key, body)
	if !errors.Is(err, store.ErrExists) {
		return err
	}
	present, err := transfer.Read(ctx, b, key, manifest.MaxTopologyBytes)
	if err != nil {
		return err
	}
	var former rest.Topology
	if err := json.Unmarshal(present, &former); err != nil || !sameRing(former, ring) {
		return fmt.Errorf("%w: %s lies in the bucket with another ring; take another snapshotTag", store.ErrExists, key)
	}
	return nil
}

// sameRing compares all but hostnames: they are for people, and a name server that
// did not answer once makes no other ring.
func sameRing(a, b rest.Topology) bool {
	return a.Timestamp == b.Timestamp && a.ClusterName == b.ClusterName && a.SchemaVersion == b.SchemaVersion &&
		slices.EqualFunc(a.Topology, b.Topology, func(m, n rest.TopologyNode) bool {
			m.Hostname, n.Hostname = "", ""
			return m == n
		})
}
