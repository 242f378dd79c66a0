package backup_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	testingclock "k8s.io/utils/clock/testing"

	"github.com/icarus-sidecar/icarus/pkg/backup"
	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
)

// rewrite changes a file in place so that neither its size nor its time tells.
func rewrite(t *testing.T, path, body string) {
	t.Helper()
	info, err := os.Stat(path)
	noError(t, err)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	noError(t, err)
	_, err = f.WriteString(body)
	noError(t, errors.Join(err, f.Close()))
	noError(t, os.Chtimes(path, time.Time{}, info.ModTime()))
	after, err := os.Stat(path)
	noError(t, err)
	if after.Size() != info.Size() || !after.ModTime().Equal(info.ModTime()) || !os.SameFile(info, after) {
		t.Fatal("it does show")
	}
}

// What did not change is not read: that is what the memory is for. A change that
// nothing tells of is what Cassandra never makes, and even then the backup is one
// of what the files were.
func TestWhatDidNotChangeIsNotReadAgain(t *testing.T) {
	t.Parallel()
	n, t1 := small(t)
	b, cache := storetest.NewMemory(), filepath.Join(t.TempDir(), "cache")
	mustRun(t, n, b, later(1, cache, ""))
	rewrite(t, filepath.Join(t1.DataPaths[0], "nb-1-big-Data.db"), "ONE")
	result := mustRun(t, n, b, later(2, cache, ""))
	if result.Counts.FilesReused != smallFiles {
		t.Errorf("it counted %+v", result.Counts)
	}
	checkCommitted(t, n, b, tag(2))
	// Without the memory it is read, and told apart.
	result = mustRun(t, n, b, later(3, "", ""))
	if result.Counts.FilesReused != smallFiles-1 {
		t.Errorf("it counted %+v", result.Counts)
	}
	checkCommitted(t, n, b, tag(3))
}

// A file that was just written may be written again within the same tick.
func TestWhatIsNotSettledIsReadAgain(t *testing.T) {
	t.Parallel()
	n, t1 := small(t)
	b, cache := storetest.NewMemory(), t.TempDir()
	r := later(1, cache, "")
	r.Clock = testingclock.NewFakeClock(time.Now())
	mustRun(t, n, b, r)
	rewrite(t, filepath.Join(t1.DataPaths[0], "nb-1-big-Data.db"), "ONE")
	if result := mustRun(t, n, b, later(2, cache, "")); result.Counts.FilesReused != smallFiles-1 {
		t.Errorf("it counted %+v", result.Counts)
	}
	checkCommitted(t, n, b, tag(2))
}

func TestARewrittenComponentIsSeenBesideAMemory(t *testing.T) {
	t.Parallel()
	for _, dedup := range []backup.Dedup{backup.DedupListing, backup.DedupManifest} {
		t.Run(string(dedup), func(t *testing.T) {
			t.Parallel()
			n, t1 := small(t)
			b, cache := storetest.NewMemory(), t.TempDir()
			mustRun(t, n, b, later(1, cache, dedup))
			former := "statistics of one"
			for number := int64(2); number < 6; number++ { // and back again, and again
				body := strings.ToUpper(former)
				if number%2 == 1 {
					body = former
				}
				n.component(t1.DataPaths[0], "nb-1-big-Statistics.db", body)
				result := mustRun(t, n, b, later(number, cache, dedup))
				if want := int64(smallFiles); number > 2 && result.Counts.FilesReused != want {
					t.Errorf("backup %d counted %+v", number, result.Counts)
				}
				checkCommitted(t, n, b, tag(number))
			}
		})
	}
}

func TestAMemoryThatIsNotWholeIsAsGoodAsNone(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(body []byte) []byte{
		"cut off":         func(body []byte) []byte { return body[:len(body)/2] },
		"empty":           func([]byte) []byte { return nil },
		"one bit is else": func(body []byte) []byte { body[len(body)/2] ^= 1; return body },
		"no memory":       func([]byte) []byte { return []byte("what is this file for, and who made it?") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, _ := small(t)
			b, cache := storetest.NewMemory(), t.TempDir()
			mustRun(t, n, b, later(1, cache, ""))
			memories, err := filepath.Glob(filepath.Join(cache, "backup-*"))
			noError(t, err)
			if len(memories) != 1 {
				t.Fatalf("the memories are %v", memories)
			}
			body, err := os.ReadFile(memories[0])
			noError(t, err)
			noError(t, os.WriteFile(memories[0], spoil(body), 0o600))
			result := run(t, n, b, later(2, cache, ""))
			if len(result.Warnings) != 1 || result.Counts.FilesReused != smallFiles {
				t.Errorf("the warnings are %v, and it counted %+v", result.Warnings, result.Counts)
			}
			mustRun(t, n, b, later(3, cache, "")) // it was written anew
		})
	}
	t.Run("no place for it", func(t *testing.T) {
		t.Parallel()
		n, _ := small(t)
		cache := filepath.Join(t.TempDir(), "cache")
		noError(t, os.WriteFile(cache, nil, 0o600))
		if result := run(t, n, storetest.NewMemory(), later(1, cache, "")); len(result.Warnings) == 0 {
			t.Error("nobody is told")
		}
	})
}

