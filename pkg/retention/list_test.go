package retention_test

import (
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/retention"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
)

func list(tb testing.TB, b store.Bucket, q retention.Query) retention.Listing {
	tb.Helper()
	l, err := retention.List(tb.Context(), b, q)
	noError(tb, err)
	return l
}

func TestAListTellsWhatEachBackupTakesAndWhatOnlyItTakes(t *testing.T) {
	t.Parallel()
	l := list(t, three(t), retention.Query{Keys: 100})
	for i := range l.Backups {
		if l.Backups[i].ManifestBytes == 0 {
			t.Errorf("the manifest of %s has no size", l.Backups[i].Tag)
		}
		l.Backups[i].ManifestBytes = 0
	}
	want := retention.Listing{
		Backups: []retention.Backup{
			{Tag: tag(3), Time: day(3), Size: sizeOf(2, 3, 4), Reclaimable: sizeOf(4)},
			{Tag: tag(2), Time: day(2), Size: sizeOf(2, 3)},
			{Tag: tag(1), Time: day(1), Size: sizeOf(1, 2), Reclaimable: sizeOf(1)},
		},
		Total: sizeOf(1, 2, 3, 4),
		Keys:  map[string][]string{tag(3): objectKeys(4), tag(2): nil, tag(1): objectKeys(1)},
	}
	if diff := cmp.Diff(want, l); diff != "" {
		t.Error(diff)
	}
}

func TestAListOfSomeKnowsOfAll(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		query retention.Query
		tags  []string
		total retention.Size
	}{
		"the newest":             {retention.Query{Newest: 1}, []string{tag(3)}, sizeOf(2, 3, 4)},
		"more than there are":    {retention.Query{Newest: 9}, []string{tag(3), tag(2), tag(1)}, sizeOf(1, 2, 3, 4)},
		"since a day, inclusive": {retention.Query{Since: day(2)}, []string{tag(3), tag(2)}, sizeOf(2, 3, 4)},
		"both":                   {retention.Query{Since: day(2), Newest: 1}, []string{tag(3)}, sizeOf(2, 3, 4)},
		"since tomorrow":         {retention.Query{Since: day(4)}, []string{}, sizeOf()},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := list(t, three(t), c.query)
			if got := tagsOf(l.Backups); !slices.Equal(got, c.tags) || l.Total != c.total {
				t.Errorf("%v of %+v", got, l.Total)
			}
			if len(c.tags) == 1 && l.Backups[0].Reclaimable != sizeOf(4) {
				t.Errorf("%+v is reclaimable: what other backups name is not", l.Backups[0].Reclaimable)
			}
		})
	}
}

func TestAnEmptyBucketHasNoBackups(t *testing.T) {
	t.Parallel()
	if l := list(t, storetest.NewMemory(), retention.Query{}); len(l.Backups) > 0 || l.Total != (retention.Size{}) {
		t.Errorf("%+v", l)
	}
}

func TestKeysAreCutAtTheNumberAskedFor(t *testing.T) {
	t.Parallel()
	l := list(t, three(t), retention.Query{Keys: 1})
	if !l.KeysCut || len(l.Keys[tag(3)]) != 1 || len(l.Keys[tag(1)]) != 0 {
		t.Errorf("%v, cut: %v", l.Keys, l.KeysCut)
	}
}

// Such tags the original leaves without schema and time.
func TestATagWithoutTimeIsAsOldAsItsManifest(t *testing.T) {
	t.Parallel()
	b := three(t)
	back(t, b, "daily-20991231", 7)
	l := list(t, dated{b, day(2).Add(time.Hour)}, retention.Query{})
	if got := tagsOf(l.Backups); !slices.Equal(got, []string{tag(3), "daily-20991231", tag(2), tag(1)}) {
		t.Error(got)
	}
}

func TestAListGoesOnWithoutWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	b := three(t)
	noError(t, b.Create(t.Context(), manifest.ManifestKey(tag(4)), []byte("{")))
	l := list(t, b, retention.Query{})
	if len(l.Backups) != 3 || len(l.Unread) != 1 || !errors.Is(l.Unread[0], manifest.ErrCorrupt) {
		t.Errorf("%v, unread %v", tagsOf(l.Backups), l.Unread)
	}
}

func TestAListThatCannotReachAManifestFails(t *testing.T) {
	t.Parallel()
	b := storetest.NewFaulty(three(t))
	b.Body = func(_ string, r io.Reader) io.Reader { return storetest.Broken(r, 3, store.ErrDenied) }
	if _, err := retention.List(t.Context(), b, retention.Query{}); !errors.Is(err, store.ErrDenied) {
		t.Error(err)
	}
}

const (
	many = 1000 // backups
	each = 160  // objects of each: 20 SSTables of 8 files
	step = 10   // of them are new each time
)

func TestTheNumbersOfAThousandBackupsAreExact(t *testing.T) {
	t.Parallel()
	b := storetest.NewFaulty(storetest.NewMemory())
	manyBackups(t, b, each)
	l := list(t, b, retention.Query{})
	const last = (many-1)*step + each
	if len(l.Backups) != many || l.Total != sizeOf(sequence(0, last)...) {
		t.Fatalf("%d backups of %+v", len(l.Backups), l.Total)
	}
	for i, backup := range l.Backups {
		n := many - 1 - i
		want := retention.Size{}
		switch n {
		case 0:
			want = sizeOf(sequence(0, step)...)
		case many - 1:
			want = sizeOf(sequence(last-step, last)...)
		}
		if backup.Tag != tag(n) || backup.Size != sizeOf(sequence(n*step, n*step+each)...) || backup.Reclaimable != want {
			t.Fatalf("number %d is %+v", n, backup)
		}
	}
	if b.Calls(storetest.List) != 1 {
		t.Errorf("the bucket was listed %d times", b.Calls(storetest.List))
	}
}
