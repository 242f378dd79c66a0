package operation

import (
	"errors"
	"fmt"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// restore brings back what the journal holds: finished operations as they are,
// unfinished ones of resumable kinds to run again, the others as FAILED.
func (m *Manager) restore(records []record) error {
	for _, r := range records { // in the order of their submission
		m.seq = max(m.seq, r.Seq)
		e, err := m.revive(r)
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
		case e.cancelled:
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
