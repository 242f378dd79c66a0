package cluster

import (
	"fmt"
	"slices"
	"time"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// windUp waits until nothing of the current phase is at work any more, and
// then gives the verdict. The phases before it are complete.
func (s *step) windUp() {
	ph, ending := s.current(), *s.facts.Ending
	if ending.CancelSince.IsZero() && (s.board.Cancelled || s.expired()) {
		ending.CancelSince = s.now
		s.facts.Ending = &ending
	}
	cancelling := !ending.CancelSince.IsZero()
	s.out.Actions = nil
	var waiting bool
	var left []rest.OperationError
	for _, n := range s.plan.scope(ph, s.facts) {
		o := s.board.Children[ph.Name][n.HostID]
		if !s.atWork(&o) {
			continue
		}
		a := s.action(Poll, ph, n, &o)
		if s.givenUp(&o, ending.CancelSince) {
			left = append(left, rest.OperationError{Source: n.Address, Message: fmt.Sprintf(
				"%s: operation %s may still be at work: it %s", ph.Name, a.OperationID, o.status())})
			continue
		}
		waiting = true
		s.windUpOne(a, &o, cancelling)
	}
	switch {
	case !waiting:
		s.conclude(ph, ending, left)
	case cancelling:
		s.wakeAt(ending.CancelSince.Add(s.patience.WindUp))
	default:
		s.wakeAt(s.facts.Deadline)
	}
}

// windUpOne asks a child to stop, where it is to, and then whether it has.
func (s *step) windUpOne(a Action, o *Observation, cancelling bool) {
	first := cancelling && !o.CancelTried // no delay of a poll holds it up
	switch {
	case o.Busy:
		return
	case !first && s.now.Before(o.NotBefore):
		s.wakeAt(o.NotBefore)
		return
	case cancelling && !o.CancelSent:
		a.Verb = Cancel
	}
	s.out.Actions = append(s.out.Actions, a)
}

// atWork reports whether a child may be doing something now, or begin to.
func (s *step) atWork(o *Observation) bool {
	return !o.finished() && (o.Busy || o.Unsure || o.Posted && !o.Missing || s.board.Resumed && !o.known())
}

// givenUp reports whether a child is not waited for any longer.
func (s *step) givenUp(o *Observation, cancelSince time.Time) bool {
	if cancelSince.IsZero() {
		return o.exhausted(s.patience, s.now)
	}
	return s.now.Sub(cancelSince) >= s.patience.WindUp || o.CancelTried && o.exhausted(s.patience, s.now)
}

// conclude gives the verdict, with what the children said since it fell.
func (s *step) conclude(ph *Phase, ending Ending, left []rest.OperationError) {
	s.out.Verdict = ending.Verdict
	errs := slices.Clone(ending.Errors)
	var sent bool
	for _, n := range s.plan.scope(ph, s.facts) {
		o := s.board.Children[ph.Name][n.HostID]
		sent = sent || o.Op != nil || o.Losses > 0 || s.atWork(&o)
		if !o.ruined(!ending.CancelSince.IsZero()) {
			continue
		}
		for _, e := range s.failures(ph, n, &o) {
			if !slices.Contains(errs, e) {
				errs = append(errs, e)
			}
		}
	}
	errs = append(errs, left...)
	if ph.Remedy != nil {
		if remedy := ph.Remedy(s.facts, sent); remedy != "" {
			errs = append(errs, rest.OperationError{Message: remedy})
		}
	}
	s.out.Errors = errs
}

// ruined reports whether a child failed for good. One that was cancelled did
// as it was told, where it was told to.
func (o *Observation) ruined(told bool) bool {
	if o.finished() {
		return !o.completed() && (!told || o.Op.State != rest.StateCancelled)
	}
	return o.Problem != nil && o.Problem.Reason == Final
}
