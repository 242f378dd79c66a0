package controller

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/api/v1alpha1"
)

// answering makes a sidecar answer every request, or those of one method, alike.
func answering(method string, status int, body string) func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
	return func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
		if method != "" && r.Method != method {
			return false
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
		return true
	}
}

// hangingUp makes a sidecar close the connection instead of answering.
func hangingUp(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close()
	}
	return true
}

func TestWhatABackupWaitsFor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		// spoil puts the obstacle there, and mend takes it away.
		spoil, mend func(w *world, b *v1alpha1.CassandraBackup)
		reason      string
		tells       string
	}{
		"no pod has the labels": {
			spoil: func(w *world, _ *v1alpha1.CassandraBackup) { w.eachPod(func(p *corev1.Pod) { p.Labels = nil }) },
			mend: func(w *world, _ *v1alpha1.CassandraBackup) {
				w.eachPod(func(p *corev1.Pod) { p.Labels = podLabels })
			},
			reason: v1alpha1.ReasonPodsNotFound, tells: "app=cassandra",
		},
		"a pod is not ready": {
			spoil:  func(w *world, _ *v1alpha1.CassandraBackup) { w.ready(1, corev1.ConditionFalse) },
			mend:   func(w *world, _ *v1alpha1.CassandraBackup) { w.ready(1, corev1.ConditionTrue) },
			reason: v1alpha1.ReasonPodsNotReady, tells: "cassandra-1",
		},
		"no pod is ready": {
			spoil: func(w *world, _ *v1alpha1.CassandraBackup) {
				for i := range 3 {
					w.ready(i, corev1.ConditionUnknown)
				}
			},
			mend: func(w *world, _ *v1alpha1.CassandraBackup) {
				for i := range 3 {
					w.ready(i, corev1.ConditionTrue)
				}
			},
			reason: v1alpha1.ReasonPodsNotReady, tells: "ready",
		},
		"a pod has no address": {
			spoil:  func(w *world, _ *v1alpha1.CassandraBackup) { w.move(2, "") },
			mend:   func(w *world, _ *v1alpha1.CassandraBackup) { w.move(2, w.ring.sidecars[2].address) },
			reason: v1alpha1.ReasonPodsNotReady, tells: "cassandra-2",
		},
		"two pods have one host id": {
			spoil:  func(w *world, _ *v1alpha1.CassandraBackup) { w.move(2, w.ring.sidecars[1].address) },
			mend:   func(w *world, _ *v1alpha1.CassandraBackup) { w.move(2, w.ring.sidecars[2].address) },
			reason: v1alpha1.ReasonRingInconsistent, tells: "cassandra-1 and cassandra-2",
		},
		"two members have one host id": {
			spoil: func(w *world, _ *v1alpha1.CassandraBackup) {
				w.ring.sidecars[0].topology = func(t *rest.Topology) { t.Topology[1].NodeID = t.Topology[2].NodeID }
			},
			mend:   func(w *world, _ *v1alpha1.CassandraBackup) { w.ring.sidecars[0].topology = nil },
			reason: v1alpha1.ReasonRingInconsistent, tells: "same host id",
		},
		"a pod is of another ring": {
			spoil: func(w *world, _ *v1alpha1.CassandraBackup) {
				stranger := pod(7, "127.0.9.9")
				identify(stranger)
				if err := w.client.Create(w.t.Context(), stranger); err != nil {
					w.t.Fatal(err)
				}
			},
			mend: func(w *world, _ *v1alpha1.CassandraBackup) {
				if err := w.client.Delete(w.t.Context(), pod(7, "")); err != nil {
					w.t.Fatal(err)
				}
			},
			reason: v1alpha1.ReasonRingInconsistent, tells: "cassandra-7",
		},
		"a node has another schema": {
			spoil:  func(w *world, _ *v1alpha1.CassandraBackup) { w.ring.sidecars[2].schema = "another" },
			mend:   func(w *world, _ *v1alpha1.CassandraBackup) { w.ring.sidecars[2].schema = schema },
			reason: v1alpha1.ReasonRingInconsistent, tells: "cassandra-2",
		},
		"a sidecar answers 401": {
			spoil:  scripted(answering("", http.StatusUnauthorized, `{"code":401,"message":"who are you"}`)),
			mend:   scripted(nil),
			reason: v1alpha1.ReasonSidecarUnauthorized, tells: "cassandra-1",
		},
		"a sidecar answers 404": {
			spoil: scripted(answering("", http.StatusNotFound, "404 page not found")), mend: scripted(nil),
			reason: v1alpha1.ReasonSidecarAnswerInvalid, tells: "cassandra-1",
		},
		"a sidecar answers 500": {
			spoil: scripted(answering("", http.StatusInternalServerError, `{"code":500,"message":"Cassandra is down"}`)), mend: scripted(nil),
			reason: v1alpha1.ReasonSidecarUnreachable, tells: "Cassandra is down",
		},
		"a sidecar answers garbage": {
			spoil: scripted(answering("", http.StatusOK, "<html>")), mend: scripted(nil),
			reason: v1alpha1.ReasonSidecarAnswerInvalid, tells: "cassandra-1",
		},
		"a sidecar answers with something else": {
			spoil: scripted(answering("", http.StatusOK, "{}")), mend: scripted(nil),
			reason: v1alpha1.ReasonSidecarAnswerInvalid, tells: "cassandra-1",
		},
		"a sidecar answers nothing": {
			spoil: scripted(hangingUp), mend: scripted(nil),
			reason: v1alpha1.ReasonSidecarUnreachable, tells: "cassandra-1",
		},
		"there is no Secret": {
			spoil: func(w *world, b *v1alpha1.CassandraBackup) {
				w.allowCredentials = true
				w.restart()
				w.update(b, func() { b.Spec.CredentialsSecretRef = &v1alpha1.SecretReference{Name: "keys"} })
			},
			mend: func(w *world, _ *v1alpha1.CassandraBackup) {
				w.createSecret(map[string]string{keyAccessKeyID: "AKIA", keySecretAccessKey: "hush"})
			},
			reason: v1alpha1.ReasonSecretNotFound, tells: "keys",
		},
		"the Secret lacks a key": {
			spoil: func(w *world, b *v1alpha1.CassandraBackup) {
				w.allowCredentials = true
				w.restart()
				w.createSecret(map[string]string{keyAccessKeyID: "AKIA"})
				w.update(b, func() { b.Spec.CredentialsSecretRef = &v1alpha1.SecretReference{Name: "keys"} })
			},
			mend: func(w *world, _ *v1alpha1.CassandraBackup) {
				var secret corev1.Secret
				if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: namespace, Name: "keys"}, &secret); err != nil {
					w.t.Fatal(err)
				}
				secret.Data[keySecretAccessKey] = []byte("hush")
				if err := w.client.Update(w.t.Context(), &secret); err != nil {
					w.t.Fatal(err)
				}
			},
			reason: v1alpha1.ReasonSecretKeyMissing, tells: keySecretAccessKey,
		},
		"keys would travel in the open": {
			spoil: func(w *world, b *v1alpha1.CassandraBackup) {
				w.createSecret(map[string]string{keyAccessKeyID: "AKIA", keySecretAccessKey: "hush"})
				w.update(b, func() { b.Spec.CredentialsSecretRef = &v1alpha1.SecretReference{Name: "keys"} })
			},
			mend: func(w *world, _ *v1alpha1.CassandraBackup) {
				w.allowCredentials = true
				w.restart()
			},
			reason: v1alpha1.ReasonInsecureTransport, tells: "--allow-credentials-over-http",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ring := newFakeRing(t, 3)
			b := newBackup("nightly", ring)
			w := newWorld(t, ring, b)
			c.spoil(w, b)
			var writes, requests int
			for i := range 20 {
				result, err := w.pass(t.Context(), b)
				if err != nil || result.RequeueAfter < later {
					t.Fatalf("a pass ended with %+v, %v", result, err)
				}
				w.clock.SetTime(w.clock.Now().Add(result.RequeueAfter))
				if i == 0 {
					writes, requests = w.writes, ring.requests()
				}
			}
			w.read(b)
			w.wants(b, v1alpha1.ConditionPeersDiscovered, metav1.ConditionFalse, c.reason)
			w.wants(b, v1alpha1.ConditionComplete, metav1.ConditionFalse, c.reason)
			w.wants(b, v1alpha1.ConditionFailed, metav1.ConditionFalse, v1alpha1.ReasonNotFailed)
			w.wants(b, v1alpha1.ConditionSnapshotsUploaded, metav1.ConditionFalse, v1alpha1.ReasonNotStarted)
			if m := b.Status.Conditions[0].Message; !strings.Contains(m, c.tells) {
				t.Errorf("the message does not tell of %q: %s", c.tells, m)
			}
			if w.writes > writes {
				t.Errorf("the same was written %d times", w.writes-writes+1)
			}
			if n := ring.requests(); n > 20*max(requests, 1)+20 {
				t.Errorf("there were %d requests", n)
			}
			for _, s := range ring.sidecars {
				if len(s.started) > 0 {
					t.Errorf("%s began %v", s.address, s.started)
				}
			}
			c.mend(w, b)
			w.finish(b)
			w.wants(b, v1alpha1.ConditionComplete, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
		})
	}
}

