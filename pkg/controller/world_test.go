package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	testclock "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/icarus-sidecar/icarus/api/v1alpha1"
)

func TestMain(m *testing.M) {
	// Ginkgo listens for signals to its end.
	const ginkgo = "github.com/onsi/ginkgo/v2/internal/interrupt_handler.(*InterruptHandler).registerForInterrupts.func2"
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction(ginkgo))
}

const namespace = "databases"

var (
	podLabels = map[string]string{"app": "cassandra"}
	dawn      = time.Date(2026, 11, 25, 4, 0, 0, 0, time.UTC)
)

// world is an API server, a ring with its pods, and the reconcilers between them.
type world struct {
	t      *testing.T
	client client.WithWatch
	ring   *fakeRing
	clock  *testclock.FakePassiveClock
	events *recorder
	// tls makes the controller believe that what it sends is kept from others.
	allowCredentials bool

	backups, restores *reconciler
	sidecars          *Sidecars

	mu     sync.Mutex
	writes int
	killer *killer
	// refuse fails calls of the API server.
	refuse func(verb string, o client.Object) error
}

func newWorld(t *testing.T, ring *fakeRing, objects ...client.Object) *world {
	t.Helper()
	scheme, err := Scheme()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, ring: ring, clock: testclock.NewFakePassiveClock(dawn), events: &recorder{}}
	for i := range ring.sidecars {
		objects = append(objects, pod(i, ring.sidecars[i].address))
	}
	for _, o := range objects {
		identify(o)
	}
	w.client = fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).
		WithStatusSubresource(&v1alpha1.CassandraBackup{}, &v1alpha1.CassandraRestore{}).
		WithIndex(&v1alpha1.CassandraBackup{}, unfinishedIndex, unfinished).
		WithIndex(&v1alpha1.CassandraRestore{}, unfinishedIndex, unfinished).
		WithInterceptorFuncs(w.interceptor()).Build()
	w.restart()
	t.Cleanup(func() { w.sidecars.Close() })
	return w
}

func identify(o client.Object) {
	if o.GetUID() == "" {
		o.SetUID(types.UID(uuid.NewSHA1(uuid.Nil, fmt.Appendf(nil, "%T %s", o, o.GetName())).String()))
	}
	if o.GetCreationTimestamp().Time.IsZero() {
		o.SetCreationTimestamp(metav1.NewTime(dawn.Add(-time.Minute)))
	}
	o.SetGeneration(1)
}

func (w *world) interceptor() interceptor.Funcs {
	return interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			return w.through(ctx, "get", o, func() error { return c.Get(ctx, key, o, opts...) })
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
			return w.through(ctx, "patch", o, func() error { return c.Patch(ctx, o, patch, opts...) })
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
			return w.through(ctx, "patch "+sub, o, func() error { return c.SubResource(sub).Patch(ctx, o, patch, opts...) })
		},
	}
}

// through counts writes, and lets the process die when a call is done.
func (w *world) through(ctx context.Context, verb string, o client.Object, do func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.mu.Lock()
	refuse, killer := w.refuse, w.killer
	if verb != "get" {
		w.writes++
	}
	w.mu.Unlock()
	if refuse != nil {
		if err := refuse(verb, o); err != nil {
			return err
		}
	}
	if err := do(); err != nil || killer == nil || verb == "get" {
		return err
	}
	return killer.call()
}

// restart throws the process away, with all that it remembers.
func (w *world) restart() {
	if w.sidecars != nil {
		w.sidecars.Close()
	}
	o := Options{}.withDefaults()
	w.sidecars = NewSidecars(SidecarOptions{Clock: w.clockOfSidecars(), AllowCredentialsOverHTTP: w.allowCredentials})
	w.backups, w.restores = reconcilers(reconciler{
		client: w.client, live: w.client, events: w.events, sidecars: w.sidecars, clock: w.clock, patience: o.Patience, calls: o.Calls,
	})
}

func (w *world) clockOfSidecars() *testclock.FakeClock { return testclock.NewFakeClock(dawn) }

func (w *world) reconcilerOf(o client.Object) *reconciler {
	if _, ok := o.(*v1alpha1.CassandraBackup); ok {
		return w.backups
	}
	return w.restores
}

// pass is one pass over an object, after which that is read again.
func (w *world) pass(ctx context.Context, o client.Object) (ctrl.Result, error) {
	w.t.Helper()
	return w.reconcilerOf(o).Reconcile(ctx, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(o)})
}

// run makes passes, with the clock going on as they ask, until done says so.
func (w *world) run(o client.Object, done func() bool) {
	w.t.Helper()
	const most = 600
	for range most {
		result, err := w.pass(w.t.Context(), o)
		if err != nil {
			w.t.Fatalf("a pass failed: %v", err)
		}
		if w.read(o); done() {
			return
		}
		if result.RequeueAfter == 0 {
			w.t.Fatalf("nobody looks again, at %s", describeStatus(o))
		}
		w.clock.SetTime(w.clock.Now().Add(result.RequeueAfter))
	}
	w.t.Fatalf("it takes for ever, at %s", describeStatus(o))
}

