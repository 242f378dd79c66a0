package controller

import (
	"cmp"
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/icarus-sidecar/icarus/api/v1alpha1"
	"github.com/icarus-sidecar/icarus/pkg/logging"
)

// How often progress alone is written: all of it can be learned again, and each
// write of a thousand nodes is half a megabyte for etcd and every watcher.
const (
	worthPercent  = 5
	worthNodes    = 10 // of so many parts of the nodes
	worthInterval = 10 * time.Second
	worthShare    = 3 // of the time that it has taken so far
)

// close writes the status, if that is worth it, and tells what happened.
func (r *reconciler) close(ctx context.Context, s *scope, result ctrl.Result) (ctrl.Result, error) {
	s.count()
	s.describe()
	if s.worthWriting() {
		patch := client.MergeFromWithOptions(s.base.object(), client.MergeFromWithOptimisticLock{})
		written := s.job.remember()
		err := r.client.Status().Patch(ctx, written.object(), patch)
		switch {
		case apierrors.IsConflict(err):
			// The cache was behind, or somebody else has changed the object. What
			// was sent meanwhile is found again.
			s.mind.resumed = step(s.base.status())
			return ctrl.Result{RequeueAfter: soon}, nil
		case err != nil:
			s.mind.resumed = step(s.base.status())
			return ctrl.Result{}, fmt.Errorf("writing the status: %w", client.IgnoreNotFound(err))
		}
		if s.ended() {
			r.tell(s)
			return r.settled(ctx, written)
		}
		s.mind.wrote = s.now
		if step(s.base.status()) != step(s.job.status()) {
			clear(s.mind.results)
		}
	}
	r.tell(s)
	return result, nil
}

func step(s *v1alpha1.OperationStatus) string {
	if s.Coordination == nil {
		return ""
	}
	return s.Coordination.Step
}

// worthWriting tells what must be known at once, and last, from progress.
func (s *scope) worthWriting() bool {
	before, now := s.base, s.job
	if equality.Semantic.DeepEqual(before.object(), now.object()) {
		return false
	}
	a, b := before.remember(), now.remember()
	if withoutProgress(a.status()); a.summary() != b.summary() {
		return true
	}
	if withoutProgress(b.status()); !equality.Semantic.DeepEqual(a.object(), b.object()) {
		return true
	}
	if now.status().ProgressPercent-before.status().ProgressPercent >= worthPercent {
		return true
	}
	var changed int
	for i, n := range now.status().Nodes {
		if n.State != before.status().Nodes[i].State {
			changed++
		}
	}
	if changed > 0 && changed >= len(now.status().Nodes)/worthNodes {
		return true
	}
	running := s.now.Sub(now.status().StartTime.Time)
	return s.now.Sub(s.mind.wrote) >= max(worthInterval, running/worthShare)
}

// withoutProgress leaves out what may be written later.
func withoutProgress(s *v1alpha1.OperationStatus) {
	s.Progress, s.ProgressPercent, s.NodeSummary, s.NodesDone, s.Size, s.Transfer = "", 0, "", 0, "", nil
	for i := range s.Nodes {
		n := &s.Nodes[i]
		n.State, n.ProgressPercent, n.Transfer, n.Instance = "", 0, nil, ""
	}
}

// tell logs and sends the events of a pass whose status is written.
func (r *reconciler) tell(s *scope) {
	o := s.job.object()
	if before, now := s.base.summary(), s.job.summary(); before != now {
		s.log.Info("Changed phase", logging.KeyPhase, now, "from", before)
		kind, why := corev1.EventTypeNormal, s.why()
		if why.reason != "" {
			kind = corev1.EventTypeWarning
		}
		r.events.Eventf(o, nil, kind, cmp.Or(why.reason, now), actionCoordinate, "%s", cut(now+": "+cmp.Or(why.message, s.doing()), enoughEvent))
	} else if s.waiting != nil && s.newObstacle() {
		s.log.Info("Waiting", logging.KeyReason, s.waiting.reason, "why", s.waiting.message)
		r.events.Eventf(o, nil, corev1.EventTypeWarning, s.waiting.reason, actionCoordinate, "%s", cut(s.waiting.message, enoughEvent))
	}
	for _, e := range s.events {
		r.events.Eventf(o, nil, e.kind, e.reason, actionCoordinate, "%s", cut(e.text, enoughEvent))
	}
}

const (
	actionCoordinate = "Coordinate"
	// enoughEvent is what an event takes.
	enoughEvent = 1000
)

// newObstacle reports whether something else stands in the way than before.
func (s *scope) newObstacle() bool {
	for _, c := range s.base.status().Conditions {
		if c.Reason == s.waiting.reason {
			return false
		}
	}
	return true
}

// doing is what happens in the present phase.
func (s *scope) doing() string {
	for _, m := range s.job.milestones() {
		if m.summary == s.job.summary() {
			return m.doing
		}
	}
	if s.job.summary() == summaryCompleted {
		return messageDone
	}
	return "the nodes of the cluster are looked for"
}