// scripted changes the answers of all sidecars to questions before the start. It is
// the second pod's that counts, where the ring is asked of the first.
func scripted(answer func(w http.ResponseWriter, r *http.Request, body []byte) bool) func(*world, *v1alpha1.CassandraBackup) {
	return func(w *world, _ *v1alpha1.CassandraBackup) { w.ring.sidecars[1].script(answer) }
}

func TestWhatABackupFailsForBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil  func(w *world, b *v1alpha1.CassandraBackup)
		reason string
	}{
		"a datacenter that is not there": {
			func(w *world, b *v1alpha1.CassandraBackup) {
				w.update(b, func() { b.Spec.Cluster.Datacenters = []string{"dc1", "dc9"} })
			}, v1alpha1.ReasonDatacenterNotFound,
		},
		"a member of the ring without a pod": {
			func(w *world, _ *v1alpha1.CassandraBackup) {
				if err := w.client.Delete(w.t.Context(), pod(2, "")); err != nil {
					w.t.Fatal(err)
				}
			}, v1alpha1.ReasonNodesMissing,
		},
		"a location without a bucket": {
			func(w *world, b *v1alpha1.CassandraBackup) {
				w.update(b, func() { b.Spec.StorageLocation = "file:///too/short" })
			}, v1alpha1.ReasonInvalidSpec,
		},
		"a selector of every pod": {
			func(w *world, b *v1alpha1.CassandraBackup) {
				w.update(b, func() { b.Spec.Cluster.PodSelector = metav1.LabelSelector{} })
			}, v1alpha1.ReasonInvalidSpec,
		},
		"more nodes than one object takes": {
			func(w *world, _ *v1alpha1.CassandraBackup) {
				w.ring.sidecars[0].topology = func(t *rest.Topology) {
					for i := range v1alpha1.MaxNodes {
						t.Topology = append(t.Topology, rest.TopologyNode{DC: "dc1", NodeID: fmt.Sprint(i), IPAddress: fmt.Sprintf("10.0.%d.%d", i/250, i%250)})
					}
				}
			}, v1alpha1.ReasonTooManyNodes,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ring := newFakeRing(t, 3)
			b := newBackup("nightly", ring)
			w := newWorld(t, ring, b)
			c.spoil(w, b)
			w.finish(b)
			w.wants(b, v1alpha1.ConditionFailed, metav1.ConditionTrue, c.reason)
			w.wants(b, v1alpha1.ConditionComplete, metav1.ConditionFalse, c.reason)
			if b.Status.Phase != v1alpha1.BackupFailed || b.Status.CompletionTime == nil || len(b.Status.Errors) != 1 || len(b.Finalizers) > 0 {
				t.Errorf("it is %+v", b.Status)
			}
			for _, s := range ring.sidecars {
				if len(s.started) > 0 {
					t.Errorf("%s began %v", s.address, s.started)
				}
			}
		})
	}
}

