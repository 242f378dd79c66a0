package nodeops

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/operation"
	"github.com/icarus-sidecar/icarus/pkg/store"
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
		Check:     func(_ context.Context, r *rest.UploadTopologyRequest) error { return checkStore(r.Store) },
		Resumable: true,
	})
}

// putTopology writes the ring as topology/<tag>.json, in the original's form.
// Its time is the tag's, so that a second try writes the same document.
func (d *Deps) putTopology(ctx context.Context, b store.Bucket, tag string) error {
	members, err := d.Node.Ring(ctx)
	if err != nil {
		return err
	}
	at := d.Clock.Now()
	if parsed := manifest.ParseTag(tag); parsed.Complete {
		at = parsed.Time
	}
	ring, err := topology(ctx, d.Node, members, at)
	if err != nil {
		return err
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
	present, err := readAll(ctx, b, key, int64(len(body)))
	if err != nil {
		return err
	}
	if !bytes.Equal(present, body) {
		return fmt.Errorf("%w: %s lies in the bucket with another ring; take another snapshotTag", store.ErrExists, key)
	}
	return nil
}

// readAll reads a document of at most one byte more than size.
func readAll(ctx context.Context, b store.Bucket, key string, size int64) (body []byte, err error) {
	r, _, err := b.Get(ctx, key, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if body, err = io.ReadAll(io.LimitReader(r, size+1)); err != nil {
		return nil, fmt.Errorf("reading %s: %w", key, err)
	}
	return body, nil
}
