package controller

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/api/v1alpha1"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
)

// phase is one part of a pass. A result that is not zero, an error, and an end of
// the operation, keep those after it from being run.
type phase func(ctx context.Context, s *scope) (ctrl.Result, error)

// scope is what one pass over one object works with.
type scope struct {
	job job
	// base is the object as it was read.
	base job
	now  time.Time
	log  logr.Logger
	mind *recollection

	// pods are those that the selector chooses.
	pods []corev1.Pod
	// nodes are the members of the ring that take part, at their addresses of now.
	nodes []node
	// joined are members that were not there when work began.
	joined []cluster.Node
	// located is set once this pass has asked the ring where the nodes are.
	located     bool
	clusterName string
	schema      string
	// leftOut tells which members have no part, where that is allowed.
	leftOut string

	// waiting is what stands in the way, if anything does.
	waiting *obstacle
	// outcome is set when the operation ended in this pass, or is about to fail.
	outcome *obstacle
	verdict cluster.Verdict
	// stopping is the reason of an operation that is wound up.
	stopping *obstacle
	board    cluster.Board
	events   []note

	patience cluster.Patience
	// prepared is set once this pass has looked whether it may send, stale where
	// the object that it read is not the newest.
	prepared, stale bool
	credentials     *rest.Credentials
}

// node is a member of the ring and the sidecar beside it.
type node struct {
	cluster.Node
	pod  string
	port int32
	// absent tells why there is no sidecar to talk to, or is "".
	absent string
}

// obstacle is why something is not so.
type obstacle struct{ reason, message string }

// note is an event to send once the status is written.
type note struct{ kind, reason, text string }

// The pace of looking again.
const (
	// soon is the least time between two writes of one status.
	soon = time.Second
	// slowest is the longest time between two looks at nodes that work.
	slowest = 5 * time.Second
	// later is for what somebody has to put right.
	later = 10 * time.Second
	// gently spares the API server where the cache has not caught up yet.
	gently = 200 * time.Millisecond
)

func (s *scope) started() bool { return s.job.status().StartTime != nil }

func (s *scope) deleted() bool { return !s.job.object().GetDeletionTimestamp().IsZero() }

func (s *scope) ended() bool { return s.verdict != cluster.Undecided }

// wait notes what stands in the way, and when to look again.
func (s *scope) wait(after time.Duration, reason, format string, args ...any) (ctrl.Result, error) {
	s.waiting = &obstacle{reason, fmt.Sprintf(format, args...)}
	return ctrl.Result{RequeueAfter: after}, nil
}

// fail ends an operation of which nothing was sent.
func (s *scope) fail(reason, format string, args ...any) (ctrl.Result, error) {
	why := ending(reason, fmt.Sprintf(format, args...))
	s.end(cluster.Failed, &why)
	s.job.status().Errors = []v1alpha1.OperationError{{Message: cut(why.message, v1alpha1.MaxMessage)}}
	return ctrl.Result{}, nil
}

func (s *scope) end(verdict cluster.Verdict, why *obstacle) {
	s.verdict, s.outcome = verdict, why
	s.job.status().CompletionTime = timeOf(s.now)
}

func (s *scope) event(kind, reason, format string, args ...any) {
	s.events = append(s.events, note{kind, reason, fmt.Sprintf(format, args...)})
}
