package controller

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/api/v1alpha1"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
)

// enoughFailures is where more failed calls make no difference to cluster.Step.
const enoughFailures = 3

// boardOf rebuilds what is known of the nodes' operations. A result that is not
// known any more is left out; see ask.
func (s *scope) boardOf() (cluster.Board, error) {
	status := s.job.status()
	b := cluster.Board{
		Facts: factsOf(status), Cancelled: s.deleted(), Progress: float64(status.ProgressPercent) / hundred,
		Children: map[string]map[string]cluster.Observation{},
	}
	b.Resumed = s.mind.resumed != "" && s.mind.resumed == b.Facts.Phase
	known, err := s.job.result(b.Facts.Phase)
	if err != nil {
		return b, fmt.Errorf("recalling what %s found out: %w", b.Facts.Phase, err)
	}
	children := map[string]cluster.Observation{}
	for i := range status.Nodes {
		n := &status.Nodes[i]
		if n.Phase != b.Facts.Phase || n.OperationID == "" {
			continue
		}
		o := observationOf(n)
		if o.Op != nil && o.Op.State == rest.StateCompleted {
			if o.Op.Result = known; known == nil {
				o.Op.Result = s.mind.results[n.OperationID]
			}
		}
		children[n.HostID] = o
	}
	b.Children[b.Facts.Phase] = children
	return b, nil
}

// observationOf reads what is known of one node's operation out of a status.
func observationOf(n *v1alpha1.NodeStatus) cluster.Observation {
	o := cluster.Observation{
		OperationID: n.OperationID,
		Posted:      n.Submission == v1alpha1.SubmissionAccepted || n.Submission == v1alpha1.SubmissionLost && n.Losses > 0,
		Unsure:      n.Submission == v1alpha1.SubmissionUnsure,
		Missing:     n.Submission == v1alpha1.SubmissionLost,
		Losses:      int(n.Losses),
		CancelTried: n.Cancellation != "",
		CancelSent:  n.Cancellation == v1alpha1.CancellationAccepted,
		Progress:    float64(n.ProgressPercent) / hundred,
	}
	if n.State != "" {
		o.Op = &rest.Operation{ID: n.OperationID, State: rest.State(n.State), Progress: o.Progress, Transfer: moved(n.Transfer)}
		if o.Op.State.IsTerminal() && n.Error != "" && n.Trouble == nil {
			o.Op.Errors = []rest.OperationError{{Source: n.Address, Message: n.Error}}
		}
	}
	if t := n.Trouble; t != nil {
		o.Problem = &cluster.Problem{Reason: cluster.Reason(t.Reason), Message: n.Error}
		o.Failures, o.Since = int(t.Failures), t.Since.Time
	}
	return o
}

// keepNodes writes what is known of the nodes' operations into the status, where
// those of the present step replace those of the one before as they are sent.
func (s *scope) keepNodes() {
	status := s.job.status()
	at := make(map[string]*node, len(s.nodes))
	for i := range s.nodes {
		at[s.nodes[i].HostID] = &s.nodes[i]
	}
	for i := range status.Nodes {
		n := &status.Nodes[i]
		if now, ok := at[n.HostID]; ok {
			n.Pod = now.pod
			if now.absent == "" {
				n.Address = cut(now.Address, maxName)
			}
		}
		for _, m := range s.job.milestones() {
			if o, sent := s.board.Children[m.step][n.HostID]; sent {
				keepObservation(n, m.step, &o)
			}
		}
	}
}

func keepObservation(n *v1alpha1.NodeStatus, step string, o *cluster.Observation) {
	if n.Phase != step {
		n.ProgressPercent = 0
	}
	n.Phase, n.OperationID, n.Losses = step, cut(o.OperationID, maxID), int32(o.Losses)
	switch {
	case o.Missing:
		n.Submission = v1alpha1.SubmissionLost
	case o.Posted:
		n.Submission = v1alpha1.SubmissionAccepted
	case o.Unsure:
		n.Submission = v1alpha1.SubmissionUnsure
	default:
		n.Submission = ""
	}
	switch {
	case o.CancelSent:
		n.Cancellation = v1alpha1.CancellationAccepted
	case o.CancelTried:
		n.Cancellation = v1alpha1.CancellationTried
	default:
		n.Cancellation = ""
	}
	n.ProgressPercent = max(n.ProgressPercent, percent(o.Progress))
	n.State, n.Error, n.Trouble = "", "", nil
	if op := o.Op; op != nil {
		n.State = v1alpha1.NodeState(op.State)
		if t := transferOf(op.Transfer); t != nil {
			n.Transfer = t
		}
		if op.Instance != "" {
			n.Instance = cut(op.Instance, maxID)
		}
		if len(op.Errors) > 0 {
			n.Error = cut(op.Errors[0].Message, v1alpha1.MaxNodeError)
		}
	}
	if p := o.Problem; p != nil {
		n.Trouble = &v1alpha1.NodeTrouble{
			Reason: v1alpha1.TroubleReason(p.Reason), Since: metav1.NewTime(o.Since).Rfc3339Copy(), Failures: int32(min(o.Failures, enoughFailures)),
		}
		n.Error = cut(p.Message, v1alpha1.MaxNodeError)
	}
}

// verify makes an operation that does not fit the others one that failed, as
// soon as it is finished.
func verify(ph *cluster.Phase, f cluster.Facts, n cluster.Node, op *rest.Operation) {
	if op.State != rest.StateCompleted || len(op.Errors) > 0 || ph.Settle == nil {
		return
	}
	_, op.Errors = ph.Settle(f, []cluster.Finished{{Node: n, Op: op}})
}

// keepResults remembers what finished operations found out, until their step is settled.
func (s *scope) keepResults(children map[string]cluster.Observation) {
	for _, o := range children {
		if o.Op != nil && o.Op.State == rest.StateCompleted && len(o.Op.Result) > 0 {
			s.mind.keep(o.OperationID, o.Op.Result)
		}
	}
}

const hundred = 100

// percent rounds down: 100 is for what is done.
func percent(share float64) int32 {
	const almost = 1e-9 // 0.29 * 100 is 28.999999999999996
	return int32(min(max(share*hundred+almost, 0), hundred))
}

func moved(t *v1alpha1.Transfer) *rest.Transfer {
	if t == nil {
		return nil
	}
	return &rest.Transfer{
		BytesTotal: t.BytesTotal, FilesTotal: t.FilesTotal, BytesDone: t.BytesDone, FilesDone: t.FilesDone,
		BytesReused: t.BytesReused, FilesReused: t.FilesReused,
	}
}

// transferOf is nil where nothing moves. How fast it moves is not for a status,
// which would be written for nothing else.
func transferOf(t *rest.Transfer) *v1alpha1.Transfer {
	if t == nil || t.BytesTotal <= 0 && t.FilesTotal <= 0 {
		return nil
	}
	return &v1alpha1.Transfer{
		BytesTotal: t.BytesTotal, FilesTotal: t.FilesTotal, BytesDone: t.BytesDone, FilesDone: t.FilesDone,
		BytesReused: t.BytesReused, FilesReused: t.FilesReused,
	}
}
