package operation

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// entry is one operation in memory.
type entry struct {
	id   string
	seq  uint64
	kind Kind
	lane Lane
	key  string // what it excludes others from, or ""
	// fingerprint is of the request as it was submitted.
	fingerprint string
	secrets     bool
	resumed     bool
	// req belongs to Run once it runs.
	req rest.Request

	// published is closed when view is set, or when it never will be.
	published chan struct{}
	// done is closed when the state is terminal.
	done chan struct{}
	// view is what everyone sees; it is replaced, never changed.
	view atomic.Pointer[rest.Operation]

	// write orders changes: they go to disk and into view one after another.
	// Readers never wait for it.
	write     sync.Mutex
	written   time.Time
	cancelled bool
	kept      json.RawMessage

	// stop ends Run's context; it is set while the entry runs, under the
	// manager's lock.
	stop context.CancelCauseFunc
}

func newEntry(id string, seq uint64, kind Kind, req rest.Request) *entry {
	return &entry{
		id: id, seq: seq, kind: kind, lane: kind.lane(req), req: req,
		published: make(chan struct{}), done: make(chan struct{}),
	}
}

func (e *entry) record(op rest.Operation) record {
	return record{
		Seq: e.seq, Operation: op, Fingerprint: e.fingerprint, Secrets: e.secrets, Cancelled: e.cancelled, Kept: e.kept,
	}
}

// finished reports whether the operation is visible and over.
func (e *entry) finished() bool {
	op := e.view.Load()
	return op != nil && op.State.IsTerminal()
}

// windsUp reports whether a cancelled operation has to run all the same, with a
// context that is cancelled, since something of it is still at work after a
// restart: operations elsewhere that a coordinator is to cancel, or Cassandra.
func (e *entry) windsUp() bool { return e.resumed && (e.lane == Coordinator || e.kind.Outlives) }

// durability says how a change relates to the journal.
type durability int

const (
	// strict changes are on disk before they are seen, or do not happen.
	strict durability = iota
	// eager changes are written at once, and are seen even if that fails:
	// what an operation reports must not get lost in memory too.
	eager
	// lazy changes are written when the last write is some time ago.
	lazy
)

// progressInterval is how much progress a crash may lose; a restart begins
// anew anyway, so the journal need not be synced more often.
const progressInterval = 5 * time.Second

// change makes a new view of the operation. Once it is finished nothing
// changes any more, whoever still holds its Handle.
func (m *Manager) change(e *entry, d durability, apply func(op *rest.Operation)) error {
	e.write.Lock()
	defer e.write.Unlock()
	return m.changeLocked(e, d, apply)
}

func (m *Manager) changeLocked(e *entry, d durability, apply func(op *rest.Operation)) error {
	current := e.view.Load()
	if current.State.IsTerminal() {
		return nil
	}
	next := *current
	apply(&next)
	var err error
	if at := m.clock.Now(); d != lazy || at.Sub(e.written) >= progressInterval {
		if err = m.journal.put(e.record(next)); err != nil && d == strict {
			return err
		}
		e.written = at
	}
	e.view.Store(&next)
	return err
}

// appended never writes into an array that a view still shows.
func appended[T any](list []T, item T) []T { return append(slices.Clip(list), item) }
