package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/api/v1alpha1"
)

// uploading runs a backup until its nodes upload.
func (w *world) uploading(b *v1alpha1.CassandraBackup) {
	w.t.Helper()
	w.run(b, func() bool {
		return len(b.Status.Nodes) > 0 && !slices.ContainsFunc(b.Status.Nodes, func(n v1alpha1.NodeStatus) bool { return n.Submission != v1alpha1.SubmissionAccepted })
	})
}

func (r *fakeRing) slow(polls int) {
	for _, s := range r.sidecars {
		s.mu.Lock()
		s.polls = polls
		s.mu.Unlock()
	}
}

func TestASidecarThatIsRestarted(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]bool{"and goes on": false, "and has lost its operations": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ring := newFakeRing(t, 3)
			ring.slow(4)
			b := newBackup("nightly", ring)
			b.Spec.CredentialsSecretRef = &v1alpha1.SecretReference{Name: "keys"}
			w := newWorld(t, ring, b)
			w.allowCredentials = true
			w.restart()
			w.createSecret(map[string]string{keyAccessKeyID: "AKIA", keySecretAccessKey: "hush"})
			w.uploading(b)
			ring.sidecars[1].restart(lose)
			ring.sidecars[1].lastRequest = nil
			w.finish(b)
			if again := ring.sidecars[1].lastRequest; lose && again["credentials"] == nil {
				t.Errorf("it was sent %v, without the keys", again)
			}
			w.wants(b, v1alpha1.ConditionComplete, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
			if n := ring.sidecars[1].started["backup"]; n > 1 && !lose || n > 2 {
				t.Errorf("it began %d times", n)
			}
			if len(b.Status.Warnings) != 1 || !strings.Contains(b.Status.Warnings[0], "cassandra-1") || !slices.Contains(w.events.reasons, eventSidecarRestarted) {
				t.Errorf("nobody noticed: %v, %v", b.Status.Warnings, w.events.reasons)
			}
		})
	}
}

