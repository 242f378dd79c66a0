package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

func byKey(a, b Bad) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Expected, b.Expected))
}

// needing are the tags of the backups that name each bad object.
func (v *verifier) needing() map[int32][]string {
	needing := map[int32][]string{}
	for i, tag := range v.plan.tags {
		if v.gone[tag] {
			continue
		}
		for _, id := range v.plan.names[i] {
			if _, bad := v.bad[id]; bad {
				needing[id] = append(needing[id], tag)
			}
		}
	}
	return needing
}

// forgive looks whether the backups that lack something are still there: a removal
// takes the manifest first.
func (v *verifier) forgive(ctx context.Context) error {
	suspects := map[string]bool{}
	for _, tags := range v.needing() {
		for _, tag := range tags {
			suspects[tag] = true
		}
	}
	for _, bad := range v.plan.manifests {
		suspects[bad.Backups[0]] = true
	}
	tags := make([]string, 0, len(suspects))
	for tag := range suspects {
		tags = append(tags, tag)
	}
	gone := make([]bool, len(tags))
	err := transfer.Each(ctx, len(tags), v.parallel(), func(ctx context.Context, i int) error {
		_, err := v.bucket.Stat(ctx, manifest.ManifestKey(tags[i]))
		if gone[i] = errors.Is(err, store.ErrNotFound); err != nil && !gone[i] {
			return fmt.Errorf("looking whether the backup %s is still there: %w", tags[i], err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	v.gone = map[string]bool{}
	for i, tag := range tags {
		if gone[i] {
			v.gone[tag] = true
		}
	}
	return nil
}

// report sums up.
func (v *verifier) report() Report {
	r := Report{Tags: []string{}, Cost: v.bucket.cost()}
	damage := map[string]int{}
	for _, bad := range v.plan.manifests {
		if tag := bad.Backups[0]; !v.gone[tag] {
			r.Tags = append(r.Tags, tag)
			r.Bad = append(r.Bad, bad)
			damage[tag]++
		}
	}
	for id, tags := range v.needing() {
		bad := v.bad[id]
		bad.Backups = slices.Sorted(slices.Values(tags))
		r.Bad = append(r.Bad, bad)
		for _, tag := range tags {
			damage[tag]++
		}
	}
	slices.SortFunc(r.Bad, byKey)
	v.count(&r)
	slices.Sort(r.Tags)
	for _, tag := range r.Tags {
		if n := damage[tag]; n > 0 {
			r.Damaged = append(r.Damaged, Damage{tag, n})
		}
	}
	return r
}

// count counts the backups that are there and their objects.
func (v *verifier) count(r *Report) {
	counted := make([]bool, len(v.plan.objects))
	for i, tag := range v.plan.tags {
		if v.gone[tag] {
			continue
		}
		r.Tags = append(r.Tags, tag)
		for _, id := range v.plan.names[i] {
			if counted[id] {
				continue
			}
			counted[id] = true
			object := v.plan.objects[id]
			r.Objects.Files++
			r.Objects.Bytes += object.size
			if object.hash == "" {
				r.Unhashed++
			}
		}
	}
}
