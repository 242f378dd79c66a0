package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// maxManifests is how many of the newest manifests are read. An object that only
// an older one names is compared instead of trusted.
const maxManifests = 100

// content is what an object is by.
type content struct {
	sha256 string
	size   int64
}

// identity is what makes a file the same as one in an earlier backup: table id,
// index, name and content. The key has no Dir.
type identity struct {
	key manifest.DataKey
	content
}

func identify(key manifest.DataKey, c content) identity {
	key.Dir = ""
	return identity{key, c}
}

func (f *file) content() content { return content{f.sha256, f.size} }

// history is what the committed manifests of the node say about the files at hand.
type history struct {
	// choices are the keys that the files may get.
	choices map[string]bool
	// keys are the objects that have a file's identity.
	keys map[identity][]string
	// vouched are the contents of objects whose keys are among the choices. One
	// that has different ones in two manifests has none.
	vouched map[string]content
}

func newHistory(files []*file) history {
	h := history{map[string]bool{}, make(map[identity][]string, len(files)), map[string]content{}}
	for _, f := range files {
		h.keys[identify(f.key, f.content())] = nil
		h.choices[f.key.String()] = true
		h.choices[f.key.Distinct(f.sha256).String()] = true
	}
	return h
}

// concerned are the keys that matter for the files.
func (h history) concerned() map[string]bool {
	matter := maps.Clone(h.choices)
	for _, keys := range h.keys {
		for _, key := range keys {
			matter[key] = true
		}
	}
	return matter
}

// history reads the committed manifests, the newest first, until every file was
// found in one.
func (j *job) history(ctx context.Context, files []*file) (history, error) {
	h := newHistory(files)
	tags, err := j.tags(ctx)
	if err != nil {
		return history{}, err
	}
	unknown := len(h.keys)
	for _, tag := range tags[:min(len(tags), maxManifests)] {
		if unknown == 0 {
			break
		}
		m, err := j.read(ctx, tag)
		switch {
		case errors.Is(err, store.ErrNotFound): // removed since
			continue
		case errors.Is(err, store.ErrCorrupt), errors.Is(err, manifest.ErrCorrupt):
			j.warn("%s cannot be read, so that nothing is reused because of it: %v", manifest.ManifestKey(tag), err)
			continue
		case err != nil:
			return history{}, err
		}
		unknown -= h.learn(m)
	}
	return h, nil
}

// tags are those of the committed manifests, the newest first.
func (j *job) tags(ctx context.Context) ([]string, error) {
	var tags []string
	for o, err := range j.bucket.List(ctx, manifest.ManifestPrefix) {
		if err != nil {
			return nil, fmt.Errorf("listing the manifests: %w", err)
		}
		if tag, ok := manifest.TagOfKey(o.Key); ok {
			tags = append(tags, tag)
		}
	}
	slices.SortFunc(tags, func(a, b string) int {
		return cmp.Or(manifest.ParseTag(b).Time.Compare(manifest.ParseTag(a).Time), cmp.Compare(b, a))
	})
	return tags, nil
}

func (j *job) read(ctx context.Context, tag string) (*manifest.Manifest, error) {
	body, err := transfer.Read(ctx, j.bucket, manifest.ManifestKey(tag), manifest.MaxBytes)
	if err != nil {
		return nil, err
	}
	return manifest.Decode(body)
}

// learn takes from a manifest what concerns the files at hand, and returns how
// many of them were found for the first time.
func (h history) learn(m *manifest.Manifest) (first int) {
	for _, t := range m.Tables() {
		for e := range t.Entries() {
			if e.HashKind() != manifest.SHA256 {
				continue
			}
			c := content{e.Hash, e.Size}
			if h.choices[e.ObjectKey] {
				h.vouch(e.ObjectKey, c)
			}
			key, err := e.DataKey()
			if err != nil {
				continue // not of an SSTable
			}
			id := identify(key, c)
			keys, wanted := h.keys[id]
			if !wanted || slices.Contains(keys, e.ObjectKey) {
				continue
			}
			if len(keys) == 0 {
				first++
			}
			h.keys[id] = append(keys, e.ObjectKey)
		}
	}
	return first
}

func (h history) vouch(key string, c content) {
	if former, twice := h.vouched[key]; twice && former != c {
		c = content{}
	}
	h.vouched[key] = c
}

// list asks the bucket for the sizes of objects of the tables at hand, of those
// that are wanted.
func (j *job) list(ctx context.Context, files []*file, wanted map[string]bool) (map[string]int64, error) {
	prefixes := map[string]bool{}
	for _, f := range files {
		prefixes[manifest.DataKey{Keyspace: f.key.Keyspace, Table: f.key.Table, TableID: f.key.TableID}.String()+"/"] = true
	}
	var mu sync.Mutex
	sizes := make(map[string]int64, len(files))
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(transfer.Parallel(j.Parallel))
	for prefix := range prefixes {
		group.Go(func() error {
			for o, err := range j.bucket.List(inner, prefix) {
				if err != nil {
					return fmt.Errorf("listing %s: %w", prefix, err)
				}
				if wanted[o.Key] {
					mu.Lock()
					sizes[o.Key] = o.Size
					mu.Unlock()
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return sizes, nil
}
