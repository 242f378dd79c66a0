package nodeops_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"go.uber.org/goleak"
	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/api/rest"
	rings "github.com/icarus-sidecar/icarus/hack/cassandra/ring"
	"github.com/icarus-sidecar/icarus/pkg/cassandra/cassandratest"
	"github.com/icarus-sidecar/icarus/pkg/client"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
	"github.com/icarus-sidecar/icarus/pkg/nodeops"
	"github.com/icarus-sidecar/icarus/pkg/operation"
	"github.com/icarus-sidecar/icarus/pkg/secret"
	"github.com/icarus-sidecar/icarus/pkg/server"
)

func TestMain(m *testing.M) {
	// No test asks the network what an address is called.
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("there is no name server")
	}}
	goleak.VerifyTestMain(rings.Around(m))
}

func noError(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// ring is nodes with their sidecars, which talk over HTTP.
type ring struct {
	t        *testing.T
	sidecars []*sidecar
	// downloads is where restores may put what they download, bucket the
	// location of a bucket that is not there yet, and dir its directory.
	downloads, bucket, dir string
	// reach is another way of coordinators to the sidecars, where it is not nil.
	reach func(n cluster.Node) (cluster.Peer, error)

	mu sync.Mutex
	// sent are the submissions of coordinators: "127.0.0.2 restore INIT".
	sent []string
	// cancels has an item for each child that was cancelled.
	cancels chan string
}

// sidecar is the one beside a node. It can be stopped and started again.
type sidecar struct {
	ring    *ring
	node    *cassandratest.Fake
	state   string // its directory
	secrets secret.Reader
	log     logr.Logger
	handler atomic.Pointer[http.Handler]
	manager *operation.Manager
	server  *httptest.Server
	client  *client.Client
}

// newRing has a node for each datacenter that is named, as in "dc1", "dc1", "dc2".
func newRing(t *testing.T, datacenters ...string) *ring {
	t.Helper()
	root := t.TempDir()
	r := &ring{
		t: t, downloads: filepath.Join(root, "downloads"), dir: filepath.Join(root, "bucket"), cancels: make(chan string, 100),
		bucket: "file://" + root + "/bucket/cluster/dc/node",
	}
	for _, node := range cassandratest.NewRing(t, len(datacenters), cassandratest.Options{Datacenters: datacenters}) {
		s := &sidecar{ring: r, node: node, state: t.TempDir()}
		s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			(*s.handler.Load()).ServeHTTP(w, req)
		}))
		t.Cleanup(s.server.Close)
		c, err := client.New(s.server.URL)
		noError(t, err)
		t.Cleanup(c.Close)
		s.client = c
		r.sidecars = append(r.sidecars, s)
	}
	for _, s := range r.sidecars {
		s.start()
	}
	return r
}

// stopped is for what must be done although the test is over.
func (r *ring) stopped() context.Context { return context.WithoutCancel(r.t.Context()) }

func (s *sidecar) deps() *nodeops.Deps {
	return &nodeops.Deps{
		Node: s.node, Peer: s.ring.peer, AllowedDirectories: []string{s.ring.downloads}, Clock: clock.RealClock{}, Secrets: s.secrets,
		Patience: cluster.Patience{Submit: 500 * time.Millisecond, Answer: 20 * time.Second},
	}
}

func (s *sidecar) start(enabled ...string) {
	s.ring.t.Helper()
	s.startIn(s.ring.stopped(), enabled...)
}

// startIn interrupts operations when ctx is done.
func (s *sidecar) startIn(ctx context.Context, enabled ...string) {
	t := s.ring.t
	t.Helper()
	registry, err := nodeops.Kinds(s.deps(), enabled)
	noError(t, err)
	manager, err := operation.New(ctx, operation.Config{Dir: s.state, Registry: registry, Source: "host of " + s.node.Address(), Log: s.log})
	noError(t, err)
	t.Cleanup(func() { _ = manager.Close(s.ring.stopped()) }) // an error where it is stopped already
	handler := server.Handler(server.Config{
		Operations: manager, Node: nodeops.Info{Node: s.node, Clock: clock.RealClock{}}, Log: s.log,
	})
	s.manager = manager
	s.handler.Store(&handler)
}

