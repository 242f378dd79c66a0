package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/api/rest/resttest"
	"github.com/icarus-sidecar/icarus/pkg/client"
	"github.com/icarus-sidecar/icarus/pkg/operation"
	"github.com/icarus-sidecar/icarus/pkg/server"
)

// sidecar is a whole one, but for what its operations do.
type sidecar struct {
	address string
	client  *client.Client
	manager *operation.Manager
	stop    func() error
}

func run[R any, P interface {
	*R
	rest.Request
}](name string, do func(ctx context.Context, req *R, h *operation.Handle) error) operation.Kind {
	return operation.Define[R, P](name, operation.Spec[R]{Run: do})
}

func startSidecar(t *testing.T, kinds ...operation.Kind) *sidecar {
	t.Helper()
	return startSidecarWith(t, node{}, kinds...)
}

func startSidecarWith(t *testing.T, n server.Node, kinds ...operation.Kind) *sidecar {
	t.Helper()
	registry, err := operation.NewRegistry(kinds...)
	if err != nil {
		t.Fatal(err)
	}
	manager, err := operation.New(t.Context(), operation.Config{Dir: t.TempDir(), Registry: registry, Source: "host1", Instance: "life-1"})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	go func() {
		served <- server.Serve(ctx, listener, server.Handler(server.Config{Operations: manager, Node: n, Log: logr.Discard()}), logr.Discard())
	}()
	s := &sidecar{address: listener.Addr().String(), manager: manager}
	if s.client, err = client.New("http://" + s.address); err != nil {
		t.Fatal(err)
	}
	s.stop = sync.OnceValue(func() error {
		s.client.Close()
		cancel()
		return errors.Join(<-served, manager.Close(context.WithoutCancel(t.Context())))
	})
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// outcome makes kinds that end as the recorded operation did.
func outcome(recorded rest.Operation) []operation.Kind {
	end := func(h *operation.Handle) error {
		for _, e := range recorded.Errors {
			h.Fail(e.Source, e.Message)
		}
		return nil
	}
	return []operation.Kind{
		run(rest.TypeBackup, func(_ context.Context, _ *rest.BackupRequest, h *operation.Handle) error { return end(h) }),
		run(rest.TypeRestore, func(_ context.Context, _ *rest.RestoreRequest, h *operation.Handle) error { return end(h) }),
		run(rest.TypeFlush, func(_ context.Context, _ *rest.FlushRequest, h *operation.Handle) error { return end(h) }),
		run(rest.TypeCleanup, func(_ context.Context, _ *rest.CleanupRequest, h *operation.Handle) error { return end(h) }),
	}
}

func TestOperationsEndAsRecorded(t *testing.T) {
	t.Parallel()
	for _, name := range resttest.Names() {
		if !strings.HasPrefix(name, "operation-") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			recorded, err := resttest.Recorded(name)
			if err != nil {
				t.Fatal(err)
			}
			var want rest.Operation
			if err := json.Unmarshal(recorded, &want); err != nil {
				t.Fatal(err)
			}
			s := startSidecar(t, outcome(want)...)
			created := s.do(t, http.MethodPost, "/operations", want.Request)
			if created.status != http.StatusCreated {
				t.Fatalf("%d %s", created.status, created.body)
			}
			if _, err := s.manager.Wait(t.Context(), created.id(t)); err != nil {
				t.Fatal(err)
			}
			got := s.do(t, http.MethodGet, strings.TrimPrefix(created.location, "http://"+s.address), nil)
			diff, err := resttest.Lacking(recorded, got.body)
			if err != nil || len(diff) > 0 {
				t.Errorf("our answer %s: %v\n%s", got.body, err, strings.Join(diff, "\n"))
			}
			var op rest.Operation
			if err := json.Unmarshal(got.body, &op); err != nil || op.State != want.State || op.Instance != "life-1" {
				t.Errorf("%+v, %v", op, err)
			}
		})
	}
}

type reply struct {
	status   int
	location string
	body     []byte
}

func (r reply) id(t *testing.T) string {
	t.Helper()
	_, id, ok := strings.Cut(r.location, "/operations/")
	if !ok {
		t.Fatalf("location is %q", r.location)
	}
	return id
}

func (s *sidecar) do(t *testing.T, method, path string, body []byte) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.address+path, strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	return reply{answer.StatusCode, answer.Header.Get("Location"), read(t, answer)}
}

