package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// commit creates the manifest, after every object of it was seen.
func (j *job) commit(ctx context.Context, m *manifest.Manifest, files []*file) error {
	d, err := newDocument(m, files)
	if err != nil {
		return err
	}
	if err := j.verifyAll(ctx, files); err != nil {
		return err
	}
	if err := transfer.Stopped(ctx); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	err = d.create(ctx, j.bucket, manifest.ManifestKey(j.Tag))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrExists):
		return j.confirm(ctx, d)
	}
	// The answer may have got lost after the manifest was made; and a backup that
	// failed has none.
	return j.end(ctx, fmt.Errorf("committing: %w", err), func(ctx context.Context) error { return j.retract(ctx, d) })
}

// verifyAll looks for every object that may have gone since it was found. Retention
// removes a manifest before it removes an object of it, and looks for intents in
// between: as long as the manifests are there by which the objects of a table
// were found, so are the objects, unless something was put there since. No manifest
// stands up for what was only compared.
func (j *job) verifyAll(ctx context.Context, files []*file) error {
	gone, err := j.gone(ctx, files)
	if err != nil {
		return err
	}
	var doubtful []*file
	for _, f := range files {
		if gone || f.compared || j.Dedup != DedupManifest && j.touched[f.in.key.TableID] {
			doubtful = append(doubtful, f)
		}
	}
	if len(doubtful) == 0 {
		return nil
	}
	return j.verify(ctx, doubtful, files)
}

// gone tells whether a manifest is gone because of which an object is reused.
func (j *job) gone(ctx context.Context, files []*file) (bool, error) {
	now, err := j.manifests(ctx)
	if err != nil {
		return false, err
	}
	there := make([]bool, len(j.known))
	for i, known := range j.known {
		there[i] = slices.ContainsFunc(now, func(c committed) bool { return known.same(c.Object) })
	}
	return slices.ContainsFunc(files, func(f *file) bool {
		return slices.ContainsFunc(f.claims, func(c claim) bool { return c.dir == f.place && !there[c.by] })
	}), nil
}

// confirm finds out whether the manifest that is there is this one: the store
// may have tried again after an answer got lost.
func (j *job) confirm(ctx context.Context, d *document) error {
	same, err := d.is(ctx, j.bucket, manifest.ManifestKey(j.Tag))
	if err != nil {
		return fmt.Errorf("confirming the commit: %w", err)
	}
	if !same {
		return fmt.Errorf("%w: %s was made meanwhile", ErrTaken, manifest.ManifestKey(j.Tag))
	}
	return nil
}

// retract removes the manifest if it is this one.
func (j *job) retract(ctx context.Context, d *document) error {
	key := manifest.ManifestKey(j.Tag)
	same, err := d.is(ctx, j.bucket, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("looking whether %s was made: %w", key, err)
	case !same:
		return nil // somebody else's
	}
	if err := j.bucket.Delete(ctx, key); err != nil {
		return fmt.Errorf("taking back %s: %w", key, err)
	}
	return nil
}

// former is the manifest of this tag, if there is one. It is ErrTaken unless an
// earlier life of this very backup made it.
func (j *job) former(ctx context.Context, own bool) (*manifest.Manifest, error) {
	if !slices.ContainsFunc(j.known, func(c committed) bool { return c.tag == j.Tag }) {
		return nil, nil //nolint:nilnil // none is what is hoped for
	}
	m, err := j.read(ctx)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil //nolint:nilnil // removed since
	case err != nil:
		return nil, fmt.Errorf("looking for %s: %w", manifest.ManifestKey(j.Tag), err)
	case !own:
		return nil, fmt.Errorf("%w: %s exists", ErrTaken, manifest.ManifestKey(j.Tag))
	}
	return m, nil
}

func (j *job) read(ctx context.Context) (*manifest.Manifest, error) {
	body, err := transfer.Read(ctx, j.bucket, manifest.ManifestKey(j.Tag), manifest.MaxBytes)
	if err != nil {
		return nil, err
	}
	return manifest.Decode(body)
}

// adopt finishes a backup that an earlier life committed.
func (j *job) adopt(ctx context.Context, m *manifest.Manifest) (Result, error) {
	var files []*file
	counts := transfer.Counts{}
	for _, t := range m.Tables() {
		for e := range t.Entries() {
			key, err := e.DataKey()
			if err != nil {
				return Result{}, err
			}
			f := &file{in: &directory{key: key}, name: key.File, dir: key.Dir, place: key.Dir, content: content{size: e.Size}}
			f.in.key.Dir, f.in.key.File = "", ""
			files = append(files, f)
			counts = counts.Plus(transfer.Reused(e.Size))
		}
	}
	j.report(Progress{PhaseCommit, counts})
	if err := j.verify(ctx, files, files); err != nil {
		return Result{}, fmt.Errorf("%s is committed, but: %w", manifest.ManifestKey(j.Tag), err)
	}
	return Result{SchemaVersion: m.SchemaVersion, Tables: m.Totals().Tables, Counts: counts}, j.end(ctx, nil, j.clear)
}
