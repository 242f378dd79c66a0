package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/icarus-sidecar/icarus/api/rest"
)

const (
	clusterName = "Test-Cluster"
	schema      = "40b7edb9-c49e-3800-9b50-353ea0f50fa7"
)

// fakeRing is a ring whose sidecars do as they are told. They listen at
// addresses of their own and one port, as those of pods do.
type fakeRing struct {
	port     int32
	sidecars []*fakeSidecar

	mu sync.Mutex
	// hook is told of every request, when it was dealt with and is not answered yet.
	hook func()
}

// fakeSidecar is the sidecar of one node.
type fakeSidecar struct {
	ring    *fakeRing
	hostID  string
	address string
	dc      string

	mu       sync.Mutex
	instance string
	ops      map[string]*fakeOperation
	// started counts how often work began, by type and phase.
	started map[string]int
	// calls counts all requests.
	calls int
	// polls is how often an operation is asked for before it is COMPLETED.
	polls int
	// answer takes the place of the sidecar where it returns true.
	answer func(w http.ResponseWriter, r *http.Request, body []byte) bool
	// finish changes how an operation ends.
	finish func(op *rest.Operation)
	// lastRequest is the body of the last submission.
	lastRequest map[string]any
	schema      string
	topology    func(t *rest.Topology)
	// manifest is the backup that the bucket holds.
	manifest string
	server   *httptest.Server
}

type fakeOperation struct {
	op    rest.Operation
	polls int
}

// newFakeRing starts n sidecars in one datacenter.
func newFakeRing(tb testing.TB, n int) *fakeRing {
	tb.Helper()
	r := &fakeRing{}
	var listeners []net.Listener
	for try := 0; len(listeners) < n; try++ {
		if try > 50 {
			tb.Fatal("there is no port that all addresses have free")
		}
		listeners = nil
		r.port = 0
		for i := range n {
			address := net.JoinHostPort(fmt.Sprintf("127.0.3.%d", i+1), fmt.Sprint(r.port))
			l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", address)
			if err != nil {
				for _, l := range listeners {
					_ = l.Close()
				}
				listeners = nil
				break
			}
			r.port = int32(l.Addr().(*net.TCPAddr).Port)
			listeners = append(listeners, l)
		}
	}
	for i, l := range listeners {
		s := &fakeSidecar{
			ring: r, hostID: uuid.NewSHA1(uuid.Nil, []byte{byte(i)}).String(), address: fmt.Sprintf("127.0.3.%d", i+1), dc: "dc1",
			instance: uuid.NewString(), ops: map[string]*fakeOperation{}, started: map[string]int{}, polls: 1, schema: schema, manifest: finalTag,
		}
		s.server = httptest.NewUnstartedServer(s)
		_ = s.server.Listener.Close()
		s.server.Listener = l
		s.server.Start()
		tb.Cleanup(s.server.Close)
		r.sidecars = append(r.sidecars, s)
	}
	return r
}

// newLargeRing is one of many sidecars behind one listener, which tells them apart by
// the address that was called.
func newLargeRing(t *testing.T, n int) *fakeRing {
	t.Helper()
	r := &fakeRing{}
	by := map[string]*fakeSidecar{}
	for i := range n {
		s := &fakeSidecar{
			ring: r, hostID: uuid.NewSHA1(uuid.Nil, fmt.Append(nil, i)).String(), address: fmt.Sprintf("127.4.%d.%d", i/250, i%250+1), dc: "dc1",
			instance: uuid.NewString(), ops: map[string]*fakeOperation{}, started: map[string]int{}, polls: 2, schema: schema, manifest: finalTag,
		}
		by[s.address] = s
		r.sidecars = append(r.sidecars, s)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		at := req.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr).IP.String()
		by[at].ServeHTTP(w, req)
	}))
	_ = server.Listener.Close()
	server.Listener = l
	server.Start()
	t.Cleanup(server.Close)
	r.port = int32(l.Addr().(*net.TCPAddr).Port)
	return r
}

func (r *fakeRing) requests() int {
	var n int
	for _, s := range r.sidecars {
		s.mu.Lock()
		n += s.calls
		s.mu.Unlock()
	}
	return n
}

func (r *fakeRing) onRequest(hook func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hook = hook
}

func (r *fakeRing) answered() {
	r.mu.Lock()
	hook := r.hook
	r.mu.Unlock()
	if hook != nil {
		hook()
	}
}

func (r *fakeRing) document() rest.Topology {
	t := rest.Topology{Timestamp: 1, ClusterName: clusterName, SchemaVersion: schema}
	for _, s := range r.sidecars {
		t.Topology = append(t.Topology, rest.TopologyNode{
			Hostname: s.address, Cluster: clusterName, DC: s.dc, Rack: "rack1", NodeID: s.hostID, IPAddress: s.address,
		})
	}
	return t
}

// restart gives the sidecar a new life, with or without its journal.
func (s *fakeSidecar) restart(lose bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.instance = uuid.NewString()
	if lose {
		s.ops = map[string]*fakeOperation{}
	}
}

