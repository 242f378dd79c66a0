package nodeops_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/cassandra/cassandratest"
	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

// now is the operation as it is.
func (k *keeper) now(id string) rest.Operation {
	k.t.Helper()
	op, err := k.Get(id)
	noError(k.t, err)
	return op
}

// adopts waits until an operation is watched that an earlier life of the sidecar began.
func (k *keeper) adopts(id string) {
	k.t.Helper()
	eventuallyBy(k.t, 5*time.Millisecond, func() bool {
		op := k.now(id)
		return op.State == rest.StateRunning && op.CurrentPhase == "Adopted"
	})
}

// looks lets Cassandra be looked at some times, after which an operation runs still.
func (k *keeper) looks(id string) {
	k.t.Helper()
	before := len(k.Calls())
	k.until(func() bool { return len(k.Calls()) > before+20 })
	if op := k.now(id); op.State != rest.StateRunning {
		k.t.Fatalf("while Cassandra is at it, it is %s: %+v", op.State, op.Errors)
	}
}

// over lets the time go on until an operation is.
func (k *keeper) over(id string, want rest.State) rest.Operation {
	k.t.Helper()
	k.until(func() bool { return k.now(id).State.IsTerminal() })
	op := k.now(id)
	if op.State != want {
		k.t.Errorf("%s is %s: %+v %v", op.Type, op.State, op.Errors, op.Warnings)
	}
	return op
}

func TestCompactionsAreAdoptedAndNotRepeated(t *testing.T) {
	t.Parallel()
	for body, c := range map[string]struct {
		method, compaction string
		want               rest.State
	}{
		`{"type":"scrub","keyspace":"shop"}`:                                     {"Scrub", cassandra.CompactionScrub, rest.StateFailed},
		`{"type":"compact","keyspace":"shop"}`:                                   {"MajorCompact", cassandra.CompactionMinor, rest.StateFailed},
		`{"type":"garbagecollect","keyspace":"shop"}`:                            {"GarbageCollect", cassandra.CompactionGarbage, rest.StateFailed},
		`{"type":"verify-sstables","keyspace":"shop"}`:                           {"Verify", cassandra.CompactionVerify, rest.StateFailed},
		`{"type":"upgradesstables","keyspace":"shop","includeAllSStables":true}`: {"UpgradeSSTables", cassandra.CompactionUpgrade, rest.StateFailed},
		// Cassandra leaves out what it has done, so asking once more tells the end.
		`{"type":"upgradesstables","keyspace":"shop"}`: {"UpgradeSSTables", cassandra.CompactionUpgrade, rest.StateCompleted},
		`{"type":"cleanup","keyspace":"shop"}`:         {"Cleanup", cassandra.CompactionCleanup, rest.StateCompleted},
	} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			k := newKeeper(t, 1, cassandratest.Options{})
			reached, release := k.Block(c.method)
			first := k.submit(body)
			receive(t, reached)
			items := cassandra.Compaction{ID: "a", Type: c.compaction, Keyspace: "shop", Table: "items", Done: 1, Total: 4}
			k.SetCompactions(items)
			k.reopen()
			k.adopts(first)
			second := k.submit(body)
			k.looks(first)
			if op := k.now(first); op.Progress != 0.125 {
				t.Errorf("the progress is %v", op.Progress)
			}
			k.SetCompactions()
			k.SetQueued(1) // perhaps it is the other table
			k.looks(first)
			if op, calls := k.now(second), k.Calls(c.method); op.State != rest.StatePending || len(calls) != 1 {
				t.Errorf("meanwhile another is %s, and the calls are %v", op.State, calls)
			}
			release()
			k.SetQueued(0)
			op := k.over(first, c.want)
			switch {
			case op.State == rest.StateFailed:
				mentions(t, op.Errors, "went on with it until about 1970-01-01T00:00:", "submit it again")
			case !slices.ContainsFunc(op.Warnings, func(w string) bool { return strings.Contains(w, "asked once more") }):
				t.Errorf("the warnings are %q", op.Warnings)
			}
			k.over(second, rest.StateCompleted)
		})
	}
}

func TestWhatIsOverWhenTheSidecarComesBack(t *testing.T) {
	t.Parallel()
	begin := func(t *testing.T) (*keeper, string) {
		t.Helper()
		k := newKeeper(t, 1, cassandratest.Options{})
		reached, _ := k.Block("Scrub")
		id := k.submit(`{"type":"scrub","keyspace":"shop"}`)
		receive(t, reached)
		return k, id
	}
	for name, c := range map[string]struct {
		meanwhile func(k *keeper)
		want      string
	}{
		"nobody knows how it ended":     {func(*keeper) {}, "was not at it any more"},
		"it ended with the process":     {func(k *keeper) { k.Stop(); k.Start() }, "restarted meanwhile"},
		"Cassandra does not run at all": {func(k *keeper) { k.Stop() }, "does not run any more"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, id := begin(t)
			c.meanwhile(k)
			k.reopen()
			mentions(t, k.over(id, rest.StateFailed).Errors, c.want)
			if calls := k.Calls("Scrub"); len(calls) != 1 {
				t.Errorf("the calls are %v", calls)
			}
		})
	}
	t.Run("unless nobody can tell", func(t *testing.T) {
		t.Parallel()
		k, id := begin(t)
		k.Fail("Compactions", errors.New("busy"))
		k.reopen()
		k.adopts(id)
		k.looks(id)
		k.untilBy(time.Minute, func() bool { return k.now(id).State.IsTerminal() })
		mentions(t, k.over(id, rest.StateFailed).Errors, "busy", "may go on")
	})
}