func (s *sidecar) stop() {
	s.ring.t.Helper()
	noError(s.ring.t, s.manager.Close(s.ring.stopped()))
}

// peer is the way of a coordinator to a node.
func (r *ring) peer(n cluster.Node) (cluster.Peer, error) {
	if r.reach != nil {
		return r.reach(n)
	}
	for _, s := range r.sidecars {
		if s.node.HostID() == n.HostID {
			return watched{s}, nil
		}
	}
	return nil, fmt.Errorf("there is no node %s", n.HostID)
}

// watched is a sidecar whose ring notes what coordinators ask of it.
type watched struct{ *sidecar }

func (w watched) Submit(ctx context.Context, req rest.Request) (*rest.Operation, error) {
	what := w.node.Address() + " " + req.RequestType()
	if r, ok := req.(*rest.RestoreRequest); ok {
		what += " " + string(r.RestorationPhase)
	}
	w.ring.mu.Lock()
	w.ring.sent = append(w.ring.sent, what)
	w.ring.mu.Unlock()
	return w.client.Submit(ctx, req)
}

func (w watched) Operation(ctx context.Context, id string) (*rest.Operation, error) {
	return w.client.Operation(ctx, id)
}

func (w watched) Cancel(ctx context.Context, id string) error {
	err := w.client.Cancel(ctx, id)
	if err == nil {
		w.ring.cancels <- w.node.Address()
	}
	return err
}

// submissions of coordinators so far, sorted.
func (r *ring) submissions() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(slices.Values(r.sent))
}

func (s *sidecar) submit(req rest.Request) *rest.Operation {
	s.ring.t.Helper()
	op, err := s.client.Submit(s.ring.t.Context(), req)
	noError(s.ring.t, err)
	return op
}

// patience is for what takes a second, on a machine that does ten other things.
const patience = 2 * time.Minute

func (s *sidecar) wait(id string) *rest.Operation {
	t := s.ring.t
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := s.manager.Wait(ctx, id)
	noError(t, err)
	op, err := s.client.Operation(ctx, id)
	noError(t, err)
	return op
}

func (s *sidecar) run(req rest.Request) *rest.Operation {
	s.ring.t.Helper()
	return s.wait(s.submit(req).ID)
}

// completed runs a request that must go well.
func (s *sidecar) completed(req rest.Request) *rest.Operation {
	s.ring.t.Helper()
	op := s.run(req)
	if op.State != rest.StateCompleted || len(op.Errors) > 0 || op.Progress != 1 {
		s.ring.t.Fatalf("%s is %s at %v: %+v", op.Type, op.State, op.Progress, op.Errors)
	}
	return op
}

// failed runs a request that must fail, and returns its errors.
func (s *sidecar) failed(req rest.Request) []rest.OperationError {
	s.ring.t.Helper()
	op := s.run(req)
	if op.State != rest.StateFailed || len(op.Errors) == 0 {
		s.ring.t.Fatalf("%s is %s: %+v", op.Type, op.State, op.Errors)
	}
	return op.Errors
}

// refused submits a request that is refused at the door.
func (s *sidecar) refused(req rest.Request) *rest.Error {
	s.ring.t.Helper()
	_, err := s.client.Submit(s.ring.t.Context(), req)
	var told *rest.Error
	if !errors.As(err, &told) {
		s.ring.t.Fatalf("the answer is %v, not a refusal", err)
	}
	return told
}

func receive[T any](t *testing.T, from <-chan T) (v T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	select {
	case v = <-from:
	case <-ctx.Done():
		t.Fatal("it took too long")
	}
	return v
}

// mentions looks for texts in errors, their sources too.
func mentions(t *testing.T, errs []rest.OperationError, want ...string) {
	t.Helper()
	for _, text := range want {
		if !slices.ContainsFunc(errs, func(e rest.OperationError) bool { return strings.Contains(e.Source+": "+e.Message, text) }) {
			t.Errorf("no error says %q: %+v", text, errs)
		}
	}
}

