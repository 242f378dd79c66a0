package operation

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/uuid"
	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// Config is what a Manager needs. Only Dir and Registry have no default.
type Config struct {
	// Dir holds the journal. One process at a time uses it.
	Dir      string
	Registry Registry
	// Clock is the real one by default.
	Clock clock.WithTicker
	// Instance names this life of the process; a random UUID by default.
	Instance string
	// Source is the host that errors of this sidecar name.
	Source string
	// Expiration is how long a finished operation is remembered; one hour by
	// default, as the original does.
	Expiration time.Duration
	// History bounds the finished operations that are remembered, whatever
	// their age; 2000 by default, some megabytes.
	History int
	// Workers bounds the operations that run in the node lane; 10 by default,
	// as in the original.
	Workers int
	// Coordinators bounds those that run in the coordinator lane; 32 by
	// default. They wait most of their time.
	Coordinators int
	// QueueSize bounds the operations that wait in each lane; 100 by default.
	QueueSize int
	Log       logr.Logger
}

func (c Config) withDefaults() Config {
	if c.Clock == nil {
		c.Clock = clock.RealClock{}
	}
	c.Instance = cmp.Or(c.Instance, uuid.NewString())
	c.Expiration = cmp.Or(c.Expiration, time.Hour)
	c.History = cmp.Or(c.History, 2000)
	c.Workers = cmp.Or(c.Workers, 10)
	c.Coordinators = cmp.Or(c.Coordinators, 32)
	c.QueueSize = cmp.Or(c.QueueSize, 100)
	if c.Log.GetSink() == nil {
		c.Log = logr.Discard()
	}
	return c
}

// Manager runs operations. Its methods may be called from any goroutine.
type Manager struct {
	registry   Registry
	clock      clock.WithTicker
	log        logr.Logger
	instance   string
	source     string
	expiration time.Duration
	history    int
	slots      [lanes]int
	queueSize  int
	journal    *journal

	// stop ends the scheduler and, through its context, every Run.
	stop  context.CancelCauseFunc
	wake  chan struct{}
	tasks sync.WaitGroup

	// mu guards what follows. No disk is touched under it.
	mu      sync.Mutex
	closed  bool
	seq     uint64
	entries map[string]*entry
	stale   []uint64 // records whose ids newer operations took
	pending []*entry // in the order of submission
	running [lanes]int
	holders map[string]*entry // of exclusive keys, while they run
}

// New opens the journal, settles what the last life of the process left
// behind, and starts to run operations. They are interrupted when ctx is done;
// Close must be called in any case.
func New(ctx context.Context, c Config) (*Manager, error) {
	c = c.withDefaults()
	j, records, err := openJournal(c.Dir)
	if err != nil {
		return nil, err
	}
	m := &Manager{
		registry: c.Registry, clock: c.Clock, log: c.Log, instance: c.Instance, source: c.Source,
		expiration: c.Expiration, history: c.History, queueSize: c.QueueSize, journal: j,
		slots: [lanes]int{Node: c.Workers, Coordinator: c.Coordinators},
		wake:  make(chan struct{}, 1), entries: map[string]*entry{}, holders: map[string]*entry{},
	}
	if err := m.restore(records); err != nil {
		return nil, fmt.Errorf("settling the operations of the last run: %w", joinClose(err, j))
	}
	ctx, m.stop = context.WithCancelCause(ctx)
	m.tasks.Go(func() { m.schedule(ctx) })
	m.kick()
	return m, nil
}

// Types decodes the requests that Submit takes.
func (m *Manager) Types() rest.Types { return m.registry.Types() }

// Instance names this life of the process.
func (m *Manager) Instance() string { return m.instance }

// Submit takes a request for running and returns the operation, which is on
// disk by then. A request with the id of an operation that exists starts
// nothing and returns that one, created being false. Warnings stay with the
// operation.
//
// The error is a *rest.Error where the request is wrong, and otherwise one of
// ErrUnknownType, ErrQueueFull, *ConflictError, ErrClosed and ErrJournal.
func (m *Manager) Submit(ctx context.Context, req rest.Request, warnings []string) (op rest.Operation, created bool, err error) {
	kind, ok := m.registry[req.RequestType()]
	if !ok {
		return rest.Operation{}, false, fmt.Errorf("%w: %.100q; this sidecar has %s",
			ErrUnknownType, req.RequestType(), strings.Join(m.registry.Names(), ", "))
	}
	if err := Validate(req); err != nil {
		return rest.Operation{}, false, err
	}
	fingerprint, err := fingerprintOf(req)
	if err != nil {
		return rest.Operation{}, false, err
	}
	if op, found, err := m.existing(ctx, req.RequestID(), fingerprint); found || err != nil {
		return op, false, err
	}
	if kind.Check != nil {
		if err := kind.Check(ctx, req); err != nil {
			return rest.Operation{}, false, fmt.Errorf("checking a %s request: %w", kind.Name, err)
		}
	}
	e, err := m.reserve(kind, req, fingerprint)
	if err != nil {
		return rest.Operation{}, false, err
	}
	if e == nil { // another submission of the same id was faster
		op, _, err := m.existing(ctx, req.RequestID(), fingerprint)
		return op, false, err
	}
	op, err = m.begin(e, warnings)
	return op, err == nil, err
}

