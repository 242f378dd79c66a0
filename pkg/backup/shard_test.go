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
			files = append(files, &file{in: in, dir: "1-2", name: fmt.Sprintf("nb-%d-big-Data.db", i)})
		}
	}
	return files
}

func TestAListHasFewPagesAndNoOtherTables(t *testing.T) {
	t.Parallel()
	id := func(name string) string { return fmt.Sprintf("-%032x/", len(name)) }
	for name, tc := range map[string]struct {
		counts map[string]int
		tables []string
		want   []string
	}{
		"one table":           {counts: map[string]int{"ks.t": 5}, want: []string{"data/ks/t" + id("ks.t")}},
		"one large table":     {counts: map[string]int{"ks.t": 9000}, want: []string{"data/ks/t" + id("ks.t")}},
		"small tables":        {counts: map[string]int{"ks.ta": 5, "ks.tb": 5}, want: []string{"data/k"}},
		"two keyspaces":       {counts: map[string]int{"ks.t": 3000, "system.t": 3000}, want: []string{"data/ks/t" + id("ks.t"), "data/system/t" + id("system.t")}},
		"a large one between": {counts: map[string]int{"ks.ta": 5, "ks.tb": 9000, "ks.tba": 5}, want: []string{"data/ks/ta" + id("ks.ta"), "data/ks/tb" + id("ks.tb"), "data/ks/tba" + id("ks.tba")}},
		"those that were asked for": {
			counts: map[string]int{"ks.ta": 5, "ks.tb": 5}, tables: []string{"ks.ta", "ks.tb"},
			want: []string{"data/ks/ta" + id("ks.ta"), "data/ks/tb" + id("ks.tb")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := &job{Request: Request{Tables: tc.tables}}
			if diff := cmp.Diff(tc.want, j.shards(of(tc.counts))); diff != "" {
				t.Error(diff)
			}
		})
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
		seen := map[*directory]bool{}
		for _, f := range files {
			if seen[f.in] {
				continue
			}
			seen[f.in] = true
			below := slices.DeleteFunc(slices.Clone(prefixes), func(p string) bool { return !strings.HasPrefix(f.key(f.dir).String(), p) })
			if len(below) != 1 {
				t.Fatalf("%s is below %v", f.key(f.dir), below)
			}
		}
		if len(prefixes) > len(counts) {
			t.Fatalf("%d tables need %d lists", len(counts), len(prefixes))
		}
	}
}
