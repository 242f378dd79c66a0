package backup

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
)

// of makes files of tables, "ks.t".
func of(counts map[string]int) []*file {
	var files []*file
	for name, n := range counts {
		keyspace, table, _ := strings.Cut(name, ".")
		in := &directory{key: manifest.DataKey{Keyspace: keyspace, Table: table, TableID: fmt.Sprintf("%032x", len(name))}}
		for i := range n {
			files = append(files, &file{in: in, dir: fmt.Sprintf("%d-2", i/8), name: fmt.Sprintf("nb-%d-big-%d", i/8, i%8)})
		}
	}
	return files
}

func TestAListHasFewPagesAndNoOtherTables(t *testing.T) {
	t.Parallel()
	id := func(name string) string { return fmt.Sprintf("-%032x/", len(name)) }
	for name, tc := range map[string]struct {
		counts            map[string]int
		keyspaces, tables []string
		want              []string
	}{
		"one SSTable":  {counts: map[string]int{"ks.t": 8}, want: []string{"data/ks/t" + id("ks.t") + "0-"}},
		"one table":    {counts: map[string]int{"ks.t": 80}, want: []string{"data/k"}},
		"small tables": {counts: map[string]int{"ks.ta": 80, "ks.tb": 80}, want: []string{"data/k"}},
		"two keyspaces": {
			counts: map[string]int{"ks.t": 3000, "system.t": 3000}, want: []string{"data/k", "data/s"},
		},
		"a large one": {
			counts: map[string]int{"ks.ta": 80, "ks.tb": 1600, "ks.tc": 3200}, want: []string{"data/ks/ta", "data/ks/tb", "data/ks/tc"},
		},
		"a very large one": {counts: map[string]int{"ks.t": 8 * 1000}, want: []string{
			"data/ks/t" + id("ks.t") + "0-", "data/ks/t" + id("ks.t") + "1", "data/ks/t" + id("ks.t") + "2", "data/ks/t" + id("ks.t") + "3",
			"data/ks/t" + id("ks.t") + "4", "data/ks/t" + id("ks.t") + "5", "data/ks/t" + id("ks.t") + "6", "data/ks/t" + id("ks.t") + "7",
			"data/ks/t" + id("ks.t") + "8", "data/ks/t" + id("ks.t") + "9",
		}},
		"keyspaces that were asked for": {
			counts: map[string]int{"ks.ta": 80, "ks.tb": 80, "kt.t": 80}, keyspaces: []string{"ks", "kt"}, want: []string{"data/ks/", "data/kt/"},
		},
		"tables that were asked for": {
			counts: map[string]int{"ks.ta": 80, "ks.tb": 80}, tables: []string{"ks.ta", "ks.tb"},
			want: []string{"data/ks/ta" + id("ks.ta"), "data/ks/tb" + id("ks.tb")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := &job{Request: Request{Keyspaces: tc.keyspaces, Tables: tc.tables}}
			if diff := cmp.Diff(tc.want, j.shards(of(tc.counts))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Alone, these would come to "data/s", below which everything is.
func TestAListOfSomeFilesIsNotOfAllThatLieBeside(t *testing.T) {
	t.Parallel()
	some := of(map[string]int{"system.local": 16, "shop.cart": 8})
	all := slices.Concat(some, of(map[string]int{"shop.orders": 8 * 1000, "system.peers": 8}))
	want := []string{"data/shop/cart-" + fmt.Sprintf("%032x", len("shop.cart")) + "/0-", "data/sy"}
	if diff := cmp.Diff(want, (&job{}).shardsOf(some, all)); diff != "" {
		t.Error(diff)
	}
}

func TestEveryTableIsBelowOneListAndNoMore(t *testing.T) {
	t.Parallel()
	random := rand.New(
		rand.NewPCG(1, 2))
	for range 100 {
		counts := map[string]int{}
		for range random.IntN(60) {
			name := fmt.Sprintf("ks%d.%s", random.IntN(3), []string{"t", "table", "ta", "x"}[random.IntN(4)])
			counts[name+fmt.Sprint(random.IntN(30))] = random.IntN(300)
		}
		files := of(counts)
		prefixes := (&job{}).shards(files)
		for i, f := range files {
			if i%8 != 0 {
				continue // of the same SSTable as the one before
			}
			below := slices.DeleteFunc(slices.Clone(prefixes), func(p string) bool { return !strings.HasPrefix(f.key(f.dir).String(), p) })
			if len(below) != 1 {
				t.Fatalf("%s is below %v", f.key(f.dir), below)
			}
		}
		if most := len(files)/100 + 20; len(prefixes) > most {
			t.Fatalf("%d files need %d lists", len(files), len(prefixes))
		}
	}
}
