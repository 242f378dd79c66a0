package cluster

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// Board is what is known of an operation: what Step looks at. It is plain
// data, and survives JSON. The zero Board is that of an operation that has not
// begun.
type Board struct {
	Facts Facts `json:"facts"`
	// Resumed says that an earlier life of the coordinator may have sent
	// children that are not on the board: they are looked for before anything
	// is sent.
	Resumed bool `json:"resumed,omitempty"`
	// Cancelled says that the operation is to end.
	Cancelled bool `json:"cancelled,omitempty"`
	// Progress is the highest that was decided so far.
	Progress float64 `json:"progress"`
	// Children are the observations by phase and host id.
	Children map[string]map[string]Observation `json:"children,omitempty"`
}

// Observation is what is known of one child.
type Observation struct {
	// OperationID is the id under which its sidecar has it.
	OperationID string `json:"operationId"`
	// Posted is set when the sidecar has answered for it.
	Posted bool `json:"posted,omitempty"`
	// Unsure is set when a submission may or may not have arrived.
	Unsure bool `json:"unsure,omitempty"`
	// Busy is set while a call is on its way.
	Busy bool `json:"-"`
	// Op is its last answer, without what nobody reads again.
	Op *rest.Operation `json:"operation,omitempty"`
	// Missing is set when the sidecar's last word was that it does not know it.
	Missing bool `json:"missing,omitempty"`
	// Losses counts how often a posted child went missing.
	Losses int `json:"losses,omitempty"`
	// Problem is the trouble of the last call, nil where there was none.
	Problem *Problem `json:"problem,omitempty"`
	// Failures counts the calls that had trouble since the last that had none,
	// and Since is the first of them.
	Failures int       `json:"failures,omitempty"`
	Since    time.Time `json:"since,omitzero"`
	// Polls counts the answers, for the delay between them.
	Polls int `json:"polls,omitempty"`
	// NotBefore is the time of the next call.
	NotBefore time.Time `json:"notBefore,omitzero"`
	// CancelTried and CancelSent are set when it was asked to stop, and when
	// its sidecar has taken that.
	CancelTried bool `json:"cancelTried,omitempty"`
	CancelSent  bool `json:"cancelSent,omitempty"`
	// Progress is the highest it has reported.
	Progress float64 `json:"progress,omitempty"`
}

const (
	firstDelay = 100 * time.Millisecond
	lastDelay  = 2 * time.Second
	// maxLosses is how often a sidecar may lose one child; more is not a
	// restart but a sidecar that does not keep its operations.
	maxLosses = 5
	// minFailures keeps one late look at an old failure from being the end.
	minFailures = 3
)

// delay grows by half: at most a third of a short operation's time is lost
// to waiting for the next poll.
func delay(n int) time.Duration {
	const growth, enough = 1.5, 8 // 100 ms * 1.5^8 > 2 s
	if n >= enough {
		return lastDelay
	}
	return min(time.Duration(float64(firstDelay)*math.Pow(growth, float64(n))), lastDelay)
}

// Adopt keeps what was decided. A driver calls it for every decision, and puts
// Facts that are new where they last before it acts.
func (b *Board) Adopt(d Decision) {
	b.Progress = d.Progress
	settled := b.Facts.Phase
	b.Facts = d.Facts
	if settled == "" || settled == d.Facts.Phase {
		return
	}
	for host, o := range b.Children[settled] {
		if o.Op != nil { // requests and results of a thousand nodes are megabytes
			op := *o.Op
			op.Request, op.Result = nil, nil
			o.Op = &op
			b.Children[settled][host] = o
		}
	}
}

// Begin notes that an action is on its way. The child is left alone until Record.
func (b *Board) Begin(a Action) {
	o := b.get(a)
	o.Busy = true
	b.put(a, o)
}

// Record notes how an action ended: what the sidecar answered, or the error.
// Answers come in any order and more than once; what is finished stays so.
func (b *Board) Record(a Action, op *rest.Operation, err error, now time.Time) {
	o := b.get(a)
	o.Busy = false
	if !o.finished() {
		if err == nil && a.Verb != Cancel {
			err = checkAnswer(a, op)
		}
		switch {
		case err == nil:
			o.answered(a.Verb, op, now)
		case a.Verb != Submit && isMissing(err):
			o.lost(now)
		default:
			o.failed(a, op, classify(err), now)
		}
	}
	b.put(a, o)
}

