package nodeops_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/utils/clock"
	testclock "k8s.io/utils/clock/testing"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/cassandra/cassandratest"
	"github.com/icarus-sidecar/icarus/pkg/nodeops"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// keeper is a node with keyspace shop, of the tables items and orders, and the
// operations of the sidecar beside it.
type keeper struct {
	*cassandratest.Fake
	*operation.Manager
	t       *testing.T
	clock   *testclock.FakeClock
	dir     string // of the journal
	others  []*cassandratest.Fake
	stopped chan struct{}
}

// newKeeper is the first node of a ring.
func newKeeper(t *testing.T, nodes int, o cassandratest.Options) *keeper {
	t.Helper()
	ring := cassandratest.NewRing(t, nodes, o)
	k := &keeper{Fake: ring[0], others: ring[1:], t: t, clock: testclock.NewFakeClock(time.Unix(0, 0)), dir: t.TempDir(), stopped: make(chan struct{})}
	k.CreateTable("shop", "items")
	k.CreateTable("shop", "orders")
	k.open()
	t.Cleanup(func() { _ = k.Close(context.WithoutCancel(t.Context())) })
	return k
}

// open begins a life of the sidecar.
func (k *keeper) open() {
	k.t.Helper()
	registry, err := nodeops.Kinds(&nodeops.Deps{Node: k.Fake, Clock: k.clock, Stop: func() { close(k.stopped) }},
		[]string{rest.TypeTruncate, rest.TypeRemoveNode, rest.TypeAssassinate, rest.TypeRestart})
	noError(k.t, err)
	k.Manager, err = operation.New(context.WithoutCancel(k.t.Context()), operation.Config{Dir: k.dir, Registry: registry})
	noError(k.t, err)
}

// reopen ends a life of the sidecar and begins another. Cassandra is not asked to
// stop anything.
func (k *keeper) reopen() {
	k.t.Helper()
	noError(k.t, k.Close(k.t.Context()))
	k.open()
}

func (k *keeper) submit(body string) string {
	k.t.Helper()
	req, _, err := k.Types().Decode([]byte(body))
	noError(k.t, err)
	op, _, err := k.Submit(k.t.Context(), req, nil)
	noError(k.t, err)
	return op.ID
}

func (k *keeper) await(id string) rest.Operation {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), patience)
	defer cancel()
	op, err := k.Wait(ctx, id)
	noError(k.t, err)
	return op
}

// ends runs a request and says how it must end.
func (k *keeper) ends(want rest.State, body string) rest.Operation {
	k.t.Helper()
	op := k.await(k.submit(body))
	if op.State != want {
		k.t.Fatalf("%s is %s: %+v %v", body, op.State, op.Errors, op.Warnings)
	}
	return op
}

// until lets the time go on until something is so.
func (k *keeper) until(is func() bool) {
	k.t.Helper()
	k.untilBy(2*time.Second, is)
}

func (k *keeper) untilBy(step time.Duration, is func() bool) {
	k.t.Helper()
	eventuallyBy(k.t, 5*time.Millisecond, func() bool { // of the real time
		if k.clock.HasWaiters() {
			k.clock.Step(step)
		}
		return is()
	})
}

