package controller

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/api/v1alpha1"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
)

// rounds bounds what one pass does before its status is written: to ask what an
// earlier life has sent, to send, to ask again for results.
const rounds = 4

// coordinate takes the operation as far as it goes without waiting: it decides,
// acts, and decides again, but for what must be written first.
func (r *reconciler) coordinate(ctx context.Context, s *scope) (ctrl.Result, error) {
	var err error
	if s.board, err = s.boardOf(); err != nil {
		return ctrl.Result{}, err
	}
	// What was learned is worth keeping, whatever the end of this pass.
	defer s.keepNodes()
	for range rounds {
		plan, err := s.plan(s.credentials)
		if err != nil {
			return s.abandon(err)
		}
		s.ask(&plan)
		decision := s.decide(plan)
		s.board.Adopt(decision)
		keepFacts(s.job.status(), decision.Facts)
		s.progress(decision)
		if s.ended() {
			return ctrl.Result{}, nil
		}
		if !sameFacts(s.job.status(), s.base.status()) {
			return ctrl.Result{RequeueAfter: soon}, nil // it is acted upon when it is written
		}
		actions, changed, err := r.ready(ctx, s, decision.Actions)
		switch {
		case err != nil:
			return ctrl.Result{}, err
		case s.stale:
			return ctrl.Result{RequeueAfter: gently}, nil
		case changed:
			continue
		case len(actions) == 0:
			return ctrl.Result{RequeueAfter: s.pace(decision.Wake)}, nil
		}
		if err := r.perform(ctx, s, plan, actions); err != nil {
			return ctrl.Result{}, err
		}
	}
	return ctrl.Result{RequeueAfter: s.pace(s.now)}, nil
}

// ask makes Step poll finished operations again, where all are finished and what
// one of them found out is not known any more: the step cannot be settled else.
func (s *scope) ask(plan *cluster.Plan) {
	at := slices.IndexFunc(plan.Phases, func(ph cluster.Phase) bool { return ph.Name == s.board.Facts.Phase })
	if at < 0 || plan.Phases[at].Settle == nil || plan.Phases[at].Scope != cluster.EveryNode {
		return
	}
	children := s.board.Children[s.board.Facts.Phase]
	for _, n := range plan.Nodes {
		o := children[n.HostID]
		if o.Op == nil || o.Missing || o.Op.State != rest.StateCompleted || len(o.Op.Errors) > 0 {
			return
		}
	}
	for host, o := range children {
		if o.Op != nil && len(o.Op.Result) == 0 {
			o.Op = nil
			children[host] = o
		}
	}
}

// decide is cluster.Step, with the bounds that a status has.
func (s *scope) decide(plan cluster.Plan) cluster.Decision {
	decision := cluster.Step(plan, s.board, s.now)
	if n := len(decision.Facts.Tables); n > v1alpha1.MaxTables && s.board.Facts.Ending == nil {
		message := fmt.Sprintf("the backup holds %d tables, and one restore is of at most %d; nothing was truncated", n, v1alpha1.MaxTables)
		s.stopping = &obstacle{v1alpha1.ReasonTooManyTables, message}
		s.board.Facts.Ending = &cluster.Ending{
			Verdict: cluster.Failed, CancelSince: s.now, Errors: []rest.OperationError{{Message: message}},
		}
		decision = cluster.Step(plan, s.board, s.now)
	}
	switch {
	case decision.Verdict == cluster.Succeeded:
		s.end(cluster.Succeeded, nil)
	case decision.Verdict != cluster.Undecided:
		why := s.whyStopping(plan, decision)
		s.end(decision.Verdict, &why)
		ending := cluster.Ending{Verdict: decision.Verdict, Errors: decision.Errors}
		if before := decision.Facts.Ending; before != nil { // nil of a plan that cannot be carried out
			ending.CancelSince = before.CancelSince
		}
		decision.Facts.Ending = &ending
	case decision.Facts.Ending != nil:
		why := s.whyStopping(plan, decision)
		s.stopping = &why
	}
	return decision
}