func TestAPodThatIsReplacedMidway(t *testing.T) {
	t.Parallel()
	ring := newFakeRing(t, 4)
	old, next, stranger := ring.sidecars[1], ring.sidecars[3], ring.sidecars[2]
	ring.sidecars = ring.sidecars[:3]
	ring.slow(30)
	b := newBackup("nightly", ring)
	w := newWorld(t, ring, b)
	w.uploading(b)

	// It goes away, and for a while the ring tells of no other place. Its address
	// is not the one of another node for that.
	w.move(1, "")
	old.server.Close()
	for range 10 {
		if _, err := w.pass(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		w.clock.SetTime(w.clock.Now().Add(2 * time.Second))
	}
	w.read(b)
	if n := b.Status.Nodes[1]; n.Trouble == nil || n.Pod != "" || b.Status.IsFinished() {
		t.Fatalf("nobody noticed: %s", describeStatus(b))
	}
	// It comes back elsewhere, with its host id and its journal.
	next.hostID, next.ops, next.started, next.polls = old.hostID, old.ops, old.started, 30
	ring.sidecars[1] = next
	w.move(1, next.address)
	w.finish(b)
	w.wants(b, v1alpha1.ConditionComplete, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	w.onlyOnce(backupEvery, backupSingle)
	if n := b.Status.Nodes[1]; n.Address != next.address || n.Pod != "cassandra-1" || n.HostID != old.hostID {
		t.Errorf("the node is %+v", n)
	}
	if len(stranger.ops) > 1 {
		t.Errorf("another node has got %d operations", len(stranger.ops))
	}
}

func TestANodeThatTakesTheAddressOfAnother(t *testing.T) {
	t.Parallel()
	ring := newFakeRing(t, 3)
	ring.slow(5)
	r := newRestore("back", ring)
	w := newWorld(t, ring, r)
	w.run(r, func() bool { return step(&r.Status.OperationStatus) == "DOWNLOAD" })
	// Two pods have swapped addresses, and so the sidecars behind these.
	a, b := ring.sidecars[0], ring.sidecars[2]
	a.hostID, b.hostID = b.hostID, a.hostID
	a.ops, b.ops = b.ops, a.ops
	a.started, b.started = b.started, a.started
	w.move(0, b.address)
	w.move(2, a.address)
	var wrong []string
	for _, s := range ring.sidecars {
		s.script(func(_ http.ResponseWriter, req *http.Request, body []byte) bool {
			if req.Method == http.MethodPost && !strings.Contains(string(body), s.hostID) {
				s.mu.Lock()
				defer s.mu.Unlock()
				wrong = append(wrong, s.address+" was sent "+string(body))
			}
			return false
		})
	}
	w.finish(r)
	w.wants(r, v1alpha1.ConditionComplete, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	w.onlyOnce(restoreEvery, restoreSingle)
	if len(wrong) > 0 {
		t.Errorf("data went to the wrong node: %v", wrong)
	}
}

func TestANodeThatJoinsMidway(t *testing.T) {
	t.Parallel()
	ring := newFakeRing(t, 4)
	joining := ring.sidecars[3]
	ring.sidecars = ring.sidecars[:3]
	r := newRestore("back", ring)
	w := newWorld(t, ring, r)
	w.run(r, func() bool { return step(&r.Status.OperationStatus) == "INIT" })
	ring.sidecars = append(ring.sidecars, joining)
	w.finish(r)
	w.wants(r, v1alpha1.ConditionFailed, metav1.ConditionTrue, v1alpha1.ReasonRingChanged)
	w.wants(r, v1alpha1.ConditionTruncated, metav1.ConditionFalse, v1alpha1.ReasonNotStarted)
}

func TestHowAnOperationFails(t *testing.T) {
	t.Parallel()
	failing := func(op *rest.Operation) {
		op.State, op.Errors = rest.StateFailed, []rest.OperationError{{Source: "host", Message: "the disk is full"}}
	}
	type outcome struct{ condition, reason, tells string }
	for name, c := range map[string]struct {
		restore bool
		spoil   func(w *world)
		outcome
	}{
		"a node fails": {
			spoil:   func(w *world) { w.ring.sidecars[1].finish = failing },
			outcome: outcome{v1alpha1.ConditionSnapshotsUploaded, v1alpha1.ReasonNodeFailed, "the disk is full"},
		},
		"the topology is not uploaded": {
			spoil: func(w *world) {
				w.ring.sidecars[0].finish = func(op *rest.Operation) {
					if op.Type == rest.TypeUploadTopology {
						failing(op)
					}
				}
			},
			outcome: outcome{v1alpha1.ConditionTopologyUploaded, v1alpha1.ReasonNodeFailed, "the disk is full"},
		},
		"the schema changes": {
			spoil: func(w *world) {
				w.ring.sidecars[2].finish = func(op *rest.Operation) {
					op.Result = []byte(strings.ReplaceAll(string(op.Result), schema+`"`, `5a1c395e-b41f-11e5-9f22-ba0be0483c18"`))
				}
			},
			outcome: outcome{v1alpha1.ConditionSnapshotsUploaded, v1alpha1.ReasonSchemaChanged, ""},
		},
		"a sidecar refuses the request": {
			spoil: func(w *world) {
				w.ring.sidecars[2].script(answering(http.MethodPost, http.StatusBadRequest, `{"code":400,"message":"unknown provider"}`))
			},
			outcome: outcome{v1alpha1.ConditionSnapshotsUploaded, v1alpha1.ReasonSidecarRefused, "unknown provider"},
		},
		"a sidecar lies about the id": {
			spoil: func(w *world) {
				w.ring.sidecars[2].script(answering(http.MethodPost, http.StatusCreated, `{"id":"another","state":"COMPLETED","type":"backup"}`))
			},
			outcome: outcome{v1alpha1.ConditionSnapshotsUploaded, v1alpha1.ReasonSidecarRefused, "another"},
		},
		"a sidecar answers requests with garbage": {
			spoil:   func(w *world) { w.ring.sidecars[2].script(answering(http.MethodPost, http.StatusOK, `<html>`)) },
			outcome: outcome{v1alpha1.ConditionSnapshotsUploaded, v1alpha1.ReasonNodeLost, ""},
		},
		"a sidecar vanishes": {
			spoil: func(w *world) {
				w.ring.sidecars[2].script(func(rw http.ResponseWriter, r *http.Request, b []byte) bool {
					return strings.HasPrefix(r.URL.Path, "/operations/") && hangingUp(rw, r, b)
				})
			},
			outcome: outcome{v1alpha1.ConditionSnapshotsUploaded, v1alpha1.ReasonNodeLost, ""},
		},
		"a sidecar loses its operation again and again": {
			spoil: func(w *world) {
				w.ring.sidecars[2].script(func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
					if r.Method == http.MethodGet {
						w.ring.sidecars[2].restart(true)
					}
					return false
				})
			},
			outcome: outcome{v1alpha1.ConditionSnapshotsUploaded, v1alpha1.ReasonNodeLost, "lost"},
		},
		"it takes too long": {
			spoil: func(w *world) {
				w.ring.slow(1 << 20)
				var b v1alpha1.CassandraBackup
				if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: namespace, Name: "nightly"}, &b); err != nil {
					w.t.Fatal(err)
				}
				w.update(&b, func() { b.Spec.Timeout.Duration = 20 * time.Minute })
			},
			outcome: outcome{v1alpha1.ConditionSnapshotsUploaded, v1alpha1.ReasonTimedOut, ""},
		},
		"one node lacks the tag": {
			restore: true,
			spoil: func(w *world) {
				w.ring.sidecars[1].finish = func(op *rest.Operation) {
					if strings.Contains(string(op.Result), "manifests") {
						op.Result = []byte(`{}`)
					}
				}
			},
			outcome: outcome{v1alpha1.ConditionInitialized, v1alpha1.ReasonSnapshotNotFound, "lacks"},
		},
		"the location is of another cluster, whose backups no node looks for": {
			restore: true,
			spoil: func(w *world) {
				w.restore(func(r *v1alpha1.CassandraRestore) { r.Spec.StorageLocation = "s3://backups/other/dc1/node" })
				for _, s := range w.ring.sidecars {
					s.finish = func(op *rest.Operation) {
						if strings.Contains(string(op.Request), "s3://backups/"+clusterName+"/") {
							op.Result = []byte(`{}`)
						}
					}
				}
			},
			outcome: outcome{v1alpha1.ConditionInitialized, v1alpha1.ReasonSnapshotNotFound, "nightly"},
		},
		"more tables than one restore is of": {
			restore: true,
			spoil: func(w *world) {
				tables := make([]string, v1alpha1.MaxTables+1)
				for i := range tables {
					tables[i] = fmt.Sprintf("ks.t%d", i)
				}
				result, err := json.Marshal(rest.RestoreResult{SnapshotTag: finalTag, Tables: tables})
				if err != nil {
					w.t.Fatal(err)
				}
				for _, s := range w.ring.sidecars {
					s.finish = func(op *rest.Operation) {
						if strings.Contains(string(op.Result), "tables") {
							op.Result = result
						}
					}
				}
			},
			outcome: outcome{v1alpha1.ConditionDownloaded, v1alpha1.ReasonTooManyTables, "1001 tables"},
		},
		"a table is not in the backup": {
			restore: true,
			spoil: func(w *world) {
				w.restore(func(r *v1alpha1.CassandraRestore) { r.Spec.Entities = v1alpha1.Entities{"ks.t1", "ks.t2", "ks.t9"} })
			},
			outcome: outcome{v1alpha1.ConditionDownloaded, v1alpha1.ReasonEntitiesNotFound, "ks.t9"},
		},
		"the truncation fails": {
			restore: true,
			spoil: func(w *world) {
				w.ring.sidecars[0].finish = func(op *rest.Operation) {
					if strings.Contains(string(op.Request), "TRUNCATE") {
						failing(op)
					}
				}
			},
			outcome: outcome{v1alpha1.ConditionTruncated, v1alpha1.ReasonNodeFailed, "the disk is full"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ring := newFakeRing(t, 3)
			b, r := newBackup("nightly", ring), newRestore("back", ring)
			w := newWorld(t, ring, b, r)
			var o client.Object = b
			if c.restore {
				o = r
			}
			c.spoil(w)
			writes := w.writes
			begun := w.clock.Now()
			w.finish(o)
			status := metav1.ConditionFalse
			if c.condition == v1alpha1.ConditionTruncated {
				status = metav1.ConditionUnknown
			}
			w.wants(o, c.condition, status, c.reason)
			w.wants(o, v1alpha1.ConditionFailed, metav1.ConditionTrue, c.reason)
			w.wants(o, v1alpha1.ConditionComplete, metav1.ConditionFalse, c.reason)
			if text := statusOf(o).Conditions[len(statusOf(o).Conditions)-1].Message; !strings.Contains(text, c.tells) {
				t.Errorf("it does not tell of %q: %s", c.tells, text)
			}
			if len(statusOf(o).Errors) == 0 || len(o.GetFinalizers()) > 0 {
				t.Errorf("it is held by %v, and tells %v", o.GetFinalizers(), statusOf(o).Errors)
			}
			if n := w.writes - writes; n > 60 {
				t.Errorf("that took %d writes in %s", n, w.clock.Now().Sub(begun))
			}
			for _, s := range ring.sidecars {
				if s.started["IMPORT"] > 0 || !strings.HasPrefix(c.condition, "Trunc") && s.started["TRUNCATE"] > 0 {
					t.Errorf("%s began %v", s.address, s.started)
				}
			}
		})
	}
}

