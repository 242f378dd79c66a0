package cluster

import (
	"fmt"
	"time"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// view is what one look at a phase finds.
type view struct {
	failures []rest.OperationError
	done     []Finished
	// unfinished children are at work or not sent yet; the sidecars of unknown
	// ones were not asked yet whether an earlier life had sent them.
	unfinished, unknown int
	submits, polls      []Action
	wake                time.Time
	// share is how much of the phase is done.
	share float64
}

func (v *view) complete() bool { return v.unfinished == 0 && len(v.failures) == 0 }

// actions holds submissions back until it is known what an earlier life sent.
func (v *view) actions() []Action {
	if v.unknown > 0 {
		return v.polls
	}
	return append(v.polls, v.submits...)
}

func (s *step) look(ph *Phase) view {
	var v view
	nodes := s.plan.scope(ph, s.facts)
	for _, n := range nodes {
		v.share += s.lookAt(ph, n, &v) / float64(len(nodes))
	}
	return v
}

// lookAt notes one child, and returns how much of it is done.
func (s *step) lookAt(ph *Phase, n Node, v *view) float64 {
	o, seen := s.board.Children[ph.Name][n.HostID]
	if o.completed() {
		v.done = append(v.done, Finished{Node: n, Op: o.Op})
		return 1
	}
	if failures := s.failures(ph, n, &o); len(failures) > 0 {
		v.failures = append(v.failures, failures...)
		return o.Progress
	}
	a := s.action(Submit, ph, n, &o)
	if !o.Posted || o.Missing {
		req, err := s.request(ph, n, &o)
		switch {
		case err != nil:
			v.failures = append(v.failures, rest.OperationError{Source: n.Address, Message: err.Error()})
			return 0
		case req == nil && !seen:
			return 1
		}
		a.Request = req
	}
	v.await(a, &o, s.board.Resumed && !o.known(), s.now)
	return o.Progress
}

// await takes up a child that is not finished; a is how it would be submitted.
func (v *view) await(a Action, o *Observation, probe bool, now time.Time) {
	v.unfinished++
	if probe {
		v.unknown++
	}
	switch {
	case o.Busy:
	case now.Before(o.NotBefore):
		if v.wake.IsZero() || o.NotBefore.Before(v.wake) {
			v.wake = o.NotBefore
		}
	case probe, o.Posted && !o.Missing:
		a.Verb, a.Request = Poll, nil
		v.polls = append(v.polls, a)
	default:
		v.submits = append(v.submits, a)
	}
}

// request of a child, where it may be sent now.
func (s *step) request(ph *Phase, n Node, o *Observation) (rest.Request, error) {
	if o.Busy || s.now.Before(o.NotBefore) {
		return nil, nil //nolint:nilnil // it is not looked at
	}
	req, err := ph.Request(s.facts, s.plan.child(ph, n))
	if err != nil {
		return nil, fmt.Errorf("writing the request of %s: %w", ph.Name, err)
	}
	return req, nil
}

func (s *step) action(verb Verb, ph *Phase, n Node, o *Observation) Action {
	id := o.OperationID
	if id == "" {
		id = s.plan.child(ph, n).ID
	}
	return Action{Verb: verb, Phase: ph.Name, Node: n, OperationID: id}
}

// failures tells why a child will not be COMPLETED, if that is so.
func (s *step) failures(ph *Phase, n Node, o *Observation) []rest.OperationError {
	one := func(format string, args ...any) []rest.OperationError {
		return []rest.OperationError{{Source: n.Address, Message: fmt.Sprintf(format, args...)}}
	}
	switch {
	case o.finished():
		return ended(ph, n, o.Op)
	case o.Losses > maxLosses:
		return one("%s: the sidecar lost operation %s %d times", ph.Name, o.OperationID, o.Losses)
	case o.Problem == nil:
		return nil
	case o.Problem.Reason == Final:
		return one("%s: %s", ph.Name, o.Problem.Message)
	case o.exhausted(s.patience, s.now):
		return one("%s: for %s the sidecar %s: %s", ph.Name, s.now.Sub(o.Since).Round(time.Second), o.Problem.Reason.did(), o.Problem.Message)
	}
	return nil
}

// ended is why a child that is finished is not COMPLETED.
func ended(ph *Phase, n Node, op *rest.Operation) []rest.OperationError {
	errs := make([]rest.OperationError, 0, len(op.Errors)+1)
	for _, e := range op.Errors { // they name the host as it names itself
		errs = append(errs, rest.OperationError{Source: n.Address, Message: e.Message})
	}
	switch {
	case op.State == rest.StateCancelled:
		errs = append(errs, rest.OperationError{Source: n.Address, Message: fmt.Sprintf("%s: operation %s was cancelled", ph.Name, op.ID)})
	case len(errs) == 0 && op.State == rest.StateFailed:
		errs = append(errs, rest.OperationError{Source: n.Address, Message: fmt.Sprintf("%s: operation %s failed and does not say why", ph.Name, op.ID)})
	}
	return errs
}

// status finishes a sentence about a child that is not COMPLETED.
func (o *Observation) status() string {
	switch {
	case o.Problem != nil:
		return fmt.Sprintf("last %s: %s", o.Problem.Reason.did(), o.Problem.Message)
	case o.Missing:
		return "was to be sent again"
	case o.Op != nil:
		return fmt.Sprintf("was %s at %.0f %%", o.Op.State, 100*o.Progress)
	default:
		return "had not answered"
	}
}
