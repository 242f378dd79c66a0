package cassandratest

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

// Options describe fakes. The zero value is a 4.1 with one data directory.
type Options struct {
	// Cluster is "Test Cluster" unless it is said, and Release "4.1.10". A release
	// before 4.0 does not tell directories and cannot import.
	Cluster, Release string
	// Datacenters are those of the nodes, "dc1" for each of which it is not said.
	Datacenters []string
	// DataDirs is how many data directories a node has.
	DataDirs int
	// UUIDs makes SSTables have ids, as from 4.1 on they may, and no numbers.
	UUIDs bool
}

// Fake is one node. Its methods may be called from any goroutine; those without
// a context are for the test itself, which fails where they cannot be done.
type Fake struct {
	// Before and After stand around every call of a method with a context. An
	// error of Before is in place of the call, one of After as a lost answer.
	// They are set before the first call.
	Before, After func(ctx context.Context, c Call) error

	tb    testing.TB
	node  *cassandra.Node
	hooks hooks
	ring  *ring

	// What follows belongs to ring.mu.
	index    int // from 1
	dataDirs []string
	logDir   string
	// classPath is what Cassandra looks for its configuration in.
	classPath []string
	logs      []string          // names of the active segments
	stores    map[string]*store // by table id
	mode      string
	down      bool
	schema    string // "" is the ring's
	upkeep
}

// ring is what its nodes have in common.
type ring struct {
	mu      sync.Mutex
	options Options
	release cassandra.Version
	nodes   []*Fake
	// keyspaces are sorted, tables in the order of their making.
	keyspaces []string
	tables    []*tableSchema
	changes   int   // of the schema
	clock     int64 // in milliseconds
}

// tableSchema is a table of the schema.
type tableSchema struct {
	keyspace, name, id string
	indexes            []string
}

// New returns a node that is its whole ring. Its directories are the test's
// temporary ones.
func New(tb testing.TB, o Options) *Fake {
	tb.Helper()
	return NewRing(tb, 1, o)[0]
}

// NewRing returns the nodes of a ring, in racks of their own: 127.0.0.1, 127.0.0.2
// and so on. All hold all data.
func NewRing(tb testing.TB, nodes int, o Options) []*Fake {
	tb.Helper()
	o.Cluster = cmp.Or(o.Cluster, "Test Cluster")
	o.Release = cmp.Or(o.Release, "4.1.10")
	o.DataDirs = cmp.Or(o.DataDirs, 1)
	release, err := cassandra.ParseVersion(o.Release)
	if err != nil {
		tb.Fatalf("making a fake of Cassandra: %v", err)
	}
	r := &ring{options: o, release: release, clock: 1700000000000}
	for i := range nodes {
		f := &Fake{tb: tb, ring: r, index: i + 1, stores: map[string]*store{}, mode: cassandra.StateNormal}
		f.node = cassandra.Over(f.dial)
		root := tb.TempDir()
		f.logDir = filepath.Join(tb.TempDir(), "commitlog") // often a disk of its own
		for d := range o.DataDirs {
			f.dataDirs = append(f.dataDirs, filepath.Join(root, fmt.Sprintf("data%d", d+1)))
		}
		f.classPath = []string{filepath.Join(root, "conf"), filepath.Join(root, "lib", "cassandra.jar")}
		f.configure(filepath.Join(root, "conf"))
		r.nodes = append(r.nodes, f)
	}
	for _, t := range systemTables {
		r.nodes[0].create(t)
	}
	return r.nodes
}

// systemTables are some of those that every Cassandra has.
var systemTables = []*tableSchema{
	{keyspace: "system", name: "local", id: "7ad54392bcdd35a684174e047860b377"},
	{keyspace: "system_schema", name: "tables", id: "afddfb9dbc1e30688056eed6c302ba09"},
	{keyspace: "system_auth", name: "roles", id: "5bc52802de2535edaeab188eecebb090"},
}

// Stop makes the node be down: it answers nothing, and the others know it.
func (f *Fake) Stop() { f.change(func() { f.down = true }) }

// Start brings a stopped node back, as another process.
func (f *Fake) Start() { f.change(func() { f.down, f.lives = false, f.lives+1 }) }

// SetMode sets what the node is at. Where it is JOINING, LEAVING or MOVING the
// others know it.
func (f *Fake) SetMode(mode string) { f.change(func() { f.mode = mode }) }

// SetActiveLogs makes these be the segments of the commit log that are active, the
// last of them the one that is written.
func (f *Fake) SetActiveLogs(names ...string) { f.change(func() { f.logs = names }) }

// SetSchema gives the node a schema version other than the ring's; "" takes it
// back.
func (f *Fake) SetSchema(version string) { f.change(func() { f.schema = version }) }

func (f *Fake) change(do func()) {
	f.ring.mu.Lock()
	defer f.ring.mu.Unlock()
	do()
}

// configure writes a cassandra.yaml.
func (f *Fake) configure(dir string) {
	f.tb.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		f.tb.Fatalf("making a fake of Cassandra: %v", err)
	}
	body := fmt.Sprintf("cluster_name: %q\n", f.ring.options.Cluster)
	if err := os.WriteFile(filepath.Join(dir, "cassandra.yaml"), []byte(body), 0o644); err != nil {
		f.tb.Fatalf("making a fake of Cassandra: %v", err)
	}
}

// SetClassPath replaces where Cassandra looks for its configuration.
func (f *Fake) SetClassPath(path ...string) { f.change(func() { f.classPath = path }) }

// HostID is the node's id.
func (f *Fake) HostID() string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", f.index) }

// Address is that of the node in the ring.
func (f *Fake) Address() string { return fmt.Sprintf("127.0.0.%d", f.index) }

func (f *Fake) datacenter() string {
	if o := f.ring.options; f.index <= len(o.Datacenters) {
		return o.Datacenters[f.index-1]
	}
	return "dc1"
}

func (f *Fake) rack() string { return fmt.Sprintf("rack%d", f.index) }

// tokens are the node's, in the order of Cassandra, which is none.
func (f *Fake) tokens() []any {
	return []any{fmt.Sprint(1000 * f.index), fmt.Sprint(-1000*f.index - 7), fmt.Sprint(31 * f.index)}
}

func (f *Fake) schemaVersion() string {
	return cmp.Or(f.schema, fmt.Sprintf("5c4e3a00-0000-3000-8000-%012d", f.ring.changes))
}

// thrown is an exception of an MBean.
func thrown(class, format string, args ...any) error {
	e := &jmx.Exception{Class: class, Message: fmt.Sprintf(format, args...)}
	return &jmx.Exception{Class: "javax.management.RuntimeMBeanException", Message: e.Error(), Cause: e}
}
