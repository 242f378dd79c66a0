package controller

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/api/v1alpha1"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
)

const (
	// removalPatience is how long whatever is in the way of a removal is waited for,
	// and removalTimeout how long the whole takes. Then the object is let go, and
	// the data is left: a cluster that is gone must not keep its namespace from going.
	removalPatience = 15 * time.Minute
	removalTimeout  = 2 * time.Hour
	// removalAttempts is how often a removal may fail.
	removalAttempts = 3
	removalPace     = 5 * time.Second
	// phaseRemove stands for the phase in the ids of removals.
	phaseRemove = "Remove"
)

// removesData reports whether the data goes with the object.
func removesData(j job) (*backupJob, bool) {
	b, ok := j.(*backupJob)
	return b, ok && b.Spec.DeletionPolicy == v1alpha1.DeletionPolicyDelete && b.Status.StartTime != nil && b.Status.SnapshotTag != ""
}

// settled is the rest of an object that has ended: it is held only while there is
// data to delete with it. Nothing else happens to it any more.
func (r *reconciler) settled(ctx context.Context, j job) (ctrl.Result, error) {
	r.memory.forget(client.ObjectKeyFromObject(j.object()))
	r.claims.release(string(j.object().GetUID()))
	deleted := !j.object().GetDeletionTimestamp().IsZero()
	b, removes := removesData(j)
	change := controllerutil.RemoveFinalizer
	if removes && !deleted {
		change = controllerutil.AddFinalizer
	}
	var result ctrl.Result
	var err error
	if removes && deleted && controllerutil.ContainsFinalizer(j.object(), Finalizer) {
		result, err = r.removeData(ctx, b)
	} else {
		err = r.finalize(ctx, j, j.remember(), change)
	}
	if apierrors.IsConflict(err) { // the cache is behind
		return ctrl.Result{RequeueAfter: soon}, nil
	}
	return result, err
}

// removeData lets one sidecar remove the backup from the bucket. To post the request
// again under its id tells how the removal is doing, and starts nothing.
func (r *reconciler) removeData(ctx context.Context, b *backupJob) (ctrl.Result, error) {
	s := &scope{job: b, base: b.remember(), now: r.clock.Now(), log: ctrl.LoggerFrom(ctx), mind: &recollection{}}
	if stale, err := r.isStale(ctx, s); err != nil || stale {
		return ctrl.Result{RequeueAfter: gently}, err
	}
	if wait, err := r.awaitRestore(ctx, s, b); err != nil || wait > 0 {
		return ctrl.Result{RequeueAfter: wait}, err
	}
	if s.removalTook() >= removalTimeout {
		return r.leave(ctx, s, "its removal did not end in time, and may be at work still")
	}
	if _, err := r.listPods(ctx, s); err != nil {
		return ctrl.Result{}, err
	}
	credentials, missing, err := r.credentials(ctx, s)
	switch {
	case err != nil:
		return ctrl.Result{}, err
	case missing != nil:
		return r.hinder(ctx, s, missing.message)
	}
	op, err := r.postRemoval(ctx, s, credentials)
	if ctx.Err() != nil {
		return ctrl.Result{}, ctx.Err()
	}
	if err != nil {
		return r.hinder(ctx, s, err.Error())
	}
	return r.judgeRemoval(ctx, s, op)
}

func (r *reconciler) judgeRemoval(ctx context.Context, s *scope, op *rest.Operation) (ctrl.Result, error) {
	switch {
	case !op.State.IsTerminal():
		return ctrl.Result{RequeueAfter: removalPace}, r.deleting(ctx, s, "")
	case op.State == rest.StateCompleted && len(op.Errors) == 0:
		r.events.Eventf(s.job.object(), nil, corev1.EventTypeNormal, v1alpha1.ReasonDataDeleted, actionCoordinate,
			"the backup %s was removed from the bucket", s.job.status().SnapshotTag)
		return ctrl.Result{}, r.letGo(ctx, s.job, s.base)
	}
	why := fmt.Sprintf("the sidecar's operation %s is %s: %s", op.ID, op.State, told(op.Errors))
	c := s.job.status().Coordination // awaitRestore has seen to it
	if c.Attempt+1 >= removalAttempts {
		return r.leave(ctx, s, why)
	}
	c.Attempt++ // another id, so another operation
	return ctrl.Result{RequeueAfter: later}, r.deleting(ctx, s, why)
}

// postRemoval asks the first sidecar that can be asked.
func (r *reconciler) postRemoval(ctx context.Context, s *scope, credentials *rest.Credentials) (*rest.Operation, error) {
	req, err := removalOf(s.job, credentials)
	if err != nil {
		return nil, err
	}
	// Only one: another sidecar knows nothing of what this one may be doing.
	nodes := s.askable(1)
	if len(nodes) == 0 {
		return nil, errNoPod
	}
	return r.call(ctx, nodes[0], cluster.Action{Verb: cluster.Submit, Request: req})
}

// removalOf is the request that removes a backup of all nodes.
func removalOf(j job, credentials *rest.Credentials) (*rest.RemoveBackupRequest, error) {
	made, _ := rest.NewRequest(rest.TypeRemoveBackup)
	req := made.(*rest.RemoveBackupRequest) //nolint:forcetypeassert // the contract's own type
	status, set := j.status(), j.settings()
	req.ID = cluster.OperationID(parentID(j.object()), phaseRemove, "", int(status.Coordination.Attempt)).String()
	var err error
	// The datacenter and the node stand for all of them.
	if req.StorageLocation, err = nodeLocation(set.location, status.ClusterName, "dc", "node"); err != nil {
		return nil, err
	}
	req.BackupName, req.GlobalRequest, req.Credentials = status.SnapshotTag, true, credentials
	return req, nil
}

// hinder waits for what is in the way, but not for ever.
func (r *reconciler) hinder(ctx context.Context, s *scope, why string) (ctrl.Result, error) {
	if s.removalTook() >= removalPatience {
		return r.leave(ctx, s, why)
	}
	return ctrl.Result{RequeueAfter: later}, r.deleting(ctx, s, why)
}

// leave lets go of an object whose data could not be removed.
func (r *reconciler) leave(ctx context.Context, s *scope, why string) (ctrl.Result, error) {
	// How to remove it comes first: what is said of errors is as long as they are.
	text := fmt.Sprintf("the backup is left (icarus remove-backup --storage-location %s --backup-name %s --global-request removes it): %s",
		s.job.settings().location, s.job.status().SnapshotTag, why)
	s.log.Info("Leaving data", "why", text)
	r.events.Eventf(s.job.object(), nil, corev1.EventTypeWarning, v1alpha1.ReasonDataLeft, actionCoordinate, "%s", cut(text, enoughEvent))
	return ctrl.Result{}, r.letGo(ctx, s.job, s.base)
}

// deleting tells in the status that, and why, the object is still there.
func (r *reconciler) deleting(ctx context.Context, s *scope, why string) error {
	status := s.job.status()
	s.job.setSummary(string(v1alpha1.BackupDeleting))
	if why = cut(why, v1alpha1.MaxMessage); why != "" && (len(status.Warnings) == 0 || status.Warnings[len(status.Warnings)-1] != why) {
		warnings := append(status.Warnings[:len(status.Warnings):len(status.Warnings)], why)
		status.Warnings = warnings[max(0, len(warnings)-v1alpha1.MaxWarnings):]
	}
	if !s.worthWriting() {
		return nil
	}
	patch := client.MergeFromWithOptions(s.base.object(), client.MergeFromWithOptimisticLock{})
	return r.client.Status().Patch(ctx, s.job.remember().object(), patch)
}
