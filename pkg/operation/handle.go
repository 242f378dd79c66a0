package operation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// Handle is a running operation's way to tell about itself. Its methods may be
// called from any goroutine of Run, except Update; once the operation is
// finished they do nothing.
type Handle struct {
	m *Manager
	e *entry
}

// ID of the operation.
func (h *Handle) ID() string { return h.e.id }

// Resumed reports whether an earlier life of the sidecar began this operation.
func (h *Handle) Resumed() bool { return h.e.resumed }

// Alone returns when no other operation waits or runs. It is for the coordinator
// lane: in the other it would hold a slot that they need.
func (h *Handle) Alone(ctx context.Context) error {
	for {
		other := h.m.unfinished(h.e)
		if other == nil {
			return nil
		}
		select {
		case <-other.done:
		case <-ctx.Done():
			return fmt.Errorf("waiting for operation %s (%s): %w", other.id, other.kind.Name, context.Cause(ctx))
		}
	}
}

// Cancelled reports whether the context of a Run ended because a client cancelled
// the operation, and not because the sidecar stops.
func Cancelled(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errCancelled) }

// SetProgress takes a number from 0 to 1.
func (h *Handle) SetProgress(p float64) {
	if math.IsNaN(p) {
		return
	}
	h.tell(lazy, func(op *rest.Operation) { op.Progress = min(max(p, 0), 1) })
}

// SetTransfer tells what has been moved; the progress follows the bytes.
func (h *Handle) SetTransfer(t rest.Transfer) {
	h.tell(lazy, func(op *rest.Operation) {
		op.Transfer = &t
		if t.BytesTotal > 0 {
			op.Progress = min(max(float64(t.BytesDone)/float64(t.BytesTotal), 0), 1)
		}
	})
}

// SetPhase names the phase that the operation is in.
func (h *Handle) SetPhase(phase string) {
	h.tell(eager, func(op *rest.Operation) { op.CurrentPhase = phase })
}

// SetNodes tells how each node of a global request is doing. What they all
// move is what the operation moves.
func (h *Handle) SetNodes(nodes []rest.NodeProgress) {
	nodes = slices.Clone(nodes)
	var sum *rest.Transfer
	for _, n := range nodes {
		if n.Transfer == nil {
			continue
		}
		if sum == nil {
			sum = new(rest.Transfer)
		}
		sum.BytesTotal += n.Transfer.BytesTotal
		sum.FilesTotal += n.Transfer.FilesTotal
		sum.BytesDone += n.Transfer.BytesDone
		sum.FilesDone += n.Transfer.FilesDone
		sum.BytesReused += n.Transfer.BytesReused
		sum.FilesReused += n.Transfer.FilesReused
		sum.BytesPerSecond += n.Transfer.BytesPerSecond
		sum.SecondsLeft = max(sum.SecondsLeft, n.Transfer.SecondsLeft)
	}
	h.tell(lazy, func(op *rest.Operation) {
		op.Nodes = nodes
		if sum != nil {
			op.Transfer = sum
		}
	})
}

// Fail adds an error with its source: a node's address, or "" for this host.
// The operation will be FAILED, whatever Run returns.
func (h *Handle) Fail(source, message string) {
	if source == "" {
		source = h.m.source
	}
	h.tell(eager, func(op *rest.Operation) {
		op.Errors = appended(op.Errors, rest.OperationError{Source: source, Message: message})
	})
}

// Warn adds warnings.
func (h *Handle) Warn(messages ...string) {
	for _, message := range messages {
		h.tell(eager, func(op *rest.Operation) { op.Warnings = appended(op.Warnings, message) })
	}
}

// SetResult keeps what the operation found out; see rest.Operation.Result.
func (h *Handle) SetResult(v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		h.Fail("", fmt.Sprintf("encoding the result: %v", err))
		return
	}
	h.tell(eager, func(op *rest.Operation) { op.Result = raw })
}

// Update changes the request, which everyone sees and a resumed Run gets. It
// is on disk when Update returns nil: what must not change after a restart is
// decided here, before it is acted upon. The goroutine of Run calls it, because
// change gets the very request that Run got.
func (h *Handle) Update(change func(req rest.Request)) error {
	change(h.e.req)
	raw, err := json.Marshal(h.e.req)
	if err != nil {
		return fmt.Errorf("encoding the request: %w", err)
	}
	return h.m.change(h.e, strict, func(op *rest.Operation) { op.Request = raw })
}

// Keep puts v aside for a resumed Run, which gets it from Kept; nobody else
// sees it. It is on disk when Keep returns nil.
func (h *Handle) Keep(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding what to keep: %w", err)
	}
	h.e.write.Lock()
	defer h.e.write.Unlock()
	former := h.e.kept
	h.e.kept = raw
	if err := h.m.changeLocked(h.e, strict, func(*rest.Operation) {}); err != nil {
		h.e.kept = former
		return err
	}
	return nil
}

// Kept reads into v what was last kept, if anything was.
func (h *Handle) Kept(v any) (found bool, err error) {
	h.e.write.Lock()
	raw := h.e.kept
	h.e.write.Unlock()
	if raw == nil {
		return false, nil
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return false, fmt.Errorf("decoding what was kept: %w", err)
	}
	return true, nil
}

// tell changes the view. A journal that stays broken fails the operation when
// it finishes.
func (h *Handle) tell(d durability, apply func(op *rest.Operation)) {
	if err := h.m.change(h.e, d, apply); err != nil {
		h.m.log.Error(err, "Journaling operation", "operation", h.e.id)
	}
}