// The memory is of a manifest; when that is gone nobody vouches for the objects.
func TestAMemoryOfAManifestThatIsGoneVouchesForNothing(t *testing.T) {
	t.Parallel()
	for _, dedup := range []backup.Dedup{backup.DedupListing, backup.DedupManifest} {
		t.Run(string(dedup), func(t *testing.T) {
			t.Parallel()
			n, t1 := small(t)
			memory, cache := storetest.NewMemory(), t.TempDir()
			mustRun(t, n, memory, later(1, cache, dedup))
			noError(t, memory.Delete(t.Context(), manifest.ManifestKey(tag(1))))
			// Somebody put another object of the same size into the place of one.
			key := "data/ks1/t1-" + t1.ID + "/1-12345/nb-1-big-Data.db"
			noError(t, memory.Replace(t.Context(), key, []byte("ONE")))
			b := storetest.NewFaulty(memory)
			result := mustRun(t, n, b, later(2, cache, dedup))
			if got := b.Calls(storetest.Get); got < smallFiles {
				t.Errorf("only %d objects were compared", got)
			}
			if result.Counts.FilesReused != smallFiles-1 {
				t.Errorf("it counted %+v", result.Counts)
			}
			checkCommitted(t, n, memory, tag(2))
		})
	}
}

func TestAMemoryOfSomeTablesIsBesideThatOfAll(t *testing.T) {
	t.Parallel()
	n, t1 := small(t)
	b, cache := storetest.NewMemory(), t.TempDir()
	mustRun(t, n, b, later(1, cache, ""))
	some := later(2, cache, "")
	some.Tables = []string{"ks1.t2"}
	mustRun(t, n, b, some)
	rewrite(t, filepath.Join(t1.DataPaths[0], "nb-1-big-Data.db"), "ONE")
	if got := mustRun(t, n, b, later(3, cache, "")).Counts; got.FilesReused != smallFiles {
		t.Errorf("it counted %+v", got)
	}
	checkCommitted(t, n, b, tag(3))
}

func TestManifestsAloneAreTrustedWhereThatIsAskedFor(t *testing.T) {
	t.Parallel()
	n, t1 := small(t)
	memory := storetest.NewMemory()
	run(t, n, memory, request(1))
	n.sstable(t1.DataPaths[0], "nb-3-big", "three")
	b := storetest.NewFaulty(memory)
	b.Before = func(_ context.Context, op storetest.Op, key string) error {
		if op == storetest.List && key != manifest.ManifestPrefix {
			t.Errorf("%s was listed", key)
		}
		return nil
	}
	r := request(2)
	r.Dedup = backup.DedupManifest
	result := mustRun(t, n, b, r)
	if result.Counts.FilesReused != smallFiles || result.Counts.FilesTotal != smallFiles+4 {
		t.Errorf("it counted %+v", result.Counts)
	}
	checkCommitted(t, n, memory, tag(2))
}

// Whoever removes a backup while another one reuses its objects removes the
// manifest first. That is seen, and then every object is looked for.
func TestAManifestThatGoesBeforeTheCommitMakesTheObjectsDoubtful(t *testing.T) {
	t.Parallel()
	for _, dedup := range []backup.Dedup{backup.DedupListing, backup.DedupManifest} {
		for _, object := range []bool{true, false} {
			t.Run(string(dedup)+map[bool]string{true: ", with an object", false: ", alone"}[object], func(t *testing.T) {
				t.Parallel()
				n, t1 := small(t)
				memory := storetest.NewMemory()
				run(t, n, memory, request(1))
				b := storetest.NewFaulty(memory)
				lists := 0
				b.Before = func(ctx context.Context, op storetest.Op, key string) error {
					if op != storetest.List || key != manifest.ManifestPrefix {
						return nil
					}
					if lists++; lists != 2 {
						return nil
					}
					if object {
						noError(t, memory.Delete(ctx, "data/ks1/t1-"+t1.ID+"/1-12345/nb-1-big-Data.db"))
					}
					return memory.Delete(ctx, manifest.ManifestKey(tag(1)))
				}
				r := request(2)
				r.Dedup = dedup
				_, err := backup.Run(t.Context(), n, b, r, nil)
				if !object {
					noError(t, err)
					checkCommitted(t, n, memory, tag(2))
					return
				}
				if !errors.Is(err, store.ErrNotFound) {
					t.Errorf("the error is %v", err)
				}
				checkNone(t, n, memory, tag(2))
			})
		}
	}
}

