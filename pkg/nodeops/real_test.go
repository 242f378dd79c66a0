package nodeops_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gocql/gocql"
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
	address string
	stopped chan struct{} // closed when an operation stops the sidecar
}

func newRealNode(t *testing.T, n *rings.Node) *realNode {
	t.Helper()
	r := &realNode{t: t, address: n.Address, stopped: make(chan struct{})}
	r.Node = cassandra.New(func(ctx context.Context) (*jmx.Client, error) {
		return jmx.Dial(ctx, jmx.Options{Address: n.JMX})
	})
	registry, err := nodeops.Kinds(&nodeops.Deps{
		Node: r.Node, Clock: clock.RealClock{}, Stop: func() { close(r.stopped) },
	}, []string{rest.TypeRemoveNode, rest.TypeAssassinate, rest.TypeRestart})
	noError(t, err)
	r.Manager, err = operation.New(t.Context(), operation.Config{Dir: t.TempDir(), Registry: registry})
	noError(t, err)
	t.Cleanup(func() { noError(t, r.Close(context.WithoutCancel(t.Context()))) })
	return r
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

func TestEveryKindOnARealNode(t *testing.T) {
	for _, of := range []struct {
		version string
		nodes   int // a third one dies
	}{{"4.1", 3}, {"5.0", 2}, {"4.0", 2}, {"3.11", 2}} {
		t.Run(of.version, func(t *testing.T) {
			r := rings.Own(t, rings.Options{
				Version: of.version, Nodes: of.nodes, Tokens: 4,
				// So that what is to be cancelled takes a while.
				Settings: map[string]string{"compaction_throughput_mb_per_sec": "1"},
				JVMFlags: []string{
					"-Dcassandra.batchlog.replay_timeout_in_ms=2000", // a node that leaves waits this long, a minute otherwise
					"-Dcassandra.reset_bootstrap_progress=true",      // 5.0 refuses to rebuild what it has rebuilt before
				},
			})
			session, err := r.CQL().CreateSession()
			noError(t, err)
			prepareReal(t, session)
			session.Close()
			nodes := make([]*realNode, 0, of.nodes)
			for _, n := range r.Nodes {
				nodes = append(nodes, newRealNode(t, n))
			}
			canImport, err := nodes[0].CanImport(t.Context())
			noError(t, err)
			keepsUp(t, nodes[0], canImport)
			repairs(t, nodes[0])
			rebuilds(t, nodes)
			cancels(t, nodes[0])
			leaves(t, r, nodes)
			drainsAndRestarts(t, r, nodes[0])
		})
	}
}

// prepareReal makes upkeep.t and upkeep.u on two nodes, alone.t on one, and
// big.t of 10 MB that do not compress.
func prepareReal(t *testing.T, session *gocql.Session) {
	t.Helper()
	run := func(statement string, args ...any) {
		t.Helper()
		if err := session.Query(statement, args...).WithContext(t.Context()).Exec(); err != nil {
			t.Fatalf("running %s: %v", statement, err)
		}
	}
	for keyspace, replicas := range map[string]int{"upkeep": 2, "alone": 1, "big": 2} {
		run(fmt.Sprintf(`CREATE KEYSPACE %s WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': %d}`, keyspace, replicas))
		run(`CREATE TABLE ` + keyspace + `.t (k int PRIMARY KEY, v blob)`)
	}
	run(`CREATE TABLE upkeep.u (k int PRIMARY KEY, v blob)`)
	for k := range 100 {
		for _, table := range []string{"upkeep.t", "upkeep.u", "alone.t"} {
			run(`INSERT INTO `+table+` (k, v) VALUES (?, ?)`, k, []byte("x"))
		}
	}
	for k := range 1000 {
		v := make([]byte, 10<<10)
		_, err := rand.Read(v)
		noError(t, err)
		run(`INSERT INTO big.t (k, v) VALUES (?, ?)`, k, v)
	}
}

// keepsUp runs what works on the SSTables of one node.
func keepsUp(t *testing.T, n *realNode, since40 bool) {
	t.Helper()
	for _, body := range []string{
		`{"type":"flush","keyspace":"upkeep"}`,
		`{"type":"scrub","keyspace":"upkeep","tables":["t","u"],"jobs":1}`,
		`{"type":"scrub","keyspace":"upkeep","disableSnapshot":true,"skipCorrupted":true,"noValidate":true,"reinsertOverflowedTTL":true}`,
		`{"type":"upgradesstables","keyspace":"upkeep","includeAllSStables":true}`,
		`{"type":"garbagecollect","keyspace":"upkeep","tables":["t"],"granularity":"cell"}`,
		`{"type":"compact","keyspace":"upkeep","splitOutput":true}`,
		`{"type":"compact","keyspace":"upkeep","tables":["t"],"startToken":"-9223372036854775808","endToken":"0"}`,
		`{"type":"cleanup","keyspace":"upkeep","tables":["u"]}`,
		`{"type":"verify-sstables","keyspace":"upkeep"}`,
		`{"type":"verify-sstables","keyspace":"upkeep","tables":["t"],"extendedVerify":true}`,
		`{"type":"refresh","keyspace":"upkeep","table":"t"}`,
		`{"type":"snapshot","snapshotTag":"kept","entities":"upkeep.t"}`,
	} {
		n.ends(rest.StateCompleted, body)
	}
	tags, err := n.SnapshotTags(t.Context())
	noError(t, err)
	if !slices.Contains(tags, "kept") || !slices.ContainsFunc(tags, func(tag string) bool { return tag != "kept" }) {
		t.Errorf("the snapshots are %v; ours, or that of the first scrub, is missing", tags)
	}
	n.ends(rest.StateFailed, `{"type":"snapshot","snapshotTag":"kept","entities":"upkeep"}`)
	n.ends(rest.StateCompleted, `{"type":"clear-snapshot","snapshotTag":"kept","keyspaces":["upkeep"]}`)
	tags, err = n.SnapshotTags(t.Context())
	noError(t, err)
	if slices.Contains(tags, "kept") {
		t.Errorf("the snapshots are %v; ours was not cleared", tags)
	}
	checked := rest.StateFailed // 3.11 has no such choice
	if since40 {
		checked = rest.StateCompleted
	}
	n.ends(checked, `{"type":"verify-sstables","keyspace":"upkeep","checkVersion":true,"checkTokens":true}`)
	for _, kind := range []string{"scrub", "upgradesstables", "garbagecollect", "compact", "cleanup", "verify-sstables"} {
		n.ends(rest.StateFailed, `{"type":"`+kind+`","keyspace":"nope"}`)
		n.ends(rest.StateFailed, `{"type":"`+kind+`","keyspace":"upkeep","tables":["nope"]}`)
	}
}

func repairs(t *testing.T, n *realNode) {
	t.Helper()
	n.ends(rest.StateCompleted, `{"type":"repair","keyspace":"upkeep"}`)
	n.ends(rest.StateCompleted, `{"type":"repair","keyspace":"upkeep","tables":["t"],"primaryRange":true,"incremental":true,"parallelism":"SEQUENTIAL"}`)
	if op := n.ends(rest.StateCompleted, `{"type":"repair","keyspace":"alone"}`); len(op.Warnings) == 0 {
		t.Error("nobody is told that there was nothing to repair")
	}
	n.ends(rest.StateFailed, `{"type":"repair","keyspace":"upkeep","hosts":["127.9.9.9"]}`)
}

func rebuilds(t *testing.T, nodes []*realNode) {
	t.Helper()
	n := nodes[1]
	n.ends(rest.StateCompleted, `{"type":"rebuild","sourceDC":"dc1","keyspace":"upkeep"}`)
	n.ends(rest.StateFailed, `{"type":"rebuild","sourceDC":"nodc"}`)
	if len(nodes) == 2 { // each has all ranges
		n.ends(rest.StateCompleted, `{"type":"rebuild","keyspace":"upkeep","specificTokens":[{"start":"0","end":"1000"}],"specificSources":["`+
			nodes[0].address+`"]}`)
	}
}

// cancels stops work in the middle, and Cassandra does not go on.
func cancels(t *testing.T, n *realNode) {
	t.Helper()
	n.ends(rest.StateCompleted, `{"type":"flush","keyspace":"big"}`)
	op := n.submit(`{"type":"upgradesstables","keyspace":"big","includeAllSStables":true}`)
	eventually(t, func() bool {
		now, err := n.Get(op.ID)
		noError(t, err)
		if now.State.IsTerminal() {
			t.Fatalf("it is %s before it could be cancelled: %+v", now.State, now.Errors)
		}
		return now.Progress > 0
	})
	_, err := n.Cancel(t.Context(), op.ID)
	noError(t, err)
	if done := n.await(op.ID); done.State != rest.StateCancelled || done.Progress <= 0 || done.Progress >= 1 {
		t.Errorf("it is %s at %v: %+v", done.State, done.Progress, done.Errors)
	}
	running, err := n.Compactions(t.Context())
	noError(t, err)
	if slices.ContainsFunc(running, func(c cassandra.Compaction) bool { return c.Type == cassandra.CompactionUpgrade }) {
		t.Errorf("Cassandra goes on with %+v", running)
	}
}

// leaves takes all nodes but the first out of the ring.
func leaves(t *testing.T, r *rings.Ring, nodes []*realNode) {
	t.Helper()
	n, second := nodes[0], nodes[1]
	id, err := second.Identity(t.Context())
	noError(t, err)
	n.ends(rest.StateFailed, `{"type":"assassinate","address":"`+n.address+`"}`)
	n.ends(rest.StateFailed, `{"type":"removenode","hostId":"`+id.HostID+`"}`)
	n.ends(rest.StateFailed, `{"type":"removenode","hostId":"4f0a2b44-90a4-4d4b-b1a7-5a3a7b7f0a11"}`)
	if len(nodes) > 2 {
		id, err := nodes[2].Identity(t.Context())
		noError(t, err)
		noError(t, r.Kill(t.Context(), 3))
		isDown(t, n, id.HostID)
		n.ends(rest.StateCompleted, `{"type":"removenode","hostId":"`+id.HostID+`"}`)
	}
	second.ends(rest.StateCompleted, `{"type":"decommission"}`)
	second.ends(rest.StateCompleted, `{"type":"decommission","force":true}`) // it has left already
	noError(t, r.Kill(t.Context(), 2))
	members, err := n.Ring(t.Context())
	noError(t, err)
	if len(members) != 1 {
		t.Errorf("the ring is %+v", members)
	}
	n.ends(rest.StateCompleted, `{"type":"assassinate","address":"`+second.address+`"}`)
	n.ends(rest.StateFailed, `{"type":"decommission","force":false}`) // there would be no ring
}

func isDown(t *testing.T, n *realNode, hostID string) {
	t.Helper()
	eventually(t, func() bool {
		members, err := n.Ring(t.Context())
		noError(t, err)
		return slices.ContainsFunc(members, func(m cassandra.Member) bool { return m.HostID == hostID && !m.Up })
	})
}

func drainsAndRestarts(t *testing.T, r *rings.Ring, n *realNode) {
	t.Helper()
	n.ends(rest.StateCompleted, `{"type":"drain"}`)
	if mode, err := n.OperationMode(t.Context()); mode != cassandra.ModeDrained || err != nil {
		t.Errorf("the node is %s, %v", mode, err)
	}
	n.ends(rest.StateCompleted, `{"type":"drain"}`)
	op := n.submit(`{"type":"restart"}`)
	eventually(t, func() bool { return !r.Nodes[0].Running() })
	noError(t, r.Start(t.Context(), 1)) // as the one who watches over it
	if op = n.await(op.ID); op.State != rest.StateCompleted {
		t.Fatalf("restart is %s: %+v", op.State, op.Errors)
	}
	n.ends(rest.StateCompleted, `{"type":"flush","keyspace":"upkeep"}`)
	n.ends(rest.StateCompleted, `{"type":"stop"}`)
	<-n.stopped
}

func eventually(t *testing.T, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), realPatience)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal(errors.New("it did not come to that"))
		}
	}
}
