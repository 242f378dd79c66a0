package controller

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/icarus-sidecar/icarus/api/v1alpha1"
)

func TestABackupOfThreeNodes(t *testing.T) {
	t.Parallel()
	ring := newFakeRing(t, 3)
	b := newBackup("nightly", ring)
	w := newWorld(t, ring, b)
	w.finish(b)

	w.onlyOnce(backupEvery, backupSingle)
	for _, c := range v1alpha1.BackupConditions()[:4] {
		w.wants(b, c, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	}
	w.wants(b, v1alpha1.ConditionFailed, metav1.ConditionFalse, v1alpha1.ReasonNotFailed)
	s := b.Status
	if s.Phase != v1alpha1.BackupCompleted || s.Progress != "100%" || s.NodeSummary != "3/3" || s.Size != "3.0 MiB" ||
		s.ClusterName != clusterName || s.SchemaVersion != schema || s.StartTime == nil || s.CompletionTime == nil || len(s.Nodes) != 3 {
		t.Errorf("the status is %+v", s)
	}
	if !strings.HasPrefix(s.SnapshotTag, "nightly-"+schema+"-") {
		t.Errorf("the tag is %s", s.SnapshotTag)
	}
	request := ring.sidecars[1].lastRequest
	if want := "s3://backups/" + clusterName + "/dc1/" + ring.sidecars[1].hostID; request["storageLocation"] != want || request["snapshotTag"] != s.SnapshotTag {
		t.Errorf("the second node was sent %v", request)
	}
	if len(b.Finalizers) > 0 {
		t.Errorf("it is held by %v", b.Finalizers)
	}
	if w.writes > 50 {
		t.Errorf("that took %d writes", w.writes)
	}
	want := "Uploading Sealing Completed"
	if got := strings.Join(w.events.reasons, " "); got != want {
		t.Errorf("events were %s, not %s", got, want)
	}
}

func TestARestoreOfThreeNodes(t *testing.T) {
	t.Parallel()
	ring := newFakeRing(t, 3)
	r := newRestore("back", ring)
	w := newWorld(t, ring, r)
	w.finish(r)

	w.onlyOnce(restoreEvery, restoreSingle)
	for _, c := range v1alpha1.RestoreConditions()[:7] {
		w.wants(r, c, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	}
	if r.Status.Phase != v1alpha1.RestoreCompleted || r.Status.SnapshotTag != finalTag || r.Status.NodeSummary != "3/3" {
		t.Errorf("the status is %+v", r.Status)
	}
	if got := ring.sidecars[2].lastRequest["entities"]; got != "ks.t1,ks.t2" {
		t.Errorf("the tables are %v", got)
	}
}

func TestWhatASpecSaysReachesTheSidecars(t *testing.T) {
	t.Parallel()
	ring := newFakeRing(t, 2)
	b, r := newBackup("nightly", ring), newRestore("back", ring)
	b.Spec.SnapshotTag, b.Spec.Entities, b.Spec.ConcurrentConnections = "friday", v1alpha1.Entities{"ks.t1", "ks.t2"}, 7
	b.Spec.Bandwidth, b.Spec.Duration, b.Spec.Timeout = "10mbps", &metav1.Duration{Duration: time.Hour}, &metav1.Duration{Duration: 3 * time.Hour}
	r.Spec.Strategy, r.Spec.Rename = v1alpha1.StrategyImport, map[string]v1alpha1.TableName{"ks.t1": "ks.other"}
	r.Spec.KeepTruncated, r.Spec.SchemaVersion, r.Spec.ExactSchemaVersion, r.Spec.ConcurrentConnections = true, schema, true, 7
	r.Spec.CredentialsSecretRef = &v1alpha1.SecretReference{Name: "keys"}
	w := newWorld(t, ring, b, r)
	w.allowCredentials = true
	w.restart()
	w.createSecret(map[string]string{keyAccessKeyID: "AKIA", keySecretAccessKey: "hush"})
	for o, want := range map[client.Object]map[string]any{
		b: {
			"entities": "ks.t1,ks.t2", "concurrentConnections": 7.0, "bandwidth": "10mbps", "timeout": 3.0,
			"duration": map[string]any{"unit": "SECONDS", "value": 3600.0},
		},
		r: {
			"restorationStrategyType": "IMPORT", "rename": map[string]any{"ks.t1": "ks.other"}, "concurrentConnections": 7.0, "timeout": 5.0,
			"noDeleteDownloads": false, "noDeleteTruncates": true, "schemaVersion": schema, "exactSchemaVersion": true,
			"credentials": map[string]any{"accessKeyId": "AKIA", "secretAccessKey": "hush"},
		},
	} {
		w.finish(o)
		got := ring.sidecars[1].lastRequest
		for field, value := range want {
			if diff := cmp.Diff(value, got[field]); diff != "" {
				t.Errorf("%s of %v (-want +got):\n%s", field, got["type"], diff)
			}
		}
	}
	if !strings.HasPrefix(b.Status.SnapshotTag, "friday-") {
		t.Errorf("the tag is %s", b.Status.SnapshotTag)
	}
}

func TestNothingIsSentOrWrittenForWhatHasEnded(t *testing.T) {
	t.Parallel()
	ring := newFakeRing(t, 3)
	b, r := newBackup("nightly", ring), newRestore("back", ring)
	w := newWorld(t, ring, b, r)
	w.finish(b)
	w.finish(r)
	requests, writes := ring.requests(), w.writes
	w.restart()
	for range 3 {
		for _, o := range []client.Object{b, r} {
			if result, err := w.pass(t.Context(), o); err != nil || !result.IsZero() {
				t.Errorf("a pass ended with %+v, %v", result, err)
			}
		}
	}
	if ring.requests() != requests || w.writes != writes {
		t.Errorf("there were %d requests and %d writes", ring.requests()-requests, w.writes-writes)
	}
}

func TestAControllerThatIsKilledAfterAnyCall(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		object        func(ring *fakeRing) client.Object
		every, single []string
	}{
		"of a backup":  {func(r *fakeRing) client.Object { return newBackup("nightly", r) }, backupEvery, backupSingle},
		"of a restore": {func(r *fakeRing) client.Object { return newRestore("back", r) }, restoreEvery, restoreSingle},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for calls := 1; ; calls++ {
				ring := newFakeRing(t, 3)
				o := c.object(ring)
				w := newWorld(t, ring, o)
				killed := w.kill(o, calls)
				w.restart()
				if w.read(o); !statusOf(o).IsFinished() {
					w.finish(o)
				}
				w.onlyOnce(c.every, c.single)
				w.wants(o, v1alpha1.ConditionComplete, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
				if _, err := w.pass(t.Context(), o); err != nil {
					t.Fatal(err)
				}
				if w.read(o); len(o.GetFinalizers()) > 0 {
					t.Errorf("it is held by %v", o.GetFinalizers())
				}
				if t.Failed() {
					t.Fatalf("so it is when killed after call %d", calls)
				}
				for _, s := range ring.sidecars {
					s.server.Close()
				}
				if !killed {
					t.Logf("there were %d calls", calls-1)
					return
				}
			}
		})
	}
}

// kill lets a process work until a number of calls were made, and reports whether
// it got there before it was done.
func (w *world) kill(o client.Object, calls int) bool {
	w.t.Helper()
	ctx, cancel := context.WithCancelCause(w.t.Context())
	defer cancel(nil)
	k := &killer{left: calls, kill: cancel}
	w.mu.Lock()
	w.killer = k
	w.mu.Unlock()
	w.ring.onRequest(func() { _ = k.call() })
	defer func() {
		w.mu.Lock()
		w.killer = nil
		w.mu.Unlock()
		w.ring.onRequest(nil)
	}()
	for range 600 {
		result, err := w.pass(ctx, o)
		k.mu.Lock()
		fired := k.fired
		k.mu.Unlock()
		switch {
		case fired:
			return true
		case err != nil:
			w.t.Fatal(err)
		case result.RequeueAfter == 0:
			return false
		}
		w.clock.SetTime(w.clock.Now().Add(result.RequeueAfter))
	}
	w.t.Fatal("it takes for ever")
	return false
}