func TestARequestThatNeverReachedCassandraIsMadeAfterARestart(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, 1, cassandratest.Options{})
	reached, release := k.Block("Started") // which is asked before
	id := k.submit(`{"type":"scrub","keyspace":"shop"}`)
	receive(t, reached)
	noError(t, k.Close(t.Context()))
	release()
	if calls := k.Calls("Scrub"); len(calls) > 0 {
		t.Fatalf("the calls are %v", calls)
	}
	k.open()
	k.over(id, rest.StateCompleted)
	if calls := k.Calls("Scrub"); len(calls) != 1 {
		t.Errorf("the calls are %v", calls)
	}
}

func TestWhatIsAdoptedCanBeCancelled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		running []cassandra.Compaction
		warns   bool
	}{
		"while Cassandra is at it": {[]cassandra.Compaction{{ID: "a", Type: cassandra.CompactionCleanup, Keyspace: "shop", Table: "items", Total: 1}}, false},
		"and perhaps it is over":   {nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKeeper(t, 1, cassandratest.Options{})
			reached, _ := k.Block("Cleanup")
			id := k.submit(`{"type":"cleanup","keyspace":"shop"}`)
			receive(t, reached)
			k.SetCompactions(c.running...)
			k.reopen()
			k.adopts(id)
			if len(c.running) > 0 {
				k.looks(id)
			}
			_, err := k.Cancel(t.Context(), id)
			noError(t, err)
			op := k.over(id, rest.StateCancelled)
			if warned := strings.Contains(strings.Join(op.Warnings, " "), "may have done it all"); warned != c.warns {
				t.Errorf("the warnings are %q", op.Warnings)
			}
			if stopped := k.Calls("StopCompaction"); len(stopped) != len(c.running) {
				t.Errorf("it stopped %v", stopped)
			}
			if calls := k.Calls("Cleanup"); len(calls) != 1 {
				t.Errorf("the calls are %v", calls)
			}
		})
	}
}

func TestWorkGoesOnWhenTheConnectionBreaks(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, 1, cassandratest.Options{})
	k.SetCompactions(cassandra.Compaction{ID: "a", Type: cassandra.CompactionScrub, Keyspace: "shop", Table: "items", Total: 1})
	k.After = func(_ context.Context, c cassandratest.Call) error {
		if c.Method == "Scrub" {
			return fmt.Errorf("%w: reset", jmx.ErrTransport)
		}
		return nil
	}
	id := k.submit(`{"type":"scrub","keyspace":"shop"}`)
	k.adopts(id)
	k.looks(id)
	k.SetCompactions()
	op := k.over(id, rest.StateFailed)
	mentions(t, op.Errors, "went on with it until")
	if len(op.Warnings) != 1 || !strings.Contains(op.Warnings[0], "the connection broke") {
		t.Errorf("the warnings are %q", op.Warnings)
	}
}

func TestACancelledWorkIsWatchedWhenTheConnectionBreaks(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, 1, cassandratest.Options{})
	k.SetCompactions(cassandra.Compaction{ID: "a", Type: cassandra.CompactionScrub, Keyspace: "shop", Table: "items", Total: 1})
	k.Fail("StopCompaction", errors.New("busy"))
	k.After = func(_ context.Context, c cassandratest.Call) error {
		if c.Method == "Scrub" {
			return fmt.Errorf("%w: reset", jmx.ErrTransport)
		}
		return nil
	}
	reached, release := k.Block("Scrub")
	id := k.submit(`{"type":"scrub","keyspace":"shop"}`)
	receive(t, reached)
	_, err := k.Cancel(t.Context(), id)
	noError(t, err)
	release()
	k.adopts(id)
	k.looks(id)
	k.SetCompactions()
	k.over(id, rest.StateCancelled)
}

