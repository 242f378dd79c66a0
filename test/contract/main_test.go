package contract_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"go.uber.org/goleak"
	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/api/rest"
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
	flag.Parse()
	// Tests wait for the disk most of their time.
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// patience is for what takes a second, on a machine that does ten other things.
const patience = 2 * time.Minute

func noError(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// options say what sidecars, and the nodes beside them, are like.
type options struct {
	nodes     int // one where it is left out
	cassandra cassandratest.Options
	enabled   []string
	disabled  []string
	manager   operation.Config
	noCORS    bool
	secrets   secret.Reader
}

// ring is nodes with their sidecars, which talk over HTTP. Its keyspace shop has
// the tables items and orders.
type ring struct {
	t        *testing.T
	sidecars []*sidecar
	// root may be named by requests. In it are bucket, which is not there yet, and
	// downloads.
	root, bucket, downloads string
}

// sidecar is the one beside a node.
type sidecar struct {
	t       *testing.T
	node    *cassandratest.Fake
	manager *operation.Manager
	url     string
	stopped chan struct{} // is closed when it stops itself
}

func newRing(t *testing.T, o options) *ring {
	t.Helper()
	r := &ring{t: t, root: t.TempDir()}
	r.bucket, r.downloads = filepath.Join(r.root, "bucket"), filepath.Join(r.root, "downloads")
	peers := map[string]cluster.Peer{}
	for _, node := range cassandratest.NewRing(t, max(o.nodes, 1), o.cassandra) {
		s := &sidecar{t: t, node: node, stopped: make(chan struct{})}
		s.start(r, o, func(n cluster.Node) (cluster.Peer, error) {
			if p, ok := peers[n.HostID]; ok {
				return p, nil
			}
			return nil, fmt.Errorf("there is no sidecar of %s", n.HostID)
		})
		c, err := client.New(s.url)
		noError(t, err)
		t.Cleanup(c.Close)
		peers[node.HostID()] = c
		r.sidecars = append(r.sidecars, s)
	}
	for _, table := range []string{"items", "orders"} {
		r.sidecars[0].node.CreateTable("shop", table)
		for _, s := range r.sidecars {
			s.node.Write("shop", table, table+"-of-"+s.node.Address())
		}
	}
	return r
}

func (s *sidecar) start(r *ring, o options, peer func(n cluster.Node) (cluster.Peer, error)) {
	t := s.t
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	registry, err := nodeops.Kinds(&nodeops.Deps{
		Node: s.node, Peer: peer, AllowedDirectories: []string{r.root}, Clock: clock.RealClock{}, Stop: func() { close(s.stopped) },
		Patience: cluster.Patience{Submit: 500 * time.Millisecond, Answer: 20 * time.Second}, Secrets: o.secrets,
	}, o.enabled, o.disabled...)
	noError(t, err)
	config := o.manager
	config.Dir, config.Registry, config.Source = t.TempDir(), registry, s.node.Address()
	s.manager, err = operation.New(ctx, config)
	noError(t, err)
	front := httptest.NewServer(server.Handler(server.Config{
		Operations: s.manager, Node: nodeops.Info{Node: s.node, Clock: clock.RealClock{}}, Log: logr.Discard(), DisableCORS: o.noCORS,
		Version: rest.SidecarVersion{Version: "icarus 1.0.0", BuildTime: "2026-11-23T04:34:08Z", GitCommit: "unknown"},
	}))
	s.url = front.URL
	t.Cleanup(func() {
		front.Close()
		if err := s.manager.Close(ctx); err != nil {
			t.Error(err)
		}
	})
}

// one is a ring of one.
func one(t *testing.T) (*ring, *sidecar) {
	t.Helper()
	r := newRing(t, options{})
	return r, r.sidecars[0]
}

// several are so many nodes.
func several(t *testing.T, nodes int) (*ring, *sidecar) {
	t.Helper()
	r := newRing(t, options{nodes: nodes})
	return r, r.sidecars[0]
}

// placeholder is a location that coordinators complete.
func (r *ring) placeholder() string { return "file://" + r.bucket + "/a/b/c" }

// own is where a node's part of the bucket is.
func (r *ring) own(s *sidecar) string {
	return "file://" + r.bucket + "/Test-Cluster/dc1/" + s.node.HostID()
}

// path is one in the bucket.
func (r *ring) path(parts ...string) string {
	return filepath.Join(append([]string{r.bucket}, parts...)...)
}

// node is what a node has in the bucket.
func (r *ring) node(s *sidecar, parts ...string) string {
	return r.path(append([]string{"Test-Cluster", "dc1", s.node.HostID()}, parts...)...)
}

// backup is a request for the whole ring, with other fields as they are given.
func (r *ring) backup(fields string) string {
	return merge(fmt.Sprintf(`{"type":"backup","storageLocation":%q,"snapshotTag":"nightly","entities":"shop","globalRequest":true,"createMissingBucket":true}`,
		r.placeholder()), fields)
}

// backupOf is a request for one node.
func (r *ring) backupOf(s *sidecar, fields string) string {
	return merge(r.backup(fmt.Sprintf(`{"globalRequest":false,"storageLocation":%q}`, r.own(s))), fields)
}

// restore is a request for the whole ring.
func (r *ring) restore(fields string) string {
	return merge(fmt.Sprintf(`{"type":"restore","storageLocation":%q,"snapshotTag":"nightly","entities":"shop","globalRequest":true,
		"restorationStrategyType":"HARDLINKS","restorationPhase":"INIT","import":{"type":"import","sourceDir":%q}}`, r.placeholder(), r.downloads), fields)
}

// phase is a request of a coordinator for one node.
func (r *ring) phase(s *sidecar, phase, fields string) string {
	return merge(r.restore(fmt.Sprintf(`{"globalRequest":false,"storageLocation":%q,"restorationPhase":%q}`, r.own(s), phase)), fields)
}

// inPlace is a request for a node that is stopped.
func (r *ring) inPlace(s *sidecar, fields string) string {
	return merge(fmt.Sprintf(`{"type":"restore","storageLocation":%q,"snapshotTag":"nightly","entities":"shop","cassandraDirectory":%q}`,
		r.own(s), filepath.Join(r.root, "cassandra")), fields)
}

// stoppedWithBackup is a ring of one that has a backup and is stopped.
func stoppedWithBackup(t *testing.T, entities string) (*ring, *sidecar) {
	t.Helper()
	r, s := one(t)
	for keyspace, table := range map[string]string{"system": "local", "system_schema": "tables", "system_auth": "roles"} {
		s.node.Write(keyspace, table, "mine")
	}
	s.completed(r.backup(fmt.Sprintf(`{"entities":%q}`, entities)))
	s.node.Stop()
	noError(t, os.MkdirAll(filepath.Join(r.root, "cassandra", "data"), 0o755))
	return r, s
}

// wantRows are those that a table has on a node.
func (s *sidecar) wantRows(table string, want ...string) {
	s.t.Helper()
	keyspace, name, _ := strings.Cut(table, ".")
	if got := s.node.Rows(keyspace, name); !slices.Equal(got, want) {
		s.t.Errorf("%s of %s has %v, want %v", table, s.node.Address(), got, want)
	}
}

// calls of a method, on all nodes.
func (r *ring) calls(method string) (calls []string) {
	for _, s := range r.sidecars {
		calls = append(calls, s.node.Calls(method)...)
	}
	return calls
}

// found are the paths of a pattern in the bucket, relative to it.
func (r *ring) found(pattern ...string) (found []string) {
	r.t.Helper()
	paths, err := filepath.Glob(r.path(pattern...))
	noError(r.t, err)
	for _, path := range paths {
		relative, err := filepath.Rel(r.bucket, path)
		noError(r.t, err)
		found = append(found, relative)
	}
	return found
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
