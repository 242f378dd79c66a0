package backup_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	testingclock "k8s.io/utils/clock/testing"

	"github.com/icarus-sidecar/icarus/pkg/backup"
	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
)

// calls is how many calls of the bucket a first backup of small makes.
func calls(t *testing.T) int64 {
	t.Helper()
	n, _ := small(t)
	b := storetest.NewFaulty(storetest.NewMemory())
	var count atomic.Int64
	b.Before = func(context.Context, storetest.Op, string) error { count.Add(1); return nil }
	_, err := backup.Run(t.Context(), n, b, request(1), nil)
	noError(t, err)
	return count.Load()
}

func isWrite(op storetest.Op) bool {
	return op == storetest.Put || op == storetest.Create || op == storetest.Replace
}

// Each call of the bucket fails once; what is left must be a whole backup or none.
func TestAFailureAtAnyCallLeavesNoHalfBackup(t *testing.T) {
	t.Parallel()
	for k := range calls(t) {
		for _, lost := range []bool{false, true} { // only the answer is
			t.Run(fmt.Sprintf("call %d, lost %v", k+1, lost), func(t *testing.T) {
				t.Parallel()
				n, _ := small(t)
				memory := storetest.NewMemory()
				b := storetest.NewFaulty(memory)
				var count atomic.Int64
				var at atomic.Value
				fault := func(op storetest.Op, key string) error {
					if count.Add(1) == k+1 {
						at.Store(string(op) + " " + key)
						return store.ErrTransient
					}
					return nil
				}
				if lost {
					b.After = fault
				} else {
					b.Before = func(_ context.Context, op storetest.Op, key string) error { return fault(op, key) }
				}
				result, err := backup.Run(t.Context(), n, b, request(1), nil)
				where, _ := at.Load().(string)
				if err == nil {
					m, err := manifest.Decode(get(t, memory, manifest.ManifestKey(tag(1))))
					noError(t, err)
					if m.Totals().Files != smallFiles {
						t.Errorf("after %s the manifest has %d files", where, m.Totals().Files)
					}
					if strings.HasPrefix(where, "Delete") != (len(result.Warnings) == 1) {
						t.Errorf("after %s the warnings are %v", where, result.Warnings)
					}
					if where != "" && !strings.HasPrefix(where, "Delete") && !lost {
						t.Errorf("%s failed, and nobody noticed", where)
					}
					return
				}
				if !errors.Is(err, store.ErrTransient) {
					t.Errorf("after %s the error is %v", where, err)
				}
				if slices.Contains(keys(t, memory, "manifests/"), manifest.ManifestKey(tag(1))) {
					t.Errorf("after %s there is a manifest", where)
				}
				if left := n.snapshots("*"); len(left) > 0 {
					t.Errorf("after %s snapshots are left: %v", where, left)
				}
				// The same may be tried again, by whoever.
				again := request(2)
				run(t, n, memory, again)
			})
		}
	}
}

// The process dies at each call; its next life must finish the backup.
func TestACrashAtAnyCallIsResumed(t *testing.T) {
	t.Parallel()
	dead := errors.New("the process is dead")
	for k := range calls(t) {
		for _, lost := range []bool{false, true} {
			t.Run(fmt.Sprintf("call %d, lost %v", k+1, lost), func(t *testing.T) {
				t.Parallel()
				n, _ := small(t)
				memory := storetest.NewMemory()
				b := storetest.NewFaulty(memory)
				var count atomic.Int64
				fault := func(n *node, c int64) error {
					if c < k+1 {
						return nil
					}
					n.fall(dead)
					return dead
				}
				b.Before = func(context.Context, storetest.Op, string) error {
					c := count.Add(1)
					if lost {
						c--
					}
					return fault(n, c)
				}
				if lost {
					b.After = func(storetest.Op, string) error { return fault(n, count.Load()) }
				}
				_, err := backup.Run(t.Context(), n, b, request(1), nil)
				if err == nil && count.Load() < k+1 {
					t.Fatalf("it was no more than %d calls", count.Load())
				}
				n.fall(nil)
				r := request(1)
				r.Resumed = true
				result := run(t, n, memory, r)
				if result.Tables != 3 || result.Counts.FilesDone != smallFiles {
					t.Errorf("it came to %+v", result)
				}
			})
		}
	}
}

