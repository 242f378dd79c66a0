package operation_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	testclock "k8s.io/utils/clock/testing"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 11, 23, 4, 41, 43, 690901181, time.UTC)

// work is a request of the tests' own types.
type work struct {
	rest.Header
	// Name is how the test talks to the running operation.
	Name      string      `json:"name" validate:"required,max=20"`
	Key       string      `json:"key,omitempty"`
	Queue     bool        `json:"queue"`
	Global    bool        `json:"global"`
	Tag       string      `json:"tag,omitempty"`
	Password  rest.Secret `json:"password,omitempty"`
	Forbidden bool        `json:"forbidden"`
}

// bench lets a test hold the Runs of its operations in its hands.
type bench struct {
	mu      sync.Mutex
	inside  map[string]chan func(ctx context.Context, req *work, h *operation.Handle) error
	started chan string
	running int
	most    int
}

func newBench() *bench {
	return &bench{
		inside:  map[string]chan func(context.Context, *work, *operation.Handle) error{},
		started: make(chan string, 1000),
	}
}

func (b *bench) door(name string) chan func(context.Context, *work, *operation.Handle) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.inside[name] == nil {
		b.inside[name] = make(chan func(context.Context, *work, *operation.Handle) error)
	}
	return b.inside[name]
}

// run waits for what the test tells it to do; told nothing, it obeys ctx.
func (b *bench) run(ctx context.Context, req *work, h *operation.Handle) error {
	b.count(1)
	defer b.count(-1)
	b.started <- req.Name
	select {
	case do := <-b.door(req.Name):
		return do(ctx, req, h)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *bench) count(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running += n
	b.most = max(b.most, b.running)
}

func (b *bench) do(name string, f func(ctx context.Context, req *work, h *operation.Handle) error) {
	b.door(name) <- f
}

func succeed(context.Context, *work, *operation.Handle) error { return nil }

func (b *bench) spec(resumable bool) operation.Spec[work] {
	return operation.Spec[work]{
		Run:       b.run,
		Resumable: resumable,
		Lane: func(req *work) operation.Lane {
			if req.Global {
				return operation.Coordinator
			}
			return operation.Node
		},
		Exclusive: func(req *work) (string, bool) { return req.Key, req.Queue },
		Check: func(_ context.Context, req *work) error {
			if req.Forbidden {
				return rest.Invalid(rest.Violation{Field: "forbidden", Message: "is"})
			}
			return nil
		},
	}
}

func (b *bench) registry(t *testing.T) operation.Registry {
	t.Helper()
	outlives := b.spec(false)
	outlives.Outlives = true
	r, err := operation.NewRegistry(
		operation.Define("once", b.spec(false)),
		operation.Define("again", b.spec(true)),
		operation.Define("outlives", outlives),
	)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

type fixture struct {
	*operation.Manager
	bench *bench
	clock *testclock.FakeClock
	dir   string
}

func setUp(t *testing.T, change func(*operation.Config)) *fixture {
	t.Helper()
	return setUpIn(t, t.TempDir(), newBench(), change)
}

func setUpIn(t *testing.T, dir string, b *bench, change func(*operation.Config)) *fixture {
	t.Helper()
	f := &fixture{bench: b, clock: testclock.NewFakeClock(start), dir: dir}
	c := operation.Config{Dir: dir, Registry: b.registry(t), Clock: f.clock, Instance: "life-1", Source: "host1"}
	if change != nil {
		change(&c)
	}
	m, err := operation.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	f.Manager = m
	t.Cleanup(func() { _ = m.Close(context.WithoutCancel(t.Context())) })
	return f
}

func (f *fixture) close(t *testing.T) {
	t.Helper()
	if err := f.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

func (f *fixture) submit(t *testing.T, kind string, req work) rest.Operation {
	t.Helper()
	req.Type = kind
	op, created, err := f.Submit(t.Context(), &req, nil)
	if err != nil || !created {
		t.Fatalf("submitting %+v: created %v, %v", req, created, err)
	}
	return op
}

// begin submits and waits until it runs.
func (f *fixture) begin(t *testing.T, kind string, req work) rest.Operation {
	t.Helper()
	op := f.submit(t, kind, req)
	if name := <-f.bench.started; name != req.Name {
		t.Fatalf("%s began, not %s", name, req.Name)
	}
	return op
}

func (f *fixture) wait(t *testing.T, id string) rest.Operation {
	t.Helper()
	op, err := f.Wait(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return op
}

func (f *fixture) expect(t *testing.T, id string, want rest.State) rest.Operation {
	t.Helper()
	op, err := f.Get(id)
	if err != nil {
		t.Fatal(err)
	}
	if op.State != want {
		t.Fatalf("operation is %s, want %s: %+v", op.State, want, op)
	}
	return op
}

func conflictWith(t *testing.T, err error, id string, sameID bool) {
	t.Helper()
	var conflict *operation.ConflictError
	if !errors.As(err, &conflict) || !errors.Is(err, operation.ErrConflict) || conflict.ID != id || conflict.SameID != sameID {
		t.Fatalf("error is %v, want a conflict with %s", err, id)
	}
}