func TestRepairsAreAdopted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		release string
		end     func(k *keeper)
		want    rest.State
		says    string
	}{
		"and completed":                       {"4.1.10", func(*keeper) {}, rest.StateCompleted, ""},
		"and failed":                          {"5.0.9", func(k *keeper) { k.FailRepairs("a replica is down") }, rest.StateFailed, "a replica is down"},
		"and a release that cannot tell ends": {"3.11.19", func(*keeper) {}, rest.StateFailed, "how it ended was not heard"},
		"until Cassandra is restarted":        {"4.1.10", func(k *keeper) { k.Stop(); k.Start() }, rest.StateFailed, "restarted meanwhile"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKeeper(t, 2, cassandratest.Options{Release: c.release})
			k.SetRepairing(true)
			id := k.submit(`{"type":"repair","keyspace":"shop"}`)
			eventually(t, func() bool { return k.now(id).Progress > 0 }) // so its number is known
			k.reopen()
			k.adopts(id)
			k.looks(id)
			c.end(k)
			k.SetRepairing(false)
			op := k.over(id, c.want)
			if c.says != "" {
				mentions(t, op.Errors, c.says)
			}
			if calls := k.Calls("Repair"); len(calls) != 1 {
				t.Errorf("the calls are %v", calls)
			}
		})
	}
}

func TestChangesOfTheRingAreAdopted(t *testing.T) {
	t.Parallel()
	remove := `{"type":"removenode","hostId":"00000000-0000-4000-8000-000000000002"}`
	for name, c := range map[string]struct {
		method, body string
		begin        func(k *keeper)
		end          func(k *keeper)
		want         rest.State
	}{
		"a decommission": {
			"Decommission", `{"type":"decommission"}`, func(k *keeper) { k.SetMode(cassandra.StateLeaving) },
			func(k *keeper) { k.SetMode(cassandra.ModeDecommissioned) }, rest.StateCompleted,
		},
		"a decommission that fails": {
			"Decommission", `{"type":"decommission"}`, func(k *keeper) { k.SetMode(cassandra.StateLeaving) },
			func(k *keeper) { k.SetMode("DECOMMISSION_FAILED") }, rest.StateFailed,
		},
		"a rebuild": {
			"Rebuild", `{"type":"rebuild"}`,
			func(k *keeper) {
				k.SetStreams(cassandra.Stream{ID: "a", For: cassandra.StreamRebuild, BytesDone: 1, BytesTotal: 2})
			},
			func(k *keeper) { k.SetStreams() }, rest.StateFailed,
		},
		"a removal": {
			"RemoveNode", remove, func(k *keeper) { k.SetRemoving(true) },
			func(k *keeper) {
				noError(k.t, k.RemoveNode(k.t.Context(), k.others[0].HostID()))
				k.SetRemoving(false)
			}, rest.StateCompleted,
		},
		"a removal that fails": {
			"RemoveNode", remove, func(k *keeper) { k.SetRemoving(true) }, func(k *keeper) { k.SetRemoving(false) }, rest.StateFailed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKeeper(t, 3, cassandratest.Options{})
			if c.method == "RemoveNode" {
				k.others[0].Stop()
			}
			reached, release := k.Block(c.method)
			id := k.submit(c.body)
			receive(t, reached)
			calls := k.Calls(c.method)
			c.begin(k)
			k.reopen()
			k.adopts(id)
			k.looks(id)
			if again := k.Calls(c.method); len(again) != len(calls) {
				t.Errorf("the calls are %v", again)
			}
			if _, err := k.Cancel(t.Context(), id); err == nil {
				t.Error("it is cancelled, and Cassandra goes on")
			}
			release()
			c.end(k)
			k.over(id, c.want)
		})
	}
}

func TestARestartGoesOnWhenTheSidecarIsRestartedToo(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(k *keeper){
		"while Cassandra is down": func(*keeper) {},
		"after Cassandra is back": func(k *keeper) { k.SetMode(cassandra.StateNormal); k.Start() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKeeper(t, 1, cassandratest.Options{})
			id := k.submit(`{"type":"restart"}`)
			eventually(t, func() bool { return k.now(id).CurrentPhase == "Starting" })
			noError(t, k.Close(t.Context()))
			meanwhile(k)
			k.open()
			eventually(t, func() bool { op := k.now(id); return op.CurrentPhase == "Starting" || op.State.IsTerminal() })
			k.SetMode(cassandra.StateNormal)
			k.Start()
			k.over(id, rest.StateCompleted)
			if calls := k.Calls("Drain", "StopDaemon"); !slices.Equal(calls, []string{"Drain", "StopDaemon"}) {
				t.Errorf("the calls are %v", calls)
			}
		})
	}
	t.Run("while it drains", func(t *testing.T) {
		t.Parallel()
		k := newKeeper(t, 1, cassandratest.Options{})
		reached, _ := k.Block("Drain")
		id := k.submit(`{"type":"restart"}`)
		receive(t, reached)
		k.SetMode(cassandra.ModeDraining)
		k.reopen()
		eventually(t, func() bool { return k.now(id).CurrentPhase == "Draining" })
		k.SetMode(cassandra.ModeDrained)
		k.until(func() bool { return k.now(id).CurrentPhase == "Starting" })
		k.SetMode(cassandra.StateNormal)
		k.Start()
		k.over(id, rest.StateCompleted)
		if calls := k.Calls("Drain"); len(calls) != 1 {
			t.Errorf("the calls are %v", calls)
		}
	})
}
