package cassandra_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/cassandra/cassandratest"
	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

func shop(t *testing.T, nodes int, release string) *cassandratest.Fake {
	t.Helper()
	f := cassandratest.NewRing(t, nodes, cassandratest.Options{Release: release})[0]
	f.CreateTable("shop", "items")
	return f
}

// upkeep is what works on the SSTables of shop.items.
var upkeep = map[string]func(ctx context.Context, f *cassandratest.Fake, keyspace string, tables ...string) error{
	"Scrub": func(ctx context.Context, f *cassandratest.Fake, keyspace string, tables ...string) error {
		return f.Scrub(ctx, keyspace, cassandra.ScrubOptions{}, tables...)
	},
	"UpgradeSSTables": func(ctx context.Context, f *cassandratest.Fake, keyspace string, tables ...string) error {
		return f.UpgradeSSTables(ctx, keyspace, true, 0, tables...)
	},
	"Verify": func(ctx context.Context, f *cassandratest.Fake, keyspace string, tables ...string) error {
		return f.Verify(ctx, keyspace, cassandra.VerifyOptions{Extended: true}, tables...)
	},
	"GarbageCollect": func(ctx context.Context, f *cassandratest.Fake, keyspace string, tables ...string) error {
		return f.GarbageCollect(ctx, keyspace, "ROW", 0, tables...)
	},
	"MajorCompact": func(ctx context.Context, f *cassandratest.Fake, keyspace string, tables ...string) error {
		return f.MajorCompact(ctx, keyspace, cassandra.MajorOptions{}, tables...)
	},
}

func TestWorkOnSSTables(t *testing.T) {
	t.Parallel()
	for _, release := range []string{"3.11.19", "4.0.19", "4.1.10", "5.0.9"} {
		f := shop(t, 1, release)
		for name, run := range upkeep {
			if err := run(t.Context(), f, "shop", "items"); err != nil {
				t.Errorf("%s on %s: %v", name, release, err)
			}
			if err := run(t.Context(), f, "shop"); err != nil {
				t.Errorf("%s of all on %s: %v", name, release, err)
			}
			if err := run(t.Context(), f, "shop", "nope"); !errors.Is(err, cassandra.ErrUnknownTable) {
				t.Errorf("%s of no table on %s: %v", name, release, err)
			}
			if err := run(t.Context(), f, "nope"); !errors.Is(err, cassandra.ErrUnknownKeyspace) {
				t.Errorf("%s of no keyspace on %s: %v", name, release, err)
			}
			if err := run(t.Context(), f, "shop", "items,type=x"); !errors.Is(err, cassandra.ErrInvalid) {
				t.Errorf("%s of no name on %s: %v", name, release, err)
			}
			f.SetResult(1)
			// What returns nothing throws instead.
			if err := run(t.Context(), f, "shop"); (err == nil) != (name == "MajorCompact") {
				t.Errorf("%s that was aborted on %s: %v", name, release, err)
			}
			f.SetResult(0)
		}
	}
	if err := shop(t, 1, "").Scrub(t.Context(), "shop", cassandra.ScrubOptions{Jobs: -1}); !errors.Is(err, cassandra.ErrInvalid) {
		t.Errorf("with jobs that are less than none: %v", err)
	}
}

