package operation_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// stubborn adds a kind that nothing stops once it runs.
func stubborn(t *testing.T, b *bench) func(*operation.Config) {
	t.Helper()
	spec := b.spec(true)
	spec.Uncancellable = "it has begun"
	return func(c *operation.Config) {
		c.Workers = 1
		c.Registry["stubborn"] = operation.Define("stubborn", spec)
	}
}

func TestWhatCannotBeStoppedIsCancelledOnlyWhileItWaits(t *testing.T) {
	t.Parallel()
	b := newBench()
	f := setUpIn(t, t.TempDir(), b, stubborn(t, b))
	running := f.begin(t, "stubborn", work{Name: "running"})
	waiting := f.submit(t, "stubborn", work{Name: "waiting"})
	if op, err := f.Cancel(t.Context(), waiting.ID); err != nil || op.State != rest.StateCancelled {
		t.Errorf("cancelling what waits: %+v, %v", op, err)
	}
	for range 2 {
		_, err := f.Cancel(t.Context(), running.ID)
		var told *rest.Error
		if !errors.As(err, &told) || told.Code != http.StatusConflict {
			t.Errorf("cancelling what runs: %v", err)
		}
	}
	f.bench.do("running", func(ctx context.Context, _ *work, _ *operation.Handle) error { return ctx.Err() })
	if op := f.wait(t, running.ID); op.State != rest.StateCompleted {
		t.Errorf("it was disturbed: %+v", op)
	}
	if op, err := f.Cancel(t.Context(), running.ID); err != nil || op.State != rest.StateCompleted {
		t.Errorf("cancelling what is over: %+v, %v", op, err)
	}
}

func TestARefusedCancellationIsNotRemembered(t *testing.T) {
	t.Parallel()
	dir, b := t.TempDir(), newBench()
	f := setUpIn(t, dir, b, stubborn(t, b))
	op := f.begin(t, "stubborn", work{Name: "w"})
	if _, err := f.Cancel(t.Context(), op.ID); err == nil {
		t.Fatal("it was not refused")
	}
	f.close(t)
	b = newBench()
	f = setUpIn(t, dir, b, stubborn(t, b))
	<-f.bench.started
	f.bench.do("w", succeed)
	if op := f.wait(t, op.ID); op.State != rest.StateCompleted {
		t.Errorf("after a restart it is %+v", op)
	}
}

func TestWhatOutlivesTheSidecarIsNotCancelledUnseen(t *testing.T) {
	t.Parallel()
	stubborn := func(b *bench, workers int) func(*operation.Config) {
		spec := b.spec(false)
		spec.Outlives, spec.Uncancellable = true, "it has begun"
		return func(c *operation.Config) {
			c.Workers = workers
			c.Registry["stubborn"] = operation.Define("stubborn", spec)
		}
	}
	dir, b := t.TempDir(), newBench()
	f := setUpIn(t, dir, b, stubborn(b, 3))
	first := f.begin(t, "outlives", work{Name: "first"})
	second, third := f.begin(t, "outlives", work{Name: "second"}), f.begin(t, "stubborn", work{Name: "third"})
	f.close(t)

	b = newBench()
	f = setUpIn(t, dir, b, stubborn(b, 1)) // so that two of them wait
	<-f.bench.started
	if op, err := f.Cancel(t.Context(), second.ID); err != nil || op.State != rest.StatePending {
		t.Errorf("while it waits to be looked after it is %+v, %v", op, err)
	}
	var told *rest.Error
	if _, err := f.Cancel(t.Context(), third.ID); !errors.As(err, &told) || told.Code != http.StatusConflict {
		t.Errorf("cancelling what nothing stops: %v", err)
	}
	f.bench.do("first", succeed)
	f.wait(t, first.ID)
	if name := <-f.bench.started; name != "second" {
		t.Errorf("%s ran", name)
	}
	if op := f.wait(t, second.ID); op.State != rest.StateCancelled {
		t.Errorf("it is %+v", op)
	}
	f.bench.do("third", succeed)
	if op := f.wait(t, third.ID); op.State != rest.StateCompleted {
		t.Errorf("it is %+v", op)
	}
}

func TestARunKnowsWhetherItWasCancelled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(f *fixture, id string) error
		want bool
	}{
		"by a client":                 {func(f *fixture, id string) error { _, err := f.Cancel(t.Context(), id); return err }, true},
		"or only the sidecar stopped": {func(f *fixture, _ string) error { return f.Close(t.Context()) }, false},
	} {
		f := setUp(t, nil)
		op := f.begin(t, "once", work{Name: "w"})
		heard := make(chan bool, 1)
		f.bench.do("w", func(ctx context.Context, _ *work, _ *operation.Handle) error {
			<-ctx.Done()
			heard <- operation.Cancelled(ctx)
			return ctx.Err()
		})
		if err := c.end(f, op.ID); err != nil {
			t.Fatal(err)
		}
		if got := <-heard; got != c.want {
			t.Errorf("%s: cancelled is %v", name, got)
		}
	}
}

func TestOneWaitsUntilItIsAlone(t *testing.T) {
	t.Parallel()
	f := setUp(t, func(c *operation.Config) { c.Workers = 1 })
	running := f.begin(t, "once", work{Name: "running"})
	waiting := f.submit(t, "once", work{Name: "waiting"})
	last := f.begin(t, "once", work{Name: "last", Global: true})
	alone := func(ctx context.Context, _ *work, h *operation.Handle) error { return h.Alone(ctx) }
	f.bench.do("last", alone)
	f.bench.do("running", succeed)
	f.wait(t, running.ID)
	<-f.bench.started
	f.expect(t, last.ID, rest.StateRunning)
	f.bench.do("waiting", succeed)
	f.wait(t, waiting.ID)
	if op := f.wait(t, last.ID); op.State != rest.StateCompleted {
		t.Errorf("it is %+v", op)
	}

	f.begin(t, "once", work{Name: "running"})
	given := f.begin(t, "once", work{Name: "given up", Global: true})
	f.bench.do("given up", alone)
	if _, err := f.Cancel(t.Context(), given.ID); err != nil {
		t.Fatal(err)
	}
	if op := f.wait(t, given.ID); op.State != rest.StateCancelled {
		t.Errorf("it is %+v", op)
	}
}

func TestWhoeverSawTheEndOfOneMaySubmitTheNext(t *testing.T) {
	t.Parallel()
	f := setUp(t, nil)
	for range 100 {
		op := f.begin(t, "once", work{Name: "w", Key: "k"})
		f.bench.do("w", succeed)
		f.wait(t, op.ID)
	}
}