// After a cancel at each call nothing more may be written.
func TestNothingIsWrittenAfterCancel(t *testing.T) {
	t.Parallel()
	cause := errors.New("someone pressed the button")
	for k := range calls(t) {
		t.Run(fmt.Sprint("call ", k+1), func(t *testing.T) {
			t.Parallel()
			n, _ := small(t)
			memory := storetest.NewMemory()
			b := storetest.NewFaulty(memory)
			ctx, cancel := context.WithCancelCause(t.Context())
			var count, written atomic.Int64
			var cancelled atomic.Bool // is told to every context that derives from ctx
			b.Before = func(context.Context, storetest.Op, string) error {
				if count.Add(1) == k+1 {
					cancel(cause)
					cancelled.Store(true)
				}
				return nil
			}
			b.After = func(op storetest.Op, _ string) error {
				if isWrite(op) && cancelled.Load() {
					written.Add(1)
				}
				return nil
			}
			_, err := backup.Run(ctx, n, b, request(1), nil)
			if err == nil { // it had been committed before
				checkCommitted(t, n, memory, tag(1))
				return
			}
			if !errors.Is(err, context.Canceled) || !errors.Is(err, cause) {
				t.Errorf("the error is %v", err)
			}
			// A write that was already on its way when another stream's call
			// cancelled may end as it ends.
			if got := written.Load(); got > 1 {
				t.Errorf("%d objects were written after it", got)
			}
			checkNone(t, n, memory, tag(1))
		})
	}
}

func TestACancelDuringTheSnapshotClearsIt(t *testing.T) {
	t.Parallel()
	n, _ := small(t)
	ctx, cancel := context.WithCancel(t.Context())
	n.snapshotting = func(string) error { cancel(); return nil }
	b := storetest.NewMemory()
	if _, err := backup.Run(ctx, n, b, request(1), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	checkNone(t, n, b, tag(1))
	if left := keys(t, b, ""); left != nil {
		t.Errorf("the bucket has %v", left)
	}
}

func TestAFailedSnapshotIsCleared(t *testing.T) {
	t.Parallel()
	n, _ := small(t)
	full := errors.New("no space left on device")
	n.snapshotting = func(string) error { return full }
	b := storetest.NewMemory()
	if _, err := backup.Run(t.Context(), n, b, request(1), nil); !errors.Is(err, full) {
		t.Errorf("the error is %v", err)
	}
	checkNone(t, n, b, tag(1))
}

// intent puts one of another owner, silent for some time.
func intent(t *testing.T, b store.Bucket, owner string, silent time.Duration) {
	t.Helper()
	alive := time.UnixMilli(1).Add(-silent)
	body, err := json.Marshal(backup.Intent{Tag: tag(1), Owner: owner, Since: alive, Alive: alive})
	noError(t, err)
	noError(t, b.Create(t.Context(), manifest.IntentKey(tag(1)), body))
}

func TestATagHasOneOwner(t *testing.T) {
	t.Parallel()
	own := request(1).Owner
	for name, tc := range map[string]struct {
		committed bool
		// owner is that of an intent, silent for how long.
		owner   string
		silent  time.Duration
		garbage bool // is in the place of an intent
		left    bool // is the snapshot
		resumed bool
		err     error
		warns   bool
	}{
		"who is at work":                       {owner: "another", silent: time.Minute, err: backup.ErrTaken},
		"who is dead":                          {owner: "another", silent: time.Hour, left: true, warns: true},
		"who cannot be read":                   {garbage: true, warns: true},
		"who died after the commit":            {committed: true, owner: "another", silent: time.Hour, err: backup.ErrTaken},
		"who committed":                        {committed: true, err: backup.ErrTaken},
		"which is this, and committed":         {committed: true, resumed: true},
		"which is this, and died after it had": {committed: true, owner: own, silent: time.Minute, left: true},
		"which is this, and died before":       {owner: own, silent: time.Minute, left: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, _ := small(t)
			b := storetest.NewMemory()
			if tc.committed {
				run(t, n, b, request(1))
			}
			if tc.owner != "" {
				intent(t, b, tc.owner, tc.silent)
			}
			if tc.garbage {
				noError(t, b.Create(t.Context(), manifest.IntentKey(tag(1)), []byte("{")))
			}
			if tc.left {
				noError(t, n.Snapshot(t.Context(), tag(1), nil))
			}
			before := keys(t, b, "manifests/")
			r := request(1)
			r.Resumed = tc.resumed
			result, err := backup.Run(t.Context(), n, b, r, nil)
			if tc.err != nil {
				if !errors.Is(err, tc.err) || !slices.Equal(before, keys(t, b, "manifests/")) {
					t.Errorf("the error is %v, and the manifests are %v", err, keys(t, b, "manifests/"))
				}
				return
			}
			noError(t, err)
			if result.Tables != 3 || result.SchemaVersion != schemaVersion || result.Counts.FilesDone != smallFiles {
				t.Errorf("it came to %+v", result)
			}
			if (len(result.Warnings) > 0) != tc.warns {
				t.Errorf("the warnings are %v", result.Warnings)
			}
			checkCommitted(t, n, b, tag(1))
		})
	}
}

