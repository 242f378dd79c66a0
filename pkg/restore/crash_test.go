package restore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/icarus-sidecar/icarus/pkg/jmx"
	"github.com/icarus-sidecar/icarus/pkg/restore"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
)

// links makes hard links, or fails to, and dies before the nth.
func links(n *int, fail error) func(from *os.File, name string, to *os.File, as string) error {
	return func(from *os.File, name string, to *os.File, as string) error {
		*n--
		if *n < 0 {
			panic(crash{})
		}
		if fail != nil {
			return fail
		}
		return restore.Link(from, name, to, as)
	}
}

func TestImportGoesOnAfterACrashBetweenAnyTwoLinks(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]error{"linked": nil, "copied": unix.EXDEV} {
		for at := 0; ; at++ {
			f := newFixture(t, restore.StrategyHardlinks)
			f.must(restore.Init, restore.Download, restore.Truncate)
			n := at
			f.r = restore.WithLink(f.r, links(&n, fail))
			crashed := f.crashing(restore.Import)
			if !crashed {
				if at < 12 {
					t.Errorf("%s: only %d links were made", name, at)
				}
				break
			}
			f.wantWhole("shop.orders")
			n = 1000
			f.must(restore.Import, restore.Import)
			f.wantRows("shop.orders", "one", "three", "two")
		}
	}
}

// wantWhole looks whether every Data.db of a table has its other components.
func (f *fixture) wantWhole(table string) {
	f.t.Helper()
	files := f.node.idle(table)
	for _, file := range files {
		base, isData := strings.CutSuffix(file, "-Data.db")
		for component := range componentsOf("") {
			if isData && !slices.Contains(files, base+"-"+component) {
				f.t.Errorf("%s came before its %s", file, component)
			}
		}
	}
}

func TestWhatWasLoadedBeforeACrashIsNotLinkedAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t, restore.StrategyHardlinks)
	f.must(restore.Init, restore.Download, restore.Truncate)
	f.node.after = func(string) error { panic(crash{}) }
	if !f.crashing(restore.Import) {
		t.Fatal("it did not come to the loading")
	}
	f.node.after = nil
	f.node.compact("shop.orders")
	f.must(restore.Import)
	f.wantRows("shop.orders", "one+three+two")
}

func TestCleanupSparesTheSnapshotOfAnUnfinishedImport(t *testing.T) {
	t.Parallel()
	f := newFixture(t, restore.StrategyHardlinks)
	f.must(restore.Download, restore.Truncate)
	f.node.before = func(string) error { panic(crash{}) }
	if !f.crashing(restore.Import) {
		t.Fatal("it did not come to the loading")
	}
	f.must(restore.Cleanup)
	if got := f.node.snapshots("shop.orders"); len(got) != 1 {
		t.Errorf("snapshots are %v", got)
	}
}

func TestImportGoesOnAfterACrashAroundTheLoading(t *testing.T) {
	t.Parallel()
	for _, strategy := range strategies {
		for _, when := range []string{"before", "after"} {
			for _, sameRun := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s %s, same run %t", strategy, when, sameRun), func(t *testing.T) {
					t.Parallel()
					f := newFixture(t, strategy)
					f.must(restore.Init, restore.Download, restore.Truncate)
					die := func(call string) error {
						if !strings.HasPrefix(call, "truncate") {
							panic(crash{})
						}
						return nil
					}
					if when == "before" {
						f.node.before = die
					} else {
						f.node.after = die
					}
					if !f.crashing(restore.Import) {
						t.Fatal("it did not come to the loading")
					}
					f.node.before, f.node.after = nil, nil
					if !sameRun {
						f.r.ID = "run-2"
						f.must(restore.Download, restore.Truncate)
					}
					f.must(restore.Import)
					f.wantRows("shop.orders", "one", "three", "two")
				})
			}
		}
	}
}

