package operation_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	testclock "k8s.io/utils/clock/testing"
	"pgregory.net/rapid"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

const (
	modelWorkers      = 2
	modelCoordinators = 1
	modelQueue        = 3
)

// expected is what the model knows of one operation.
type expected struct {
	req   work
	state rest.State
	final *rest.Operation // as it was seen when it had finished
}

// life is a model of the manager: the same rules, without disk and goroutines.
type life struct {
	t       *testing.T
	manager *operation.Manager
	bench   *bench
	clock   *testclock.FakeClock
	dir     string
	order   []string // ids by submission
	ops     map[string]*expected
}

func (l *life) open(dir string) {
	l.dir, l.bench = dir, newBench()
	m, err := operation.New(l.t.Context(), operation.Config{
		Dir: dir, Registry: l.bench.registry(l.t), Clock: l.clock, Source: "host1",
		Workers: modelWorkers, Coordinators: modelCoordinators, QueueSize: modelQueue, Expiration: 1000 * time.Hour,
	})
	if err != nil {
		l.t.Fatal(err)
	}
	l.manager = m
}

func (l *life) close() {
	if err := l.manager.Close(l.t.Context()); err != nil {
		l.t.Error(err)
	}
}

func (l *life) in(states ...rest.State) []string {
	var ids []string
	for _, id := range l.order {
		if slices.Contains(states, l.ops[id].state) {
			ids = append(ids, id)
		}
	}
	return ids
}

// settle starts what may start, by the rules of the queue.
func (l *life) settle() {
	free := map[bool]int{false: modelWorkers, true: modelCoordinators}
	held := map[string]bool{}
	for _, id := range l.in(rest.StateRunning) {
		free[l.ops[id].req.Global]--
		held[l.ops[id].req.Key] = true
	}
	for _, id := range l.in(rest.StatePending) {
		op := l.ops[id]
		blocked := op.req.Key != "" && held[op.req.Key]
		held[op.req.Key] = true
		if !blocked && free[op.req.Global] > 0 {
			free[op.req.Global]--
			op.state = rest.StateRunning
		}
	}
}

// agree waits until the manager has come to where the model is.
func (l *life) agree(t *rapid.T) {
	l.settle()
	for {
		got := map[string]rest.State{}
		for _, op := range l.manager.List(operation.Filter{}) {
			got[op.ID] = op.State
		}
		want := map[string]rest.State{}
		for id, op := range l.ops {
			want[id] = op.state
		}
		if reflect.DeepEqual(want, got) {
			break
		}
		if l.t.Context().Err() != nil {
			t.Fatalf("the manager never agreed (-want +got):\n%s", cmp.Diff(want, got))
		}
		runtime.Gosched()
	}
	for id, op := range l.ops {
		if !op.state.IsTerminal() {
			continue
		}
		seen, err := l.manager.Get(id)
		if err != nil {
			t.Fatal(err)
		}
		seen.Instance = ""
		if op.final == nil {
			op.final = &seen
		}
		if diff := cmp.Diff(*op.final, seen); diff != "" {
			t.Fatalf("%s changed after its end:\n%s", id, diff)
		}
		if seen.CompletionTime == nil || (seen.State == rest.StateFailed) != (len(seen.Errors) > 0) {
			t.Fatalf("finished operation %+v", seen)
		}
	}
}

