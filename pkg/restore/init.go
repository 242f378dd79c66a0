package restore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/store"
)

// MaxManifests is how many of the matching backups Init tells at most: with one
// every hour, those of four days.
const MaxManifests = 100

// Init finds the backups that the request may mean, and looks for whatever would
// keep the later phases from succeeding with the newest of them.
func Init(ctx context.Context, node Node, bucket store.Bucket, r Request, report func(Progress)) (Result, error) {
	j, err := begin(ctx, node, bucket, r, report)
	if err != nil {
		return Result{}, err
	}
	tags, err := j.candidates(ctx)
	if err != nil {
		return Result{}, err
	}
	m, err := j.manifest(ctx, tags[0])
	if err != nil {
		return Result{}, err
	}
	moves, err := j.scope(m)
	if err != nil {
		return Result{}, err
	}
	targets := make([]string, len(moves))
	for i, m := range moves {
		targets[i] = m.to
	}
	tables, err := j.local(ctx, targets)
	if err != nil {
		return Result{}, err
	}
	if err := errors.Join(j.checkStrategy(ctx, tables), j.checkSource(ctx)); err != nil {
		return Result{}, err
	}
	return Result{Manifests: tags[:min(len(tags), MaxManifests)], SnapshotTag: tags[0]}, nil
}

// checkStrategy asks whether SSTables can be brought into Cassandra as requested,
// before tables are truncated.
func (j *job) checkStrategy(ctx context.Context, tables map[string]cassandra.Table) error {
	if j.Strategy == StrategyImport {
		can, err := j.node.CanImport(ctx)
		if err == nil && !can {
			err = fmt.Errorf("%w: strategy %s; use %s", cassandra.ErrUnsupported, StrategyImport, StrategyHardlinks)
		}
		return err
	}
	for _, t := range tables {
		for _, path := range t.DataPaths {
			if err := unix.Access(path, unix.R_OK|unix.W_OK|unix.X_OK); err != nil {
				return fmt.Errorf("this program must be able to read and write where %s lies: %w", t, &fs.PathError{Op: "access", Path: path, Err: err})
			}
		}
	}
	return nil
}

// checkSource makes the directory for downloads and tries to write there.
// Cassandra must not take it for its own, nor lose it with a table.
func (j *job) checkSource(ctx context.Context) error {
	if err := os.MkdirAll(j.SourceDir, 0o755); err != nil {
		return fmt.Errorf("making the directory for downloads: %w", err)
	}
	dataDirs, err := j.node.DataDirectories(ctx)
	if err != nil {
		return err
	}
	source, err := filepath.EvalSymlinks(j.SourceDir)
	if err != nil {
		return fmt.Errorf("looking at the directory for downloads: %w", err)
	}
	for _, dir := range slices.Concat(dataDirs, j.DataDirs) {
		real, err := filepath.EvalSymlinks(dir)
		if errors.Is(err, fs.ErrNotExist) {
			real, err = filepath.Clean(dir), nil // seen by Cassandra only
		}
		if err != nil {
			return fmt.Errorf("looking at data directory %s: %w", dir, err)
		}
		if source == real || strings.HasPrefix(source, real+string(filepath.Separator)) {
			return fmt.Errorf("%w: the directory for downloads, %s, lies in Cassandra's data directory %s", ErrInvalid, j.SourceDir, dir)
		}
	}
	f, err := os.CreateTemp(source, ".icarus-try-*")
	if err == nil {
		err = errors.Join(f.Close(), os.Remove(f.Name()))
	}
	if err != nil {
		return fmt.Errorf("trying to write in the directory for downloads: %w", err)
	}
	return nil
}