func TestAFinishedTableIsNotImportedAgainByTheSameRun(t *testing.T) {
	t.Parallel()
	for _, strategy := range strategies {
		f := newFixture(t, strategy)
		f.must(restore.Init, restore.Download, restore.Truncate, restore.Import)
		f.node.compact("shop.orders")
		calls := len(f.node.calls)
		f.must(restore.Import)
		if got := f.node.calls[calls:]; len(got) > 0 {
			t.Errorf("%s: Cassandra was asked again to %v", strategy, got)
		}
	}
}

// compact makes one SSTable of all, so that nothing tells any more where they
// came from.
func (n *fakeNode) compact(name string) {
	n.t.Helper()
	rows := strings.Join(n.rows(name), "+")
	keyspace, table, _ := strings.Cut(name, ".")
	ft, err := n.table(keyspace, table)
	if err != nil {
		n.t.Fatal(err)
	}
	for path := range ft.live {
		for component := range componentsOf("") {
			if err := os.Remove(path + "-" + component); err != nil {
				n.t.Fatal(err)
			}
		}
	}
	ft.live = map[string]bool{}
	n.write(name, rows)
}

func TestLinksOfAnUnfinishedImportDoNotComeIntoAnotherOne(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]error{"linked": nil, "copied": unix.EXDEV} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, restore.StrategyHardlinks)
			f.must(restore.Download, restore.Truncate)
			f.node.before = func(string) error { panic(crash{}) }
			n := 1000
			f.r = restore.WithLink(f.r, links(&n, fail))
			if !f.crashing(restore.Import) {
				t.Fatal("it did not crash")
			}
			f.node.before = nil
			f.node.write("shop.orders", "other")
			f.r.SnapshotTag = "weekly-" + schemaVersion + "-1700000000000"
			f.backUp(f.r.SnapshotTag, "shop.orders")
			f.r.ID = "run-2"
			f.must(restore.Download, restore.Truncate, restore.Import)
			f.wantRows("shop.orders", "other")
		})
	}
}

func TestAFailedImportLeavesNoLinks(t *testing.T) {
	t.Parallel()
	thrown := &jmx.Exception{Class: "java.lang.RuntimeException", Message: "Failed importing sstables"}
	cases := map[string]func(f *fixture) (want error){
		"a link fails": func(f *fixture) error {
			n := 0
			f.r = restore.WithLink(f.r, func(from *os.File, name string, to *os.File, as string) error {
				if n++; n == 7 {
					return unix.ENOSPC
				}
				return restore.Link(from, name, to, as)
			})
			return unix.ENOSPC
		},
		"Cassandra refuses": func(f *fixture) error {
			f.node.before = func(call string) error {
				if strings.HasPrefix(call, "load") {
					return thrown
				}
				return nil
			}
			return thrown
		},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, restore.StrategyHardlinks)
			f.must(restore.Download, restore.Truncate)
			r := f.r
			want := change(f)
			f.wants(restore.Import, want, "shop.orders")
			f.wantRows("shop.orders")
			f.r, f.node.before = r, nil
			f.must(restore.Import)
			f.wantRows("shop.orders", "one", "three", "two")
		})
	}
}

func TestLinksStayWhereNobodyKnowsWhetherTheyWereLoaded(t *testing.T) {
	t.Parallel()
	f := newFixture(t, restore.StrategyHardlinks)
	f.must(restore.Download, restore.Truncate)
	f.node.after = func(string) error { return jmx.ErrTransport }
	if _, err := f.run(restore.Import); !errors.Is(err, jmx.ErrTransport) {
		t.Fatalf("got %v", err)
	}
	f.wantRows("shop.orders", "one", "three", "two")
	f.node.after = nil
	f.must(restore.Import)
	f.wantRows("shop.orders", "one", "three", "two")
}

func TestWhatCassandraDoesNotTakeUpIsAnError(t *testing.T) {
	t.Parallel()
	f := newFixture(t, restore.StrategyHardlinks)
	ft := f.node.tables[0]
	for path := range ft.live { // of a release to come
		for component := range componentsOf("") {
			as := filepath.Join(filepath.Dir(path), "zz"+strings.TrimPrefix(filepath.Base(path), "nb")+"-"+component)
			if err := os.Rename(path+"-"+component, as); err != nil {
				t.Fatal(err)
			}
		}
		delete(ft.live, path)
		ft.live[filepath.Join(filepath.Dir(path), "zz"+strings.TrimPrefix(filepath.Base(path), "nb"))] = true
	}
	f.backUp(tag, "shop.orders")
	f.must(restore.Download, restore.Truncate)
	if _, err := f.run(restore.Import); err == nil || !strings.Contains(err.Error(), "zz-") {
		t.Errorf("got %v", err)
	}
	f.wantRows("shop.orders")
}

