package retention_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/icarus-sidecar/icarus/pkg/backup"
	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/retention"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
)

func TestASelectionMeansWhatItSays(t *testing.T) {
	t.Parallel()
	const length = 24 * time.Hour
	cases := map[string]struct {
		selection retention.Selection
		removed   []string
		spared    []string
		err       error
	}{
		"a name":               {selection: retention.Selection{Names: []string{tag(2)}}, removed: []string{tag(2)}},
		"two names":            {selection: retention.Selection{Names: []string{tag(3), tag(1)}}, removed: []string{tag(1), tag(3)}},
		"no beginning of one":  {selection: retention.Selection{Names: []string{tag(2)[:len(tag(2))-1]}}, err: retention.ErrNotFound},
		"not what a user says": {selection: retention.Selection{Names: []string{"daily"}}, err: retention.ErrNotFound},
		"one that is not":      {selection: retention.Selection{Names: []string{tag(1), tag(9)}}, err: retention.ErrNotFound},
		"the oldest":           {selection: retention.Selection{Oldest: true}, removed: []string{tag(1)}},
		"an age": {
			selection: retention.Selection{OlderThan: 2*length - 1}, removed: []string{tag(1), tag(2)},
		},
		"an age, to the moment": {selection: retention.Selection{OlderThan: 2 * length}, removed: []string{tag(1)}},
		"an age that none has":  {selection: retention.Selection{OlderThan: 9 * length}},
		"an age and a floor": {
			selection: retention.Selection{OlderThan: 1, KeepAtLeast: 2}, removed: []string{tag(1)}, spared: []string{tag(2), tag(3)},
		},
		"an age and a floor below": {selection: retention.Selection{OlderThan: 2*length - 1, KeepAtLeast: 1}, removed: []string{tag(1), tag(2)}},
		"the oldest and a floor":   {selection: retention.Selection{Oldest: true, KeepAtLeast: 3}, spared: []string{tag(1)}},
		"a name and a floor":       {selection: retention.Selection{Names: []string{tag(2)}, KeepAtLeast: 2}, err: retention.ErrFloor},
		"a name below the floor":   {selection: retention.Selection{Names: []string{tag(1)}, KeepAtLeast: 2}, removed: []string{tag(1)}},
		"nothing":                  {err: retention.ErrInvalid},
		"a floor alone":            {selection: retention.Selection{KeepAtLeast: 1}, err: retention.ErrInvalid},
		"a name and an age":        {selection: retention.Selection{Names: []string{tag(1)}, OlderThan: 1}, err: retention.ErrInvalid},
		"an age and the oldest":    {selection: retention.Selection{Oldest: true, OlderThan: 1}, err: retention.ErrInvalid},
		"a negative floor":         {selection: retention.Selection{Oldest: true, KeepAtLeast: -1}, err: retention.ErrInvalid},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := three(t)
			before := keys(t, b, "")
			options := retention.Options{Clock: at(day(4)), Dry: true}
			dry, err := retention.Remove(t.Context(), b, c.selection, options)
			if after := keys(t, b, ""); !slices.Equal(before, after) {
				t.Errorf("a dry removal left %v", after)
			}
			options.Dry = false
			out, rerr := retention.Remove(t.Context(), b, c.selection, options)
			if !errors.Is(err, c.err) || !errors.Is(rerr, c.err) || (err == nil) != (c.err == nil) {
				t.Fatalf("%v, %v; want %v", err, rerr, c.err)
			}
			if !slices.Equal(tagsOf(out.Backups), append([]string{}, c.removed...)) || !slices.Equal(tagsOf(dry.Backups), tagsOf(out.Backups)) {
				t.Errorf("it removed %v, and would have removed %v", tagsOf(out.Backups), tagsOf(dry.Backups))
			}
			spared := tagsOf(out.Spared)
			slices.Sort(spared)
			if !slices.Equal(spared, append([]string{}, c.spared...)) {
				t.Errorf("it spared %v", spared)
			}
			if dry.Objects != out.Objects {
				t.Errorf("it removed %+v, and would have removed %+v", out.Objects, dry.Objects)
			}
			if left := whole(t, b); len(left) != 3-len(c.removed) {
				t.Errorf("%v are left", left)
			}
		})
	}
}

func TestANameThatIsNotWholeIsCompleted(t *testing.T) {
	t.Parallel()
	_, err := retention.Remove(t.Context(), three(t), retention.Selection{Names: []string{"daily"}}, retention.Options{})
	if !errors.Is(err, retention.ErrNotFound) || !strings.Contains(err.Error(), tag(3)) {
		t.Error(err)
	}
}

