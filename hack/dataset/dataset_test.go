package dataset

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(ring.Around(m)) }

func TestCompareNamesWhatDiffers(t *testing.T) {
	t.Parallel()
	a, b := Print{Rows: 3, Sum: 7}, Print{Rows: 3, Sum: 8}
	for name, c := range map[string]struct {
		before, after Prints
		want          []string
	}{
		"nothing":          {Prints{"k.a": a}, Prints{"k.a": a}, nil},
		"a value":          {Prints{"k.a": a}, Prints{"k.a": b}, []string{"k.a: has its 3 rows, with other values"}},
		"rows":             {Prints{"k.a": a}, Prints{"k.a": {}}, []string{"k.a: had 3 rows, has 0"}},
		"a table more":     {Prints{}, Prints{"k.a": a}, []string{"k.a: was not there, now has 3 rows"}},
		"a table less":     {Prints{"k.a": a}, Prints{}, []string{"k.a: had 3 rows, is not there"}},
		"several, by name": {Prints{"k.b": a, "k.a": a}, Prints{"k.b": b, "k.a": b}, []string{"k.a: has its 3 rows, with other values", "k.b: has its 3 rows, with other values"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, d := range Compare(c.before, c.after) {
				got = append(got, d.String())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAPrintDependsOnTheRowsAndNotOnTheirOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.Custom(func(t *rapid.T) cell { return rapid.SliceOfN(rapid.Byte(), 0, 4).Draw(t, "bytes") })
		rows := rapid.SliceOfN(rapid.SliceOfN(value, 2, 2), 1, 8).Draw(t, "rows")
		sum := func(rows [][]cell) (p Print) {
			for _, r := range rows {
				p.add(r)
			}
			return p
		}
		whole := sum(rows)
		if again := sum(rapid.Permutation(rows).Draw(t, "order")); again != whole {
			t.Fatalf("another order gives %v, want %v", again, whole)
		}
		if fewer := sum(rows[1:]); fewer == whole {
			t.Fatal("a row less gives the same")
		}
		other := append([][]cell{{append(cell("x"), rows[0][0]...), rows[0][1]}}, rows[1:]...)
		if changed := sum(other); changed.Sum == whole.Sum {
			t.Fatal("another value gives the same")
		}
	})
}

func TestAPrintTellsNothingFromEmpty(t *testing.T) {
	t.Parallel()
	var null, empty, shifted, straight Print
	null.add([]cell{nil})
	empty.add([]cell{{}})
	shifted.add([]cell{cell("a"), cell("bc")})
	straight.add([]cell{cell("ab"), cell("c")})
	if null == empty {
		t.Error("no value equals an empty one")
	}
	if shifted == straight {
		t.Error("the border between columns does not count")
	}
}

func TestDataIsDamagedAndComparedOnARealNode(t *testing.T) {
	t.Parallel()
	r := ring.ForTest(t, ring.Options{})
	session, err := r.CQL().CreateSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	flushed := map[string]int{}
	flush := func(_ context.Context, keyspace, table string) error {
		flushed[keyspace+"."+table]++
		return nil
	}
	s := New(session, Options{Prefix: "data", Nodes: map[string]int{"dc1": 1}, Rows: 60})
	if err := s.Populate(t.Context(), flush); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"data_bank.ledger": Flushes}, flushed); diff != "" {
		t.Error(diff)
	}
	before, err := s.Prints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for table, p := range before {
		if (p.Rows == 0) != (table == "data_bank.drafts") {
			t.Errorf("%s has %d rows", table, p.Rows)
		}
	}
	if p, i := before["data_shop.products"], before["data_shop.products[products_by_category]"]; p != i {
		t.Errorf("the index finds %v of %v", i, p)
	}
	if err := s.Populate(t.Context(), flush); err != nil {
		t.Fatal(err)
	}
	again, err := s.Prints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d := Compare(before, again); len(d) != 0 {
		t.Errorf("the same data differ: %v", d)
	}
	if err := s.Damage(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateLater(t.Context()); err != nil {
		t.Fatal(err)
	}
	after, err := s.Prints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d := Compare(before, after); len(d) != len(after) {
		t.Errorf("%d of %d tables differ: %v", len(d), len(after), d)
	}
	if p := after[s.Later()]; p.Rows != 60 {
		t.Errorf("the later table has %d rows", p.Rows)
	}
}

func TestLoadWritesWhatItIsAsked(t *testing.T) {
	t.Parallel()
	r := ring.ForTest(t, ring.Options{})
	session, err := r.CQL().CreateSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	o := LoadOptions{Tables: 2, Flushes: 3, Bytes: 120 << 10, RowBytes: 1 << 10}
	if err := Load(t.Context(), session, o, func(context.Context, string, string) error { return nil }); err != nil {
		t.Fatal(err)
	}
	prints, err := Fingerprint(t.Context(), session, "load")
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"load.t000", "load.t001"} {
		if prints[table].Rows != 60 {
			t.Errorf("%s has %d rows, want 60", table, prints[table].Rows)
		}
	}
}