func TestLinksKeepClearOfTheGenerationsInUse(t *testing.T) {
	t.Parallel()
	f := newFixture(t, restore.StrategyHardlinks)
	f.must(restore.Download, restore.Truncate)
	f.node.generation = 0
	f.node.write("shop.orders", "flushed meanwhile") // takes the name of a download
	var names []string
	f.r = restore.WithLink(f.r, func(from *os.File, name string, to *os.File, as string) error {
		names = append(names, to.Name()+"/"+as)
		return restore.Link(from, name, to, as)
	})
	f.must(restore.Import)
	f.wantRows("shop.orders", "flushed meanwhile", "one", "three", "two")
	dirs := map[string]string{}
	for _, name := range names {
		base := strings.Join(strings.Split(filepath.Base(name), "-")[:3], "-")
		if before, seen := dirs[base]; seen && before != filepath.Dir(name) {
			t.Errorf("SSTable %s lies in %s and %s", base, before, filepath.Dir(name))
		}
		dirs[base] = filepath.Dir(name)
		if !strings.HasPrefix(base, "nb-1073741") {
			t.Errorf("%s is a generation to which Cassandra may count", base)
		}
	}
	used := map[string]bool{}
	for _, dir := range dirs {
		used[dir] = true
	}
	if len(used) != 2 {
		t.Errorf("SSTables lie in %v, want both data directories", used)
	}
}

func TestIdentifiersThatAreNoNumbersStay(t *testing.T) {
	t.Parallel()
	f := newFixture(t, restore.StrategyHardlinks)
	ft := f.node.tables[0]
	const id = "nb-3gb2_0ov0_2ul0o2e9wfw0mh0a8a-big"
	for path := range ft.live {
		if string(f.read(path+"-Data.db")) != "one" {
			continue
		}
		as := filepath.Join(filepath.Dir(path), id)
		for component := range componentsOf("") {
			if err := os.Rename(path+"-"+component, as+"-"+component); err != nil {
				t.Fatal(err)
			}
		}
		delete(ft.live, path)
		ft.live[as] = true
	}
	f.backUp(tag, "shop.orders")
	f.must(restore.Download, restore.Truncate)
	var seen bool
	f.r = restore.WithLink(f.r, func(from *os.File, name string, to *os.File, as string) error {
		seen = seen || as == id+"-Data.db"
		return restore.Link(from, name, to, as)
	})
	f.must(restore.Import)
	f.wantRows("shop.orders", "one", "three", "two")
	if !seen {
		t.Error("the identifier was changed")
	}
}

func TestDownloadGoesOnAfterACrashAtAnyObject(t *testing.T) {
	t.Parallel()
	for at := range 15 {
		f := newFixture(t, restore.StrategyHardlinks)
		f.r.Parallel = 1
		bucket := f.bucket
		fetched := 0
		faulty := storetest.NewFaulty(bucket)
		faulty.Before = func(_ context.Context, op storetest.Op, key string) error {
			if op != storetest.Get || !strings.HasPrefix(key, "data/") {
				return nil
			}
			if fetched++; fetched > at {
				return store.ErrDenied
			}
			return nil
		}
		f.bucket = faulty
		if _, err := f.run(restore.Download); !errors.Is(err, store.ErrDenied) {
			t.Fatalf("at %d: got %v", at, err)
		}
		f.bucket = bucket
		result := f.must(restore.Download)
		if result.Counts.FilesDone != 15 || result.Counts.FilesReused != int64(at) {
			t.Errorf("at %d: counts are %+v", at, result.Counts)
		}
		f.must(restore.Truncate, restore.Import)
		f.wantRows("shop.orders", "one", "three", "two")
	}
}