func TestACommittedBackupThatIsDamagedIsNoSuccess(t *testing.T) {
	t.Parallel()
	n, t1 := small(t)
	b := storetest.NewMemory()
	run(t, n, b, request(1))
	noError(t, b.Delete(t.Context(), "data/ks1/t1-"+t1.ID+"/1-12345/nb-1-big-Data.db"))
	r := request(1)
	r.Resumed = true
	if _, err := backup.Run(t.Context(), n, b, r, nil); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the error is %v", err)
	}
}

func TestAResumedBackupOfWhatIsGoneCleansUp(t *testing.T) {
	t.Parallel()
	n, _ := small(t)
	b := storetest.NewMemory()
	r := request(1)
	r.Tables = []string{"ks1.gone"}
	r.Resumed = true
	noError(t, n.Snapshot(t.Context(), tag(1), nil))
	intent(t, b, r.Owner, time.Minute)
	if _, err := backup.Run(t.Context(), n, b, r, nil); err == nil {
		t.Error("there is no error")
	}
	checkNone(t, n, b, tag(1))
}

// Cassandra goes on with a snapshot when its caller has died: it comes to be
// when the next life has cleared what there was.
func TestASnapshotThatAnEarlierLifeAskedForComesLate(t *testing.T) {
	t.Parallel()
	n, t1 := small(t)
	b := storetest.NewMemory()
	r := request(1)
	r.Resumed = true
	noError(t, n.Snapshot(t.Context(), tag(1), nil))
	intent(t, b, r.Owner, time.Minute)
	late := false
	n.snapshotting = func(string) error {
		n.snapshot(t1, tag(1))
		late = true
		return nil
	}
	if result := run(t, n, b, r); result.Tables != 3 || !late {
		t.Errorf("it came to %+v", result)
	}
}

// A cancel during the snapshot must not leave it to be finished by Cassandra
// after it was cleared.
func TestACancelWaitsForTheSnapshot(t *testing.T) {
	t.Parallel()
	n, _ := small(t)
	b := storetest.NewMemory()
	ctx, cancel := context.WithCancel(t.Context())
	n.snapshotting = func(string) error {
		cancel()
		return nil
	}
	if _, err := backup.Run(ctx, n, b, request(1), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	checkNone(t, n, b, tag(1))
}

// An object that goes while the backup runs must not be named by its manifest.
func TestAnObjectThatVanishesBeforeTheCommitIsAnError(t *testing.T) {
	t.Parallel()
	n, t1 := small(t)
	memory := storetest.NewMemory()
	run(t, n, memory, request(1))
	n.sstable(t1.DataPaths[0], "nb-3-big", "three")
	b := storetest.NewFaulty(memory)
	b.After = func(op storetest.Op, _ string) error {
		if op == storetest.Put { // after the listing
			return memory.Delete(t.Context(), "data/ks1/t1-"+t1.ID+"/1-12345/nb-1-big-Data.db")
		}
		return nil
	}
	if _, err := backup.Run(t.Context(), n, b, request(2), nil); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the error is %v", err)
	}
	checkNone(t, n, memory, tag(2))
}

func TestARunningBackupSaysThatItIsAlive(t *testing.T) {
	t.Parallel()
	n, _ := small(t)
	memory := storetest.NewMemory()
	c := testingclock.NewFakeClock(time.UnixMilli(1))
	beaten := make(chan struct{})
	var once sync.Once
	b := storetest.NewFaulty(memory)
	b.After = func(op storetest.Op, key string) error {
		if op == storetest.Replace && key == manifest.IntentKey(tag(1)) {
			once.Do(func() { close(beaten) })
		}
		return nil
	}
	b.Before = func(ctx context.Context, op storetest.Op, _ string) error {
		if op != storetest.Put {
			return nil
		}
		for { // until the word was sent, which waits for the clock
			select {
			case <-beaten:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			default:
				if c.HasWaiters() {
					c.Step(time.Minute)
				}
			}
		}
	}
	r := request(1)
	r.Clock = c
	var seen backup.Intent
	_, err := backup.Run(t.Context(), n, b, r, func(p backup.Progress) {
		if p.Phase == backup.PhaseCommit {
			var err error
			seen, err = backup.DecodeIntent(get(t, memory, manifest.IntentKey(tag(1))))
			noError(t, err)
		}
	})
	noError(t, err)
	if seen.Owner != r.Owner || !seen.Alive.After(seen.Since) || seen.IsStale(c.Now()) {
		t.Errorf("the intent is %+v", seen)
	}
	checkCommitted(t, n, memory, tag(1))
}
