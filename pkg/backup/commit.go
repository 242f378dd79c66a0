package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// commit creates the manifest, after every object of it was seen.
func (j *job) commit(ctx context.Context, m *manifest.Manifest, files []*file) error {
	for _, f := range files {
		t := m.Snapshot.Keyspaces[f.key.Keyspace].Tables[f.key.Table]
		t.SSTables[f.base] = append(t.SSTables[f.base], manifest.Entry{
			ObjectKey: f.place, Type: manifest.File, Size: f.size, Hash: f.sha256,
		})
	}
	body, err := m.Encode()
	if err != nil {
		return err
	}
	if err := j.verify(ctx, files); err != nil {
		return err
	}
	if err := transfer.Stopped(ctx); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	err = j.bucket.Create(ctx, manifest.ManifestKey(j.Tag), body)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrExists):
		return j.confirm(ctx, body)
	}
	// The answer may have got lost after the manifest was made; and a backup that
	// failed has none.
	return j.end(ctx, fmt.Errorf("committing: %w", err), func(ctx context.Context) error { return j.retract(ctx, body) })
}

// verify looks for every object once more: retention, or somebody else, may
// have removed one since it was found.
func (j *job) verify(ctx context.Context, files []*file) error {
	wanted := make(map[string]bool, len(files))
	for _, f := range files {
		wanted[f.place] = true
	}
	sizes, err := j.list(ctx, files, wanted)
	if err != nil {
		return err
	}
	for _, f := range files {
		switch size, there := sizes[f.place]; {
		case !there:
			return fmt.Errorf("verifying %s: %w", f.place, store.ErrNotFound)
		case size != f.size:
			return fmt.Errorf("verifying %s: %w: it has %d bytes, not %d", f.place, store.ErrCorrupt, size, f.size)
		}
	}
	return nil
}

// confirm finds out whether the manifest that is there is this one: the store
// may have tried again after an answer got lost.
func (j *job) confirm(ctx context.Context, body []byte) error {
	there, err := transfer.Read(ctx, j.bucket, manifest.ManifestKey(j.Tag), manifest.MaxBytes)
	if err != nil {
		return fmt.Errorf("confirming the commit: %w", err)
	}
	if !bytes.Equal(there, body) {
		return fmt.Errorf("%w: %s was made meanwhile", ErrTaken, manifest.ManifestKey(j.Tag))
	}
	return nil
}

// retract removes the manifest if it is this one.
func (j *job) retract(ctx context.Context, body []byte) error {
	key := manifest.ManifestKey(j.Tag)
	there, err := transfer.Read(ctx, j.bucket, key, manifest.MaxBytes)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("looking whether %s was made: %w", key, err)
	case !bytes.Equal(there, body):
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
	m, err := j.read(ctx, j.Tag)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil //nolint:nilnil // none is what is hoped for
	case err != nil:
		return nil, fmt.Errorf("looking for %s: %w", manifest.ManifestKey(j.Tag), err)
	case !own:
		return nil, fmt.Errorf("%w: %s exists", ErrTaken, manifest.ManifestKey(j.Tag))
	}
	return m, nil
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
			files = append(files, &file{size: e.Size, key: key, place: e.ObjectKey})
			counts = counts.Plus(transfer.Reused(e.Size))
		}
	}
	j.report(Progress{PhaseCommit, counts})
	if err := j.verify(ctx, files); err != nil {
		return Result{}, fmt.Errorf("%s is committed, but: %w", manifest.ManifestKey(j.Tag), err)
	}
	return Result{SchemaVersion: m.SchemaVersion, Tables: m.Totals().Tables, Counts: counts}, j.end(ctx, nil, j.clear)
}