func TestWhatAReleaseCannotDoIsUnsupported(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]cassandra.VerifyOptions{
		"versions": {CheckVersion: true}, "tokens": {CheckTokens: true}, "quick": {Quick: true, Extended: false},
		"repair": {MutateRepairStatus: true}, "policy": {DiskFailurePolicy: true},
	} {
		if err := shop(t, 1, "3.11.19").Verify(t.Context(), "shop", o); !errors.Is(err, cassandra.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
		if err := shop(t, 1, "4.0.0").Verify(t.Context(), "shop", o); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCompactionsAreListedAndStopped(t *testing.T) {
	t.Parallel()
	f := shop(t, 1, "")
	want := []cassandra.Compaction{
		{ID: "a", Type: cassandra.CompactionScrub, Keyspace: "shop", Table: "items", Done: 3, Total: 1 << 40},
		{ID: "b", Type: cassandra.CompactionMinor, Keyspace: "system", Table: "local", Total: 7},
	}
	f.SetCompactions(want...)
	got, err := f.Compactions(t.Context())
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if err := f.StopCompaction(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if got, err = f.Compactions(t.Context()); len(got) != 1 || err != nil {
		t.Errorf("there are %+v, %v", got, err)
	}
}

func TestStreamsAreListed(t *testing.T) {
	t.Parallel()
	f := shop(t, 1, "")
	want := []cassandra.Stream{{ID: "a", For: cassandra.StreamRebuild, BytesDone: 3, BytesTotal: 1 << 40}}
	f.SetStreams(want...)
	got, err := f.Streams(t.Context())
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestRepair(t *testing.T) {
	t.Parallel()
	for _, release := range []string{"3.11.19", "4.1.10"} { // the first tells how it ended by notifications alone
		f := shop(t, 2, release)
		var told [][2]int
		report := func(done, of int) { told = append(told, [2]int{done, of}) }
		number := 0
		begun := func(n int) { number = n }
		if err := f.Repair(t.Context(), "shop", cassandra.RepairOptions{Parallelism: "parallel"}, begun, report); err != nil || number != 1 {
			t.Errorf("on %s, with the number %d: %v", release, number, err)
		}
		if want := [][2]int{{0, 100}, {50, 100}}; !slices.Equal(told, want) {
			t.Errorf("on %s it told %v", release, told)
		}
		f.FailRepairs("a replica is down") // that it is complete is said after that
		if err := f.Repair(t.Context(), "shop", cassandra.RepairOptions{}, begun, report); err == nil {
			t.Errorf("on %s one that failed is fine", release)
		}
		if err := f.Repair(t.Context(), "shop", cassandra.RepairOptions{Tables: []string{"nope"}}, begun, report); !errors.Is(err, cassandra.ErrUnknownTable) {
			t.Errorf("on %s: %v", release, err)
		}
	}
	err := shop(t, 1, "").Repair(t.Context(), "shop", cassandra.RepairOptions{}, func(int) {}, func(int, int) {})
	if !errors.Is(err, cassandra.ErrNothingToRepair) {
		t.Errorf("where no other node is: %v", err)
	}
}

func TestTheStatusOfARepair(t *testing.T) {
	t.Parallel()
	nobody := func(int, int) {}
	for release, c := range map[string]struct{ completed, failed cassandra.RepairState }{
		"3.11.19": {cassandra.RepairUnknown, cassandra.RepairUnknown}, // it cannot be asked
		"4.1.10":  {cassandra.RepairCompleted, cassandra.RepairFailed},
	} {
		f := shop(t, 2, release)
		wants := func(number int, want cassandra.RepairState) string {
			t.Helper()
			state, reason, err := f.RepairStatus(t.Context(), number)
			if state != want || err != nil {
				t.Errorf("on %s repair %d is %v (%s), %v, want %v", release, number, state, reason, err, want)
			}
			return reason
		}
		wants(0, cassandra.RepairUnknown)
		if err := f.Repair(t.Context(), "shop", cassandra.RepairOptions{}, func(int) {}, nobody); err != nil {
			t.Fatal(err)
		}
		f.SetRepairing(true)
		wants(0, cassandra.RepairRunning)
		wants(1, cassandra.RepairRunning)
		wants(2, cassandra.RepairUnknown)
		f.SetRepairing(false)
		wants(0, cassandra.RepairUnknown)
		wants(1, c.completed)
		f.FailRepairs("a replica is down")
		if reason := wants(1, c.failed); reason == "" && c.failed == cassandra.RepairFailed {
			t.Error("why it failed is not told")
		}
	}
}

func TestWhatTellsOfWorkThatGoesOn(t *testing.T) {
	t.Parallel()
	f := shop(t, 1, "")
	f.SetQueued(3)
	if queued, err := f.CompactionsQueued(t.Context()); queued != 3 || err != nil {
		t.Errorf("%d wait, %v", queued, err)
	}
	for _, want := range []bool{true, false} {
		f.SetRemoving(want)
		if removing, err := f.Removing(t.Context()); removing != want || err != nil {
			t.Errorf("that it removes a node is %t, %v", removing, err)
		}
	}
	before, err := f.Started(t.Context())
	if again, err2 := f.Started(t.Context()); err != nil || err2 != nil || !again.Equal(before) {
		t.Errorf("it was started at %v and %v, %v, %v", before, again, err, err2)
	}
	f.Stop()
	if _, err := f.Started(t.Context()); !errors.Is(err, jmx.ErrTransport) {
		t.Errorf("of one that is down: %v", err)
	}
	f.Start()
	if again, err := f.Started(t.Context()); err != nil || again.Equal(before) {
		t.Errorf("another process was started at %v as well, %v", again, err)
	}
}

func TestMembership(t *testing.T) {
	t.Parallel()
	for _, release := range []string{"3.11.19", "5.0.9"} { // with two forms of decommission
		f := shop(t, 2, release)
		if err := f.Decommission(t.Context(), true); err != nil {
			t.Errorf("decommission on %s: %v", release, err)
		}
		if mode, err := f.OperationMode(t.Context()); mode != cassandra.ModeDecommissioned || err != nil {
			t.Errorf("the node is %s, %v", mode, err)
		}
	}
	f := shop(t, 1, "")
	var exception *jmx.Exception
	if err := f.Rebuild(t.Context(), cassandra.RebuildOptions{SourceDatacenter: "nodc"}); !errors.As(err, &exception) {
		t.Errorf("from no datacenter: %v", err)
	}
	if err := f.Rebuild(t.Context(), cassandra.RebuildOptions{Keyspace: "nope"}); !errors.Is(err, cassandra.ErrUnknownKeyspace) {
		t.Errorf("of no keyspace: %v", err)
	}
	if err := f.Rebuild(t.Context(), cassandra.RebuildOptions{Ranges: []cassandra.TokenRange{{Start: "1", End: "2"}}}); !errors.Is(err, cassandra.ErrInvalid) {
		t.Errorf("of ranges without keyspace: %v", err)
	}
	if err := f.Assassinate(t.Context(), "node1"); !errors.Is(err, cassandra.ErrInvalid) {
		t.Errorf("of a name: %v", err)
	}
	if err := f.StopDaemon(t.Context()); err != nil { // its answer does not come
		t.Error(err)
	}
	if err := f.StopDaemon(t.Context()); !errors.Is(err, jmx.ErrTransport) { // none was reached
		t.Errorf("of one that is down: %v", err)
	}
}
