package verify_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/retention"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
	"github.com/icarus-sidecar/icarus/pkg/verify"
)

var levels = []verify.Level{verify.List, verify.Size, verify.Digest}

// mutation spoils an object, and says at which levels that is found, and as what.
type mutation struct {
	spoil func(t *testing.T, b store.Bucket, at string)
	found map[verify.Level]verify.Problem
}

func always(p verify.Problem) map[verify.Level]verify.Problem {
	return map[verify.Level]verify.Problem{verify.List: p, verify.Size: p, verify.Digest: p}
}

func replace(change func(body []byte) []byte) func(t *testing.T, b store.Bucket, at string) {
	return func(t *testing.T, b store.Bucket, at string) {
		t.Helper()
		noError(t, b.Replace(t.Context(), at, change(read(t, b, at))))
	}
}

// Check 7: each kind of damage is found, and the key is told.
var mutations = map[string]mutation{
	"a bit that is flipped": {
		replace(func(body []byte) []byte { body[len(body)/2] ^= 1; return body }),
		map[verify.Level]verify.Problem{verify.Digest: verify.OtherHash},
	},
	"an object of the same size": {
		replace(func(body []byte) []byte { return bytes.Repeat([]byte("x"), len(body)) }),
		map[verify.Level]verify.Problem{verify.Digest: verify.OtherHash},
	},
	"an object that is cut":                 {replace(func(body []byte) []byte { return body[:len(body)-1] }), always(verify.OtherSize)},
	"an object that is cut to nothing":      {replace(func([]byte) []byte { return nil }), always(verify.OtherSize)},
	"an object with more at its end":        {replace(func(body []byte) []byte { return append(body, 0) }), always(verify.OtherSize)},
	"an object that is deleted":             {func(t *testing.T, b store.Bucket, at string) { t.Helper(); noError(t, b.Delete(t.Context(), at)) }, always(verify.Missing)},
	"an object under another key, nearby":   {moved("-"), always(verify.Missing)},
	"an object that has become a directory": {moved("/x"), always(verify.Missing)},
}

// moved gives an object a longer key.
func moved(suffix string) func(t *testing.T, b store.Bucket, at string) {
	return func(t *testing.T, b store.Bucket, at string) {
		t.Helper()
		body := read(t, b, at)
		noError(t, b.Delete(t.Context(), at))
		noError(t, b.Create(t.Context(), at+suffix, body))
	}
}

func TestCheck7EveryMutatedObjectIsFound(t *testing.T) {
	t.Parallel()
	for kind, open := range buckets {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			three(t, b)
			for name, m := range mutations {
				for _, at := range []string{key("shop", 2, "Data.db"), key("shop", 4, "Index.db")} {
					m.spoil(t, b, at)
					needed := map[bool]int{true: 3, false: 1}[strings.Contains(at, "nb-2-")]
					for _, level := range levels {
						want := ""
						if problem, found := m.found[level]; found {
							want = fmt.Sprintf("%s is %s, needed by %d", at, problem, needed)
						}
						b.take()
						r := run(t, b, verify.Options{Level: level})
						if got := brief(r); got != want || len(r.Damaged) > 0 != (want != "") {
							t.Errorf("%s, level %s: %q is found and %v are damaged, want %q", name, level, got, r.Damaged, want)
						}
						if asked := b.take(); asked != r.Cost.Requests {
							t.Errorf("%s, level %s: %d requests are told, and %d were made", name, level, r.Cost.Requests, asked)
						}
					}
					for _, suffix := range []string{"-", "/x"} {
						noError(t, b.Delete(t.Context(), at+suffix))
					}
					noError(t, b.Replace(t.Context(), at, content(at)))
				}
			}
			swap(t, b, key("shop", 2, "Data.db"), key("shop", 3, "Data.db"))
			if r := run(t, b, verify.Options{Level: verify.Digest}); len(r.Bad) != 2 || r.Bad[0].Problem != verify.OtherHash || len(r.Damaged) != 3 {
				t.Errorf("two objects in each other's place: %q", brief(r))
			}
			if r := run(t, b, verify.Options{Level: verify.Size}); len(r.Bad) != 0 {
				t.Errorf("they have the same size: %q", brief(r))
			}
			swap(t, b, key("shop", 2, "Data.db"), key("shop", 3, "Data.db"))
			swap(t, b, key("shop", 2, "Data.db"), key("shop", 2, "Index.db"))
			for _, level := range levels {
				if r := run(t, b, verify.Options{Level: level}); len(r.Bad) != 2 || r.Bad[0].Problem != verify.OtherSize {
					t.Errorf("two of other sizes, level %s: %q", level, brief(r))
				}
			}
		})
	}
}