// existing looks for the operation with an id, and waits until it is visible.
func (m *Manager) existing(ctx context.Context, id, fingerprint string) (op rest.Operation, found bool, err error) {
	if id == "" {
		return rest.Operation{}, false, nil
	}
	m.mu.Lock()
	e, ok := m.entries[id]
	m.mu.Unlock()
	if !ok || m.expired(e) {
		return rest.Operation{}, false, nil
	}
	if e.fingerprint != fingerprint {
		return rest.Operation{}, false, &ConflictError{ID: id, SameID: true}
	}
	select {
	case <-e.published:
	case <-ctx.Done():
		return rest.Operation{}, false, ctx.Err()
	}
	if e.view.Load() == nil {
		return rest.Operation{}, false, fmt.Errorf("%w: operation %s could not be written; submit it again", ErrJournal, id)
	}
	return m.show(e), true, nil
}

// reserve gives the request its place; nil where its id was taken meanwhile.
func (m *Manager) reserve(kind Kind, req rest.Request, fingerprint string) (*entry, error) {
	id := req.RequestID()
	if id == "" {
		id = uuid.NewString()
	}
	key, queue := kind.exclusive(req)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	former, taken := m.entries[id]
	if taken && !m.expired(former) {
		return nil, nil //nolint:nilnil // the caller looks for the other one
	}
	// One that is finished is only about to give its key back.
	if other := m.holder(key); other != nil && !queue && !other.finished() {
		return nil, &ConflictError{ID: other.id}
	}
	m.seq++
	e := newEntry(id, m.seq, kind, req)
	e.key, e.fingerprint, e.secrets = key, fingerprint, rest.HasSecrets(req)
	waiting := 0
	for _, p := range m.pending {
		if p.lane == e.lane {
			waiting++
		}
	}
	if waiting >= m.queueSize {
		return nil, fmt.Errorf("%w (%d do)", ErrQueueFull, waiting)
	}
	if taken {
		m.stale = append(m.stale, former.seq)
	}
	m.entries[id] = e
	m.pending = append(m.pending, e)
	return e, nil
}

// holder is the unfinished operation that has an exclusive key, or the first
// that waits for it. The caller holds mu.
func (m *Manager) holder(key string) *entry {
	if key == "" {
		return nil
	}
	if e := m.holders[key]; e != nil {
		return e
	}
	for _, e := range m.pending {
		if e.key == key {
			return e
		}
	}
	return nil
}

// begin journals a reserved entry, shows it and lets it run.
func (m *Manager) begin(e *entry, warnings []string) (rest.Operation, error) {
	op := rest.Operation{
		ID: e.id, Type: e.kind.Name, State: rest.StatePending, CreationTime: m.clock.Now().UTC(),
		Errors: []rest.OperationError{}, Warnings: slices.Clone(warnings),
	}
	var err error
	if op.Request, err = json.Marshal(e.req); err == nil {
		err = m.journal.put(e.record(op))
	}
	if err != nil {
		m.mu.Lock()
		delete(m.entries, e.id)
		m.pending = slices.DeleteFunc(m.pending, func(p *entry) bool { return p == e })
		m.mu.Unlock()
		close(e.published)
		return rest.Operation{}, err
	}
	e.written = m.clock.Now()
	e.view.Store(&op)
	close(e.published)
	m.log.Info("Submitted operation", "operation", e.id, "type", e.kind.Name)
	shown := m.show(e)
	m.kick()
	return shown, nil
}

// show is the operation as answered: the instance is always this one's.
func (m *Manager) show(e *entry) rest.Operation {
	op := *e.view.Load()
	op.Instance = m.instance
	return op
}

// fingerprintOf tells two requests apart without keeping their secrets.
func fingerprintOf(req rest.Request) (string, error) {
	text, err := json.Marshal(req)
	if err != nil {
		return "", fmt.Errorf("encoding a %s request: %w", req.RequestType(), err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}
