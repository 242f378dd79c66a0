package controller

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/api/v1alpha1"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
)

// Finalizer keeps an object while its nodes are at work, so that deleting it
// cancels them, and a backup whose data is to be deleted with it.
const Finalizer = "icarus.io/operation"

// begin takes the cluster and decides what is decided once. Nothing is sent
// before the status holds it.
func (r *reconciler) begin(ctx context.Context, s *scope) (ctrl.Result, error) {
	status := s.job.status()
	s.job.begin(s.schema, s.now)
	status.ClusterName, status.Nodes = s.clusterName, nil
	for _, n := range s.nodes {
		status.Nodes = append(status.Nodes, v1alpha1.NodeStatus{
			HostID: n.HostID, Pod: n.pod, Address: n.Address, Datacenter: n.Datacenter, Rack: n.Rack,
		})
	}
	plan, err := s.plan(nil)
	if err != nil {
		return s.fail(v1alpha1.ReasonInvalidSpec, "%v", err)
	}
	// The order of the plan is kept: one of the phases is for the first node only.
	place := make(map[string]int, len(plan.Nodes))
	for i, n := range plan.Nodes {
		place[n.HostID] = i
	}
	slices.SortFunc(status.Nodes, func(a, b v1alpha1.NodeStatus) int { return place[a.HostID] - place[b.HostID] })
	mine, others, err := r.places(ctx, s)
	if err != nil {
		return ctrl.Result{}, err
	}
	if first := r.claims.take(mine, s.pods, others); first != nil {
		s.unpin()
		return s.queue(first)
	}
	if err := r.hold(ctx, s); err != nil {
		return ctrl.Result{}, err
	}
	status.StartTime = timeOf(s.now)
	decision := cluster.Step(plan, cluster.Board{Facts: cluster.Facts{SnapshotTag: status.SnapshotTag}}, s.now)
	if s.leftOut != "" {
		decision.Facts.Warnings = append(decision.Facts.Warnings, s.leftOut)
	}
	s.board.Adopt(decision)
	keepFacts(status, decision.Facts)
	return ctrl.Result{RequeueAfter: soon}, nil
}

// unpin takes back what begin noted.
func (s *scope) unpin() {
	status, base := s.job.status(), s.base.status()
	status.ClusterName, status.Nodes = base.ClusterName, base.Nodes
	status.SnapshotTag, status.SchemaVersion = base.SnapshotTag, base.SchemaVersion
}

// plan is what is to be done, at the addresses of now.
func (s *scope) plan(credentials *rest.Credentials) (cluster.Plan, error) {
	set := s.job.settings()
	name := s.job.status().ClusterName
	ring := cluster.Ring{Locate: func(n cluster.Node) (string, error) {
		return nodeLocation(set.location, name, n.Datacenter, n.HostID)
	}}
	for _, n := range s.nodes {
		ring.Nodes = append(ring.Nodes, n.Node)
	}
	ring.Nodes = append(ring.Nodes, s.joined...)
	plan, err := s.job.plan(parentID(s.job.object()), ring, credentials)
	if err != nil {
		return plan, fmt.Errorf("planning: %w", err)
	}
	if c := s.job.status().Coordination; c != nil {
		plan.Attempt = int(c.Attempt)
	}
	plan.Patience = s.patience
	return plan, nil
}

// hold puts the finalizer on the object.
func (r *reconciler) hold(ctx context.Context, s *scope) error {
	return r.finalize(ctx, s.job, s.base, controllerutil.AddFinalizer)
}

// letGo takes it off.
func (r *reconciler) letGo(ctx context.Context, j, base job) error {
	return r.finalize(ctx, j, base, controllerutil.RemoveFinalizer)
}

// finalize changes the finalizers alone, and carries on from the object that it
// makes: whatever else the scope has found out goes into the status later.
func (r *reconciler) finalize(ctx context.Context, j, base job, change func(o client.Object, finalizer string) bool) error {
	next := base.remember()
	if !change(next.object(), Finalizer) {
		return nil
	}
	patch := client.MergeFromWithOptions(base.object(), client.MergeFromWithOptimisticLock{})
	if err := r.client.Patch(ctx, next.object(), patch); err != nil {
		if apierrors.IsNotFound(err) { // somebody else has let go of it
			return nil
		}
		return fmt.Errorf("changing the finalizer: %w", err)
	}
	for _, o := range []client.Object{j.object(), base.object()} {
		o.SetFinalizers(next.object().GetFinalizers())
		o.SetResourceVersion(next.object().GetResourceVersion())
	}
	return nil
}
