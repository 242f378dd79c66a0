package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// candidates are the final tags in the bucket that the request may mean, newest
// first; ErrNoBackup where there is none.
func (j *job) candidates(ctx context.Context) ([]string, error) {
	schema, err := j.wantSchema(ctx)
	if err != nil {
		return nil, err
	}
	var tags []string
	for object, err := range j.bucket.List(ctx, manifest.ManifestPrefix) {
		if err != nil {
			return nil, fmt.Errorf("listing backups: %w", err)
		}
		if tag, ok := manifest.TagOfKey(object.Key); ok {
			tags = append(tags, tag)
		}
	}
	tags = manifest.Match(tags, j.SnapshotTag, schema)
	if len(tags) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrNoBackup, j.meant(schema))
	}
	return tags, nil
}

// manifest reads the manifest of a final tag.
func (j *job) manifest(ctx context.Context, tag string) (*manifest.Manifest, error) {
	key := manifest.ManifestKey(tag)
	m, err := readManifest(ctx, j.bucket, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, fmt.Errorf("%w: %s: %w", ErrNoBackup, j.meant(""), err)
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", key, err)
	}
	return m, nil
}

func readManifest(ctx context.Context, bucket store.Bucket, key string) (*manifest.Manifest, error) {
	body, err := transfer.Read(ctx, bucket, key, manifest.MaxBytes)
	if err != nil {
		return nil, err
	}
	return manifest.Decode(body)
}

// checkTokens refuses the backup of a node with other tokens: its rows are not
// all this node's, and the rows of this node are not all in it.
func (j *job) checkTokens(m *manifest.Manifest) error {
	theirs, own := sorted(m.Tokens), sorted(j.tokens)
	if slices.Equal(theirs, own) {
		return nil
	}
	missing := slices.DeleteFunc(slices.Clone(theirs), func(t string) bool { _, found := slices.BinarySearch(own, t); return found })
	return fmt.Errorf("%w: it has %d tokens, this node %d, and %d of the backup's are not this node's",
		ErrTokens, len(theirs), len(own), len(missing))
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}