func (s *fakeSidecar) script(answer func(w http.ResponseWriter, r *http.Request, body []byte) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func (s *fakeSidecar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	s.calls++
	answer := s.answer
	s.mu.Unlock()
	if answer != nil && answer(w, r, body) {
		return
	}
	status, document := s.serve(r, body)
	s.ring.answered()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document)
}

func (s *fakeSidecar) serve(r *http.Request, body []byte) (int, any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := strings.TrimPrefix(r.URL.Path, "/operations/")
	switch {
	case r.URL.Path == "/topology":
		t := s.ring.document()
		if s.topology != nil {
			s.topology(&t)
		}
		return http.StatusOK, t
	case r.URL.Path == "/version/schema":
		return http.StatusOK, rest.SchemaVersion{SchemaVersion: s.schema}
	case r.Method == http.MethodPost && r.URL.Path == "/operations":
		return s.submit(body)
	case s.ops[id] == nil:
		return http.StatusNotFound, rest.Error{Code: http.StatusNotFound, Message: "there is no operation " + id}
	case r.Method == http.MethodDelete:
		if o := s.ops[id]; !o.op.State.IsTerminal() {
			o.op.State = rest.StateCancelled
		}
		return http.StatusOK, s.show(s.ops[id])
	default:
		s.advance(s.ops[id])
		return http.StatusOK, s.show(s.ops[id])
	}
}

func (s *fakeSidecar) show(o *fakeOperation) *rest.Operation {
	op := o.op
	op.Instance = s.instance
	return &op
}

func (s *fakeSidecar) submit(body []byte) (int, any) {
	req, _, err := rest.Decode(body)
	if err != nil {
		return http.StatusBadRequest, rest.Error{Code: http.StatusBadRequest, Message: err.Error()}
	}
	s.lastRequest = nil
	if err := json.Unmarshal(body, &s.lastRequest); err != nil {
		return http.StatusBadRequest, rest.Error{Code: http.StatusBadRequest, Message: err.Error()}
	}
	id := req.RequestID()
	if o := s.ops[id]; o != nil {
		if o.op.Type == rest.TypeRemoveBackup { // nobody polls it
			s.advance(o)
		}
		return http.StatusCreated, s.show(o)
	}
	name := req.RequestType()
	if restore, ok := req.(*rest.RestoreRequest); ok {
		name = string(restore.RestorationPhase)
	}
	s.started[name]++
	text, err := json.Marshal(req)
	if err != nil {
		return http.StatusInternalServerError, rest.Error{Code: http.StatusInternalServerError, Message: err.Error()}
	}
	s.ops[id] = &fakeOperation{op: rest.Operation{
		ID: id, Type: req.RequestType(), State: rest.StatePending, CreationTime: time.Unix(0, 0).UTC(), Errors: []rest.OperationError{}, Request: text,
	}}
	return http.StatusCreated, s.show(s.ops[id])
}

// advance lets an operation come to its end, poll by poll.
func (s *fakeSidecar) advance(o *fakeOperation) {
	if o.op.State.IsTerminal() {
		return
	}
	if o.polls++; o.polls < s.polls {
		o.op.State, o.op.Progress = rest.StateRunning, float64(o.polls)/float64(s.polls)
		return
	}
	o.op.State, o.op.Progress = rest.StateCompleted, 1
	o.op.Result = resultOf(&o.op, s.manifest)
	if o.op.Type == rest.TypeBackup {
		o.op.Transfer = &rest.Transfer{BytesTotal: 1 << 20, BytesDone: 1 << 20, FilesTotal: 9, FilesDone: 9}
	}
	if s.finish != nil {
		s.finish(&o.op)
	}
}

func resultOf(op *rest.Operation, manifest string) json.RawMessage {
	var result any
	switch op.Type {
	case rest.TypeBackup:
		var req rest.BackupRequest
		_, _ = rest.DecodeInto(op.Request, &req)
		result = rest.BackupResult{SnapshotTag: req.SnapshotTag, SchemaVersion: schema, Tables: 1}
	case rest.TypeRestore:
		var req rest.RestoreRequest
		_, _ = rest.DecodeInto(op.Request, &req)
		switch req.RestorationPhase {
		case rest.PhaseInit:
			result = rest.RestoreResult{Manifests: []string{manifest}}
		case rest.PhaseDownload:
			result = rest.RestoreResult{SnapshotTag: req.SnapshotTag, Tables: []string{"ks.t1", "ks.t2"}}
		default:
			return nil
		}
	default:
		return nil
	}
	text, _ := json.Marshal(result)
	return text
}

const finalTag = "nightly-" + schema + "-1764038400000"

// errKilled is what a process sees of its calls when it is killed.
var errKilled = errors.New("killed")

// killer ends a process in the midst of its calls.
type killer struct {
	mu    sync.Mutex
	left  int
	kill  context.CancelCauseFunc
	fired bool
}

// call is one call whose effect is there, and whose answer may be lost.
func (k *killer) call() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fired {
		return errKilled
	}
	if k.left--; k.left == 0 {
		k.fired = true
		k.kill(errKilled)
		return errKilled
	}
	return nil
}