func TestAClientAndASidecar(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{}, 1)
	s := startSidecar(t, run(rest.TypeFlush, func(ctx context.Context, req *rest.FlushRequest, _ *operation.Handle) error {
		if req.Keyspace != "wait" {
			return nil
		}
		entered <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}))
	ctx := t.Context()
	req := &rest.FlushRequest{Header: rest.Header{Type: rest.TypeFlush, ID: id1}, Keyspace: "wait"}
	op, err := s.client.Submit(ctx, req)
	if err != nil || op.ID != id1 {
		t.Fatal(op, err)
	}
	<-entered
	if again, err := s.client.Submit(ctx, req); err != nil || again.State != rest.StateRunning {
		t.Fatalf("the same id again: %+v, %v", again, err)
	}
	other := *req
	other.Keyspace = "other"
	if _, err := s.client.Submit(ctx, &other); !errors.Is(err, client.ErrConflict) {
		t.Errorf("another request with the id: %v", err)
	}
	if err := s.client.Cancel(ctx, id1); err != nil {
		t.Fatal(err)
	}
	if done, err := s.client.Watch(ctx, id1, func(rest.Operation) {}); err != nil || done.State != rest.StateCancelled {
		t.Fatalf("%+v, %v", done, err)
	}
	if err := s.client.Cancel(ctx, id1); err != nil {
		t.Errorf("cancelling what is over: %v", err)
	}
	quick, err := s.client.Submit(ctx, &rest.FlushRequest{Header: rest.Header{Type: rest.TypeFlush}, Keyspace: "k"})
	if err != nil {
		t.Fatal(err)
	}
	ops, err := s.client.Operations(ctx, client.Filter{Types: []string{"FLUSH"}})
	if err != nil || len(ops) != 2 || ops[0].ID != quick.ID || ops[1].ID != id1 {
		t.Errorf("%+v, %v", ops, err)
	}
	if _, err := s.client.Operation(ctx, "nothing"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("error is %v", err)
	}
	var told *rest.Error
	_, err = s.client.Submit(ctx, &rest.FlushRequest{Header: rest.Header{Type: rest.TypeFlush}})
	if !errors.As(err, &told) || !errors.Is(err, client.ErrInvalid) || len(told.Violations) != 1 {
		t.Errorf("error is %v", err)
	}
	if topology, err := s.client.Topology(ctx, "dc1", "dc2"); err != nil || len(topology.Topology) != 3 {
		t.Errorf("%+v, %v", topology, err)
	}
	if _, err := s.client.Topology(ctx, "dcX"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("error is %v", err)
	}
}

func TestATypeThatIsNotEnabledIsRefused(t *testing.T) {
	t.Parallel()
	s := startSidecar(t, run(rest.TypeFlush, func(context.Context, *rest.FlushRequest, *operation.Handle) error { return nil }))
	got := s.do(t, http.MethodPost, "/operations", []byte(`{"type":"truncate","keyspace":"k","table":"t"}`))
	if got.status != http.StatusBadRequest || !strings.Contains(string(got.body), "this sidecar has flush") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// raw speaks HTTP badly.
func (s *sidecar) raw(t *testing.T, text string) string {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() { _, _ = io.WriteString(conn, text) }()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return ""
	}
	return strings.TrimSpace(line)
}

func TestBadConnections(t *testing.T) {
	t.Parallel()
	s := startSidecar(t, run(rest.TypeFlush, func(context.Context, *rest.FlushRequest, *operation.Handle) error { return nil }))
	big := strings.Repeat("x", 2<<20)
	for name, c := range map[string]struct{ text, want string }{
		"headers without end": {"GET /status HTTP/1.1\r\nHost: x\r\nX: " + big, "HTTP/1.1 431 Request Header Fields Too Large"},
		"no HTTP":             {"hello\r\n\r\n", "HTTP/1.1 400 Bad Request"},
		"a body larger than said is allowed": {
			fmt.Sprintf("POST /operations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(big), big),
			"HTTP/1.1 413 Request Entity Too Large",
		},
	} {
		if got := s.raw(t, c.text); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if ops := s.manager.List(operation.Filter{}); len(ops) != 0 {
		t.Errorf("started %v", ops)
	}
}

// gate is a node whose answer waits.
type gate struct {
	node
	entered, open chan struct{}
}

func (g gate) OperationMode(ctx context.Context) (string, error) {
	close(g.entered)
	select {
	case <-g.open:
		return g.node.OperationMode(ctx)
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func TestStoppingLetsAnswersOut(t *testing.T) {
	t.Parallel()
	g := gate{entered: make(chan struct{}), open: make(chan struct{})}
	s := startSidecarWith(t, g, run(rest.TypeFlush, func(context.Context, *rest.FlushRequest, *operation.Handle) error { return nil }))
	answered := make(chan error, 1)
	go func() {
		_, err := s.client.Status(t.Context())
		answered <- err
	}()
	<-g.entered
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	late, err := client.New("http://" + s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	for !errors.Is(err, client.ErrUnreachable) { // until the listener is closed
		_, err = late.Version(t.Context())
	}
	close(g.open)
	if err := errors.Join(<-answered, <-stopped); err != nil {
		t.Error(err)
	}
}