func newRequest[R any](kind string, change func(r *R)) *R {
	req, ok := rest.NewRequest(kind)
	if !ok {
		panic("there is no request of type " + kind)
	}
	r := any(req).(*R)
	if change != nil {
		change(r)
	}
	return r
}

// backup is a global one of keyspace shop.
func (r *ring) backup(change func(b *rest.BackupRequest)) *rest.BackupRequest {
	return newRequest(rest.TypeBackup, func(b *rest.BackupRequest) {
		b.StorageLocation, b.SnapshotTag, b.Entities = r.bucket, "nightly", "shop"
		b.GlobalRequest, b.CreateMissingBucket = true, true
		if change != nil {
			change(b)
		}
	})
}

// restore is a global one of keyspace shop.
func (r *ring) restore(strategy rest.Strategy, change func(q *rest.RestoreRequest)) *rest.RestoreRequest {
	return newRequest(rest.TypeRestore, func(q *rest.RestoreRequest) {
		q.StorageLocation, q.SnapshotTag, q.Entities = r.bucket, "nightly", "shop"
		q.GlobalRequest, q.RestorationStrategyType, q.RestorationPhase = true, strategy, rest.PhaseInit
		q.Import = &rest.ImportRequest{Header: rest.Header{Type: rest.TypeImport}, SourceDir: rest.URI(r.downloads)}
		if change != nil {
			change(q)
		}
	})
}

// fill gives every node rows of its own, in shop.items and shop.orders.
func (r *ring) fill() {
	r.sidecars[0].node.CreateTable("shop", "items")
	r.sidecars[0].node.CreateTable("shop", "orders")
	for _, s := range r.sidecars {
		s.node.Write("shop", "items", "item-of-"+s.node.Address(), "apple")
		s.node.Write("shop", "orders", "order-of-"+s.node.Address())
	}
}

// backedUp is a ring with a backup of keyspace shop, and the one who made it.
func backedUp(t *testing.T, datacenters ...string) (r *ring, s *sidecar, tag string) {
	t.Helper()
	r = newRing(t, datacenters...)
	r.fill()
	s = r.sidecars[0]
	return r, s, tagOf(t, s.completed(r.backup(nil)))
}

// calls counts the calls of a method on all nodes.
func (r *ring) calls(method string) int {
	n := 0
	for _, s := range r.sidecars {
		n += len(s.node.Calls(method))
	}
	return n
}

// untouched makes sure that no coordinator asked anything, and that nothing was
// snapshotted or truncated.
func (r *ring) untouched() {
	r.t.Helper()
	if sent := r.submissions(); len(sent) > 0 {
		r.t.Errorf("peers were sent %v", sent)
	}
	if s, t := r.calls("Snapshot"), r.calls("Truncate"); s+t > 0 {
		r.t.Errorf("there were %d snapshots and %d truncations", s, t)
	}
}

// manifests are the tags in the bucket by the host of their node; those of nodes
// without any are missing.
func (r *ring) manifests() map[string][]string {
	r.t.Helper()
	found, err := filepath.Glob(filepath.Join(r.dir, "*", "*", "*", "manifests", "*.json"))
	noError(r.t, err)
	tags := map[string][]string{}
	for _, path := range found {
		host := filepath.Base(filepath.Dir(filepath.Dir(path)))
		tags[host] = append(tags[host], strings.TrimSuffix(filepath.Base(path), ".json"))
	}
	return tags
}

func (r *ring) read(path ...string) []byte {
	r.t.Helper()
	body, err := os.ReadFile(filepath.Join(append([]string{r.dir}, path...)...))
	noError(r.t, err)
	return body
}

// tagOf is the tag in the request of an operation, as it was decided.
func tagOf(t *testing.T, op *rest.Operation) string {
	t.Helper()
	req := newRequest[rest.BackupRequest](rest.TypeBackup, nil)
	_, err := rest.DecodeInto(op.Request, req)
	noError(t, err)
	return req.SnapshotTag
}
