package restore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/store"
)

// Cleanup deletes what a restore needs no more: the snapshots that Cassandra
// made when the restore truncated the tables that the request means, and the
// downloads. What is not there is no error.
//
// The snapshots hold what was in the tables before, so only those go that came
// between DOWNLOAD and IMPORT on this node, and only of tables whose import is
// done: a truncation before or since is another's.
func Cleanup(ctx context.Context, node Node, bucket store.Bucket, r Request, report func(Progress)) (Result, error) {
	j, err := begin(ctx, node, bucket, r, report)
	if err != nil {
		return Result{}, err
	}
	schema, err := j.wantSchema(ctx)
	if err != nil {
		return Result{}, err
	}
	p, err := j.findPlace(schema)
	if errors.Is(err, ErrNotDownloaded) {
		return Result{}, nil
	}
	if err != nil {
		return Result{}, err
	}
	defer p.close()
	result := Result{SnapshotTag: p.tag}
	if !j.NoDeleteTruncates {
		if result.Tables, err = j.clearTruncations(ctx, p); err != nil {
			return Result{}, err
		}
	}
	if j.NoDeleteDownloads {
		return result, nil
	}
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	return result, j.removePlace(p)
}

// clearTruncations deletes the snapshots of this restore's truncations, and
// returns the tables that it looked at.
func (j *job) clearTruncations(ctx context.Context, p *place) ([]string, error) {
	rec, err := j.readRecord(p)
	if errors.Is(err, ErrNotDownloaded) {
		return nil, nil // then nothing was truncated for it either
	}
	if err != nil {
		return nil, err
	}
	var tables []table
	for _, t := range rec.Tables {
		if j.includes(t.Name) {
			tables = append(tables, t)
		}
	}
	live, err := j.local(ctx, targetsOf(tables))
	if err != nil && !errors.Is(err, ErrNoTable) {
		return nil, err
	}
	for i, t := range tables {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		// A table that was dropped meanwhile has no snapshots that are ours to delete.
		here, ok := live[t.Target]
		if !ok {
			continue
		}
		if err := j.clearTruncation(p, here); err != nil {
			return nil, fmt.Errorf("deleting the snapshot that was made when %s was truncated: %w", t.Target, err)
		}
		j.report(Progress{Done: i + 1, Total: len(tables)})
	}
	return namesOf(tables), nil
}

// clearTruncation deletes the snapshots of this restore's truncation of one table.
func (j *job) clearTruncation(p *place, t cassandra.Table) error {
	st, err := p.state(t.String())
	if err != nil || st.Step != stepDone {
		return err
	}
	for _, dir := range t.DataPaths {
		root, err := os.OpenRoot(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		for _, snapshot := range st.Truncations {
			if isTruncation(snapshot, t.Name) {
				err = errors.Join(err, root.RemoveAll(filepath.Join(snapshotsDir, snapshot)))
			}
		}
		if err := errors.Join(err, root.Close()); err != nil {
			return err
		}
	}
	return nil
}

// removePlace deletes the downloads of one backup of this node.
func (j *job) removePlace(p *place) error {
	source, err := os.OpenRoot(j.SourceDir)
	if err != nil {
		return fmt.Errorf("opening the directory for downloads: %w", err)
	}
	err = source.RemoveAll(filepath.Join(j.hostID, p.tag))
	if err := errors.Join(err, source.Close()); err != nil {
		return fmt.Errorf("deleting %s: %w", p.path, err)
	}
	return nil
}
