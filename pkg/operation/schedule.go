package operation

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/go-logr/logr"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// sweepInterval is how long a finished operation may outlive its expiration in
// the journal; it is hidden from the moment it expires.
const sweepInterval = time.Minute

// kick makes the scheduler look at the queue.
func (m *Manager) kick() {
	select {
	case m.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// schedule starts what may start, and forgets what expired, until ctx is done.
func (m *Manager) schedule(ctx context.Context) {
	ticker := m.clock.NewTicker(sweepInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C():
			m.sweep()
		case <-m.wake:
			for _, e := range m.startable(ctx) {
				m.tasks.Go(func() { m.run(ctx, e) })
			}
		}
	}
}

// startable takes out of the queue what has a slot, and whose key nobody holds
// or waits for longer. Submission order decides, but what cannot start does
// not hold up what can.
func (m *Manager) startable(ctx context.Context) []*entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	var ready []*entry
	claimed := map[string]bool{}
	m.pending = slices.DeleteFunc(m.pending, func(e *entry) bool {
		blocked := e.key != "" && (m.holders[e.key] != nil || claimed[e.key])
		if e.key != "" {
			claimed[e.key] = true
		}
		if blocked || e.view.Load() == nil || m.running[e.lane] >= m.slots[e.lane] || ctx.Err() != nil {
			return false
		}
		m.running[e.lane]++
		if e.key != "" {
			m.holders[e.key] = e
		}
		ready = append(ready, e)
		return true
	})
	return ready
}

func (m *Manager) run(ctx context.Context, e *entry) {
	log := m.log.WithValues("operation", e.id, "type", e.kind.Name)
	ctx, stop := context.WithCancelCause(logr.NewContext(ctx, log))
	defer stop(nil)
	defer m.release(e)
	m.mu.Lock()
	e.stop = stop
	m.mu.Unlock()

	begin := m.clock.Now().UTC()
	var cancelled bool // by someone who came before stop was set
	err := m.change(e, strict, func(op *rest.Operation) {
		op.State = rest.StateRunning
		if op.StartTime == nil {
			op.StartTime = &begin
		}
		cancelled = e.cancelled
	})
	switch {
	case err != nil:
		m.finish(e, err)
		return
	case cancelled && !e.windsUp():
		m.finish(e, errCancelled)
		return
	case cancelled:
		stop(errCancelled)
	}
	log.Info("Running operation", "resumed", e.resumed)
	err = m.guard(ctx, e)
	// An operation that a stopping sidecar interrupts stays as it is on disk, as
	// if the process had died: the next start settles it.
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(cause, errCancelled) {
		log.Info("Leaving operation to the next start", "reason", err.Error())
		return
	}
	m.finish(e, err)
}

// guard is the one place that recovers: a panic fails its operation, not the sidecar.
func (m *Manager) guard(ctx context.Context, e *entry) (err error) {
	defer func() {
		if p := recover(); p != nil {
			logr.FromContextOrDiscard(ctx).Error(fmt.Errorf("panic: %v", p), "Recovering operation", "stack", string(debug.Stack()))
			err = fmt.Errorf("internal error while running %s; the sidecar's log tells where", e.kind.Name)
		}
	}()
	return e.kind.Run(ctx, e.req, &Handle{m: m, e: e})
}

// release gives back what a Run held.
func (m *Manager) release(e *entry) {
	m.mu.Lock()
	m.running[e.lane]--
	if e.key != "" {
		delete(m.holders, e.key)
	}
	e.stop = nil
	m.mu.Unlock()
	m.kick()
}

// finish settles the final state from what Run returned, after it returned.
func (m *Manager) finish(e *entry, err error) {
	e.write.Lock()
	defer e.write.Unlock()
	end := m.clock.Now().UTC()
	settle := func(op *rest.Operation) {
		op.CompletionTime = &end
		m.outcome(op, err, e.cancelled)
	}
	if jerr := m.changeLocked(e, strict, settle); jerr != nil {
		// The work is over whatever the disk says. It is shown, with the reason
		// why a restart may not remember it.
		op := *e.view.Load()
		settle(&op)
		op.Errors = appended(op.Errors, rest.OperationError{Source: m.source, Message: jerr.Error()})
		if op.State == rest.StateCompleted {
			op.State = rest.StateFailed
		}
		e.view.Store(&op)
		m.log.Error(jerr, "Journaling finished operation", "operation", e.id)
	}
	close(e.done)
	op := e.view.Load()
	m.log.Info("Finished operation", "operation", e.id, "type", op.Type, "state", op.State,
		"duration", end.Sub(op.CreationTime).String(), "errors", op.Errors)
}

// outcome: an operation is COMPLETED if Run returned no error and reported
// none, even when a cancellation came too late to be heard; only one that was
// stopped by it is CANCELLED.
func (m *Manager) outcome(op *rest.Operation, err error, cancelled bool) {
	switch {
	case err == nil && len(op.Errors) == 0:
		op.State, op.Progress = rest.StateCompleted, 1
	case cancelled:
		op.State = rest.StateCancelled
		if err != nil && !errors.Is(err, errCancelled) {
			op.Warnings = appended(op.Warnings, "stopped at: "+err.Error())
		}
	default:
		op.State = rest.StateFailed
		if err != nil {
			op.Errors = appended(op.Errors, rest.OperationError{Source: m.source, Message: err.Error()})
		}
	}
}

// sweep forgets finished operations that expired, and the oldest of too many.
func (m *Manager) sweep() {
	m.mu.Lock()
	var finished []*entry
	for _, e := range m.entries {
		if e.finished() {
			finished = append(finished, e)
		}
	}
	slices.SortFunc(finished, func(a, b *entry) int {
		return b.view.Load().CompletionTime.Compare(*a.view.Load().CompletionTime)
	})
	seqs := m.stale
	m.stale = nil
	for i, e := range finished {
		if i < m.history && !m.expired(e) {
			continue
		}
		seqs = append(seqs, e.seq)
		delete(m.entries, e.id)
	}
	m.mu.Unlock()
	if len(seqs) == 0 {
		return
	}
	if err := m.journal.drop(seqs); err != nil {
		m.log.Error(err, "Forgetting expired operations", "count", len(seqs))
	}
}