// restore changes the restore of newRestore.
func (w *world) restore(change func(r *v1alpha1.CassandraRestore)) {
	w.t.Helper()
	var r v1alpha1.CassandraRestore
	if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: namespace, Name: "back"}, &r); err != nil {
		w.t.Fatal(err)
	}
	w.update(&r, func() { change(&r) })
}

func TestAnObjectThatIsDeletedMidway(t *testing.T) {
	t.Parallel()
	ring := newFakeRing(t, 3)
	ring.slow(1 << 20)
	b := newBackup("nightly", ring)
	w := newWorld(t, ring, b)
	w.uploading(b)
	if took := w.deleted(b); took > time.Minute {
		t.Errorf("that took %s", took)
	}
	for _, s := range ring.sidecars {
		for id, o := range s.ops {
			if o.op.State != rest.StateCancelled {
				t.Errorf("operation %s is %s", id, o.op.State)
			}
		}
	}
	if !slices.Contains(w.events.reasons, v1alpha1.ReasonCancelled) {
		t.Errorf("nobody was told: %v", w.events.reasons)
	}
}

func TestAnObjectThatIsDeletedWhileNobodyAnswersIsLetGo(t *testing.T) {
	t.Parallel()
	ring := newFakeRing(t, 3)
	ring.slow(1 << 20)
	b := newBackup("nightly", ring)
	w := newWorld(t, ring, b)
	w.uploading(b)
	for _, s := range ring.sidecars {
		s.script(hangingUp)
	}
	if took := w.deleted(b); took > 15*time.Minute {
		t.Errorf("that took %s", took)
	}
}

