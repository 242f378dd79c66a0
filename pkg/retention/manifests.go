package retention

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// Found is a manifest that a bucket holds of a node.
type Found struct {
	// Tag is that of its key.
	Tag    string
	Object store.Object
	// Manifest is nil where Err says why it cannot be read: it is a
	// manifest.ErrCorrupt or a store.ErrCorrupt.
	Manifest *manifest.Manifest
	Err      error
}

// Manifests reads the manifests of a node, many at once, and tells of them, one at
// a time and in no order. Choose picks from their tags, sorted; all if it is nil.
// One that is removed meanwhile is not told of.
func Manifests(ctx context.Context, b store.Bucket, parallel int, choose func(tags []string) []string, tell func(Found)) error {
	found, err := manifestsOf(ctx, b)
	if err != nil {
		return err
	}
	tags := slices.Sorted(maps.Keys(found))
	if choose != nil {
		tags = choose(tags)
	}
	var mu sync.Mutex
	return transfer.Each(ctx, len(tags), transfer.Parallel(parallel), func(ctx context.Context, i int) error {
		m, err := readManifest(ctx, b, tags[i])
		switch {
		case errors.Is(err, store.ErrNotFound): // removed since
			return nil
		case err != nil && !isCorrupt(err):
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		tell(Found{Tag: tags[i], Object: found[tags[i]], Manifest: m, Err: err})
		return nil
	})
}

// manifestsOf lists the manifests of a node by their tags.
func manifestsOf(ctx context.Context, b store.Bucket) (map[string]store.Object, error) {
	found := map[string]store.Object{}
	for o, err := range b.List(ctx, manifest.ManifestPrefix) {
		if err != nil {
			return nil, fmt.Errorf("listing the manifests: %w", err)
		}
		if tag, ok := manifest.TagOfKey(o.Key); ok {
			found[tag] = o
		}
	}
	return found, nil
}

// readManifest reads one; that it cannot be what it should be is a manifest.ErrCorrupt
// or a store.ErrCorrupt.
func readManifest(ctx context.Context, b store.Bucket, tag string) (*manifest.Manifest, error) {
	key := manifest.ManifestKey(tag)
	body, err := transfer.Read(ctx, b, key, manifest.MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("reading the backup %s: %w", tag, err)
	}
	m, err := manifest.Decode(body)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", key, err)
	}
	return m, nil
}

func isCorrupt(err error) bool {
	return errors.Is(err, manifest.ErrCorrupt) || errors.Is(err, store.ErrCorrupt)
}