func swap(t *testing.T, b store.Bucket, one, other string) {
	t.Helper()
	first, second := read(t, b, one), read(t, b, other)
	noError(t, b.Replace(t.Context(), one, second))
	noError(t, b.Replace(t.Context(), other, first))
}

func TestCheck24EachLevelCostsWhatItSays(t *testing.T) {
	t.Parallel()
	for kind, open := range buckets {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			three(t, b)
			var objects, manifests int64
			for n := range 4 {
				for _, component := range []string{"Data.db", "Index.db"} {
					objects += int64(len(content(key("shop", n+1, component))))
				}
			}
			for n := range 3 {
				manifests += int64(len(read(t, b, manifest.ManifestKey(tag(n+1)))))
			}
			const gather, listing, each = 1 + 3, 1, 8
			for level, want := range map[verify.Level]verify.Cost{
				verify.List:   {Requests: gather + listing, BytesRead: manifests},
				verify.Size:   {Requests: gather + listing + each, BytesRead: manifests},
				verify.Digest: {Requests: gather + listing + each, BytesRead: manifests + objects},
			} {
				b.take()
				r := run(t, b, verify.Options{Level: level})
				t.Logf("%s: %d requests, %d bytes, %s for %d objects of %d bytes", level, r.Cost.Requests, r.Cost.BytesRead, r.Cost.Time, r.Objects.Files, r.Objects.Bytes)
				if got := (verify.Cost{Requests: r.Cost.Requests, BytesRead: r.Cost.BytesRead}); got != want || b.take() != want.Requests {
					t.Errorf("%s costs %+v, want %+v", level, got, want)
				}
				if len(r.Bad) > 0 || len(r.Tags) != 3 || r.Objects != (retention.Size{Files: each, Bytes: objects}) {
					t.Errorf("%s: %+v", level, r)
				}
			}
		})
	}
}

func TestATagMeansTheBackupsThatAreCalledSo(t *testing.T) {
	t.Parallel()
	b := three(t, storetest.NewMemory())
	back(t, b, "daily", 9)
	back(t, b, "daily2", 10)
	for name, c := range map[string]struct {
		tag  string
		want []string
	}{
		"a whole one":      {tag(2), []string{tag(2)}},
		"what one is from": {"daily", []string{"daily", tag(1), tag(2), tag(3)}},
		"none":             {"", []string{"daily", tag(1), tag(2), tag(3), "daily2"}},
	} {
		slices.Sort(c.want)
		if r := run(t, b, verify.Options{Tag: c.tag}); !slices.Equal(r.Tags, c.want) || len(r.Bad) > 0 {
			t.Errorf("%s: %v, bad %q", name, r.Tags, brief(r))
		}
	}
	noError(t, b.Delete(t.Context(), key("shop", 4, "Data.db")))
	if r := run(t, b, verify.Options{Tag: tag(2)}); len(r.Bad) > 0 {
		t.Errorf("what another backup lacks: %q", brief(r))
	}
	if _, err := verify.Node(t.Context(), b, verify.Options{Tag: "dail"}); !errors.Is(err, verify.ErrNotFound) {
		t.Error(err)
	}
}