func TestARemovalDeletesWhatOnlyTheRemovedBackupsName(t *testing.T) {
	t.Parallel()
	b := three(t)
	// Object 3 is of two backups that go together.
	out, err := retention.Remove(t.Context(), b, retention.Selection{Names: []string{tag(2), tag(3)}}, retention.Options{})
	noError(t, err)
	if out.Objects != sizeOf(3, 4) {
		t.Errorf("it removed %+v", out.Objects)
	}
	if got, want := keys(t, b, "data/"), objectKeys(1, 2); !slices.Equal(got, want) {
		t.Errorf("%v are left, want %v", got, want)
	}
	if got := whole(t, b); !slices.Equal(got, []string{tag(1)}) {
		t.Errorf("%v are left", got)
	}
}

func TestACommitLogIsNotTheBackupsToRemove(t *testing.T) {
	t.Parallel()
	b := storetest.NewMemory()
	const log = "commitlog/CommitLog-7-1.log.1"
	noError(t, b.Create(t.Context(), log, []byte("log")))
	body := fmt.Sprintf(`{"snapshot":{"name":"old","keyspaces":{"shop":{"tables":{"items":{"id":%q,"entries":[
		{"objectKey":%q,"type":"COMMIT_LOG","size":3},
		{"objectKey":"data/shop/items-%s/schema.cql","type":"CQL_SCHEMA","size":1}]}}}}}}`, tableID, log, tableID)
	noError(t, b.Create(t.Context(), "data/shop/items-"+tableID+"/schema.cql", []byte("c")))
	noError(t, b.Create(t.Context(), manifest.ManifestKey("old"), []byte(body)))
	_, err := retention.Remove(t.Context(), b, retention.Selection{Oldest: true}, retention.Options{})
	noError(t, err)
	if left := keys(t, b, ""); !slices.Equal(left, []string{log}) {
		t.Errorf("%v are left", left)
	}
}

func TestNothingIsRemovedWhereAManifestCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"no JSON": "{", "a key that climbs": `{"snapshot":{"name":"x","keyspaces":{"../k":{"tables":{}}}}}`, "nothing": "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := three(t)
			noError(t, b.Create(t.Context(), manifest.ManifestKey(tag(9)), []byte(body)))
			before := keys(t, b, "")
			_, err := retention.Remove(t.Context(), b, retention.Selection{Names: []string{tag(1)}}, retention.Options{})
			if !errors.Is(err, retention.ErrCorrupt) || !strings.Contains(err.Error(), tag(9)) {
				t.Error(err)
			}
			if after := keys(t, b, ""); !slices.Equal(before, after) {
				t.Errorf("%v are left", after)
			}
		})
	}
}

func TestOrphansAreCollectedWhenTheyAreOld(t *testing.T) {
	t.Parallel()
	b := three(t)
	upload(t, b, 7, 8)
	const foreign = "data/readme.txt"
	noError(t, b.Create(t.Context(), foreign, []byte("x")))
	orphans := retention.Selection{OrphansOlderThan: 24 * time.Hour}
	written := dated{b, day(9)}
	out, err := retention.Remove(t.Context(), written, orphans, retention.Options{Clock: at(day(9).Add(24 * time.Hour))})
	noError(t, err)
	if out.Orphans != (retention.Size{}) {
		t.Errorf("it removed young ones: %+v", out.Orphans)
	}
	out, err = retention.Remove(t.Context(), written, orphans, retention.Options{Clock: at(day(9).Add(25 * time.Hour))})
	noError(t, err)
	if out.Orphans != sizeOf(7, 8) || out.Objects != (retention.Size{}) || len(out.Backups) > 0 {
		t.Errorf("it removed %+v", out)
	}
	if got, want := keys(t, b, "data/"), append([]string{foreign}, objectKeys(1, 2, 3, 4)...); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("%v are left", got)
	}
	whole(t, b)
}

