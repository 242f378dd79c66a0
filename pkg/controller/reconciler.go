package controller

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/icarus-sidecar/icarus/pkg/cluster"
)

// reconciler drives all objects of one kind.
type reconciler struct {
	client client.Client
	// live reads past the cache.
	live     client.Reader
	events   events.EventRecorder
	sidecars *Sidecars
	clock    clock.PassiveClock
	patience cluster.Patience
	// calls bounds the calls to sidecars at one time in one pass.
	calls  int
	memory *memory
	claims *claims
	newJob func() job
}

// Reconcile makes one pass over one object.
func (r *reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	j := r.newJob()
	if err := r.client.Get(ctx, req.NamespacedName, j.object()); err != nil {
		if apierrors.IsNotFound(err) {
			r.memory.forget(req.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	base := j.remember()
	if j.status().IsFinished() {
		return r.settled(ctx, j)
	}
	s := &scope{
		job: j, base: base, now: r.clock.Now(), log: ctrl.LoggerFrom(ctx), patience: r.patience,
		mind: r.memory.of(req.NamespacedName, j.object().GetUID(), step(j.status())),
	}
	if s.deleted() && !s.started() {
		r.claims.release(string(j.object().GetUID()))
		return ctrl.Result{}, r.letGo(ctx, j, base)
	}
	result, err := s.run(ctx, r.phases(s))
	if err != nil {
		// What this pass has found out is found out again by the next one.
		s.mind.resumed = step(base.status())
		return ctrl.Result{}, err
	}
	if s.stale {
		return result, nil
	}
	return r.close(ctx, s, result)
}

// phases are what a pass consists of.
func (r *reconciler) phases(s *scope) []phase {
	if s.started() {
		return []phase{r.listPods, r.follow, r.coordinate}
	}
	return []phase{r.resolve, r.listPods, r.awaitTurn, r.checkCredentials, r.discover, r.begin}
}

func (s *scope) run(ctx context.Context, phases []phase) (ctrl.Result, error) {
	for _, ph := range phases {
		result, err := ph(ctx, s)
		if err != nil || !result.IsZero() || s.ended() {
			return result, err
		}
	}
	return ctrl.Result{}, nil
}
