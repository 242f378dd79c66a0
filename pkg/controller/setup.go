package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/icarus-sidecar/icarus/api/v1alpha1"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
)

// Name is that of the controller in events.
const Name = "icarus-controller"

// Options are what the reconcilers need beside the manager. Only Sidecars has
// no default.
type Options struct {
	Sidecars *Sidecars
	// Patience with sidecars that do not answer. A pod that is replaced, and the
	// Cassandra in it, take minutes to come back: 1 min before anything was sent to
	// it, then 10 min, and 2 min to wind up.
	Patience cluster.Patience
	// Calls bounds the calls to sidecars at one time in one pass; 64 by default.
	Calls int
	// Concurrency is how many objects of a kind are worked on at one time; 8 by
	// default. A pass mostly waits for sidecars.
	Concurrency int
	// Clock is the real one by default.
	Clock clock.PassiveClock
}

func (o Options) withDefaults() Options {
	const (
		calls, concurrency        = 64, 8
		submit, answer, windingUp = time.Minute, 10 * time.Minute, 2 * time.Minute
	)
	o.Calls, o.Concurrency = cmp.Or(o.Calls, calls), cmp.Or(o.Concurrency, concurrency)
	o.Patience.Submit = cmp.Or(o.Patience.Submit, submit)
	o.Patience.Answer = cmp.Or(o.Patience.Answer, answer)
	o.Patience.WindUp = cmp.Or(o.Patience.WindUp, windingUp)
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	return o
}

// Scheme holds the kinds that the controller reads and writes.
func Scheme() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(s), v1alpha1.AddToScheme(s)); err != nil {
		return nil, fmt.Errorf("making the scheme: %w", err)
	}
	return s, nil
}

// CacheOptions restrict the cache to some namespaces, and to what is looked at.
func CacheOptions(namespaces []string) cache.Options {
	o := cache.Options{
		// What is read must be watched: a Secret that got into the cache would be
		// all Secrets.
		ReaderFailOnMissingInformer: true,
		DefaultTransform:            cache.TransformStripManagedFields(),
		DefaultNamespaces:           map[string]cache.Config{},
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Pod{}:               {Transform: slimPod},
			&v1alpha1.CassandraBackup{}: {Transform: slimBackup}, &v1alpha1.CassandraRestore{}: {Transform: slimRestore},
		},
	}
	for _, n := range namespaces {
		o.DefaultNamespaces[n] = cache.Config{}
	}
	return o
}

// slimPod keeps what is looked at: where a pod is, and whether it is ready.
func slimPod(o any) (any, error) {
	p, ok := o.(*corev1.Pod)
	if !ok {
		return o, nil
	}
	slim := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: p.Name, Namespace: p.Namespace, UID: p.UID, ResourceVersion: p.ResourceVersion, Labels: p.Labels, DeletionTimestamp: p.DeletionTimestamp,
		},
		Spec:   corev1.PodSpec{Containers: slimContainers(p.Spec.Containers), InitContainers: slimContainers(p.Spec.InitContainers)},
		Status: corev1.PodStatus{Phase: p.Status.Phase, PodIP: p.Status.PodIP},
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			slim.Status.Conditions = append(slim.Status.Conditions, corev1.PodCondition{Type: c.Type, Status: c.Status})
		}
	}
	return slim, nil
}

func slimContainers(all []corev1.Container) []corev1.Container {
	var slim []corev1.Container
	for _, c := range all {
		if len(c.Ports) > 0 {
			slim = append(slim, corev1.Container{Name: c.Name, Ports: c.Ports})
		}
	}
	return slim
}

// slimBackup leaves out the nodes of what has ended, which nobody works on.
func slimBackup(o any) (any, error) {
	if b, ok := o.(*v1alpha1.CassandraBackup); ok {
		b.ManagedFields = nil
		if b.IsFinished() {
			b.Status.Nodes = nil
		}
	}
	return o, nil
}

func slimRestore(o any) (any, error) {
	if r, ok := o.(*v1alpha1.CassandraRestore); ok {
		r.ManagedFields = nil
		if r.IsFinished() {
			r.Status.Nodes, r.Status.Coordination = nil, nil
		}
	}
	return o, nil
}

// reconcilers make the one of backups and the one of restores. They share what
// keeps two objects of one cluster apart.
func reconcilers(r reconciler) (backups, restores *reconciler) {
	r.claims = newClaims()
	b, s := r, r
	b.memory, b.newJob = newMemory(), func() job { return &backupJob{} }
	s.memory, s.newJob = newMemory(), func() job { return &restoreJob{} }
	return &b, &s
}

// SetupWithManager adds the reconcilers to a manager.
func SetupWithManager(ctx context.Context, m manager.Manager, o Options) error {
	o = o.withDefaults()
	for _, kind := range []client.Object{&v1alpha1.CassandraBackup{}, &v1alpha1.CassandraRestore{}} {
		if err := m.GetFieldIndexer().IndexField(ctx, kind, unfinishedIndex, unfinished); err != nil {
			return fmt.Errorf("indexing: %w", err)
		}
	}
	// What is only read, when an object needs it, must be watched from the beginning.
	if _, err := m.GetCache().GetInformer(ctx, &corev1.Pod{}, cache.BlockUntilSynced(false)); err != nil {
		return fmt.Errorf("watching pods: %w", err)
	}
	backups, restores := reconcilers(reconciler{
		client: m.GetClient(), live: m.GetAPIReader(), events: m.GetEventRecorder(Name), sidecars: o.Sidecars,
		clock: o.Clock, patience: o.Patience, calls: o.Calls,
	})
	return errors.Join(
		setUp(m, "cassandrabackup", &v1alpha1.CassandraBackup{}, backups, o.Concurrency),
		setUp(m, "cassandrarestore", &v1alpha1.CassandraRestore{}, restores, o.Concurrency),
	)
}

func setUp(m manager.Manager, name string, kind client.Object, r *reconciler, concurrency int) error {
	const first, last = time.Second, time.Minute
	err := ctrl.NewControllerManagedBy(m).Named(name).
		// A status of our own is no news; a deletion changes the generation.
		For(kind, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: concurrency,
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](first, last),
		}).
		Complete(r)
	if err != nil {
		return fmt.Errorf("setting up the controller %s: %w", name, err)
	}
	return nil
}
