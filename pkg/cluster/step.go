package cluster

import (
	"fmt"
	"slices"
	"time"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// Verdict is how an operation ended.
type Verdict string

// The verdicts.
const (
	// Undecided is the verdict of an operation that goes on.
	Undecided Verdict = ""
	// Succeeded means that every child is COMPLETED.
	Succeeded Verdict = "Succeeded"
	Failed    Verdict = "Failed"
	Cancelled Verdict = "Cancelled"
)

// Verb is what is asked of a sidecar.
type Verb string

// The verbs.
const (
	// Submit is POST /operations. It may be repeated: the request has an id.
	Submit Verb = "Submit"
	// Poll is GET /operations/{id}.
	Poll Verb = "Poll"
	// Cancel is DELETE /operations/{id}.
	Cancel Verb = "Cancel"
)

// Action is one call to one sidecar.
type Action struct {
	Verb  Verb
	Phase string
	Node  Node
	// OperationID is the child's.
	OperationID string
	// Request is what is submitted; nil for the other verbs.
	Request rest.Request
}

// Decision is what follows from what is known.
type Decision struct {
	// Actions are to be performed now, in any order and at once.
	Actions []Action
	// Facts replace the board's. Those that are new are kept before an action
	// is performed.
	Facts Facts
	// Progress goes from 0 to 1 and never back.
	Progress float64
	// Wake is when to decide again if nothing is recorded before; the zero time
	// is never.
	Wake time.Time
	// Verdict is Undecided until nothing is left to do.
	Verdict Verdict
	// Errors come with the verdict: why it failed, and what could not be wound
	// up. Their source is a node's address, or "" for the coordinator.
	Errors []rest.OperationError
}

// step is one decision in the making.
type step struct {
	plan     *Plan
	board    *Board
	now      time.Time
	patience Patience
	phase    int
	facts    Facts
	out      Decision
}

// Step decides how an operation goes on. It depends on its arguments alone and
// changes none of them.
func Step(plan Plan, board Board, now time.Time) Decision {
	s := &step{plan: &plan, board: &board, now: now, patience: plan.Patience.withDefaults(), facts: board.Facts}
	s.out.Progress = board.Progress
	if err := s.begin(); err != nil {
		s.out.Verdict, s.out.Facts = Failed, board.Facts
		s.out.Errors = []rest.OperationError{{Message: err.Error()}}
		return s.out
	}
	for more := s.facts.Ending == nil; more; {
		more = s.advance()
	}
	if s.facts.Ending != nil {
		s.windUp()
	}
	s.out.Facts = s.facts
	return s.out
}

// begin finds the place where the operation is.
func (s *step) begin() error {
	if err := s.plan.check(); err != nil {
		return err
	}
	i, known := s.plan.index(s.facts.Phase)
	if !known {
		return fmt.Errorf("%w: %s has no phase %s, which was reached before", ErrPlan, s.plan.Kind, s.facts.Phase)
	}
	s.phase, s.facts.Phase = i, s.plan.Phases[i].Name
	if len(s.facts.Hosts) == 0 {
		s.facts.Hosts = s.plan.hosts()
		if s.plan.Timeout > 0 {
			s.facts.Deadline = s.now.Add(s.plan.Timeout)
		}
	}
	if errs := s.plan.changed(s.facts.Hosts); len(errs) > 0 && s.facts.Ending == nil {
		s.end(Failed, errs, false)
	}
	return nil
}

func (s *step) current() *Phase { return &s.plan.Phases[s.phase] }

func (s *step) last() bool { return s.phase == len(s.plan.Phases)-1 }

func (s *step) expired() bool { return !s.facts.Deadline.IsZero() && !s.now.Before(s.facts.Deadline) }

// advance looks at the current phase, and reports whether the next one is to
// be looked at too.
func (s *step) advance() bool {
	ph := s.current()
	if errs := s.recall(ph); len(errs) > 0 {
		s.end(Failed, errs, false)
		return false
	}
	v := s.look(ph)
	s.out.Progress = max(s.out.Progress, s.plan.progress(s.phase, v.share))
	switch {
	case v.complete(): // that is so even where somebody cancelled meanwhile
		return s.settle(ph, v)
	case s.board.Cancelled:
		s.end(Cancelled, v.failures, false)
	case len(v.failures) > 0:
		s.end(Failed, v.failures, ph.LetFinish)
	case s.expired():
		s.end(Failed, s.late(ph), false)
	default:
		s.out.Actions = v.actions()
		s.wakeAt(v.wake)
		s.wakeAt(s.facts.Deadline)
	}
	return false
}

// settle closes a phase that is complete.
func (s *step) settle(ph *Phase, v view) bool {
	switch {
	case len(v.done) == 0:
		s.facts.Skipped = append(slices.Clip(s.facts.Skipped), ph.Name)
	case ph.Settle != nil:
		facts, errs := ph.Settle(s.facts, v.done)
		if len(errs) > 0 {
			s.end(Failed, errs, false)
			return false
		}
		s.facts = facts
	}
	if s.last() {
		s.out.Verdict, s.out.Progress = Succeeded, 1
		return false
	}
	s.phase++
	s.facts.Phase = s.current().Name
	return true
}

// recall prefers what a child was sent with to what would be decided now: an
// id never stands for two requests.
func (s *step) recall(ph *Phase) []rest.OperationError {
	if !s.board.Resumed || ph.Recall == nil {
		return nil
	}
	nodes, children := s.plan.scope(ph, s.facts), s.board.Children[ph.Name]
	for _, n := range nodes {
		if o := children[n.HostID]; !o.known() {
			return nil // it may be the one to tell
		}
	}
	for _, n := range nodes {
		o := children[n.HostID]
		if o.Op == nil || len(o.Op.Request) == 0 || o.Missing {
			continue
		}
		facts, err := ph.Recall(s.facts, o.Op)
		if err != nil {
			return []rest.OperationError{{Source: n.Address, Message: fmt.Sprintf("reading what %s was sent with: %v", ph.Name, err)}}
		}
		s.facts = facts
		break
	}
	return nil
}

// end begins to wind the operation up.
func (s *step) end(v Verdict, errs []rest.OperationError, letFinish bool) {
	ending := &Ending{Verdict: v, Errors: errs}
	if !letFinish {
		ending.CancelSince = s.now
	}
	s.facts.Ending = ending
}

// late names every node that the deadline found at work.
func (s *step) late(ph *Phase) []rest.OperationError {
	var errs []rest.OperationError
	for _, n := range s.plan.scope(ph, s.facts) {
		o := s.board.Children[ph.Name][n.HostID]
		if o.completed() {
			continue
		}
		errs = append(errs, rest.OperationError{Source: n.Address, Message: fmt.Sprintf(
			"%s was not complete when the time of the operation was up, at %s: it %s",
			ph.Name, s.facts.Deadline.UTC().Format(time.RFC3339), o.status())})
	}
	return errs
}

func (s *step) wakeAt(t time.Time) {
	if !t.IsZero() && (s.out.Wake.IsZero() || t.Before(s.out.Wake)) {
		s.out.Wake = t
	}
}
