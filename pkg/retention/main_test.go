package retention_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/icarus-sidecar/icarus/pkg/backup"
	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/retention"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func noError(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

const (
	tableID = "cb3ee290e6f811f1ad27c9232c6e466a"
	schema  = "40b7edb9-c49e-3800-9b50-353ea0f50fa7"
)

// day is when the nth backup was made: one each day, the first of them long ago.
func day(n int) time.Time { return time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n) }

func tag(n int) string { return manifest.FinalTag("daily", schema, day(n)) }

// key is that of the nth object, which has n+1 bytes.
func key(n int) string {
	return fmt.Sprintf("data/shop/items-%s/%d-1/nb-%d-big-Data.db", tableID, n, n)
}

func size(n int) int64 { return int64(n) + 1 }

// document is a manifest that names objects.
func document(tb testing.TB, tag string, objects ...int) []byte {
	tb.Helper()
	t := manifest.Table{ID: tableID, SSTables: map[string][]manifest.Entry{}}
	for _, n := range objects {
		t.SSTables[fmt.Sprintf("nb-%d-big", n)] = []manifest.Entry{{ObjectKey: key(n), Type: manifest.File, Size: size(n)}}
	}
	m := manifest.Manifest{Snapshot: manifest.Snapshot{Name: tag}}
	m.Add(manifest.TableName{Keyspace: "shop", Table: "items"}, t)
	body, err := m.Encode()
	noError(tb, err)
	return body
}

// upload puts objects that are not there yet.
func upload(tb testing.TB, b store.Bucket, objects ...int) {
	tb.Helper()
	for _, n := range objects {
		if _, err := b.Stat(tb.Context(), key(n)); err == nil {
			continue
		}
		noError(tb, b.Create(tb.Context(), key(n), make([]byte, size(n))))
	}
}

// back makes a backup of objects.
func back(tb testing.TB, b store.Bucket, tag string, objects ...int) {
	tb.Helper()
	upload(tb, b, objects...)
	noError(tb, b.Create(tb.Context(), manifest.ManifestKey(tag), document(tb, tag, objects...)))
}

// announce says that a backup was alive some time ago.
func announce(tb testing.TB, b store.Bucket, tag string, alive time.Time) {
	tb.Helper()
	body, err := json.Marshal(backup.Intent{Tag: tag, Owner: "somebody", Since: alive, Alive: alive})
	noError(tb, err)
	noError(tb, b.Replace(tb.Context(), manifest.IntentKey(tag), body))
}

func keys(tb testing.TB, b store.Bucket, prefix string) []string {
	tb.Helper()
	found := []string{}
	for o, err := range b.List(context.WithoutCancel(tb.Context()), prefix) {
		noError(tb, err)
		found = append(found, o.Key)
	}
	return found
}

func objectKeys(objects ...int) []string {
	list := []string{}
	for _, n := range objects {
		list = append(list, key(n))
	}
	slices.Sort(list)
	return list
}

// whole makes sure that every backup that is there has all its objects, and
// returns the tags.
func whole(tb testing.TB, b store.Bucket) []string {
	tb.Helper()
	var tags []string
	for _, at := range keys(tb, b, "manifests/") {
		tag, _ := manifest.TagOfKey(at)
		tags = append(tags, tag)
		r, _, err := b.Get(tb.Context(), at, 0)
		noError(tb, err)
		var m manifest.Manifest
		noError(tb, json.NewDecoder(r).Decode(&m))
		noError(tb, r.Close())
		for _, t := range m.Tables() {
			for e := range t.Entries() {
				if o, err := b.Stat(tb.Context(), e.ObjectKey); err != nil || o.Size != e.Size {
					tb.Errorf("backup %s lacks %s: %+v, %v", tag, e.ObjectKey, o, err)
				}
			}
		}
	}
	return tags
}

// at is a clock that stands.
func at(t time.Time) *clocktesting.FakePassiveClock { return clocktesting.NewFakePassiveClock(t) }

// sequence is from, from+1, ... to-1.
func sequence(from, to int) []int {
	var list []int
	for n := from; n < to; n++ {
		list = append(list, n)
	}
	return list
}

func tagsOf(backups []retention.Backup) []string {
	tags := []string{}
	for _, b := range backups {
		tags = append(tags, b.Tag)
	}
	return tags
}

// sizeOf sums up objects.
func sizeOf(objects ...int) retention.Size {
	var s retention.Size
	distinct := map[int]bool{}
	for _, n := range objects {
		distinct[n] = true
	}
	for n := range maps.Keys(distinct) {
		s.Files++
		s.Bytes += size(n)
	}
	return s
}

// three has backups of days 1 to 3, which share object 2.
func three(tb testing.TB) store.Bucket {
	tb.Helper()
	b := storetest.NewMemory()
	back(tb, b, tag(1), 1, 2)
	back(tb, b, tag(2), 2, 3)
	back(tb, b, tag(3), 2, 3, 4)
	return b
}

// dated is a bucket in which everything was written at one time. That of a bucket
// in memory only counts.
type dated struct {
	store.Bucket
	written time.Time
}

func (d dated) List(ctx context.Context, prefix string) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		for o, err := range d.Bucket.List(ctx, prefix) {
			o.Modified = d.written
			if !yield(o, err) {
				return
			}
		}
	}
}
