package nodeops_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/api/rest"
	rings "github.com/icarus-sidecar/icarus/hack/cassandra/ring"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/jmx"
	"github.com/icarus-sidecar/icarus/pkg/nodeops"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// realPatience is for a node on a machine that does ten other things.
const realPatience = 5 * time.Minute

// realNode is a Cassandra and the operations of the sidecar beside it.
type realNode struct {
	*cassandra.Node
	*operation.Manager
	t       *testing.T
	node    *rings.Node
	address string
	dir     string        // of the journal
	allowed []string      // directories
	stopped chan struct{} // closed when an operation stops the sidecar
	repairs chan int      // gets their numbers when they are kept
}

// noted tells of repairs.
type noted struct {
	*cassandra.Node
	repairs chan int
}

func (n noted) Repair(
	ctx context.Context, keyspace string, o cassandra.RepairOptions, begun func(number int), report func(done, of int),
) error {
	return n.Node.Repair(ctx, keyspace, o, func(number int) {
		begun(number)
		n.repairs <- number
	}, report)
}

func newRealNode(t *testing.T, n *rings.Node, allowed ...string) *realNode {
	t.Helper()
	r := &realNode{
		t: t, node: n, address: n.Address, dir: t.TempDir(), allowed: allowed, stopped: make(chan struct{}), repairs: make(chan int, 100),
	}
	r.Node = cassandra.New(func(ctx context.Context) (*jmx.Client, error) {
		return jmx.Dial(ctx, jmx.Options{Address: n.JMX})
	})
	r.open()
	t.Cleanup(func() { noError(t, r.Close(context.WithoutCancel(t.Context()))) })
	return r
}

// open begins a life of the sidecar.
func (r *realNode) open() {
	r.t.Helper()
	registry, err := nodeops.Kinds(&nodeops.Deps{
		Node: noted{r.Node, r.repairs}, Clock: clock.RealClock{}, AllowedDirectories: r.allowed, Stop: func() { close(r.stopped) },
	}, []string{rest.TypeTruncate, rest.TypeRemoveNode, rest.TypeAssassinate, rest.TypeRestart})
	noError(r.t, err)
	r.Manager, err = operation.New(context.WithoutCancel(r.t.Context()), operation.Config{Dir: r.dir, Registry: registry})
	noError(r.t, err)
}

func (r *realNode) submit(body string) rest.Operation {
	r.t.Helper()
	req, warnings, err := r.Types().Decode([]byte(body))
	noError(r.t, err)
	if len(warnings) > 0 {
		r.t.Errorf("%s warns %v", body, warnings)
	}
	op, _, err := r.Submit(r.t.Context(), req, nil)
	noError(r.t, err)
	return op
}

func (r *realNode) await(id string) rest.Operation {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), realPatience)
	defer cancel()
	op, err := r.Wait(ctx, id)
	noError(r.t, err)
	return op
}

// ends runs a request, and says how it has to end.
func (r *realNode) ends(want rest.State, body string) rest.Operation {
	r.t.Helper()
	began := time.Now()
	op := r.await(r.submit(body).ID)
	if op.State != want || (want == rest.StateFailed) != (len(op.Errors) > 0) {
		r.t.Fatalf("%s is %s: %+v %v", body, op.State, op.Errors, op.Warnings)
	}
	r.t.Logf("%-9s after %5s: %s %v", op.State, time.Since(began).Round(10*time.Millisecond), body, op.Errors)
	return op
}

// now is the operation as it is.
func (r *realNode) now(id string) rest.Operation {
	r.t.Helper()
	op, err := r.Get(id)
	noError(r.t, err)
	return op
}

// becomes waits until an operation that runs is so.
func (r *realNode) becomes(id string, is func(op rest.Operation) bool) {
	r.t.Helper()
	eventually(r.t, func() bool {
		op := r.now(id)
		if op.State.IsTerminal() {
			r.t.Fatalf("it is %s too soon: %+v", op.State, op.Errors)
		}
		return is(op)
	})
}

// throttles limits compactions to some MB a second; 0 is no limit.
func (r *realNode) throttles(mbPerSecond int32) {
	r.t.Helper()
	c, err := jmx.Dial(r.t.Context(), jmx.Options{Address: r.node.JMX})
	noError(r.t, err)
	err = c.SetAttribute(r.t.Context(), "org.apache.cassandra.db:type=StorageService", "CompactionThroughputMbPerSec", mbPerSecond)
	noError(r.t, errors.Join(err, c.Close()))
}

// sstables are the Data.db files of a table, by their paths, and their sizes.
func (r *realNode) sstables(table string) map[string]int64 {
	r.t.Helper()
	found, err := filepath.Glob(filepath.Join(r.node.DataDirs[0], strings.ReplaceAll(table, ".", "/")+"-*", "*-Data.db"))
	noError(r.t, err)
	sizes := map[string]int64{}
	for _, path := range found {
		info, err := os.Stat(path)
		if errors.Is(err, os.ErrNotExist) {
			continue // a compaction just took it
		}
		noError(r.t, err)
		sizes[path] = info.Size()
	}
	return sizes
}

func (r *realNode) bytes(table string) (sum int64) {
	r.t.Helper()
	for _, size := range r.sstables(table) {
		sum += size
	}
	return sum
}

func isDown(t *testing.T, n *realNode, hostID string) {
	t.Helper()
	eventually(t, func() bool {
		members, err := n.Ring(t.Context())
		noError(t, err)
		return slices.ContainsFunc(members, func(m cassandra.Member) bool { return m.HostID == hostID && !m.Up })
	})
}

func eventually(t *testing.T, is func() bool) {
	t.Helper()
	eventuallyBy(t, 100*time.Millisecond, is)
}

// eventuallyBy looks at every interval whether it came to something.
func eventuallyBy(t *testing.T, interval time.Duration, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), realPatience)
	defer cancel()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal(errors.New("it did not come to that"))
		}
	}
}
