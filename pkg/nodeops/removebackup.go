package nodeops

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/operation"
	"github.com/icarus-sidecar/icarus/pkg/retention"
	"github.com/icarus-sidecar/icarus/pkg/store"
)

// orphanAge is how old an object is that no backup names before it counts as one
// that none will: an upload that resumes after a night finds what it had.
const orphanAge = 24 * time.Hour

// removeBackup removes backups from a bucket.
//
// It and the backups of this node wait for each other: a removal deletes nothing
// while a backup runs.
func removeBackup(d *Deps) operation.Kind {
	return operation.Define(rest.TypeRemoveBackup, operation.Spec[rest.RemoveBackupRequest]{
		Run: func(ctx context.Context, r *rest.RemoveBackupRequest, h *operation.Handle) error {
			s := scope{store: r.Store, global: r.GlobalRequest, resolve: r.ResolveNodes, dc: r.DC, narrow: true}
			return d.withPlaces(ctx, s, func(b store.Bucket, places []retention.Node) error {
				job := &removing{
					Deps: d, r: r, h: h, bucket: b,
					result: rest.RemoveBackupResult{Dry: r.Dry, Removed: []rest.RemovedBackup{}},
				}
				return job.run(ctx, places)
			})
		},
		Exclusive: func(*rest.RemoveBackupRequest) (string, bool) { return "backup", true },
		Check:     func(_ context.Context, r *rest.RemoveBackupRequest) error { return d.checkStore(r.Store) },
	})
}

// removing is one removal at work.
type removing struct {
	*Deps
	r      *rest.RemoveBackupRequest
	h      *operation.Handle
	bucket store.Bucket
	result rest.RemoveBackupResult
	// tags are those of removed backups.
	tags []string
}

// run goes from node to node. What goes wrong with one is no reason not to remove
// the backups of the others.
func (j *removing) run(ctx context.Context, places []retention.Node) error {
	var missing error
	absent := 0
	for done, place := range places {
		err := j.node(ctx, place, func(part float64) { j.h.SetProgress((float64(done) + part) / float64(len(places))) })
		switch {
		case ctx.Err() != nil:
			j.h.SetResult(j.result)
			return errors.Join(context.Cause(ctx), err)
		case errors.Is(err, retention.ErrNotFound):
			absent, missing = absent+1, err
		case err != nil && j.r.GlobalRequest:
			j.h.Fail(place.HostID, err.Error())
		case err != nil:
			j.h.SetResult(j.result)
			return err
		}
	}
	if absent == len(places) && absent > 0 { // else some node had the backup
		return missing
	}
	err := j.topologies(ctx)
	j.h.SetResult(j.result)
	return err
}

func (j *removing) node(ctx context.Context, place retention.Node, report func(part float64)) error {
	out, err := retention.Remove(ctx, place.Bucket(j.bucket), j.selection(), retention.Options{
		Dry: j.r.Dry, Parallel: j.r.ConcurrentConnections, Clock: j.Clock,
		Report: func(done, total int) { report(float64(done) / float64(total)) },
	})
	for _, b := range out.Backups {
		j.result.Removed = append(j.result.Removed, removedBackup(place, b))
		j.tags = append(j.tags, b.Tag)
	}
	for _, b := range out.Spared {
		j.result.Spared = append(j.result.Spared, removedBackup(place, b))
	}
	j.result.Files += out.Objects.Files
	j.result.Size += out.Objects.Bytes
	addObjects(&j.result.Orphans, out.Orphans)
	addObjects(&j.result.Left, out.Left)
	if out.Why != nil {
		j.h.Warn(fmt.Sprintf("%s: %d objects of %d bytes are left that no backup names, because of this: %v; collectOrphans removes them later",
			place, out.Left.Files, out.Left.Bytes, out.Why))
	}
	if err != nil {
		return fmt.Errorf("removing backups of %s: %w", place, err)
	}
	return nil
}

func addObjects(to *rest.ObjectCount, s retention.Size) {
	to.Files += s.Files
	to.Size += s.Bytes
}

func removedBackup(place retention.Node, b retention.Backup) rest.RemovedBackup {
	return rest.RemovedBackup{Node: place.String(), Name: b.Tag, UnixTimestamp: b.Time.UnixMilli()}
}

func (j *removing) selection() retention.Selection {
	s := retention.Selection{Oldest: j.r.RemoveOldest, KeepAtLeast: j.r.KeepAtLeast}
	if j.r.BackupName != "" {
		s.Names = []string{j.r.BackupName}
	}
	if j.r.OlderThan != nil {
		s.OlderThan = j.r.OlderThan.Duration()
	}
	if j.r.CollectOrphans {
		s.OrphansOlderThan = orphanAge
	}
	return s
}

// topologies removes those of tags that no node has any more.
func (j *removing) topologies(ctx context.Context) error {
	if j.r.Dry {
		return nil
	}
	slices.Sort(j.tags)
	for _, tag := range slices.Compact(j.tags) {
		removed, err := retention.PruneTopology(ctx, j.bucket, tag)
		switch {
		case errors.Is(err, store.ErrCorrupt): // it is of no use, and in nobody's way
			j.h.Warn(err.Error())
		case err != nil:
			return err
		case removed:
			j.result.Topologies = append(j.result.Topologies, tag)
		}
	}
	return nil
}
