package operation_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

const (
	id1 = "0b26a94e-0000-5000-8000-000000000001"
	id2 = "0b26a94e-0000-5000-8000-000000000002"
)

func TestAnOperationCompletes(t *testing.T) {
	t.Parallel()
	f := setUp(t, nil)
	op, created, err := f.Submit(t.Context(), &work{Header: rest.Header{Type: "once"}, Name: "w"}, []string{"odd field"})
	if err != nil || !created {
		t.Fatal(created, err)
	}
	<-f.bench.started
	f.clock.Step(time.Second)
	f.bench.do("w", func(_ context.Context, req *work, h *operation.Handle) error {
		h.SetPhase("Uploading")
		h.SetTransfer(rest.Transfer{BytesTotal: 10, BytesDone: 4})
		h.SetNodes([]rest.NodeProgress{{HostID: "n1"}})
		h.SetResult(rest.BackupResult{SnapshotTag: "s"})
		h.Warn("slow")
		return h.Update(func(r rest.Request) { r.(*work).Tag = req.Name + "-final" })
	})
	got := f.wait(t, op.ID)
	later := start.Add(time.Second)
	want := rest.Operation{
		ID: op.ID, Type: "once", State: rest.StateCompleted, Progress: 1, Instance: "life-1",
		CreationTime: start, StartTime: &start, CompletionTime: &later,
		Errors: []rest.OperationError{}, Warnings: []string{"odd field", "slow"}, CurrentPhase: "Uploading",
		Transfer: &rest.Transfer{BytesTotal: 10, BytesDone: 4}, Nodes: []rest.NodeProgress{{HostID: "n1"}},
		Result:  json.RawMessage(`{"snapshotTag":"s","manifestKey":"","tables":0}`),
		Request: json.RawMessage(`{"type":"once","name":"w","queue":false,"global":false,"tag":"w-final","forbidden":false}`),
	}
	if got.StartTime.After(later) {
		t.Errorf("began at %v", got.StartTime)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(rest.Operation{}, "StartTime")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnOperationFails(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		run  func(ctx context.Context, req *work, h *operation.Handle) error
		want []rest.OperationError
	}{
		"by the error that Run returns": {
			func(context.Context, *work, *operation.Handle) error { return errors.New("disk full") },
			[]rest.OperationError{{Source: "host1", Message: "disk full"}},
		},
		"by what it reported of other hosts": {
			func(_ context.Context, _ *work, h *operation.Handle) error {
				h.Fail("10.0.0.2", "no such tag")
				h.Fail("", "giving up")
				return nil
			},
			[]rest.OperationError{{Source: "10.0.0.2", Message: "no such tag"}, {Source: "host1", Message: "giving up"}},
		},
		"by a panic, without its stack": {
			func(context.Context, *work, *operation.Handle) error { panic("secret detail") },
			[]rest.OperationError{{Source: "host1", Message: "internal error while running once; the sidecar's log tells where"}},
		},
		"by a result that cannot be written": {
			func(_ context.Context, _ *work, h *operation.Handle) error { h.SetResult(math.NaN()); return nil },
			[]rest.OperationError{{Source: "host1", Message: "encoding the result: json: unsupported value: NaN"}},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setUp(t, nil)
			op := f.begin(t, "once", work{Name: "w"})
			f.bench.do("w", c.run)
			got := f.wait(t, op.ID)
			if got.State != rest.StateFailed || got.CompletionTime == nil {
				t.Errorf("operation is %+v", got)
			}
			if diff := cmp.Diff(c.want, got.Errors); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBadRequestsStartNothing(t *testing.T) {
	t.Parallel()
	f := setUp(t, nil)
	cases := map[string]struct {
		req    rest.Request
		fields []string
	}{
		"a field is missing":          {&work{Header: rest.Header{Type: "once"}}, []string{"name"}},
		"the id is no UUID":           {&work{Header: rest.Header{Type: "once", ID: "../x"}, Name: "w"}, []string{"id"}},
		"the check of the kind fails": {&work{Header: rest.Header{Type: "once"}, Name: "w", Forbidden: true}, []string{"forbidden"}},
	}
	for name, c := range cases {
		_, _, err := f.Submit(t.Context(), c.req, nil)
		var told *rest.Error
		if !errors.As(err, &told) || told.Code != 400 {
			t.Errorf("%s: error is %v", name, err)
			continue
		}
		var fields []string
		for _, v := range told.Violations {
			fields = append(fields, v.Field)
		}
		if diff := cmp.Diff(c.fields, fields); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", name, diff)
		}
	}
	if _, _, err := f.Submit(t.Context(), &work{Header: rest.Header{Type: "nosuch"}}, nil); !errors.Is(err, operation.ErrUnknownType) {
		t.Errorf("error is %v", err)
	}
	if ops := f.List(operation.Filter{}); len(ops) != 0 {
		t.Errorf("there are %v", ops)
	}
}

func TestViolationsNameFieldsAsClientsWriteThem(t *testing.T) {
	t.Parallel()
	req, _, err := rest.Decode([]byte(`{"type":"backup","concurrentConnections":0,"metadataDirective":"both","proxySettings":{"proxyPort":70000},"retry":{"maxAttempts":-1},"entities":"a,b.c","id":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	var told *rest.Error
	if !errors.As(operation.Validate(req), &told) {
		t.Fatal("no error")
	}
	got := map[string]string{}
	for _, v := range told.Violations {
		got[v.Field] = v.Message
	}
	want := map[string]string{
		"id":                      "must be a UUID",
		"storageLocation":         "is missing",
		"concurrentConnections":   "must be at least 1",
		"metadataDirective":       "must be one of COPY, REPLACE",
		"proxySettings.proxyPort": "must be at most 65535",
		"retry.maxAttempts":       "must be at least 0",
		"entities":                `keyspaces and tables are mixed: write either "ks1,ks2" or "ks1.t1,ks2.t2"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheSameIDStartsNothingTwice(t *testing.T) {
	t.Parallel()
	f := setUp(t, nil)
	first := f.begin(t, "once", work{Header: rest.Header{ID: id1}, Name: "w"})
	if first.ID != id1 {
		t.Fatalf("id is %s", first.ID)
	}
	again := &work{Header: rest.Header{Type: "once", ID: id1}, Name: "w"}
	op, created, err := f.Submit(t.Context(), again, nil)
	if err != nil || created || op.ID != id1 || op.State != rest.StateRunning {
		t.Fatalf("got %+v, %v, %v", op, created, err)
	}
	f.bench.do("w", func(_ context.Context, _ *work, h *operation.Handle) error {
		return h.Update(func(r rest.Request) { r.(*work).Tag = "changed" })
	})
	f.wait(t, id1)
	if op, created, err = f.Submit(t.Context(), again, nil); err != nil || created || op.State != rest.StateCompleted {
		t.Fatalf("after it finished: %+v, %v, %v", op, created, err)
	}
	_, _, err = f.Submit(t.Context(), &work{Header: rest.Header{Type: "once", ID: id1}, Name: "other"}, nil)
	conflictWith(t, err, id1, true)
	f.clock.Step(time.Hour)
	f.begin(t, "once", *again)
	f.bench.do("w", succeed)
	f.wait(t, id1)
}

func TestTheSameIDAtOnceStartsOne(t *testing.T) {
	t.Parallel()
	f := setUp(t, nil)
	var all sync.WaitGroup
	var mu sync.Mutex
	began := 0
	for range 20 {
		all.Go(func() {
			_, created, err := f.Submit(t.Context(), &work{Header: rest.Header{Type: "once", ID: id1}, Name: "w"}, nil)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if created {
				began++
			}
		})
	}
	all.Wait()
	if began != 1 || len(f.List(operation.Filter{})) != 1 {
		t.Errorf("%d began", began)
	}
}

func TestTheQueueIsBounded(t *testing.T) {
	t.Parallel()
	f := setUp(t, func(c *operation.Config) { c.Workers, c.QueueSize = 1, 2 })
	f.begin(t, "once", work{Name: "a"})
	f.submit(t, "once", work{Name: "b"})
	f.submit(t, "once", work{Name: "c"})
	if _, _, err := f.Submit(t.Context(), &work{Header: rest.Header{Type: "once"}, Name: "d"}, nil); !errors.Is(err, operation.ErrQueueFull) {
		t.Fatalf("error is %v", err)
	}
	f.begin(t, "once", work{Name: "other lane", Global: true})
	for _, name := range []string{"a", "b", "c"} {
		f.bench.do(name, succeed)
	}
	for _, op := range f.List(operation.Filter{}) {
		if !strings.Contains(string(op.Request), "other lane") {
			f.wait(t, op.ID)
		}
	}
	if f.bench.most > 2 {
		t.Errorf("%d ran at once", f.bench.most)
	}
}

func TestExclusiveOperationsAreRefusedOrWait(t *testing.T) {
	t.Parallel()
	f := setUp(t, nil)
	first := f.begin(t, "once", work{Name: "first", Key: "restore"})
	_, _, err := f.Submit(t.Context(), &work{Header: rest.Header{Type: "once"}, Name: "x", Key: "restore"}, nil)
	conflictWith(t, err, first.ID, false)
	second := f.submit(t, "once", work{Name: "second", Key: "restore", Queue: true})
	third := f.submit(t, "once", work{Name: "third", Key: "restore", Queue: true})
	f.begin(t, "once", work{Name: "free"})
	f.expect(t, second.ID, rest.StatePending)
	f.bench.do("first", succeed)
	if name := <-f.bench.started; name != "second" {
		t.Fatalf("%s began", name)
	}
	f.expect(t, third.ID, rest.StatePending)
	_, _, err = f.Submit(t.Context(), &work{Header: rest.Header{Type: "once"}, Name: "x", Key: "restore"}, nil)
	conflictWith(t, err, second.ID, false)
	f.bench.do("second", succeed)
	if name := <-f.bench.started; name != "third" {
		t.Fatalf("%s began", name)
	}
}

func TestManyCoordinatorsFinishWithFewSlots(t *testing.T) {
	t.Parallel()
	var f *fixture
	b := newBench()
	coordinator := operation.Define("global", operation.Spec[work]{
		Lane: func(*work) operation.Lane { return operation.Coordinator },
		Run: func(ctx context.Context, req *work, _ *operation.Handle) error {
			child, _, err := f.Submit(ctx, &work{Header: rest.Header{Type: "child"}, Name: req.Name}, nil)
			if err != nil {
				return err
			}
			_, err = f.Wait(ctx, child.ID)
			return err
		},
	})
	child := operation.Define("child", operation.Spec[work]{Run: func(context.Context, *work, *operation.Handle) error { return nil }})
	f = setUpIn(t, t.TempDir(), b, func(c *operation.Config) {
		r, err := operation.NewRegistry(coordinator, child)
		if err != nil {
			t.Fatal(err)
		}
		c.Registry, c.Workers, c.Coordinators = r, 1, 3
	})
	var ids []string
	for i := range 24 {
		ids = append(ids, f.submit(t, "global", work{Name: fmt.Sprint(i)}).ID)
	}
	for _, id := range ids {
		if op := f.wait(t, id); op.State != rest.StateCompleted {
			t.Errorf("%+v", op)
		}
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	f := setUp(t, func(c *operation.Config) { c.Workers = 1 })
	running := f.begin(t, "once", work{Name: "running"})
	waiting := f.submit(t, "once", work{Name: "waiting"})
	op, err := f.Cancel(t.Context(), waiting.ID)
	if err != nil || op.State != rest.StateCancelled || op.StartTime != nil {
		t.Fatalf("cancelling what waits: %+v, %v", op, err)
	}

	var kept *operation.Handle
	heard, proceed := make(chan struct{}), make(chan struct{})
	f.bench.do("running", func(ctx context.Context, _ *work, h *operation.Handle) error {
		kept = h
		<-ctx.Done()
		close(heard)
		<-proceed
		return fmt.Errorf("uploading x: %w", context.Cause(ctx))
	})
	if _, err := f.Cancel(t.Context(), running.ID); err != nil {
		t.Fatal(err)
	}
	<-heard
	f.expect(t, running.ID, rest.StateRunning) // its work has not stopped
	if _, err := f.Cancel(t.Context(), running.ID); err != nil {
		t.Fatalf("cancelling twice: %v", err)
	}
	close(proceed)
	done := f.wait(t, running.ID)
	if done.State != rest.StateCancelled || len(done.Errors) != 0 {
		t.Fatalf("operation is %+v", done)
	}
	kept.SetProgress(0.5)
	kept.Fail("x", "too late")
	kept.SetPhase("too late")
	if err := kept.Update(func(r rest.Request) { r.(*work).Tag = "too late" }); err != nil {
		t.Error(err)
	}
	if op, err := f.Cancel(t.Context(), running.ID); err != nil || op.State != rest.StateCancelled {
		t.Errorf("cancelling what is over: %+v, %v", op, err)
	}
	if diff := cmp.Diff(done, f.expect(t, running.ID, rest.StateCancelled)); diff != "" {
		t.Errorf("it changed after its end:\n%s", diff)
	}
	if _, err := f.Cancel(t.Context(), id2); !errors.Is(err, operation.ErrNotFound) {
		t.Errorf("error is %v", err)
	}
}

func TestACancellationThatComesTooLateChangesNothing(t *testing.T) {
	t.Parallel()
	f := setUp(t, nil)
	op := f.begin(t, "once", work{Name: "w"})
	f.bench.do("w", func(ctx context.Context, _ *work, _ *operation.Handle) error {
		if _, err := f.Cancel(ctx, op.ID); err != nil {
			return err
		}
		return nil // the manifest was committed already
	})
	if got := f.wait(t, op.ID); got.State != rest.StateCompleted {
		t.Errorf("operation is %+v", got)
	}
}

func TestListFiltersAndShowsTheNewestFirst(t *testing.T) {
	t.Parallel()
	f := setUp(t, nil)
	a := f.begin(t, "once", work{Name: "a"})
	f.bench.do("a", succeed)
	f.wait(t, a.ID)
	b := f.begin(t, "again", work{Name: "b"})
	c := f.begin(t, "once", work{Name: "c"})
	for name, test := range map[string]struct {
		filter operation.Filter
		want   []string
	}{
		"everything":                 {operation.Filter{}, []string{c.ID, b.ID, a.ID}},
		"a type in any case":         {operation.Filter{Types: []string{"ONCE"}}, []string{c.ID, a.ID}},
		"states are alternatives":    {operation.Filter{States: []string{"completed", "Running"}}, []string{c.ID, b.ID, a.ID}},
		"type and state must match":  {operation.Filter{Types: []string{"once"}, States: []string{"RUNNING"}}, []string{c.ID}},
		"an unknown one has nothing": {operation.Filter{States: []string{"BOGUS"}}, nil},
	} {
		var got []string
		for _, op := range f.List(test.filter) {
			got = append(got, op.ID)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestFinishedOperationsExpire(t *testing.T) {
	t.Parallel()
	f := setUp(t, nil)
	done := f.begin(t, "once", work{Name: "done"})
	f.bench.do("done", succeed)
	f.wait(t, done.ID)
	running := f.begin(t, "once", work{Name: "running"})
	f.clock.Step(time.Hour - time.Nanosecond)
	f.expect(t, done.ID, rest.StateCompleted)
	f.clock.Step(time.Nanosecond)
	if _, err := f.Get(done.ID); !errors.Is(err, operation.ErrNotFound) {
		t.Errorf("error is %v", err)
	}
	if got := f.List(operation.Filter{}); len(got) != 1 || got[0].ID != running.ID {
		t.Errorf("there are %+v", got)
	}
}

func TestProgressIsTold(t *testing.T) {
	t.Parallel()
	f := setUp(t, nil)
	op := f.begin(t, "once", work{Name: "w"})
	told, proceed := make(chan struct{}), make(chan struct{})
	go f.bench.do("w", func(_ context.Context, _ *work, h *operation.Handle) error {
		h.SetProgress(0.25)
		h.SetProgress(math.NaN())
		close(told)
		<-proceed
		h.SetProgress(7)
		return errors.New("no")
	})
	<-told
	if got := f.expect(t, op.ID, rest.StateRunning); got.Progress != 0.25 {
		t.Errorf("progress is %v", got.Progress)
	}
	close(proceed)
	if got := f.wait(t, op.ID); got.Progress != 1 {
		t.Errorf("progress is %v", got.Progress)
	}
}

func TestRegistryRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	good := operation.Define("a", operation.Spec[work]{Run: func(context.Context, *work, *operation.Handle) error { return nil }})
	for name, kinds := range map[string][]operation.Kind{
		"nothing":        nil,
		"twice the same": {good, good},
		"without Run":    {operation.Define("b", operation.Spec[work]{})},
	} {
		if _, err := operation.NewRegistry(kinds...); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