func TestTheAPIServerRefusesNowAndThen(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]error{
		"with a conflict": apierrors.NewConflict(v1alpha1.Resource("cassandrarestores"), "back", errors.New("it was changed")),
		"with an error":   apierrors.NewInternalError(errors.New("etcd has no leader")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ring := newFakeRing(t, 3)
			r := newRestore("back", ring)
			w := newWorld(t, ring, r)
			var n int
			w.refuse = func(verb string, _ client.Object) error {
				if verb == "get" {
					return nil
				}
				if n++; n%2 == 1 {
					return refusal
				}
				return nil
			}
			for range 300 {
				result, err := w.pass(t.Context(), r)
				if err != nil && !errors.Is(err, refusal) {
					t.Fatal(err)
				}
				if w.read(r); r.IsFinished() {
					break
				}
				w.clock.SetTime(w.clock.Now().Add(max(result.RequeueAfter, soon)))
			}
			w.wants(r, v1alpha1.ConditionComplete, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
			w.onlyOnce(restoreEvery, restoreSingle)
		})
	}
}

func TestOneAtATimeWorksOnACluster(t *testing.T) {
	t.Parallel()
	ring := newFakeRing(t, 2)
	ring.slow(3)
	first, second := newRestore("first", ring), newRestore("second", ring)
	b := newBackup("nightly", ring)
	elsewhere := newBackup("elsewhere", ring)
	elsewhere.Spec.Cluster.PodSelector.MatchLabels = map[string]string{"app": "other"}
	for i, o := range []client.Object{first, b, second, elsewhere} {
		o.SetCreationTimestamp(metav1.NewTime(dawn.Add(time.Duration(i-10) * time.Second)))
	}
	w := newWorld(t, ring, first, second, b, elsewhere)
	w.run(first, func() bool { return first.Status.StartTime != nil })
	for _, o := range []client.Object{second, b} {
		w.run(o, func() bool { return len(statusOf(o).Conditions) > 0 })
		w.wants(o, v1alpha1.ConditionPeersDiscovered, metav1.ConditionFalse, v1alpha1.ReasonRestoreInProgress)
	}
	w.run(elsewhere, func() bool { return len(elsewhere.Status.Conditions) > 0 })
	w.wants(elsewhere, v1alpha1.ConditionPeersDiscovered, metav1.ConditionFalse, v1alpha1.ReasonPodsNotFound)

	w.finish(first)
	// The backup is older, and goes first.
	w.run(second, func() bool { return true })
	w.wants(second, v1alpha1.ConditionPeersDiscovered, metav1.ConditionFalse, v1alpha1.ReasonQueued)
	w.run(b, func() bool { return b.Status.StartTime != nil })
	w.run(second, func() bool { return true })
	w.wants(second, v1alpha1.ConditionPeersDiscovered, metav1.ConditionFalse, v1alpha1.ReasonQueued)
	w.finish(b)
	w.finish(second)
	for _, o := range []client.Object{first, second, b} {
		w.wants(o, v1alpha1.ConditionComplete, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	}
}

func TestARestoreOfABackupObject(t *testing.T) {
	t.Parallel()
	ring := newFakeRing(t, 2)
	b, r := newBackup("nightly", ring), newRestore("back", ring)
	b.Spec.CredentialsSecretRef = &v1alpha1.SecretReference{Name: "keys"} // the restore's, too
	r.Spec = v1alpha1.CassandraRestoreSpec{BackupRef: &v1alpha1.BackupReference{Name: "nightly"}, DownloadDirectory: "/downloads"}
	w := newWorld(t, ring, r)
	w.allowCredentials = true
	w.restart()
	w.createSecret(map[string]string{keyAccessKeyID: "AKIA", keySecretAccessKey: "hush"})
	w.run(r, func() bool { return len(r.Status.Conditions) > 0 })
	w.wants(r, v1alpha1.ConditionPeersDiscovered, metav1.ConditionFalse, v1alpha1.ReasonBackupNotFound)
	identify(b)
	if err := w.client.Create(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	w.run(r, func() bool { return true })
	w.wants(r, v1alpha1.ConditionPeersDiscovered, metav1.ConditionFalse, v1alpha1.ReasonBackupInProgress)
	w.finish(b)
	for _, s := range ring.sidecars {
		s.manifest = b.Status.SnapshotTag
	}
	w.run(r, func() bool { return r.Status.StartTime != nil })
	// It has begun, and does not need the object any more.
	if err := w.client.Delete(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	w.finish(r)
	w.wants(r, v1alpha1.ConditionComplete, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	if r.Status.SnapshotTag != b.Status.SnapshotTag || r.Status.Source.StorageLocation != "s3://backups" {
		t.Errorf("it is of %+v", r.Status)
	}
	if got := ring.sidecars[0].lastRequest; got["credentials"] == nil {
		t.Errorf("a sidecar was sent %v, without the keys", got)
	}
}

func TestARestoreOfABackupThatFailed(t *testing.T) {
	t.Parallel()
	ring := newFakeRing(t, 2)
	b, r := newBackup("nightly", ring), newRestore("back", ring)
	b.Spec.StorageLocation = "file:///short"
	r.Spec = v1alpha1.CassandraRestoreSpec{BackupRef: &v1alpha1.BackupReference{Name: "nightly"}}
	w := newWorld(t, ring, b, r)
	w.finish(b)
	w.finish(r)
	w.wants(r, v1alpha1.ConditionFailed, metav1.ConditionTrue, v1alpha1.ReasonBackupFailed)
	if ring.requests() > 0 {
		t.Errorf("there were %d requests", ring.requests())
	}
}

func TestASecretThatIsGoneWhenItIsNeededAgain(t *testing.T) {
	t.Parallel()
	ring := newFakeRing(t, 2)
	b := newBackup("nightly", ring)
	b.Spec.CredentialsSecretRef = &v1alpha1.SecretReference{Name: "keys"}
	w := newWorld(t, ring, b)
	w.allowCredentials = true
	w.restart()
	w.createSecret(map[string]string{keyAccessKeyID: "AKIA", keySecretAccessKey: "hush"})
	w.run(b, func() bool { return b.Status.StartTime != nil })
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "keys"}}
	if err := w.client.Delete(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	w.run(b, func() bool { return b.Status.Conditions[1].Reason != v1alpha1.ReasonInProgress })
	w.wants(b, v1alpha1.ConditionSnapshotsUploaded, metav1.ConditionFalse, v1alpha1.ReasonSecretNotFound)
	w.createSecret(map[string]string{keyAccessKeyID: "AKIA", keySecretAccessKey: "hush"})
	w.finish(b)
	w.wants(b, v1alpha1.ConditionComplete, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
}

func TestACacheThatIsBehindSendsNothing(t *testing.T) {
	t.Parallel()
	ring := newFakeRing(t, 2)
	r := newRestore("back", ring)
	w := newWorld(t, ring, r)
	w.run(r, func() bool {
		return step(&r.Status.OperationStatus) == "TRUNCATE" && r.Status.Nodes[0].Phase != "TRUNCATE"
	})
	old := r.DeepCopy()
	w.finish(r)

	// A process that reads what was true before the truncation must not truncate
	// again, though the sidecars have forgotten by now that they did.
	for _, s := range ring.sidecars {
		s.restart(true)
	}
	w.restart()
	w.restores.client = interceptor.NewClient(w.client, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			if stale, ok := o.(*v1alpha1.CassandraRestore); ok {
				old.DeepCopyInto(stale)
				return nil
			}
			return c.Get(ctx, key, o, opts...)
		},
	})
	for range 3 {
		result, err := w.pass(t.Context(), r)
		if err != nil || result.RequeueAfter == 0 {
			t.Fatalf("a pass ended with %+v, %v", result, err)
		}
		w.clock.SetTime(w.clock.Now().Add(result.RequeueAfter))
	}
	w.onlyOnce(restoreEvery, restoreSingle)
}