func TestAManifestIsHeldToItsNameAndForm(t *testing.T) {
	t.Parallel()
	for name, body := range map[string][]byte{
		"no JSON":                 []byte("{"),
		"nothing":                 nil,
		"that of another backup":  document(t, tag(1), "shop", nil, 1, 2),
		"a key that climbs":       []byte(`{"snapshot":{"name":"x","keyspaces":{"../k":{"tables":{}}}}}`),
		"a size that is negative": bytes.Replace(document(t, tag(2), "shop", nil, 2), []byte(`"size": `), []byte(`"size": -`), 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := three(t, storetest.NewMemory())
			noError(t, b.Replace(t.Context(), manifest.ManifestKey(tag(2)), body))
			for _, o := range []verify.Options{{}, {Tag: tag(2)}} {
				r := run(t, b, o)
				if got, want := brief(r), manifest.ManifestKey(tag(2))+" is manifest, needed by 1"; got != want {
					t.Errorf("%q, want %q", got, want)
				}
				if diff := cmp.Diff([]verify.Damage{{Tag: tag(2), Bad: 1}}, r.Damaged); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestAManifestThatSaysOtherThanAnotherIsFound(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(e *manifest.Entry){
		"of a size": func(e *manifest.Entry) { e.Size++ },
		"of a hash": func(e *manifest.Entry) { e.Hash = sum([]byte("other")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := three(t, storetest.NewMemory())
			noError(t, b.Replace(t.Context(), manifest.ManifestKey(tag(2)), document(t, tag(2), "shop", change, 2)))
			r := run(t, b, verify.Options{Level: verify.Digest})
			if len(r.Bad) != 2 || len(r.Damaged) != 1 || r.Damaged[0] != (verify.Damage{Tag: tag(2), Bad: 2}) {
				t.Errorf("%q, damaged %v", brief(r), r.Damaged)
			}
		})
	}
}

func TestHashesOfOtherKinds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change   func(e *manifest.Entry)
		unhashed int
		found    bool
	}{
		"a CRC-32": {func(e *manifest.Entry) { e.Hash = crc(content(e.ObjectKey)) }, 0, true},
		"none":     {func(e *manifest.Entry) { e.Hash = "" }, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := storetest.NewMemory()
			upload(t, b, "shop", 1)
			noError(t, b.Create(t.Context(), manifest.ManifestKey(tag(1)), document(t, tag(1), "shop", c.change, 1)))
			if r := run(t, b, verify.Options{Level: verify.Digest}); len(r.Bad) > 0 || r.Unhashed != c.unhashed {
				t.Errorf("whole: %q, %d unhashed", brief(r), r.Unhashed)
			}
			mutations["a bit that is flipped"].spoil(t, b, key("shop", 1, "Data.db"))
			if r := run(t, b, verify.Options{Level: verify.Digest}); (len(r.Bad) == 1) != c.found {
				t.Errorf("spoilt: %q", brief(r))
			}
		})
	}
}

// What Esop 1.x names beside SSTables: its schema is the backup's, and a commit log
// comes and goes by itself.
func TestObjectsBesideSSTables(t *testing.T) {
	t.Parallel()
	b := storetest.NewMemory()
	at := "data/shop/items-" + tableID + "/schema.cql"
	noError(t, b.Create(t.Context(), manifest.ManifestKey("old"), fmt.Appendf(nil, `{"snapshot":{"name":"old","keyspaces":{"shop":{"tables":{"items":{
		"id":%q,"entries":[{"objectKey":"commitlog/CommitLog-7-1.log.1","type":"COMMIT_LOG","size":3},{"objectKey":%q,"type":"CQL_SCHEMA","size":1}]}}}}}}`,
		tableID, at)))
	if r := run(t, b, verify.Options{}); brief(r) != at+" is missing, needed by 1" {
		t.Errorf("%q", brief(r))
	}
}

func TestALargeBackupIsListedInParts(t *testing.T) {
	t.Parallel()
	b := storetest.NewMemory()
	const many = 2100 // SSTables of two files
	generations := make([]int, many)
	for n := range many {
		generations[n] = n
	}
	upload(t, b, "shop", generations...)
	upload(t, b, "small", 1)
	noError(t, b.Create(t.Context(), manifest.ManifestKey(tag(1)), document(t, tag(1), "shop", nil, generations...)))
	noError(t, b.Create(t.Context(), manifest.ManifestKey(tag(2)), document(t, tag(2), "small", nil, 1)))
	f := storetest.NewFaulty(b)
	prefixes := make(chan string, 10)
	f.Before = func(_ context.Context, op storetest.Op, key string) error {
		if op == storetest.List {
			prefixes <- key
		}
		return nil
	}
	r := run(t, f, verify.Options{})
	close(prefixes)
	var listed []string
	for prefix := range prefixes {
		listed = append(listed, prefix)
	}
	slices.Sort(listed)
	want := []string{"data/shop/items-" + tableID + "/", "data/small/", "manifests/"}
	if !slices.Equal(listed, want) || len(r.Bad) > 0 || r.Objects.Files != 2*many+2 {
		t.Errorf("%v is listed, want %v; %q is bad of %+v", listed, want, brief(r), r.Objects)
	}
	// Two manifests, their list, five pages of the large keyspace, one of the small.
	if r.Cost.Requests != 2+1+5+1 {
		t.Errorf("it took %d requests", r.Cost.Requests)
	}
}

func TestABackupThatIsRemovedMeanwhileIsNotDamaged(t *testing.T) {
	t.Parallel()
	b := three(t, storetest.NewMemory())
	f := storetest.NewFaulty(b)
	f.Before = func(ctx context.Context, op storetest.Op, key string) error {
		if op == storetest.List && key == manifest.DataPrefix {
			_, err := retention.Remove(ctx, b, retention.Selection{Names: []string{tag(3)}}, retention.Options{})
			return err
		}
		return nil
	}
	r := run(t, f, verify.Options{Level: verify.Digest})
	if len(r.Bad) > 0 || !slices.Equal(r.Tags, []string{tag(1), tag(2)}) || r.Objects.Files != 6 {
		t.Errorf("%q is bad, of %v with %+v", brief(r), r.Tags, r.Objects)
	}
}

func TestAnObjectThatMayNotBeReadIsBad(t *testing.T) {
	t.Parallel()
	at := key("shop", 3, "Data.db")
	for level, op := range map[verify.Level]storetest.Op{verify.Size: storetest.Stat, verify.Digest: storetest.Get} {
		f := storetest.NewFaulty(three(t, storetest.NewMemory()))
		f.Before = func(_ context.Context, o storetest.Op, key string) error {
			if o == op && key == at {
				return fmt.Errorf("reading: %w", store.ErrDenied)
			}
			return nil
		}
		if r := run(t, f, verify.Options{Level: level}); brief(r) != at+" is unreadable, needed by 2" {
			t.Errorf("%s: %q", level, brief(r))
		}
		if r := run(t, f, verify.Options{Level: verify.List}); len(r.Bad) > 0 {
			t.Errorf("a list knows: %q", brief(r))
		}
	}
}

// A store that fails is no bad object: nobody knows what it holds.
func TestAStoreThatFailsIsAnError(t *testing.T) {
	t.Parallel()
	for _, op := range []storetest.Op{storetest.List, storetest.Get, storetest.Stat} {
		for _, of := range []string{"manifests/", "data/"} {
			level := map[storetest.Op]verify.Level{storetest.Stat: verify.Size}[op]
			if op == storetest.Get {
				level = verify.Digest
			}
			f := storetest.NewFaulty(three(t, storetest.NewMemory()))
			noError(t, f.Delete(t.Context(), key("shop", 4, "Data.db"))) // so that the manifest is looked for
			f.Before = func(_ context.Context, o storetest.Op, key string) error {
				if o == op && strings.HasPrefix(key, of) {
					return store.ErrTransient
				}
				return nil
			}
			if _, err := verify.Node(t.Context(), f, verify.Options{Level: level}); !errors.Is(err, store.ErrTransient) {
				t.Errorf("%s of %s: %v", op, of, err)
			}
		}
	}
}

func TestACancelledVerificationSaysSo(t *testing.T) {
	t.Parallel()
	f := storetest.NewFaulty(three(t, storetest.NewMemory()))
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("someone pressed the button")
	f.Body = func(key string, r io.Reader) io.Reader {
		if strings.HasPrefix(key, "data/") {
			cancel(cause)
		}
		return r
	}
	r, err := verify.Node(ctx, f, verify.Options{Level: verify.Digest})
	if !errors.Is(err, cause) || r.Cost.Requests == 0 {
		t.Errorf("%v, %+v", err, r.Cost)
	}
}

func TestAnEmptyNodeHasNothingToVerify(t *testing.T) {
	t.Parallel()
	if r := run(t, storetest.NewMemory(), verify.Options{}); len(r.Tags) > 0 || r.Cost.Requests != 1 {
		t.Errorf("%+v", r)
	}
	if _, err := verify.Node(t.Context(), storetest.NewMemory(), verify.Options{Level: "rows"}); err == nil {
		t.Error("a level that is none is taken")
	}
}

func TestATopologyTellsWhichNodesLackTheirBackup(t *testing.T) {
	t.Parallel()
	node := func(dc, id string) retention.Node { return retention.Node{Cluster: "c", Datacenter: dc, HostID: id} }
	b := storetest.NewMemory()
	for _, n := range []retention.Node{node("dc1", "a"), node("dc1", "late")} {
		noError(t, n.Bucket(b).Create(t.Context(), manifest.ManifestKey(tag(1)), []byte("{}")))
	}
	noError(t, b.Create(t.Context(), manifest.TopologyKey(tag(1)), []byte(`{"topology":[
		{"cluster":"c","dc":"dc1","nodeId":"a"},{"cluster":"c","dc":"dc1","nodeId":"b"},{"cluster":"c","dc":"dc1","nodeId":"late"},
		{"cluster":"c","dc":"dc2","nodeId":"x"}]}`)))
	noError(t, b.Create(t.Context(), manifest.TopologyKey(tag(2)), []byte(`{}`)))
	holders := map[string][]retention.Node{tag(1): {node("dc1", "a")}, tag(2): {node("dc1", "a")}, tag(3): {node("dc1", "a")}}
	gaps, bad, cost, err := verify.Ring(t.Context(), b, holders, verify.Options{})
	noError(t, err)
	if diff := cmp.Diff([]verify.Gap{{Node: node("dc1", "b"), Tag: tag(1)}}, gaps); diff != "" {
		t.Error(diff)
	}
	if len(bad) != 1 || bad[0].Key != manifest.TopologyKey(tag(2)) || cost.Requests != 3+2 {
		t.Errorf("%+v, %+v", bad, cost)
	}
	f := storetest.NewFaulty(b)
	f.Before = func(context.Context, storetest.Op, string) error { return store.ErrTransient }
	if _, _, _, err := verify.Ring(t.Context(), f, holders, verify.Options{}); !errors.Is(err, store.ErrTransient) {
		t.Error(err)
	}
}
