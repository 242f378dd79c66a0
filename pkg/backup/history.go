package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

const (
	// maxManifests is how many of the newest manifests are read for objects that
	// the bucket shows. One that only an older one names is compared instead of
	// trusted.
	maxManifests = 100
	// maxTrusted is how many are read where nothing is known of the bucket, neither
	// by its list nor by what the last backup left: a file in none of them is sent,
	// and found to be there.
	maxTrusted = 3
)

// committed is a manifest in the bucket.
type committed struct {
	tag string
	store.Object
}

// same tells whether it is the object that it was. Some stores tell fractions of
// a second in one answer and not in another.
func (c committed) same(o store.Object) bool {
	return c.Key == o.Key && c.Size == o.Size && c.Modified.Truncate(time.Second).Equal(o.Modified.Truncate(time.Second))
}

// manifests are the committed ones, the newest first.
func (j *job) manifests(ctx context.Context) ([]committed, error) {
	var all []committed
	for o, err := range j.bucket.List(ctx, manifest.ManifestPrefix) {
		if err != nil {
			return nil, fmt.Errorf("listing the manifests: %w", err)
		}
		if tag, ok := manifest.TagOfKey(o.Key); ok {
			all = append(all, committed{tag, o})
		}
	}
	slices.SortFunc(all, func(a, b committed) int {
		return cmp.Or(manifest.ParseTag(b.tag).Time.Compare(manifest.ParseTag(a.tag).Time), cmp.Compare(b.tag, a.tag))
	})
	return all, nil
}

// history finds out what the bucket and the committed manifests say of the files:
// from the bucket's list, and from the newest manifests until nothing is left
// that an older one could say. What the last backup left on the disk saves
// reading the newest one again.
func (j *job) history(ctx context.Context, files []*file) error {
	c := newCatalogue(files)
	remembered := j.remember(ctx, c, files)
	most := maxManifests
	switch {
	case j.Dedup != DedupManifest:
		if err := j.list(ctx, c, files, j.shards(files)); err != nil {
			return err
		}
	case remembered >= 0:
		return nil
	default:
		most = maxTrusted
	}
	for i := range j.known[:min(len(j.known), most)] {
		if !slices.ContainsFunc(files, j.unexplained) {
			break
		}
		if i == remembered {
			continue
		}
		if err := j.learn(ctx, c, i); err != nil {
			return err
		}
	}
	return nil
}

// unexplained says that an older manifest may know more of a file: that it has
// something to do with an object that is there.
func (j *job) unexplained(f *file) bool {
	if _, ok := j.reusable(f); ok {
		return false
	}
	if j.Dedup == DedupManifest {
		return len(f.claims) == 0
	}
	return slices.ContainsFunc(f.seen, func(s seen) bool {
		_, known := f.vouched(s.dir)
		return !known && s.size == f.content.size
	})
}

// learn takes from a manifest what concerns the files at hand.
func (j *job) learn(ctx context.Context, c catalogue, i int) error {
	key := j.known[i].Key
	err := transfer.Stream(ctx, j.bucket, key, manifest.MaxBytes, func(r io.Reader, _ int64) error {
		return manifest.Walk(r, func(k manifest.DataKey, e manifest.Entry) {
			claim := claim{content: content{size: e.Size}, by: i}
			if f := c.find(k); f != nil && claim.content.setHash(e.Hash) {
				f.claim(k.Dir, claim)
			}
		})
	})
	switch {
	case err == nil, errors.Is(err, store.ErrNotFound): // removed since
		return nil
	case errors.Is(err, store.ErrCorrupt), errors.Is(err, manifest.ErrCorrupt):
		for _, table := range c {
			for _, f := range table {
				f.claims = slices.DeleteFunc(f.claims, func(c claim) bool { return c.by == i })
			}
		}
		j.warn("%s cannot be read, so that nothing is reused because of it: %v", key, err)
		return nil
	}
	return err
}

// claim adds a claim that says something new.
func (f *file) claim(dir string, c claim) {
	c.dir = f.same(dir)
	if !slices.ContainsFunc(f.claims, func(o claim) bool { return o.dir == c.dir && o.content == c.content }) {
		f.claims = append(f.claims, c)
	}
}