func TestRequestsReachCassandra(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"type":"scrub","keyspace":"shop","tables":["items"],"skipCorrupted":true,"jobs":2}`:                            "Scrub shop {NoSnapshot:false SkipCorrupted:true NoValidate:false ReinsertOverflowedTTL:false Jobs:2} items",
		`{"type":"upgradesstables","keyspace":"shop","includeAllSStables":true}`:                                         "UpgradeSSTables shop true 0",
		`{"type":"garbagecollect","keyspace":"shop","jobs":1}`:                                                           "GarbageCollect shop ROW 1",
		`{"type":"compact","keyspace":"shop","splitOutput":true}`:                                                        "MajorCompact shop {SplitOutput:true StartToken: EndToken:}",
		`{"type":"compact","keyspace":"shop","startToken":"1","endToken":"2"}`:                                           "MajorCompact shop {SplitOutput:false StartToken:1 EndToken:2}",
		`{"type":"verify-sstables","keyspace":"shop","quick":true}`:                                                      "Verify shop {Extended:false Quick:true CheckVersion:false CheckTokens:false MutateRepairStatus:false DiskFailurePolicy:false}",
		`{"type":"cleanup","keyspace":"shop","jobs":1}`:                                                                  "Cleanup shop 1",
		`{"type":"refresh","keyspace":"shop","table":"items"}`:                                                           "LoadNewSSTables shop items",
		`{"type":"snapshot","snapshotTag":"s","entities":"shop.items"}`:                                                  "Snapshot s shop.items",
		`{"type":"clear-snapshot","snapshotTag":"s","keyspaces":["shop"]}`:                                               "ClearSnapshot s shop",
		`{"type":"repair","keyspace":"shop","tables":["items"],"dc":"dc1, dc2"}`:                                         "Repair shop {Tables:[items] Incremental:false PrimaryRange:false Parallelism:parallel JobThreads:1 Ranges:[] Datacenters:[dc1 dc2] Hosts:[]}",
		`{"type":"rebuild","keyspace":"shop","specificTokens":[{"start":"1","end":"2"}],"specificSources":["10.0.0.1"]}`: "Rebuild {SourceDatacenter: Keyspace:shop Ranges:[{Start:1 End:2}] Sources:[10.0.0.1]}",
		`{"type":"decommission"}`:               "Decommission true", // the original's default
		`{"type":"decommission","force":false}`: "Decommission false",
		`{"type":"drain"}`:                      "Drain",
	} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			k := newKeeper(t, 2, cassandratest.Options{})
			if op := k.ends(rest.StateCompleted, body); op.Progress != 1 {
				t.Errorf("the progress is %v", op.Progress)
			}
			if calls := k.Calls(); !slices.Contains(calls, want) {
				t.Errorf("the calls are %q, without %q", calls, want)
			}
		})
	}
}

func TestResultsOfCassandraAreFailures(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, 1, cassandratest.Options{})
	for result, want := range map[int32]string{1: "aborted", 2: "taken", 7: "7"} {
		k.SetResult(result)
		for _, kind := range []string{"cleanup", "scrub", "upgradesstables", "garbagecollect", "verify-sstables"} {
			op := k.ends(rest.StateFailed, `{"type":"`+kind+`","keyspace":"shop"}`)
			mentions(t, op.Errors, want, "shop")
		}
	}
}

func TestProgressIsThatOfCompactions(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, 1, cassandratest.Options{})
	reached, release := k.Block("Scrub")
	id := k.submit(`{"type":"scrub","keyspace":"shop"}`)
	receive(t, reached)
	progress := func(want float64) func() bool {
		return func() bool {
			op, err := k.Get(id)
			noError(t, err)
			return op.Progress == want
		}
	}
	others := []cassandra.Compaction{
		{ID: "x", Type: cassandra.CompactionScrub, Keyspace: "other", Table: "items", Done: 9, Total: 10},
		{ID: "y", Type: cassandra.CompactionMinor, Keyspace: "shop", Table: "items", Done: 9, Total: 10},
	}
	items := cassandra.Compaction{ID: "a", Type: cassandra.CompactionScrub, Keyspace: "shop", Table: "items", Done: 5, Total: 10}
	k.SetCompactions(append(others, items)...)
	k.until(progress(0.25))
	orders := items
	orders.Table = "orders.index"
	k.SetCompactions(orders)
	k.until(progress(0.75))
	k.Fail("Compactions", errors.New("busy")) // nobody minds
	k.until(func() bool { return len(k.Calls("Compactions")) > 4 })
	release()
	if op := k.await(id); op.State != rest.StateCompleted || op.Progress != 1 {
		t.Errorf("it is %+v", op)
	}
}

func TestProgressIsThatOfStreams(t *testing.T) {
	t.Parallel()
	for body, c := range map[string]struct{ method, purpose string }{
		`{"type":"rebuild"}`:      {"Rebuild", cassandra.StreamRebuild},
		`{"type":"decommission"}`: {"Decommission", cassandra.StreamDecommission},
	} {
		k := newKeeper(t, 2, cassandratest.Options{})
		k.SetStreams(
			cassandra.Stream{ID: "a", For: c.purpose, BytesDone: 1, BytesTotal: 4}, cassandra.Stream{ID: "b", For: c.purpose, BytesDone: 2, BytesTotal: 8},
			cassandra.Stream{ID: "c", For: "Repair", BytesDone: 9, BytesTotal: 9},
		)
		reached, release := k.Block(c.method)
		id := k.submit(body)
		receive(t, reached)
		k.until(func() bool {
			op, err := k.Get(id)
			noError(t, err)
			return op.Progress == 0.25
		})
		release()
		k.await(id)
	}
}

func TestACancelledCompactionIsStoppedInCassandra(t *testing.T) {
	t.Parallel()
	for kind, c := range map[string]struct{ method, compaction string }{
		"cleanup":         {"Cleanup", cassandra.CompactionCleanup},
		"scrub":           {"Scrub", cassandra.CompactionScrub},
		"upgradesstables": {"UpgradeSSTables", cassandra.CompactionUpgrade},
		"garbagecollect":  {"GarbageCollect", cassandra.CompactionGarbage},
		"compact":         {"MajorCompact", cassandra.CompactionMajor},
		"verify-sstables": {"Verify", cassandra.CompactionVerify},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			k := newKeeper(t, 1, cassandratest.Options{})
			reached, release := k.Block(c.method)
			id := k.submit(`{"type":"` + kind + `","keyspace":"shop","tables":["items"]}`)
			receive(t, reached)
			first := cassandra.Compaction{ID: "first", Type: c.compaction, Keyspace: "shop", Table: "items", Total: 1}
			second, other := first, first
			second.ID, other.ID, other.Table = "second", "other", "orders"
			k.SetCompactions(first, other)
			_, err := k.Cancel(t.Context(), id)
			noError(t, err)
			eventually(t, func() bool { return slices.Contains(k.Calls("StopCompaction"), "StopCompaction first") })
			k.SetCompactions(second, other) // the next SSTable
			k.until(func() bool { return slices.Contains(k.Calls("StopCompaction"), "StopCompaction second") })
			if op, err := k.Get(id); err != nil || op.State != rest.StateRunning {
				t.Errorf("while Cassandra is at it, it is %s, %v", op.State, err)
			}
			release()
			if op := k.await(id); op.State != rest.StateCancelled {
				t.Errorf("it is %+v", op)
			}
			if calls := k.Calls("StopCompaction"); slices.Contains(calls, "StopCompaction other") {
				t.Errorf("another's was stopped: %v", calls)
			}
		})
	}
}

func TestACancellationThatFindsNothingToStopComesTooLate(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, 1, cassandratest.Options{})
	reached, release := k.Block("Scrub")
	id := k.submit(`{"type":"scrub","keyspace":"shop"}`)
	receive(t, reached)
	_, err := k.Cancel(t.Context(), id)
	noError(t, err)
	eventually(t, func() bool { return len(k.Calls("Compactions")) > 0 })
	release()
	if op := k.await(id); op.State != rest.StateCompleted {
		t.Errorf("it is %+v", op)
	}
}

func TestACancelledRepairEndsInCassandra(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, 2, cassandratest.Options{})
	reached, release := k.Block("Repair")
	id := k.submit(`{"type":"repair","keyspace":"shop"}`)
	receive(t, reached)
	_, err := k.Cancel(t.Context(), id)
	noError(t, err)
	eventually(t, func() bool { return len(k.Calls("StopRepairs")) > 0 })
	release()
	if op := k.await(id); op.State != rest.StateCancelled {
		t.Errorf("it is %+v", op)
	}
}

func TestRepairs(t *testing.T) {
	t.Parallel()
	alone := newKeeper(t, 1, cassandratest.Options{})
	if op := alone.ends(rest.StateCompleted, `{"type":"repair","keyspace":"shop"}`); len(op.Warnings) != 1 {
		t.Errorf("that there is nothing to repair is told as %v", op.Warnings)
	}
	k := newKeeper(t, 2, cassandratest.Options{})
	k.ends(rest.StateCompleted, `{"type":"repair","keyspace":"shop"}`)
	k.FailRepairs("a replica is down")
	mentions(t, k.ends(rest.StateFailed, `{"type":"repair","keyspace":"shop"}`).Errors, "a replica is down", "shop")
}

func TestASidecarThatStopsLeavesCassandraAtWork(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, 1, cassandratest.Options{})
	reached, _ := k.Block("Cleanup")
	k.submit(`{"type":"cleanup","keyspace":"shop"}`)
	receive(t, reached)
	k.SetCompactions(cassandra.Compaction{ID: "a", Type: cassandra.CompactionCleanup, Keyspace: "shop", Table: "items", Total: 1})
	noError(t, k.Close(t.Context()))
	if calls := k.Calls("StopCompaction"); len(calls) > 0 {
		t.Errorf("it asked for %v", calls)
	}
}

func TestWhatCassandraCannotStopIsRefused(t *testing.T) {
	t.Parallel()
	for body, method := range map[string]string{
		`{"type":"flush","keyspace":"shop"}`:                    "Flush",
		`{"type":"truncate","keyspace":"shop","table":"items"}`: "Truncate",
		`{"type":"refresh","keyspace":"shop","table":"items"}`:  "LoadNewSSTables",
		`{"type":"snapshot","snapshotTag":"s"}`:                 "Snapshot",
		`{"type":"clear-snapshot","snapshotTag":"s"}`:           "ClearSnapshot",
		`{"type":"drain"}`:        "Drain",
		`{"type":"decommission"}`: "Decommission",
		`{"type":"rebuild"}`:      "Rebuild",
		`{"type":"restart"}`:      "Drain",
		`{"type":"removenode","hostId":"00000000-0000-4000-8000-000000000002"}`: "Ring",
		`{"type":"assassinate","address":"127.0.0.2"}`:                          "Ring",
	} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			k := newKeeper(t, 2, cassandratest.Options{})
			reached, _ := k.Block(method)
			id := k.submit(body)
			receive(t, reached)
			_, err := k.Cancel(t.Context(), id)
			var told *rest.Error
			if !errors.As(err, &told) || told.Code != http.StatusConflict || !strings.Contains(told.Message, id) {
				t.Errorf("the answer is %v", err)
			}
		})
	}
}

func TestDrain(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]rest.State{
		cassandra.StateNormal: rest.StateCompleted, cassandra.ModeDrained: rest.StateCompleted,
		"STARTING": rest.StateFailed, cassandra.StateLeaving: rest.StateFailed,
	} {
		k := newKeeper(t, 1, cassandratest.Options{})
		k.SetMode(mode)
		k.ends(want, `{"type":"drain"}`)
		if calls := k.Calls("Drain"); (len(calls) > 0) != (mode == cassandra.StateNormal) {
			t.Errorf("a node that is %s is asked to %v", mode, calls)
		}
	}
	k := newKeeper(t, 1, cassandratest.Options{})
	k.SetMode(cassandra.ModeDraining) // someone else
	id := k.submit(`{"type":"drain"}`)
	k.until(func() bool { return len(k.Calls("OperationMode")) > 2 })
	k.SetMode(cassandra.ModeDrained)
	k.until(func() bool { op, err := k.Get(id); return err == nil && op.State == rest.StateCompleted })
}

func TestDecommission(t *testing.T) {
	t.Parallel()
	last := newKeeper(t, 2, cassandratest.Options{})
	last.others[0].Stop()
	last.ends(rest.StateFailed, `{"type":"decommission"}`)
	if calls := last.Calls("Decommission"); len(calls) > 0 {
		t.Errorf("it left a ring of none: %v", calls)
	}
	k := newKeeper(t, 2, cassandratest.Options{})
	k.SetMode(cassandra.StateLeaving)
	k.ends(rest.StateFailed, `{"type":"decommission"}`)
	k.SetMode(cassandra.ModeDecommissioned)
	k.ends(rest.StateCompleted, `{"type":"decommission"}`)
	if calls := k.Calls("Decommission"); len(calls) > 0 {
		t.Errorf("it was asked for %v", calls)
	}
	k.SetMode(cassandra.StateNormal)
	k.After = func(_ context.Context, c cassandratest.Call) error {
		if c.Method == "Decommission" {
			k.SetMode("DECOMMISSION_FAILED") // and 5.0 does not say so
		}
		return nil
	}
	mentions(t, k.ends(rest.StateFailed, `{"type":"decommission"}`).Errors, "DECOMMISSION_FAILED")
}

func TestOnlyDeadNodesAreTakenOut(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, 3, cassandratest.Options{})
	remove := func(id string) string { return `{"type":"removenode","hostId":"` + id + `"}` }
	assassinate := func(address string) string { return `{"type":"assassinate","address":"` + address + `"}` }
	for _, body := range []string{
		remove(k.HostID()), remove(k.others[0].HostID()), remove("00000000-0000-4000-8000-000000000077"),
		assassinate(k.Address()), assassinate("::ffff:" + k.others[0].Address()),
	} {
		k.ends(rest.StateFailed, body)
	}
	if calls := k.Calls("RemoveNode", "Assassinate"); len(calls) > 0 {
		t.Errorf("it was asked for %v", calls)
	}
	k.others[0].Stop()
	k.others[1].Stop()
	k.ends(rest.StateCompleted, remove(k.others[0].HostID()))
	k.ends(rest.StateCompleted, assassinate(k.others[1].Address()))
	if members, err := k.Ring(t.Context()); len(members) != 1 || err != nil {
		t.Errorf("the ring is %+v, %v", members, err)
	}
}

func TestSystemKeyspacesAreSpared(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, 1, cassandratest.Options{})
	for body, field := range map[string]string{
		`{"type":"scrub","keyspace":"system","skipCorrupted":true}`: "skipCorrupted",
		`{"type":"refresh","keyspace":"system","table":"local"}`:    "keyspace",
		`{"type":"repair","keyspace":"system_schema"}`:              "keyspace",
	} {
		req, _, err := k.Types().Decode([]byte(body))
		noError(t, err)
		_, _, err = k.Submit(t.Context(), req, nil)
		var told *rest.Error
		if !errors.As(err, &told) || len(told.Violations) != 1 || told.Violations[0].Field != field {
			t.Errorf("%s: %v", body, err)
		}
	}
	k.ends(rest.StateCompleted, `{"type":"scrub","keyspace":"system"}`)
}

func TestASnapshotThatFails(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, 1, cassandratest.Options{})
	k.ends(rest.StateCompleted, `{"type":"snapshot","snapshotTag":"s"}`)
	op := k.ends(rest.StateFailed, `{"type":"snapshot","snapshotTag":"s"}`)
	if strings.Contains(op.Errors[0].Message, "clear-snapshot") {
		t.Errorf("nothing was done, and yet: %+v", op.Errors)
	}
	k.Fail("Snapshot", errors.New("no space left"))
	mentions(t, k.ends(rest.StateFailed, `{"type":"snapshot","snapshotTag":"t"}`).Errors, "no space left", "clear-snapshot")
	if calls := k.Calls("ClearSnapshot"); len(calls) > 0 {
		t.Errorf("it cleared what may be another's: %v", calls)
	}
}

func TestStopWaitsForTheOthers(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, 1, cassandratest.Options{})
	reached, release := k.Block("Flush")
	flush := k.submit(`{"type":"flush","keyspace":"shop"}`)
	receive(t, reached)
	id := k.submit(`{"type":"stop"}`)
	eventually(t, func() bool { op, err := k.Get(id); return err == nil && op.State == rest.StateRunning })
	req, _, err := k.Types().Decode([]byte(`{"type":"stop"}`))
	noError(t, err)
	if _, _, err := k.Submit(t.Context(), req, nil); !errors.Is(err, operation.ErrConflict) {
		t.Errorf("a second one: %v", err)
	}
	select {
	case <-k.stopped:
		t.Error("it did not wait")
	default:
	}
	release()
	k.await(flush)
	receive(t, k.stopped)
	if op := k.await(id); op.State != rest.StateCompleted {
		t.Errorf("it is %+v", op)
	}
}

func TestRestart(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, 1, cassandratest.Options{})
	id := k.submit(`{"type":"restart"}`)
	k.until(func() bool { op, err := k.Get(id); return err == nil && op.CurrentPhase == "Starting" })
	k.until(func() bool { return len(k.Calls("OperationMode")) > 3 }) // it is down
	if calls := k.Calls("Drain", "StopDaemon"); !slices.Equal(calls, []string{"Drain", "StopDaemon"}) {
		t.Errorf("the calls are %v", calls)
	}
	k.SetMode(cassandra.StateNormal)
	k.Start()
	k.until(func() bool { op, err := k.Get(id); return err == nil && op.State == rest.StateCompleted })
	k.SetMode(cassandra.StateMoving)
	k.ends(rest.StateFailed, `{"type":"restart"}`)
}

func TestOperationsAreTurnedOnAndOff(t *testing.T) {
	t.Parallel()
	d := &nodeops.Deps{Clock: clock.RealClock{}}
	r, err := nodeops.Kinds(d, nil)
	noError(t, err)
	for _, name := range []string{rest.TypeTruncate, rest.TypeRemoveNode, rest.TypeAssassinate, rest.TypeRestart} {
		if slices.Contains(r.Names(), name) {
			t.Errorf("%s is on", name)
		}
	}
	for _, name := range []string{rest.TypeDecommission, rest.TypeDrain, rest.TypeStop} { // as in the original
		if !slices.Contains(r.Names(), name) {
			t.Errorf("%s is off", name)
		}
	}
	r, err = nodeops.Kinds(d, []string{rest.TypeRemoveNode}, rest.TypeStop, rest.TypeDrain)
	noError(t, err)
	if names := r.Names(); !slices.Contains(names, rest.TypeRemoveNode) || slices.Contains(names, rest.TypeStop) || slices.Contains(names, rest.TypeDrain) {
		t.Errorf("there are %v", names)
	}
	if _, err = nodeops.Kinds(d, nil, "nosuch"); err == nil {
		t.Error("what does not exist is turned off")
	}
	if _, err = nodeops.Kinds(d, []string{rest.TypeTruncate}, rest.TypeTruncate); err == nil {
		t.Error("one is on and off")
	}
	all, err := nodeops.Kinds(d, []string{rest.TypeTruncate, rest.TypeRemoveNode, rest.TypeAssassinate, rest.TypeRestart})
	noError(t, err)
	for name := range rest.BuiltinTypes() {
		if _, there := all[name]; !there {
			t.Errorf("requests of type %s are known, and nothing runs them", name)
		}
	}
}
