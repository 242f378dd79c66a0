package backup

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

func TestPlanFindsAPlaceForEveryFile(t *testing.T) {
	t.Parallel()
	key := manifest.DataKey{Keyspace: "ks", Table: "t", TableID: strings.Repeat("1", 32), Dir: "1-2", File: "nb-1-big-Data.db"}
	sha := strings.Repeat("a", 64)
	first, second, elsewhere := key.String(), key.Distinct(sha).String(), key.Distinct(strings.Repeat("c", 64)).String()
	own, other := content{size: 5}, content{size: 5}
	own.setHash(sha)
	other.setHash(strings.Repeat("b", 64))
	for name, tc := range map[string]struct {
		// vouched are the contents that manifests name.
		vouched map[string]content
		listed  map[string]int64
		reuse   string
		places  []transfer.Place
		err     error
	}{
		"an empty bucket": {places: []transfer.Place{{Key: first}, {Key: second}}},
		"vouched for and there": {
			vouched: map[string]content{first: own}, listed: map[string]int64{first: 5}, reuse: first,
		},
		"vouched for under another key": {
			vouched: map[string]content{elsewhere: own}, listed: map[string]int64{elsewhere: 5}, reuse: elsewhere,
		},
		"vouched for and gone": {
			vouched: map[string]content{first: own}, places: []transfer.Place{{Key: first}, {Key: second}},
		},
		"vouched for and cut off": {
			vouched: map[string]content{first: own}, listed: map[string]int64{first: 4}, places: []transfer.Place{{Key: second}},
		},
		"the key is another's": {
			vouched: map[string]content{first: other}, listed: map[string]int64{first: 5}, places: []transfer.Place{{Key: second}},
		},
		"the key is another's that is gone": {
			vouched: map[string]content{first: other}, places: []transfer.Place{{Key: second}},
		},
		"nobody vouches for what is there": {
			listed: map[string]int64{first: 5}, places: []transfer.Place{{Key: first, Taken: true}, {Key: second}},
		},
		"nobody vouches for what is there, and it has another size": {
			listed: map[string]int64{first: 6}, places: []transfer.Place{{Key: second}},
		},
		"all is taken": {listed: map[string]int64{first: 6, second: 6}, err: store.ErrExists},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &file{in: &directory{path: "/", key: key}, name: key.File, dir: key.Dir, content: own, hashed: true}
			f.in.key.Dir, f.in.key.File = "", ""
			for key, c := range tc.vouched {
				f.claim(dirOf(t, key), claim{content: c})
			}
			for key, size := range tc.listed {
				f.seen = append(f.seen, seen{dirOf(t, key), size})
			}
			pending, err := (&job{}).plan([]*file{f})
			if !errors.Is(err, tc.err) {
				t.Fatalf("the error is %v", err)
			}
			if f.place != "" && f.object() != tc.reuse || f.place == "" && tc.reuse != "" {
				t.Errorf("%q is reused", f.place)
			}
			var places []transfer.Place
			for _, f := range pending {
				places = append(places, f.outgoing().Places...)
			}
			if diff := cmp.Diff(tc.places, places); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func dirOf(t *testing.T, key string) string {
	t.Helper()
	k, err := manifest.ParseDataKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return k.Dir
}
