package restore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/go-logr/logr"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/logging"
	"github.com/icarus-sidecar/icarus/pkg/store"
)

// Truncate empties, on all nodes of the ring, the tables that take the data of
// those that the request means and this node has downloaded. One node does it
// for all, so the caller makes sure first that every node has them.
func Truncate(ctx context.Context, node Node, bucket store.Bucket, r Request, report func(Progress)) (Result, error) {
	j, err := beginHealthy(ctx, node, bucket, r, report)
	if err != nil {
		return Result{}, err
	}
	p, tables, err := j.ready(ctx)
	if err != nil {
		return Result{}, err
	}
	defer p.close()
	// A table that is not there is found before any is truncated.
	if _, err := j.local(ctx, targetsOf(tables)); err != nil {
		return Result{}, err
	}
	for i, t := range tables {
		if err := ctx.Err(); err != nil {
			return Result{}, partly(err, tables[:i])
		}
		keyspace, name, _ := strings.Cut(t.Target, ".")
		logr.FromContextOrDiscard(ctx).Info("Truncating table", logging.KeySnapshot, p.tag, logging.KeyKeyspace, keyspace, logging.KeyTable, name)
		if err := node.Truncate(ctx, keyspace, name); err != nil {
			return Result{}, partly(err, tables[:i])
		}
		j.report(Progress{Done: i + 1, Total: len(tables)})
	}
	return Result{SnapshotTag: p.tag, Tables: namesOf(tables)}, nil
}

// partly tells which tables were truncated before err came.
func partly(err error, done []table) error {
	if len(done) == 0 {
		return err
	}
	return fmt.Errorf("%w; truncated already: %s", err, strings.Join(targetsOf(done), ", "))
}

// ready finds what was downloaded of the tables that the request means.
func (j *job) ready(ctx context.Context) (*place, []table, error) {
	schema, err := j.wantSchema(ctx)
	if err != nil {
		return nil, nil, err
	}
	p, err := j.findPlace(schema)
	if err != nil {
		return nil, nil, err
	}
	rec, err := j.readRecord(p)
	if err != nil {
		return nil, nil, errors.Join(err, p.close())
	}
	tables, err := rec.selected(j.Request)
	if err != nil {
		return nil, nil, errors.Join(err, p.close())
	}
	return p, tables, nil
}

// truncationForm is what Cassandra calls the snapshot that it takes of a table
// when it truncates it: the time in milliseconds, and the table.
var truncationForm = regexp.MustCompile(`^truncated-[0-9]{1,19}-([A-Za-z0-9_]{1,222})$`)

// truncationsOf lists the snapshots that Cassandra made of truncations of a table.
func truncationsOf(t cassandra.Table) ([]string, error) {
	var names []string
	for _, dir := range t.DataPaths {
		snapshots := filepath.Join(dir, snapshotsDir)
		entries, err := readDir(snapshots)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("looking for snapshots of %s: %w", t, err)
		}
		for _, e := range entries {
			if isTruncation(e.Name(), t.Name) && e.IsDir() {
				names = append(names, e.Name())
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// snapshotsDir is where a table's snapshots lie, in each of its directories.
const snapshotsDir = "snapshots"

func isTruncation(snapshot, table string) bool {
	m := truncationForm.FindStringSubmatch(snapshot)
	return m != nil && m[1] == table
}
