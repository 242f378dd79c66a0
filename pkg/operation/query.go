package operation

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// Filter chooses operations. Values of one field are alternatives, in any
// case; a field without values lets all through.
type Filter struct {
	Types  []string
	States []string
}

func (f Filter) matches(op *rest.Operation) bool {
	return among(f.Types, op.Type) && among(f.States, string(op.State))
}

func among(list []string, value string) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, value) })
}

// Get is the operation with an id, or ErrNotFound.
func (m *Manager) Get(id string) (rest.Operation, error) {
	e, err := m.find(id)
	if err != nil {
		return rest.Operation{}, err
	}
	return m.show(e), nil
}

// List is the operations that a filter chooses, the newest first.
func (m *Manager) List(f Filter) []rest.Operation {
	m.mu.Lock()
	all := make([]*entry, 0, len(m.entries))
	for _, e := range m.entries {
		all = append(all, e)
	}
	m.mu.Unlock()
	slices.SortFunc(all, func(a, b *entry) int {
		if a.seq > b.seq {
			return -1
		}
		return 1
	})
	ops := []rest.Operation{}
	for _, e := range all {
		if op := e.view.Load(); op != nil && !m.expired(e) && f.matches(op) {
			ops = append(ops, m.show(e))
		}
	}
	return ops
}

// Wait returns the operation when it is finished.
func (m *Manager) Wait(ctx context.Context, id string) (rest.Operation, error) {
	e, err := m.find(id)
	if err != nil {
		return rest.Operation{}, err
	}
	select {
	case <-e.done:
		return m.show(e), nil
	case <-ctx.Done():
		return m.show(e), fmt.Errorf("waiting for operation %s: %w", id, ctx.Err())
	}
}

// Cancel asks an operation to stop. One that waits is CANCELLED at once, unless
// something of it is at work since before a restart; one that runs is when its work
// has stopped, and until then looks as before. A finished one stays as it is:
// cancelling twice is no error. One that runs and that nothing stops goes on, and
// the error is a *rest.Error with code 409.
func (m *Manager) Cancel(_ context.Context, id string) (rest.Operation, error) {
	e, err := m.find(id)
	if err != nil {
		return rest.Operation{}, err
	}
	// The wish is on disk before it is heard: a restart must not resume what a
	// client was told is being cancelled.
	e.write.Lock()
	if err := e.mayCancel(); err != nil {
		e.write.Unlock()
		return rest.Operation{}, err
	}
	before := e.cancelled
	e.cancelled = true
	if err := m.changeLocked(e, strict, func(*rest.Operation) {}); err != nil {
		e.cancelled = before
		e.write.Unlock()
		return rest.Operation{}, err
	}
	e.write.Unlock()
	m.mu.Lock()
	waits := -1
	if !e.windsUp() {
		waits = slices.Index(m.pending, e)
	}
	if waits >= 0 {
		m.pending = slices.Delete(m.pending, waits, waits+1)
	}
	if e.stop != nil {
		e.stop(errCancelled)
	}
	m.mu.Unlock()
	if waits >= 0 {
		m.finish(e, errCancelled)
		m.kick()
	}
	return m.show(e), nil
}

// unfinished is an operation other than e that is not finished, nil if there is none.
func (m *Manager) unfinished(e *entry) *entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, other := range m.entries {
		if other != e && other.view.Load() != nil && !other.finished() {
			return other
		}
	}
	return nil
}

// mayCancel refuses for an operation that runs and cannot be stopped. The caller
// holds write, which an operation needs to become RUNNING: one that is not so yet
// will find that it is cancelled.
func (e *entry) mayCancel() error {
	atWork := e.view.Load().State == rest.StateRunning || e.resumed && e.kind.Outlives
	if e.kind.Uncancellable == "" || !atWork || e.finished() {
		return nil
	}
	return &rest.Error{
		Code:    http.StatusConflict,
		Message: fmt.Sprintf("operation %s runs and cannot be cancelled: %s", e.id, e.kind.Uncancellable),
	}
}

func (m *Manager) find(id string) (*entry, error) {
	m.mu.Lock()
	e, ok := m.entries[id]
	m.mu.Unlock()
	if !ok || e.view.Load() == nil || m.expired(e) {
		return nil, fmt.Errorf("%w: %.100q", ErrNotFound, id)
	}
	return e, nil
}

// expired reports whether a finished operation is to be forgotten.
func (m *Manager) expired(e *entry) bool {
	op := e.view.Load()
	return op != nil && op.CompletionTime != nil && m.clock.Since(*op.CompletionTime) >= m.expiration
}

// Close stops everything: Runs are cancelled with the cause ErrClosed and left
// to the next start as if the process had died. It returns when they all
// returned, or when ctx is done.
func (m *Manager) Close(ctx context.Context) error {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.stop(ErrClosed)
	stopped := make(chan struct{})
	go func() {
		m.tasks.Wait()
		close(stopped)
	}()
	var err error
	select {
	case <-stopped:
	case <-ctx.Done():
		err = fmt.Errorf("stopping: %d operations do not stop: %w", m.working(), ctx.Err())
	}
	return errors.Join(err, m.journal.close())
}

func (m *Manager) working() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.running[Node] + m.running[Coordinator]
}

func joinClose(err error, j *journal) error { return errors.Join(err, j.close()) }