// finish runs an object to its end.
func (w *world) finish(o client.Object) {
	w.t.Helper()
	w.run(o, func() bool { return statusOf(o).IsFinished() })
}

func (w *world) read(o client.Object) {
	w.t.Helper()
	if err := w.client.Get(context.WithoutCancel(w.t.Context()), client.ObjectKeyFromObject(o), o); err != nil && !apierrors.IsNotFound(err) && !errors.Is(err, errKilled) {
		w.t.Fatal(err)
	}
}

func (w *world) update(o client.Object, change func()) {
	w.t.Helper()
	w.read(o)
	change()
	if err := w.client.Update(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
}

func statusOf(o client.Object) *v1alpha1.OperationStatus {
	switch o := o.(type) {
	case *v1alpha1.CassandraBackup:
		return &o.Status.OperationStatus
	case *v1alpha1.CassandraRestore:
		return &o.Status.OperationStatus
	}
	return nil
}

func describeStatus(o client.Object) string {
	s := statusOf(o)
	text := fmt.Sprintf("step %s, %s", step(s), s.NodeSummary)
	for _, c := range s.Conditions {
		text += fmt.Sprintf("\n  %s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message)
	}
	for _, n := range s.Nodes {
		text += fmt.Sprintf("\n  %+v", n)
	}
	return text
}

// wants checks a condition.
func (w *world) wants(o client.Object, condition string, status metav1.ConditionStatus, reason string) {
	w.t.Helper()
	c := meta.FindStatusCondition(statusOf(o).Conditions, condition)
	if c == nil || c.Status != status || c.Reason != reason || c.Message == "" || c.ObservedGeneration != o.GetGeneration() {
		w.t.Errorf("%s is not %s for %s, but %+v\n%s", condition, status, reason, c, describeStatus(o))
	}
	if condition == v1alpha1.ConditionFailed && status == metav1.ConditionTrue && !strings.HasSuffix(c.Message, remedies[reason]) {
		w.t.Errorf("it does not say what to do: %s", c.Message)
	}
}

// recorder keeps events.
type recorder struct {
	mu      sync.Mutex
	reasons []string
}

func (r *recorder) Eventf(_, _ runtime.Object, _, reason, _, _ string, _ ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reasons = append(r.reasons, reason)
}

func pod(i int, address string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("cassandra-%d", i), Labels: podLabels},
		Spec: corev1.PodSpec{Containers: []corev1.Container{
			{Name: "cassandra"}, {Name: "icarus", Ports: []corev1.ContainerPort{{Name: "icarus", ContainerPort: 4567}}},
		}},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, PodIP: address,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		},
	}
}

func reference(ring *fakeRing) v1alpha1.ClusterReference {
	port := intstr.FromInt32(ring.port)
	return v1alpha1.ClusterReference{PodSelector: metav1.LabelSelector{MatchLabels: podLabels}, Port: &port}
}

func newBackup(name string, ring *fakeRing) *v1alpha1.CassandraBackup {
	return &v1alpha1.CassandraBackup{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.CassandraBackupSpec{
			Cluster: reference(ring), StorageLocation: "s3://backups", Timeout: &metav1.Duration{Duration: 5 * time.Hour},
		},
	}
}

func newRestore(name string, ring *fakeRing) *v1alpha1.CassandraRestore {
	at := reference(ring)
	return &v1alpha1.CassandraRestore{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.CassandraRestoreSpec{
			Cluster: &at, StorageLocation: "s3://backups", SnapshotTag: "nightly", DownloadDirectory: "/var/lib/cassandra/downloads",
			Timeout: &metav1.Duration{Duration: 5 * time.Hour},
		},
	}
}

// onlyOnce checks that every node began each of these exactly once, or one node
// alone the ones in single.
func (w *world) onlyOnce(every, single []string) {
	w.t.Helper()
	for _, name := range every {
		for _, s := range w.ring.sidecars {
			if n := s.started[name]; n != 1 {
				w.t.Errorf("%s began %s %d times", s.address, name, n)
			}
		}
	}
	for _, name := range single {
		var n int
		for _, s := range w.ring.sidecars {
			n += s.started[name]
		}
		if n != 1 {
			w.t.Errorf("%s began %d times", name, n)
		}
	}
}

var (
	backupEvery, backupSingle   = []string{"backup"}, []string{"upload-topology"}
	restoreEvery, restoreSingle = []string{"INIT", "DOWNLOAD", "IMPORT", "CLEANUP"}, []string{"TRUNCATE"}
)

// size is that of an object in etcd.
func size(t *testing.T, o client.Object) int {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return len(text)
}
