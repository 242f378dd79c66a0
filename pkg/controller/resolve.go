package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/icarus-sidecar/icarus/api/v1alpha1"
)

// backupWait is how often a restore looks whether its backup is complete.
const backupWait = soon * 5

// resolve finds out what an object is about, and refuses what cannot be.
func (r *reconciler) resolve(ctx context.Context, s *scope) (ctrl.Result, error) {
	if j, ok := s.job.(*restoreJob); ok {
		if result, err := r.source(ctx, s, j); err != nil || !result.IsZero() || s.ended() {
			return result, err
		}
	}
	if _, err := bucketOf(s.job.settings().location); err != nil {
		return s.fail(v1alpha1.ReasonInvalidSpec, "%v", err)
	}
	return ctrl.Result{}, nil
}

// source finds what a restore is of. It is kept when work begins: by then the
// backup's object may be gone.
func (r *reconciler) source(ctx context.Context, s *scope, j *restoreJob) (ctrl.Result, error) {
	if j.Spec.BackupRef == nil {
		if j.Spec.Cluster == nil {
			return s.fail(v1alpha1.ReasonInvalidSpec, "there is neither backupRef nor cluster")
		}
		j.Status.Source = &v1alpha1.RestoreSource{
			Cluster: *j.Spec.Cluster, StorageLocation: j.Spec.StorageLocation, SnapshotTag: j.Spec.SnapshotTag,
			CredentialsSecretRef: j.Spec.CredentialsSecretRef,
		}
		return ctrl.Result{}, nil
	}
	var b v1alpha1.CassandraBackup
	name := j.Spec.BackupRef.Name
	err := r.client.Get(ctx, client.ObjectKey{Namespace: j.Namespace, Name: name}, &b)
	switch {
	case apierrors.IsNotFound(err):
		return s.wait(later, v1alpha1.ReasonBackupNotFound,
			"there is no CassandraBackup %s in namespace %s; create another object with storageLocation and snapshotTag where the backup is in the bucket only", name, j.Namespace)
	case err != nil:
		return ctrl.Result{}, fmt.Errorf("getting the backup: %w", err)
	}
	if _, removes := removesData(&backupJob{b}); removes && !b.DeletionTimestamp.IsZero() {
		return s.wait(later, v1alpha1.ReasonBackupNotFound, "CassandraBackup %s is being deleted with its data; restore another one, by another object", name)
	}
	failed := meta.FindStatusCondition(b.Status.Conditions, v1alpha1.ConditionFailed)
	switch {
	case failed != nil && failed.Status == "True":
		return s.fail(v1alpha1.ReasonBackupFailed, "CassandraBackup %s failed and cannot be restored: %s", name, cut(failed.Message, v1alpha1.MaxMessage/2))
	case !b.IsFinished():
		return s.wait(backupWait, v1alpha1.ReasonBackupInProgress, "CassandraBackup %s is not complete yet; it is waited for", name)
	case slices.ContainsFunc(b.Status.Warnings, func(w string) bool { return strings.HasSuffix(w, leftOut) }):
		return s.fail(v1alpha1.ReasonBackupIncomplete, "CassandraBackup %s is without some nodes of the cluster, which its warnings name", name)
	}
	j.Status.Source = &v1alpha1.RestoreSource{
		Cluster: b.Spec.Cluster, StorageLocation: b.Spec.StorageLocation, SnapshotTag: b.Status.SnapshotTag,
		CredentialsSecretRef: b.Spec.CredentialsSecretRef,
	}
	if j.Spec.Cluster != nil {
		j.Status.Source.Cluster = *j.Spec.Cluster
	}
	if j.Spec.CredentialsSecretRef != nil {
		j.Status.Source.CredentialsSecretRef = j.Spec.CredentialsSecretRef
	}
	return ctrl.Result{}, nil
}
