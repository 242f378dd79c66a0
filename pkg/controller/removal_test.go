package controller

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/api/v1alpha1"
)

// deleted deletes an object, makes passes until it is gone, and tells how long that took.
func (w *world) deleted(o client.Object) time.Duration {
	w.t.Helper()
	if err := w.client.Delete(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
	w.clock.SetTime(time.Now()) // the fake API server has a clock of its own
	return w.untilGone(o)
}

// untilGone makes passes until an object that is deleted is gone.
func (w *world) untilGone(o client.Object) time.Duration {
	w.t.Helper()
	begun := w.clock.Now()
	for range 2000 {
		result, err := w.pass(w.t.Context(), o)
		if err != nil {
			w.t.Fatal(err)
		}
		w.read(o)
		if apierrors.IsNotFound(w.client.Get(w.t.Context(), client.ObjectKeyFromObject(o), &v1alpha1.CassandraBackup{})) {
			return w.clock.Now().Sub(begun)
		}
		if result.RequeueAfter == 0 {
			w.t.Fatalf("nobody looks again, at %s", describeStatus(o))
		}
		w.clock.SetTime(w.clock.Now().Add(result.RequeueAfter))
	}
	w.t.Fatalf("it is not let go, at %s", describeStatus(o))
	return 0
}

func (r *fakeRing) begun(name string) int {
	var n int
	for _, s := range r.sidecars {
		n += s.started[name]
	}
	return n
}

func TestTheDataOfABackupThatIsDeleted(t *testing.T) {
	t.Parallel()
	failing := func(op *rest.Operation) {
		if op.Type == rest.TypeRemoveBackup {
			op.State, op.Errors = rest.StateFailed, []rest.OperationError{{Message: "access denied"}}
		}
	}
	for name, c := range map[string]struct {
		policy v1alpha1.DeletionPolicy
		spoil  func(w *world)
		event  string
		begun  int
	}{
		"stays by default":       {policy: v1alpha1.DeletionPolicyRetain},
		"goes where it is asked": {policy: v1alpha1.DeletionPolicyDelete, event: v1alpha1.ReasonDataDeleted, begun: 1},
		"is left where its removal fails": {
			policy: v1alpha1.DeletionPolicyDelete, event: v1alpha1.ReasonDataLeft, begun: removalAttempts,
			spoil: func(w *world) {
				for _, s := range w.ring.sidecars {
					s.finish = failing
				}
			},
		},
		"is left where no sidecar answers": {
			policy: v1alpha1.DeletionPolicyDelete, event: v1alpha1.ReasonDataLeft,
			spoil: func(w *world) {
				for _, s := range w.ring.sidecars {
					s.script(hangingUp)
				}
			},
		},
		"is left where the cluster is gone": {
			policy: v1alpha1.DeletionPolicyDelete, event: v1alpha1.ReasonDataLeft,
			spoil: func(w *world) { w.eachPod(func(p *corev1.Pod) { p.Labels = nil }) },
		},
		"is left where its removal takes for ever": {
			policy: v1alpha1.DeletionPolicyDelete, event: v1alpha1.ReasonDataLeft, begun: 1,
			spoil: func(w *world) { w.ring.slow(1 << 20) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ring := newFakeRing(t, 2)
			b := newBackup("nightly", ring)
			b.Spec.DeletionPolicy = c.policy
			w := newWorld(t, ring, b)
			w.finish(b)
			if held := len(b.Finalizers) > 0; held != (c.policy == v1alpha1.DeletionPolicyDelete) {
				t.Errorf("it is held by %v", b.Finalizers)
			}
			if c.spoil != nil {
				c.spoil(w)
			}
			writes := w.writes
			if len(b.Finalizers) == 0 {
				if err := w.client.Delete(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			} else if took := w.deleted(b); c.event == v1alpha1.ReasonDataDeleted && took >= later {
				t.Errorf("nobody was in the way, and it took %s", took)
			}
			if n := ring.begun(rest.TypeRemoveBackup); n != c.begun {
				t.Errorf("%d removals have begun", n)
			}
			if c.event != "" && !slices.Contains(w.events.reasons, c.event) {
				t.Errorf("the events are %v", w.events.reasons)
			}
			if n := w.writes - writes; n > 10 {
				t.Errorf("that took %d writes", n)
			}
			if c.event == v1alpha1.ReasonDataDeleted {
				if got := ring.sidecars[0].lastRequest; got["backupName"] != b.Status.SnapshotTag || got["globalRequest"] != true {
					t.Errorf("the request was %v", got)
				}
			}
		})
	}
}

func TestADeletionPolicyThatChangesLater(t *testing.T) {
	t.Parallel()
	ring := newFakeRing(t, 1)
	b := newBackup("nightly", ring)
	w := newWorld(t, ring, b)
	w.finish(b)
	requests := ring.requests()
	for _, policy := range []v1alpha1.DeletionPolicy{v1alpha1.DeletionPolicyDelete, v1alpha1.DeletionPolicyRetain} {
		w.update(b, func() { b.Spec.DeletionPolicy = policy })
		for range 2 {
			if _, err := w.pass(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
		if w.read(b); (len(b.Finalizers) > 0) != (policy == v1alpha1.DeletionPolicyDelete) {
			t.Errorf("with %s it is held by %v", policy, b.Finalizers)
		}
	}
	if ring.requests() != requests {
		t.Error("something was sent")
	}
}

func TestABackupThatIsDeletedMidwayWithItsData(t *testing.T) {
	t.Parallel()
	ring := newFakeRing(t, 2)
	ring.slow(3)
	b := newBackup("nightly", ring)
	b.Spec.DeletionPolicy = v1alpha1.DeletionPolicyDelete
	w := newWorld(t, ring, b)
	w.uploading(b)
	w.deleted(b)
	if ring.begun(rest.TypeRemoveBackup) != 1 || !slices.Contains(w.events.reasons, v1alpha1.ReasonDataDeleted) {
		t.Errorf("the events are %v", w.events.reasons)
	}
}

func TestTheDataOfABackupIsKeptWhileItIsRestored(t *testing.T) {
	t.Parallel()
	for name, spec := range map[string]v1alpha1.CassandraRestoreSpec{
		"by its object":           {BackupRef: &v1alpha1.BackupReference{Name: "nightly"}},
		"by its location and tag": {StorageLocation: "s3://backups/" + clusterName + "/dc1/node", SnapshotTag: "nightly"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ring := newFakeRing(t, 2)
			b, r, late := newBackup("nightly", ring), newRestore("back", ring), newRestore("late", ring)
			b.Spec.DeletionPolicy = v1alpha1.DeletionPolicyDelete
			spec.Cluster = r.Spec.Cluster
			r.Spec = spec
			late.Spec = v1alpha1.CassandraRestoreSpec{BackupRef: &v1alpha1.BackupReference{Name: "nightly"}}
			w := newWorld(t, ring, b, r)
			w.finish(b)
			for _, s := range ring.sidecars {
				s.manifest = b.Status.SnapshotTag
			}
			w.run(r, func() bool { return r.Status.StartTime != nil })
			if err := w.client.Delete(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			// Longer than a removal is waited for.
			writes := w.writes
			for range int(2 * removalTimeout / later) {
				if result, err := w.pass(t.Context(), b); err != nil || result.RequeueAfter != later {
					t.Fatalf("a pass ended with %+v, %v", result, err)
				}
				w.clock.SetTime(w.clock.Now().Add(later))
			}
			w.read(b)
			if n := len(b.Status.Warnings); n != 1 || !strings.Contains(b.Status.Warnings[0], "CassandraRestore back") || b.Status.Phase != v1alpha1.BackupDeleting {
				t.Errorf("nobody is told why: %s, %v", b.Status.Phase, b.Status.Warnings)
			}
			if ring.begun(rest.TypeRemoveBackup) > 0 || w.writes-writes > 1 {
				t.Errorf("%d removals have begun, in %d writes", ring.begun(rest.TypeRemoveBackup), w.writes-writes)
			}
			// Nobody begins to restore what is about to go.
			identify(late)
			if err := w.client.Create(t.Context(), late); err != nil {
				t.Fatal(err)
			}
			w.run(late, func() bool { return len(late.Status.Conditions) > 0 })
			w.wants(late, v1alpha1.ConditionPeersDiscovered, metav1.ConditionFalse, v1alpha1.ReasonBackupNotFound)

			w.finish(r)
			w.wants(r, v1alpha1.ConditionComplete, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
			w.untilGone(b)
			if ring.begun(rest.TypeRemoveBackup) != 1 || !slices.Contains(w.events.reasons, v1alpha1.ReasonDataDeleted) {
				t.Errorf("the events are %v", w.events.reasons)
			}
		})
	}
}