func (l *life) submit(t *rapid.T) {
	id := uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id")).String()
	req := work{
		Header: rest.Header{Type: rapid.SampledFrom([]string{"once", "again", "outlives"}).Draw(t, "type"), ID: id},
		Name:   fmt.Sprint("op", len(l.order)),
		Key:    rapid.SampledFrom([]string{"", "", "a", "b"}).Draw(t, "key"),
		Queue:  rapid.Bool().Draw(t, "queue"),
		Global: rapid.Bool().Draw(t, "global"),
	}
	if _, taken := l.ops[id]; taken {
		return
	}
	waiting, busy := 0, false
	for _, other := range l.in(rest.StatePending, rest.StateRunning) {
		op := l.ops[other]
		if op.state == rest.StatePending && op.req.Global == req.Global {
			waiting++
		}
		busy = busy || (req.Key != "" && op.req.Key == req.Key)
	}
	_, created, err := l.manager.Submit(l.t.Context(), &req, nil)
	switch {
	case busy && !req.Queue:
		if !errors.Is(err, operation.ErrConflict) {
			t.Fatalf("an exclusive one was not refused: %v", err)
		}
	case waiting >= modelQueue:
		if !errors.Is(err, operation.ErrQueueFull) {
			t.Fatalf("one too many was not refused: %v", err)
		}
	default:
		if err != nil || !created {
			t.Fatalf("submitting: %v, %v", created, err)
		}
		l.order = append(l.order, id)
		l.ops[id] = &expected{req: req, state: rest.StatePending}
	}
}

func (l *life) pick(t *rapid.T, states ...rest.State) string {
	ids := l.in(states...)
	if len(ids) == 0 {
		t.Skip("there is none")
	}
	return rapid.SampledFrom(ids).Draw(t, "operation")
}

// crash goes on from the journal as it lies on disk at this moment.
func (l *life) crash(t *rapid.T) {
	raw, err := os.ReadFile(filepath.Join(l.dir, "operations.db"))
	if err != nil {
		t.Fatal(err)
	}
	l.close()
	dir := filepath.Join(l.t.TempDir(), uuid.NewString())
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "operations.db"), raw, 0o600)); err != nil {
		t.Fatal(err)
	}
	l.open(dir)
	for _, id := range l.in(rest.StatePending, rest.StateRunning) {
		op := l.ops[id]
		op.state = rest.StatePending
		if op.req.Type == "once" {
			op.state = rest.StateFailed
		}
	}
}

// Whatever clients, operations and crashes do, the manager keeps the rules:
// its states are those of the model after every step, what was finished never
// changes, and what was visible survives.
func TestLifecycleProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		l := &life{t: t, clock: testclock.NewFakeClock(start), ops: map[string]*expected{}}
		l.open(filepath.Join(t.TempDir(), uuid.NewString()))
		defer func() { l.close() }()
		rt.Repeat(map[string]func(*rapid.T){
			"":       l.agree,
			"submit": l.submit,
			"post again": func(rt *rapid.T) {
				id := l.pick(rt, rest.StatePending, rest.StateRunning, rest.StateCompleted, rest.StateFailed, rest.StateCancelled)
				req := l.ops[id].req
				op, created, err := l.manager.Submit(t.Context(), &req, nil)
				if err != nil || created || op.ID != id {
					rt.Fatalf("posting again: %v, %v", created, err)
				}
				req.Tag += "x"
				if _, _, err := l.manager.Submit(t.Context(), &req, nil); !errors.Is(err, operation.ErrConflict) {
					rt.Fatalf("posting another: %v", err)
				}
			},
			"succeed": func(rt *rapid.T) {
				id := l.pick(rt, rest.StateRunning)
				l.bench.do(l.ops[id].req.Name, succeed)
				l.ops[id].state = rest.StateCompleted
			},
			"fail": func(rt *rapid.T) {
				id := l.pick(rt, rest.StateRunning)
				how := rapid.SampledFrom([]string{"error", "report", "panic"}).Draw(rt, "how")
				l.bench.do(l.ops[id].req.Name, func(_ context.Context, _ *work, h *operation.Handle) error {
					switch how {
					case "report":
						h.Fail("n2", how)
						return nil
					case "panic":
						panic(how)
					}
					return errors.New(how)
				})
				l.ops[id].state = rest.StateFailed
			},
			"cancel": func(rt *rapid.T) {
				id := l.pick(rt, rest.StatePending, rest.StateRunning)
				if _, err := l.manager.Cancel(t.Context(), id); err != nil {
					rt.Fatal(err)
				}
				l.ops[id].state = rest.StateCancelled
			},
			"time passes": func(rt *rapid.T) {
				l.clock.Step(time.Duration(rapid.IntRange(1, 600).Draw(rt, "seconds")) * time.Second)
			},
			"crash": l.crash,
		})
	})
}
