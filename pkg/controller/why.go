package controller

import (
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/api/v1alpha1"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
)

// whyStopping is the reason of an operation that will not succeed. It is found
// when that is decided, and stays the same while the operation is wound up.
func (s *scope) whyStopping(plan cluster.Plan, d cluster.Decision) obstacle {
	errs := d.Errors
	if d.Verdict == cluster.Undecided {
		errs = d.Facts.Ending.Errors
	}
	why := obstacle{message: told(errs)}
	switch decided := s.decidedReason(); {
	case s.stopping != nil:
		why.reason = s.stopping.reason
	case decided != "":
		why.reason = decided
	default:
		why.reason = s.reasonNow(plan, d)
	}
	if why.message == "" && why.reason == v1alpha1.ReasonCancelled {
		why.message = "the object was deleted while the operation was at work"
	}
	return ending(why.reason, why.message)
}

// decidedReason is the one that the status holds already.
func (s *scope) decidedReason() string {
	status := s.base.status()
	if status.Coordination == nil || status.Coordination.Verdict == "" {
		return ""
	}
	for _, m := range s.job.milestones() {
		if m.step != status.Coordination.Step {
			continue
		}
		if c := meta.FindStatusCondition(status.Conditions, m.condition); c != nil {
			return c.Reason
		}
	}
	return ""
}

func (s *scope) reasonNow(plan cluster.Plan, d cluster.Decision) string {
	switch {
	case d.Verdict == cluster.Cancelled, d.Facts.Ending != nil && d.Facts.Ending.Verdict == cluster.Cancelled:
		return v1alpha1.ReasonCancelled
	case len(s.joined) > 0:
		return v1alpha1.ReasonRingChanged
	}
	failure := v1alpha1.ReasonNodeFailed
	for _, m := range s.job.milestones() {
		if m.step == d.Facts.Phase {
			failure = m.failure
		}
	}
	var lost bool
	for _, n := range plan.Nodes {
		o := s.board.Children[d.Facts.Phase][n.HostID]
		if reason := reasonOf(&o, failure); reason != "" {
			return reason
		}
		lost = lost || o.Problem != nil || o.Missing
	}
	deadline := d.Facts.Deadline
	switch {
	case !deadline.IsZero() && !s.now.Before(deadline):
		return v1alpha1.ReasonTimedOut
	case lost:
		return v1alpha1.ReasonNodeLost
	default: // every node has done its part
		return failure
	}
}

// reasonOf is why one node fails the whole, if what it said does. The failure is
// that of parts which do not make a whole.
func reasonOf(o *cluster.Observation, failure string) string {
	switch finished := o.Op != nil && !o.Missing && o.Op.State.IsTerminal(); {
	case finished && o.Op.State == rest.StateCompleted && len(o.Op.Errors) > 0:
		return failure
	case finished && o.Op.State != rest.StateCompleted:
		return v1alpha1.ReasonNodeFailed
	case o.Problem != nil && o.Problem.Reason == cluster.Final:
		return v1alpha1.ReasonSidecarRefused
	default:
		return ""
	}
}

// told is what a condition says of errors; all of them are in the status.
func told(errs []rest.OperationError) string {
	const most = 3
	parts := make([]string, 0, most+1)
	for _, e := range errs[:min(len(errs), most)] {
		if e.Source != "" {
			parts = append(parts, e.Source+": "+e.Message)
			continue
		}
		parts = append(parts, e.Message)
	}
	// What comes last is what the user must know most: how to go on.
	if len(errs) > most {
		parts = append(parts, errs[len(errs)-1].Message)
	}
	return strings.Join(parts, "; ")
}
