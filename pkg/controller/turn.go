package controller

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/icarus-sidecar/icarus/api/v1alpha1"
)

// claim is the place of one object among those of one cluster.
type claim struct {
	name, namespace, uid string
	selector             labels.Selector
	created              time.Time
	// alone is set for restores.
	alone bool
	// working objects have begun; the others wait for their turn.
	working bool
}

// claims are the clusters that this process is about to work on. The statuses say
// the same as soon as the cache has caught up.
type claims struct {
	mu   sync.Mutex
	held map[string]claim // by UID
}

func newClaims() *claims { return &claims{held: map[string]claim{}} }

// take holds the cluster for one object, unless another has it or goes first.
func (c *claims) take(mine claim, pods []corev1.Pod, others []claim) (first *claim) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range c.held {
		others = append(slices.Clip(others), h)
	}
	if first = before(mine, pods, others); first == nil {
		mine.working = true
		c.held[mine.uid] = mine
	}
	return first
}

func (c *claims) release(uid string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.held, uid)
}

// before is the object that another has to wait for: one of the same cluster that
// works, or waits for its turn and is older.
func before(mine claim, pods []corev1.Pod, others []claim) *claim {
	others = slices.SortedFunc(slices.Values(others), func(a, b claim) int {
		return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.uid, b.uid))
	})
	var first *claim
	for i := range others {
		o := &others[i]
		older := cmp.Or(o.created.Compare(mine.created), cmp.Compare(o.uid, mine.uid)) < 0
		switch {
		case o.uid == mine.uid, o.namespace != mine.namespace, !o.working && !older, !shares(o.selector, pods):
		case o.working:
			return o
		case first == nil:
			first = o
		}
	}
	return first
}

// shares reports whether a selector chooses any of the pods.
func shares(selector labels.Selector, pods []corev1.Pod) bool {
	return slices.ContainsFunc(pods, func(p corev1.Pod) bool { return selector.Matches(labels.Set(p.Labels)) })
}

// awaitTurn lets an object wait while another works on the same cluster.
func (r *reconciler) awaitTurn(ctx context.Context, s *scope) (ctrl.Result, error) {
	mine, others, err := r.places(ctx, s)
	if err != nil {
		return ctrl.Result{}, err
	}
	return s.queue(before(mine, s.pods, others))
}

func (s *scope) queue(first *claim) (ctrl.Result, error) {
	switch {
	case first == nil:
		return ctrl.Result{}, nil
	case first.alone && first.working:
		return s.wait(later, v1alpha1.ReasonRestoreInProgress, "waits until %s, which restores the cluster, has ended", first.name)
	default:
		return s.wait(later, v1alpha1.ReasonQueued, "waits for its turn after %s of the same cluster", first.name)
	}
}

// places are the place of this object, and those of the others.
func (r *reconciler) places(ctx context.Context, s *scope) (mine claim, others []claim, err error) {
	mine, _ = claimOf(s.job)
	in := client.InNamespace(s.job.object().GetNamespace())
	unfinished := client.MatchingFields{unfinishedIndex: unfinishedValue}
	var backups v1alpha1.CassandraBackupList
	if err := r.client.List(ctx, &backups, in, unfinished, client.UnsafeDisableDeepCopy); err != nil {
		return mine, nil, fmt.Errorf("listing backups: %w", err)
	}
	var restores v1alpha1.CassandraRestoreList
	if err := r.client.List(ctx, &restores, in, unfinished, client.UnsafeDisableDeepCopy); err != nil {
		return mine, nil, fmt.Errorf("listing restores: %w", err)
	}
	for i := range backups.Items {
		if c, ok := claimOf(&backupJob{backups.Items[i]}); ok {
			others = append(others, c)
		}
	}
	for i := range restores.Items {
		if c, ok := claimOf(&restoreJob{restores.Items[i]}); ok {
			others = append(others, c)
		}
	}
	return mine, others, nil
}

// claimOf is the place of an object; ok is false where it has none: its cluster
// is not known, or something else than others is in its way.
func claimOf(j job) (c claim, ok bool) {
	o, status := j.object(), j.status()
	kind := "CassandraBackup"
	if j.settings().alone {
		kind = "CassandraRestore"
	}
	c = claim{
		name: kind + " " + o.GetName(), namespace: o.GetNamespace(), uid: string(o.GetUID()), created: o.GetCreationTimestamp().Time,
		alone: j.settings().alone, working: status.StartTime != nil,
	}
	selector, err := selectorOf(j.settings().cluster)
	if err != nil || status.IsFinished() {
		return c, false
	}
	c.selector = selector
	return c, c.working || waitsForOthers(status) && o.GetDeletionTimestamp().IsZero()
}

func waitsForOthers(s *v1alpha1.OperationStatus) bool {
	peers := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionPeersDiscovered)
	return peers != nil && (peers.Reason == v1alpha1.ReasonQueued || peers.Reason == v1alpha1.ReasonRestoreInProgress)
}

// unfinishedIndex chooses the objects that have not ended, of which there are few.
const (
	unfinishedIndex = "status.unfinished"
	unfinishedValue = "true"
)

// unfinished is the value of unfinishedIndex.
func unfinished(o client.Object) []string {
	var finished bool
	switch o := o.(type) {
	case *v1alpha1.CassandraBackup:
		finished = o.IsFinished()
	case *v1alpha1.CassandraRestore:
		finished = o.IsFinished()
	}
	if finished {
		return nil
	}
	return []string{unfinishedValue}
}