// abandon ends an operation whose status makes no plan: somebody has changed it
// by hand. What it has sent may be at work.
func (s *scope) abandon(err error) (ctrl.Result, error) {
	why := ending(v1alpha1.ReasonInvalidSpec, fmt.Sprintf("%v; nodes may be at work still", err))
	s.end(cluster.Failed, &why)
	keepErrors(s.job.status(), []rest.OperationError{{Message: s.outcome.message}})
	return ctrl.Result{}, nil
}

// ready tells which of the actions may be performed. Before anything is sent, the
// object must be the newest, the ring is asked where the nodes are, and the keys to
// the bucket are read; where that changed the plan, it is decided anew.
func (r *reconciler) ready(ctx context.Context, s *scope, actions []cluster.Action) (may []cluster.Action, changed bool, err error) {
	sends := func(a cluster.Action) bool { return a.Verb == cluster.Submit }
	if s.prepared || !slices.ContainsFunc(actions, sends) {
		return s.withoutHeld(actions), false, nil
	}
	s.prepared = true
	if s.stale, err = r.isStale(ctx, s); err != nil || s.stale {
		return nil, false, err
	}
	if err := r.locate(ctx, s); err != nil {
		return nil, false, err
	}
	credentials, missing, err := r.credentials(ctx, s)
	if err != nil {
		return nil, false, err
	}
	s.credentials = credentials
	if missing != nil {
		s.waiting = missing
	}
	return nil, true, nil
}

// withoutHeld leaves out what cannot be sent now.
func (s *scope) withoutHeld(actions []cluster.Action) []cluster.Action {
	if s.waiting == nil {
		return actions
	}
	return slices.DeleteFunc(slices.Clone(actions), func(a cluster.Action) bool { return a.Verb == cluster.Submit })
}

// isStale reads the object past the cache: what is sent is never sent out of an
// old status.
func (r *reconciler) isStale(ctx context.Context, s *scope) (bool, error) {
	newest := s.base.remember()
	name := client.ObjectKeyFromObject(s.job.object())
	if err := r.live.Get(ctx, name, newest.object()); err != nil {
		return true, client.IgnoreNotFound(fmt.Errorf("reading the newest object: %w", err))
	}
	return newest.object().GetUID() != s.base.object().GetUID() ||
		newest.object().GetResourceVersion() != s.base.object().GetResourceVersion(), nil
}

// pace is when to look again: at once where something is due, and slower the
// longer it takes.
func (s *scope) pace(wake time.Time) time.Duration {
	const share = 20
	running := s.now.Sub(s.job.status().StartTime.Time)
	interval := min(max(running/share, soon), slowest)
	return max(interval, min(wake.Sub(s.now), slowest))
}

// noticeRestart tells of a sidecar that is in another life than before.
func (s *scope) noticeRestart(a cluster.Action, op *rest.Operation) {
	nodes := s.job.status().Nodes
	at := slices.IndexFunc(nodes, func(n v1alpha1.NodeStatus) bool { return n.HostID == a.Node.HostID })
	if at < 0 || op == nil || op.Instance == "" || nodes[at].Instance == "" || cut(op.Instance, maxID) == nodes[at].Instance {
		return
	}
	text := fmt.Sprintf("the sidecar of pod %s was restarted while the operation was at work", nodes[at].Pod)
	nodes[at].Instance = cut(op.Instance, maxID)
	if !slices.Contains(s.board.Facts.Warnings, text) {
		s.board.Facts.Warnings = append(slices.Clip(s.board.Facts.Warnings), text)
	}
	s.event(corev1.EventTypeWarning, eventSidecarRestarted, "%s", text)
}

// eventSidecarRestarted is the reason of an event alone.
const eventSidecarRestarted = "SidecarRestarted"