func TestARunningBackupIsNotDisturbed(t *testing.T) {
	t.Parallel()
	now := day(9)
	cases := map[string]struct {
		prepare func(t *testing.T, b store.Bucket)
		later   time.Duration
		err     error
	}{
		"one that is alive": {func(t *testing.T, b store.Bucket) { t.Helper(); announce(t, b, tag(9), now) }, time.Minute, retention.ErrBusy},
		"one that says no more than the store knows": {
			func(t *testing.T, b store.Bucket) { t.Helper(); announce(t, b, tag(9), now.Add(-time.Hour)) }, time.Minute, retention.ErrBusy,
		},
		"one that is silent": {func(t *testing.T, b store.Bucket) { t.Helper(); announce(t, b, tag(9), now) }, backup.IntentPatience + time.Minute, nil},
		"one that cannot be read": {func(t *testing.T, b store.Bucket) {
			t.Helper()
			noError(t, b.Create(t.Context(), manifest.IntentKey(tag(9)), []byte("{")))
		}, time.Minute, retention.ErrBusy},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := three(t)
			c.prepare(t, b)
			before := keys(t, b, "")
			_, err := retention.Remove(t.Context(), dated{b, now}, retention.Selection{Names: []string{tag(1)}}, retention.Options{Clock: at(now.Add(c.later))})
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Fatal(err)
			}
			if changed := !slices.Equal(before, keys(t, b, "")); changed != (c.err == nil) {
				t.Errorf("changed: %v", changed)
			}
		})
	}
}

// during is a bucket in which something happens once, before a deletion.
func during(b store.Bucket, of string, do func()) store.Bucket {
	f := storetest.NewFaulty(b)
	happened := false
	f.Before = func(_ context.Context, op storetest.Op, key string) error {
		if op == storetest.Delete && strings.HasPrefix(key, of) && !happened {
			happened = true
			do()
		}
		return nil
	}
	return f
}

func TestABackupThatBeginsDuringARemoval(t *testing.T) {
	t.Parallel()
	remove := func(t *testing.T, b store.Bucket) (retention.Removal, error) {
		t.Helper()
		return retention.Remove(t.Context(), b, retention.Selection{Names: []string{tag(1)}}, retention.Options{Parallel: 1})
	}
	t.Run("and runs keeps what is left", func(t *testing.T) {
		t.Parallel()
		b := three(t)
		out, err := remove(t, during(b, "manifests/", func() { announce(t, b, tag(9), time.Now()) }))
		noError(t, err)
		if !errors.Is(out.Why, retention.ErrBusy) || out.Left != sizeOf(1) || out.Objects != (retention.Size{}) || len(out.Backups) != 1 {
			t.Errorf("%+v", out)
		}
		if got := keys(t, b, "data/"); !slices.Equal(got, objectKeys(1, 2, 3, 4)) {
			t.Errorf("%v are left", got)
		}
	})
	t.Run("and is complete keeps what it names", func(t *testing.T) {
		t.Parallel()
		b := three(t)
		out, err := remove(t, during(b, "manifests/", func() { back(t, b, tag(9), 1, 3) }))
		noError(t, err)
		if out.Objects != (retention.Size{}) || out.Why != nil {
			t.Errorf("%+v", out)
		}
		if got := whole(t, b); !slices.Equal(got, []string{tag(2), tag(3), tag(9)}) {
			t.Errorf("%v are left", got)
		}
	})
	t.Run("and is spoilt says so", func(t *testing.T) {
		t.Parallel()
		b := three(t)
		_, err := remove(t, during(b, "data/", func() { back(t, b, tag(9), 1, 3) }))
		if !errors.Is(err, retention.ErrDamaged) || !strings.Contains(err.Error(), tag(9)) {
			t.Error(err)
		}
	})
	t.Run("between two batches keeps what is left", func(t *testing.T) {
		t.Parallel()
		b := storetest.NewMemory()
		back(t, b, tag(1), sequence(0, 1150)...)
		back(t, b, tag(2), 0)
		out, err := remove(t, during(b, "data/", func() { announce(t, b, tag(9), time.Now()) }))
		noError(t, err)
		if !errors.Is(out.Why, retention.ErrBusy) || out.Objects.Files != 1000 || out.Left.Files != 149 {
			t.Errorf("%+v", out)
		}
		whole(t, b)
	})
}

func TestACancelledRemovalDeletesNothingMore(t *testing.T) {
	t.Parallel()
	b := storetest.NewMemory()
	back(t, b, tag(1), sequence(0, 50)...)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f := storetest.NewFaulty(b)
	f.After = func(op storetest.Op, key string) error {
		if op == storetest.Delete && strings.HasPrefix(key, "data/") {
			cancel()
		}
		return nil
	}
	out, err := retention.Remove(ctx, f, retention.Selection{Oldest: true}, retention.Options{Parallel: 1})
	if !errors.Is(err, context.Canceled) || len(out.Backups) != 1 || out.Objects.Files != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	if got := keys(t, b, "data/"); len(got) != 49 {
		t.Errorf("%d objects are left", len(got))
	}
}

var errCrash = errors.New("crash")

