package restore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"

	"github.com/go-logr/logr"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/logging"
	"github.com/icarus-sidecar/icarus/pkg/sstable"
	"github.com/icarus-sidecar/icarus/pkg/store"
)

// Import brings what was downloaded of the tables that the request means into
// Cassandra, one table after the other.
//
// The sizes of the files are looked at once more before the first table, their
// digests are not: they were checked when the files were written, under names
// that they did not have before.
func Import(ctx context.Context, node Node, bucket store.Bucket, r Request, report func(Progress)) (Result, error) {
	j, err := beginHealthy(ctx, node, bucket, r, report)
	if err != nil {
		return Result{}, err
	}
	p, tables, err := j.ready(ctx)
	if err != nil {
		return Result{}, err
	}
	defer p.close()
	live, err := j.local(ctx, targetsOf(tables))
	if err != nil {
		return Result{}, err
	}
	if err := j.checkStrategy(ctx, live); err != nil {
		return Result{}, err
	}
	im := importer{j, p}
	if err := im.verify(tables); err != nil {
		return Result{}, err
	}
	for i, t := range tables {
		if err := ctx.Err(); err != nil {
			return Result{}, err
		}
		if err := im.table(ctx, t, live[t.Target]); err != nil {
			return Result{}, fmt.Errorf("bringing %s back into %s: %w", t.Name, t.Target, err)
		}
		j.report(Progress{Done: i + 1, Total: len(tables)})
	}
	return Result{SnapshotTag: p.tag, Tables: namesOf(tables)}, nil
}

// importer is IMPORT at work.
type importer struct {
	*job
	place *place
}

// continues reports whether a state is that of an interrupted run of this request.
func (im importer) continues(st state) bool { return im.ID != "" && st.ID == im.ID }

// verify looks whether all files are there, before any table is worked on.
func (im importer) verify(tables []table) error {
	for _, t := range tables {
		st, err := im.place.state(t.Target)
		if err != nil {
			return err
		}
		if im.continues(st) && (st.Step == stepLoading || st.Step == stepDone) {
			continue // by now Cassandra may have written to them
		}
		for _, f := range t.Files {
			info, err := im.place.root.Lstat(path.Join(t.Dir, f.Name))
			switch {
			case err != nil:
				return fmt.Errorf("%w: looking for the downloads of %s: %w", ErrNotDownloaded, t.Name, err)
			case !info.Mode().IsRegular() || info.Size() != f.Size:
				return fmt.Errorf("%w: %s is not the file of %d bytes that it was; run DOWNLOAD again",
					store.ErrCorrupt, filepath.Join(im.place.path, t.Dir, f.Name), f.Size)
			}
		}
		if err := im.place.checkStrangers(t); err != nil {
			return err
		}
	}
	return nil
}

// checkStrangers refuses SSTables that are none of the backup's: Cassandra would
// import them too.
func (p *place) checkStrangers(t table) error {
	entries, err := fs.ReadDir(p.root.FS(), t.Dir)
	if err != nil {
		return fmt.Errorf("%w: reading the downloads of %s: %w", ErrNotDownloaded, t.Name, err)
	}
	bases := t.bases()
	for _, e := range entries {
		if n, ok := sstable.ParseName(e.Name()); ok && bases[n.Base] == nil {
			return fmt.Errorf("%w: %s is not of backup %s; run DOWNLOAD again", store.ErrCorrupt, filepath.Join(p.path, t.Dir, e.Name()), p.tag)
		}
	}
	return nil
}

// bases are the files of each SSTable, by the base of their names.
func (t table) bases() map[string][]file {
	bases := map[string][]file{}
	for _, f := range t.Files {
		if n, ok := sstable.ParseName(f.Name); ok {
			bases[n.Base] = append(bases[n.Base], f)
		}
	}
	return bases
}

// table imports one table, or goes on with that.
func (im importer) table(ctx context.Context, t table, live cassandra.Table) error {
	st, err := im.place.state(t.Target)
	if err != nil {
		return err
	}
	if im.continues(st) && st.Step == stepDone {
		return nil
	}
	if !im.continues(st) {
		made, err := truncationsOf(live)
		if err != nil {
			return err
		}
		st.ID, st.Step = im.ID, ""
		st.Truncations = slices.DeleteFunc(made, func(s string) bool { return slices.Contains(t.Truncations, s) })
	}
	dirs, err := im.open(live)
	if err != nil {
		return err
	}
	defer dirs.close()
	logr.FromContextOrDiscard(ctx).Info("Importing table", logging.KeySnapshot, im.place.tag, logging.KeyKeyspace, live.Keyspace,
		logging.KeyTable, live.Name, logging.KeyBytes, t.bytes())
	if err := im.bring(ctx, t, dirs, &st); err != nil {
		return err
	}
	st.Step, st.Links = stepDone, nil
	return im.place.keep(t.Target, st)
}

func (im importer) bring(ctx context.Context, t table, dirs liveDirs, st *state) error {
	if err := im.discardOthers(t.Target, dirs); err != nil {
		return err
	}
	if len(t.Files) == 0 {
		return nil // it was empty, and now it is
	}
	if err := im.place.handOver(t, dirs); err != nil {
		return err
	}
	if im.Strategy == StrategyImport {
		return im.copyIn(ctx, t, dirs, st)
	}
	return im.linkIn(ctx, t, dirs, st)
}

// open opens the directories of a table. Those that only Cassandra sees are
// needed by HARDLINKS alone.
func (im importer) open(live cassandra.Table) (liveDirs, error) {
	dirs, err := openLive(live)
	if im.Strategy == StrategyImport && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return dirs, err
}

// discardOthers removes what the unfinished import of another backup has left in
// a table's directories: Cassandra would take it up with this one's.
func (im importer) discardOthers(target string, dirs liveDirs) error {
	tags, err := im.downloaded()
	if err != nil {
		return err
	}
	for _, tag := range tags {
		if tag == im.place.tag {
			continue
		}
		if err := im.discard(tag, target, dirs); err != nil {
			return fmt.Errorf("removing what the import of backup %s left: %w", tag, err)
		}
	}
	return nil
}

func (im importer) discard(tag, target string, dirs liveDirs) error {
	other, err := im.openPlace(tag, false)
	if err != nil {
		return err
	}
	defer other.close()
	st, err := other.state(target)
	if err != nil || len(st.Links) == 0 {
		return err
	}
	if err := dirs.remove(st.Links); err != nil {
		return err
	}
	return other.root.Remove(stateFile(target))
}