// What no manifest names may be removed while it is compared, also where no list is
// asked for.
func TestWhatWasOnlyComparedIsLookedForAtTheCommit(t *testing.T) {
	t.Parallel()
	n, t1 := small(t)
	memory, orphan := storetest.NewMemory(), "data/ks1/t1-"+t1.ID+"/1-12345/nb-1-big-Data.db"
	put(t, memory, orphan, "one")
	b := storetest.NewFaulty(memory)
	b.Before = func(ctx context.Context, op storetest.Op, key string) error {
		if op == storetest.List && key == manifest.ManifestPrefix && b.Calls(storetest.Put) > 0 {
			return memory.Delete(ctx, orphan)
		}
		return nil
	}
	r := request(1)
	r.Dedup = backup.DedupManifest
	if _, err := backup.Run(t.Context(), n, b, r, nil); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the error is %v", err)
	}
	checkNone(t, n, memory, tag(1))
}

func TestMemoriesThatNobodyUsesGo(t *testing.T) {
	t.Parallel()
	n, _ := small(t)
	cache := t.TempDir()
	r := later(1, cache, "")
	for name, age := range map[string]int{
		"backup-old": 61, "new-backup-torn": 61, "backup-young": 59, "new-backup-begun": 0, "other": 61,
	} {
		path := filepath.Join(cache, name)
		noError(t, os.WriteFile(path, nil, 0o600))
		noError(t, os.Chtimes(path, time.Time{}, r.Clock.Now().AddDate(0, 0, -age)))
	}
	mustRun(t, n, storetest.NewMemory(), r)
	var left []string
	entries, err := os.ReadDir(cache)
	noError(t, err)
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if len(left) != 4 || !slices.Contains(left, "backup-young") || !slices.Contains(left, "new-backup-begun") || !slices.Contains(left, "other") {
		t.Errorf("there are %v", left)
	}
}

func TestNothingNewCostsFewRequests(t *testing.T) {
	t.Parallel()
	const files = 4_000
	n, bucket, cache := many(t, files, 5, 3, 1, 1), newHollow(), t.TempDir()
	mustRun(t, n, bucket, later(1, cache, ""))
	if got := bucket.requests.Load(); got > files+30 {
		t.Errorf("the first backup took %d requests", got)
	}
	number := int64(1)
	// Beside the pages of the list: the manifest in three, the intent in two, and
	// lists of the manifests.
	for dedup, most := range map[backup.Dedup]int64{backup.DedupListing: 4 + 15, backup.DedupManifest: 12} {
		number++
		before, sent := bucket.requests.Load(), bucket.sent.Load()
		result := mustRun(t, n, bucket, later(number, cache, dedup))
		if requests := bucket.requests.Load() - before; requests > most || bucket.sent.Load() != sent {
			t.Errorf("%s took %d requests and sent %d bytes", dedup, requests, bucket.sent.Load()-sent)
		}
		if result.Counts.FilesReused != files {
			t.Errorf("it counted %+v", result.Counts)
		}
	}
}

// A large manifest is sent as it is made; what must hold for a small one does
// for it, too.
func TestALargeManifestIsCommittedOrNot(t *testing.T) {
	t.Parallel()
	n := many(t, 4_000, 10)
	t.Run("when the answer gets lost", func(t *testing.T) {
		bucket := newHollow()
		b := storetest.NewFaulty(bucket)
		b.After = func(op storetest.Op, key string) error {
			if op == storetest.Put && key == manifest.ManifestKey(tag(1)) {
				return store.ErrTransient
			}
			return nil
		}
		if _, err := backup.Run(t.Context(), n, b, request(1), nil); !errors.Is(err, store.ErrTransient) {
			t.Errorf("the error is %v", err)
		}
		checkNone(t, n, bucket, tag(1))
	})
	for name, there := range map[string]string{"when it is sent twice": "", "when another's is there": "{}"} {
		t.Run(name, func(t *testing.T) {
			bucket := newHollow()
			b := storetest.NewFaulty(bucket)
			twice := twicePut{b, manifest.ManifestKey(tag(1)), there}
			_, err := backup.Run(t.Context(), n, twice, request(1), nil)
			if there == "" {
				noError(t, err)
				if m, err := manifest.Decode(get(t, bucket, manifest.ManifestKey(tag(1)))); err != nil || m.Totals().Files != 4_000 {
					t.Errorf("the manifest is %v", err)
				}
				return
			}
			if !errors.Is(err, backup.ErrTaken) || string(get(t, bucket, manifest.ManifestKey(tag(1)))) != there {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// twicePut loses the answer to an object, and tries again as package store does;
// another's object may have come before it.
type twicePut struct {
	store.Bucket
	key, before string
}

func (b twicePut) Put(ctx context.Context, key string, size int64, open func() (io.ReadCloser, error)) error {
	if key != b.key {
		return b.Bucket.Put(ctx, key, size, open)
	}
	if b.before != "" {
		if err := b.Create(ctx, key, []byte(b.before)); err != nil {
			return err
		}
	}
	first := b.Bucket.Put(ctx, key, size, open)
	second := b.Bucket.Put(ctx, key, size, open)
	if first == nil && errors.Is(second, store.ErrExists) {
		r, err := open() // another attempt, which is taken for done by its size
		if err != nil {
			return err
		}
		return r.Close()
	}
	return errors.Join(first, second)
}