func TestACrashAtAnyCallLeavesCompleteBackups(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprintf("the call had happened: %v", late), func(t *testing.T) {
			t.Parallel()
			for n, finished := 1, false; !finished; n++ {
				b := three(t)
				upload(t, b, 7)
				calls := 0
				f := storetest.NewFaulty(b)
				f.Before = func(context.Context, storetest.Op, string) error {
					if calls++; calls > n || calls == n && !late {
						return errCrash
					}
					return nil
				}
				f.After = func(storetest.Op, string) error {
					if calls == n {
						return errCrash
					}
					return nil
				}
				selection := retention.Selection{Names: []string{tag(1), tag(3)}, OrphansOlderThan: time.Hour}
				options := retention.Options{Parallel: 1, Clock: at(time.Now().Add(2 * time.Hour))}
				_, err := retention.Remove(t.Context(), f, selection, options)
				finished = err == nil
				if err != nil && !errors.Is(err, errCrash) {
					t.Fatalf("call %d: %v", n, err)
				}
				left := whole(t, b)
				if !slices.Contains(left, tag(2)) {
					t.Fatalf("call %d: %v are left", n, left)
				}
				// The next removal ends what this one began.
				selection = retention.Selection{OrphansOlderThan: time.Hour}
				_, err = retention.Remove(t.Context(), b, selection, options)
				noError(t, err)
				left = whole(t, b)
				if !slices.Contains(left, tag(1)) && !slices.Contains(left, tag(3)) {
					if got := keys(t, b, "data/"); !slices.Equal(got, objectKeys(2, 3)) {
						t.Fatalf("call %d: %v are left", n, got)
					}
				}
				if n > 100 {
					t.Fatal("it does not end")
				}
			}
		})
	}
}

func TestNoObjectOfAKeptBackupIsEverDeleted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		b := storetest.NewMemory()
		objects := map[string][]int{}
		for n := range rapid.IntRange(0, 8).Draw(rt, "backups") {
			objects[tag(n)] = rapid.SliceOfN(rapid.IntRange(0, 30), 0, 12).Draw(rt, "objects of "+tag(n))
			back(t, b, tag(n), objects[tag(n)]...)
		}
		upload(t, b, rapid.SliceOfN(rapid.IntRange(0, 40), 0, 5).Draw(rt, "more objects")...)
		before := keys(t, b, "data/")
		selection := retention.Selection{KeepAtLeast: rapid.IntRange(0, 3).Draw(rt, "floor")}
		if rapid.Bool().Draw(rt, "orphans") {
			selection.OrphansOlderThan = time.Hour
		}
		switch rapid.IntRange(0, 2).Draw(rt, "way") {
		case 0:
			selection.Oldest = true
		case 1:
			selection.OlderThan = time.Duration(rapid.IntRange(1, 10).Draw(rt, "days")) * 24 * time.Hour
		default:
			selection.Names = rapid.SliceOfN(rapid.Map(rapid.IntRange(0, 8), tag), 1, 3).Draw(rt, "names")
		}
		dry := retention.Options{Clock: at(day(9)), Dry: true}
		if selection.OrphansOlderThan > 0 { // objects are of today
			dry.Clock = at(time.Now().Add(2 * time.Hour))
		}
		options := dry
		options.Dry = false
		expected, derr := retention.Remove(t.Context(), b, selection, dry)
		out, err := retention.Remove(t.Context(), b, selection, options)
		if (err == nil) != (derr == nil) {
			rt.Fatalf("%v, and dry %v", err, derr)
		}
		if err != nil {
			if !errors.Is(err, retention.ErrNotFound) && !errors.Is(err, retention.ErrFloor) {
				rt.Fatal(err)
			}
			if after := keys(t, b, "data/"); !slices.Equal(before, after) {
				rt.Fatalf("it removed something in spite of %v", err)
			}
			return
		}
		if !slices.Equal(tagsOf(expected.Backups), tagsOf(out.Backups)) || expected.Objects != out.Objects || expected.Orphans != out.Orphans {
			rt.Fatalf("dry %+v, then %+v", expected, out)
		}
		named, gone := map[string]bool{}, map[string]bool{}
		for _, tag := range whole(t, b) { // no kept backup lacks anything
			for _, n := range objects[tag] {
				named[key(n)] = true
			}
		}
		for _, tag := range tagsOf(out.Backups) {
			for _, n := range objects[tag] {
				gone[key(n)] = true
			}
		}
		var want []string
		for _, key := range before {
			orphan := !named[key] && !gone[key]
			if named[key] || orphan && selection.OrphansOlderThan == 0 {
				want = append(want, key)
			}
		}
		if after := keys(t, b, "data/"); !slices.Equal(after, append([]string{}, want...)) {
			rt.Fatalf("%v are left, want %v", after, want)
		}
	})
}
