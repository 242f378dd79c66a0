package controller

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/icarus-sidecar/icarus/api/v1alpha1"
)

// awaitRestore lets a removal wait while a restore of the namespace reads what is to be
// removed, however long that takes, and notes when it can begin: its own patience counts
// from there. A restore that begins later finds its backup gone before it truncates.
func (r *reconciler) awaitRestore(ctx context.Context, s *scope, b *backupJob) (wait time.Duration, err error) {
	if step(s.job.status()) == phaseRemove {
		return 0, nil
	}
	name, err := r.restoring(ctx, b)
	if err != nil {
		return 0, err
	}
	if name != "" {
		return later, r.deleting(ctx, s, "the backup is removed when CassandraRestore "+name+", which reads it, has ended; delete that to cancel it")
	}
	status := s.job.status()
	if status.Coordination == nil {
		status.Coordination = &v1alpha1.Coordination{}
	}
	status.Coordination.Step, status.Coordination.Deadline = phaseRemove, timeOf(s.now.Add(removalTimeout))
	return soon, r.deleting(ctx, s, "") // the next pass acts upon what is written now
}

// removalTook is how long a removal has been possible.
func (s *scope) removalTook() time.Duration {
	return removalTimeout - instant(s.job.status().Coordination.Deadline).Sub(s.now)
}

// restoring finds a restore that is at work and reads the backup. It looks past the cache,
// which may not tell yet that one has begun.
func (r *reconciler) restoring(ctx context.Context, b *backupJob) (name string, err error) {
	var restores v1alpha1.CassandraRestoreList
	if err := r.live.List(ctx, &restores, client.InNamespace(b.Namespace)); err != nil {
		return "", fmt.Errorf("listing restores: %w", err)
	}
	for i := range restores.Items {
		if reads(&restores.Items[i], b) {
			return restores.Items[i].Name, nil
		}
	}
	return "", nil
}

// reads reports whether a restore needs what is in the bucket of a backup.
func reads(o *v1alpha1.CassandraRestore, b *backupJob) bool {
	source := o.Status.Source
	if source == nil || o.Status.StartTime == nil || o.IsFinished() || o.Status.ClusterName != b.Status.ClusterName {
		return false
	}
	// Until it has found its backup, that may be any whose name begins so.
	tag := cmp.Or(o.Status.SnapshotTag, source.SnapshotTag)
	from, err := bucketOf(source.StorageLocation)
	if err != nil { // of no restore that has begun
		return false
	}
	in, err := bucketOf(b.Spec.StorageLocation)
	return err == nil && in == from && strings.HasPrefix(b.Status.SnapshotTag, tag)
}