func TestABackupWithoutTheNodesThatMayBeMissing(t *testing.T) {
	t.Parallel()
	ring := newFakeRing(t, 3)
	b, r := newBackup("nightly", ring), newRestore("back", ring)
	b.Spec.MissingNodes = v1alpha1.MissingNodesAllow
	r.Spec = v1alpha1.CassandraRestoreSpec{BackupRef: &v1alpha1.BackupReference{Name: "nightly"}}
	w := newWorld(t, ring, b, r)
	if err := w.client.Delete(t.Context(), pod(2, "")); err != nil {
		t.Fatal(err)
	}
	w.finish(b)
	w.wants(b, v1alpha1.ConditionComplete, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	if len(b.Status.Warnings) != 1 || !strings.Contains(b.Status.Warnings[0], ring.sidecars[2].hostID) || b.Status.NodesTotal != 2 {
		t.Errorf("it is %+v", b.Status)
	}
	w.finish(r)
	w.wants(r, v1alpha1.ConditionFailed, metav1.ConditionTrue, v1alpha1.ReasonBackupIncomplete)
}

func TestAPortByItsName(t *testing.T) {
	t.Parallel()
	ring := newFakeRing(t, 1)
	b := newBackup("nightly", ring)
	name := intstr.FromString("rest")
	b.Spec.Cluster.Port = &name
	w := newWorld(t, ring, b)
	w.run(b, func() bool { return len(b.Status.Conditions) > 0 })
	w.wants(b, v1alpha1.ConditionPeersDiscovered, metav1.ConditionFalse, v1alpha1.ReasonPortNotFound)
	w.eachPod(func(p *corev1.Pod) {
		p.Spec.Containers[1].Ports = append(p.Spec.Containers[1].Ports, corev1.ContainerPort{Name: "rest", ContainerPort: ring.port})
	})
	w.finish(b)
	w.wants(b, v1alpha1.ConditionComplete, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
}

func TestCredentialsComeAlongAndAreNowhereElse(t *testing.T) {
	t.Parallel()
	keys := map[string]string{
		keyAccessKeyID: "AKIA", keySecretAccessKey: "hush\n", keyRegion: "eu-1", keyEndpoint: "https://s3.local",
		keyGCP: `{"type": "service_account", "private_key": "hush"}`, keyAzureAccount: "account", keyAzureKey: "hush",
	}
	for location, want := range map[string]map[string]any{
		"s3://backups":    {"accessKeyId": "AKIA", "secretAccessKey": "hush", "region": "eu-1", "endpoint": "https://s3.local"},
		"gcp://backups":   {"gcpKey": keys[keyGCP]},
		"gs://backups":    {"gcpKey": keys[keyGCP]},
		"azure://backups": {"azureAccount": "account", "azureKey": "hush"},
	} {
		t.Run(location, func(t *testing.T) {
			t.Parallel()
			ring := newFakeRing(t, 2)
			b := newBackup("nightly", ring)
			b.Spec.StorageLocation = v1alpha1.StorageLocation(location)
			b.Spec.CredentialsSecretRef = &v1alpha1.SecretReference{Name: "keys"}
			w := newWorld(t, ring, b)
			w.allowCredentials = true
			w.restart()
			w.createSecret(keys)
			var mu sync.Mutex // the sidecars answer at the same time
			var sent []any
			for _, s := range ring.sidecars {
				s.script(func(_ http.ResponseWriter, r *http.Request, body []byte) bool {
					var request map[string]any
					if r.Method == http.MethodPost && json.Unmarshal(body, &request) == nil {
						mu.Lock()
						defer mu.Unlock()
						sent = append(sent, request["credentials"])
					}
					return false
				})
			}
			w.finish(b)
			mu.Lock()
			defer mu.Unlock()
			if diff := cmp.Diff([]any{want, want, want}, sent); diff != "" {
				t.Errorf("what the sidecars got (-want +got):\n%s", diff)
			}
			text, err := json.Marshal(b)
			if err != nil || strings.Contains(string(text), "hush") || strings.Contains(strings.Join(w.events.reasons, " "), "hush") {
				t.Errorf("the secret got out, or %v: %s", err, text)
			}
		})
	}
}

func TestEachProviderNeedsItsOwnKeys(t *testing.T) {
	t.Parallel()
	for scheme, needs := range map[string][]string{
		"s3": {keyAccessKeyID, keySecretAccessKey}, "minio": {keyAccessKeyID, keySecretAccessKey},
		"gcp": {keyGCP}, "gs": {keyGCP}, "azure": {keyAzureAccount, keyAzureKey},
	} {
		secret := &corev1.Secret{Data: map[string][]byte{}}
		for _, key := range needs {
			if c, missing := credentialsOf(secret, scheme); c != nil || missing.reason != v1alpha1.ReasonSecretKeyMissing || !strings.Contains(missing.message, " "+key+",") {
				t.Errorf("without %s of %s: %v", key, scheme, missing)
			}
			secret.Data[key] = []byte("there")
		}
		if _, missing := credentialsOf(secret, scheme); missing != nil {
			t.Errorf("%s with all its keys: %v", scheme, missing)
		}
	}
}

// eachPod changes the pods.
func (w *world) eachPod(change func(p *corev1.Pod)) {
	w.t.Helper()
	var pods corev1.PodList
	if err := w.client.List(w.t.Context(), &pods); err != nil {
		w.t.Fatal(err)
	}
	for i := range pods.Items {
		change(&pods.Items[i])
		status := pods.Items[i].Status
		if err := w.client.Update(w.t.Context(), &pods.Items[i]); err != nil {
			w.t.Fatal(err)
		}
		pods.Items[i].Status = status
		if err := w.client.Status().Update(w.t.Context(), &pods.Items[i]); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) ready(i int, status corev1.ConditionStatus) {
	w.eachPod(func(p *corev1.Pod) {
		if p.Name == pod(i, "").Name {
			p.Status.Conditions[0].Status = status
		}
	})
}

// move gives a pod another address.
func (w *world) move(i int, address string) {
	w.eachPod(func(p *corev1.Pod) {
		if p.Name == pod(i, "").Name {
			p.Status.PodIP = address
		}
	})
}

func (w *world) createSecret(data map[string]string) {
	w.t.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "keys"}, Data: map[string][]byte{}}
	for k, v := range data {
		secret.Data[k] = []byte(v)
	}
	if err := w.client.Create(w.t.Context(), secret); err != nil {
		w.t.Fatal(err)
	}
}
