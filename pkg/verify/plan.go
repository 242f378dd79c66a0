package verify

import (
	"context"
	"fmt"
	"slices"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/retention"
)

// expected is an object as a manifest says that it is. Where two manifests say
// different things of one key, they are two, and one of them is bad.
type expected struct {
	key  string
	size int64
	hash string
}

// plan is what is to be looked at. Objects and backups are numbers in it: a
// thousand backups name the same objects.
type plan struct {
	objects []expected
	ids     map[expected]int32
	// tags are those of the backups, and names their objects.
	tags  []string
	names [][]int32
	// manifests are those that are bad themselves.
	manifests []Bad
}

// gather reads the manifests.
func (v *verifier) gather(ctx context.Context) error {
	v.plan.ids = map[expected]int32{}
	err := retention.Manifests(ctx, v.bucket, v.Parallel, v.choose, v.plan.add)
	if err != nil {
		return err
	}
	if v.Tag != "" && len(v.plan.tags)+len(v.plan.manifests) == 0 {
		return fmt.Errorf("%w: %s", ErrNotFound, v.Tag)
	}
	slices.SortFunc(v.plan.manifests, byKey)
	return nil
}

func (v *verifier) choose(tags []string) []string {
	if v.Tag == "" {
		return tags
	}
	return manifest.Match(tags, v.Tag, "")
}

// add notes a backup. One whose manifest says that it is another would be restored
// in its place.
func (p *plan) add(f retention.Found) {
	bad := Bad{Key: manifest.ManifestKey(f.Tag), Problem: NoManifest, Expected: "the manifest of " + f.Tag, Backups: []string{f.Tag}}
	if f.Err != nil {
		bad.Found = f.Err.Error()
		p.manifests = append(p.manifests, bad)
		return
	}
	if name := f.Manifest.Snapshot.Name; name != f.Tag {
		bad.Found = "the manifest of " + name
		p.manifests = append(p.manifests, bad)
		return
	}
	var list []int32
	for _, t := range f.Manifest.Tables() {
		for e := range t.Entries() {
			list = append(list, p.id(e))
		}
		for _, e := range t.Others {
			// Commit logs come and go by themselves, and no restore needs those.
			if e.Type != manifest.CommitLog {
				list = append(list, p.id(e))
			}
		}
	}
	slices.Sort(list)
	p.tags, p.names = append(p.tags, f.Tag), append(p.names, slices.Compact(list))
}

func (p *plan) id(e manifest.Entry) int32 {
	object := expected{e.ObjectKey, e.Size, e.Hash}
	id, known := p.ids[object]
	if !known {
		id = int32(len(p.objects))
		p.ids[object] = id
		p.objects = append(p.objects, object)
	}
	return id
}