func (b *Board) get(a Action) Observation {
	o, ok := b.Children[a.Phase][a.Node.HostID]
	if !ok {
		o.OperationID = a.OperationID
	}
	return o
}

func (b *Board) put(a Action, o Observation) {
	if b.Children == nil {
		b.Children = map[string]map[string]Observation{}
	}
	if b.Children[a.Phase] == nil {
		b.Children[a.Phase] = map[string]Observation{}
	}
	b.Children[a.Phase][a.Node.HostID] = o
}

func (o *Observation) answered(verb Verb, op *rest.Operation, now time.Time) {
	o.Posted, o.Unsure, o.Missing = true, false, false
	o.Problem, o.Failures, o.Since = nil, 0, time.Time{}
	if verb == Submit {
		o.Polls = 0
	}
	if verb == Cancel {
		o.CancelTried, o.CancelSent, o.Polls = true, true, 0
	} else {
		kept := *op
		kept.Nodes = nil
		o.Op = &kept
		o.Progress = max(o.Progress, share(op))
	}
	o.NotBefore = now.Add(delay(o.Polls))
	o.Polls++
}

func (o *Observation) lost(now time.Time) {
	if o.Posted && !o.Missing {
		o.Losses++
	}
	o.Missing, o.Unsure = true, false
	o.Problem, o.Failures, o.Since = nil, 0, time.Time{}
	o.NotBefore = now
	if o.Losses > 1 {
		o.NotBefore = now.Add(lastDelay)
	}
}

func (o *Observation) failed(a Action, op *rest.Operation, p Problem, now time.Time) {
	switch {
	case a.Verb == Submit && op != nil:
		// It took the request under an id of its own, and will again.
		p.Reason, o.Posted, o.Missing, o.OperationID = Final, true, false, op.ID
	case a.Verb == Submit && p.Reason == Unreachable:
		o.Unsure = true
	case a.Verb != Submit && p.Reason == Final:
		p.Reason = Unreachable // what is at work is worth more patience
	}
	if a.Verb == Cancel {
		o.CancelTried = true
	}
	if o.Failures == 0 {
		o.Since = now
	}
	o.Problem = &p
	o.NotBefore = now.Add(delay(o.Failures))
	o.Failures++
}

// finished reports whether the child will never change again.
func (o *Observation) finished() bool { return o.Op != nil && o.Op.State.IsTerminal() && !o.Missing }

func (o *Observation) completed() bool {
	return o.finished() && o.Op.State == rest.StateCompleted && len(o.Op.Errors) == 0
}

// known reports whether the sidecar has ever said what it has.
func (o *Observation) known() bool { return o.Posted || o.Missing }

// patience is how long the present trouble may last.
func (o *Observation) patience(p Patience) time.Duration {
	if o.Problem == nil || o.Posted || o.Unsure {
		return p.Answer
	}
	switch o.Problem.Reason {
	case Refused, Conflict:
		return p.Submit
	default:
		return p.Answer
	}
}

func (o *Observation) exhausted(p Patience, now time.Time) bool {
	return o.Failures >= minFailures && now.Sub(o.Since) >= o.patience(p)
}

// checkAnswer refuses an answer that is not about the child.
func checkAnswer(a Action, op *rest.Operation) error {
	switch {
	case op == nil:
		return errors.New("the sidecar answered without an operation")
	case !strings.EqualFold(op.ID, a.OperationID):
		return fmt.Errorf("the sidecar answered with operation %.100q when operation %s was meant; "+
			"it must be of a version that takes the id of a request", op.ID, a.OperationID)
	}
	switch op.State {
	case rest.StatePending, rest.StateRunning, rest.StateCompleted, rest.StateFailed, rest.StateCancelled:
		return nil
	default:
		return fmt.Errorf("the sidecar answered with the unknown state %.100q", op.State)
	}
}

// share is how much of a child is done, whatever it reports.
func share(op *rest.Operation) float64 {
	p := op.Progress
	if t := op.Transfer; t != nil && t.BytesTotal > 0 {
		p = float64(t.BytesDone) / float64(t.BytesTotal)
	}
	if op.State == rest.StateCompleted {
		p = 1
	}
	if !(p > 0) { // NaN too
		return 0
	}
	return min(p, 1)
}
