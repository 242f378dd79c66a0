package operation

import (
	"errors"
	"fmt"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// restore brings back what the journal holds: finished operations as they are,
// unfinished ones of resumable kinds to run again, the others as FAILED. Those
// that can go on with a request that is posted again are forgotten until it is.
func (m *Manager) restore(records []record) error {
	for _, r := range records { // in the order of their submission
		m.seq = max(m.seq, r.Seq)
		e, err := m.revive(r)
		if errors.Is(err, errPostAgain) {
			m.log.Info("Forgetting an operation whose request carried secrets: it goes on when the request is posted again",
				"operation", r.Operation.ID, "type", r.Operation.Type)
			m.stale = append(m.stale, r.Seq)
			continue
		}
		op := r.Operation
		e.view.Store(&op)
		close(e.published)
		if older, twice := m.entries[e.id]; twice {
			m.stale = append(m.stale, older.seq)
		}
		m.entries[e.id] = e
		switch {
		case op.State.IsTerminal():
			close(e.done)
		case e.cancelled && (err != nil || !e.windsUp()):
			m.finish(e, errCancelled)
		case err != nil:
			m.finish(e, fmt.Errorf("sidecar restarted: %w", err))
		default:
			if err := m.requeue(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// errPostAgain is for an operation that lost its secrets and whose client chose
// its id: a coordinator, who is told that it is not known, posts it again.
var errPostAgain = errors.New("the request must be posted again")

// revive makes an entry of a record. The error tells why it cannot run again.
func (m *Manager) revive(r record) (*entry, error) {
	kind, known := m.registry[r.Operation.Type]
	e := newEntry(r.Operation.ID, r.Seq, Kind{Name: r.Operation.Type}, nil)
	e.fingerprint, e.secrets, e.cancelled, e.kept = r.Fingerprint, r.Secrets, r.Cancelled, r.Kept
	e.resumed = r.Operation.StartTime != nil
	switch {
	case r.Operation.State.IsTerminal():
		return e, nil
	case !known:
		return e, fmt.Errorf("operations of type %s are not enabled any more", r.Operation.Type)
	case !kind.Resumable && e.resumed:
		return e, errors.New("the operation was interrupted; look at what it has done, then submit it again")
	case !kind.Resumable:
		return e, errors.New("the operation had not begun; submit it again")
	case r.Secrets && !r.Cancelled && m.postedAgain(kind, r):
		return e, errPostAgain
	case r.Secrets:
		return e, errors.New("the operation cannot go on without the password of its request, which is not kept; submit it again")
	}
	req := kind.New()
	if _, err := rest.DecodeInto(r.Request, req); err != nil {
		return e, fmt.Errorf("the request cannot be read any more: %w", err)
	}
	e.kind, e.req, e.lane = kind, req, kind.lane(req)
	e.key, _ = kind.exclusive(req)
	return e, nil
}

// postedAgain reports whether somebody can be expected to post a request again: one
// for this node, under an id of the client's. A coordinator's is not, since what it
// had decided would be forgotten with it.
func (m *Manager) postedAgain(kind Kind, r record) bool {
	req := kind.New()
	if _, err := rest.DecodeInto(r.Request, req); err != nil {
		return false
	}
	return req.RequestID() != "" && kind.lane(req) == Node
}

// requeue lets an operation run again. What it reported before is told anew.
func (m *Manager) requeue(e *entry) error {
	err := m.change(e, strict, func(op *rest.Operation) {
		op.State, op.Progress, op.Transfer, op.Result = rest.StatePending, 0, nil, nil
		op.Errors, op.Nodes, op.CurrentPhase = []rest.OperationError{}, nil, ""
		if e.resumed {
			op.Warnings = appended(op.Warnings, "the sidecar was restarted; the operation goes on")
		}
	})
	if err != nil {
		return err
	}
	m.pending = append(m.pending, e)
	return nil
}
