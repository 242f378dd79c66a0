package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/store"
)

// large is more than two parts of S3, and no whole number of them.
const large = 17<<20 + 12345

// Run holds a bucket to the promises of package store. open returns one that is
// empty and that the test may fill; it is closed by the test.
func Run(t *testing.T, open func(t *testing.T) store.Bucket) {
	t.Helper()
	for name, test := range map[string]func(t *testing.T, b store.Bucket){
		"an object comes back as it went":             roundTrip,
		"an empty object is an object":                empty,
		"a large object comes back as it went":        largeObject,
		"a key is taken once":                         exclusive,
		"a large object does not take a taken key":    exclusiveLarge,
		"of many writers one wins":                    oneWinner,
		"of many writers of large objects one wins":   oneLargeWinner,
		"another size than announced leaves nothing":  wrongSize,
		"a source that fails leaves nothing":          brokenSource,
		"Replace overwrites and creates":              replace,
		"Get reads from an offset":                    offsets,
		"what is not there is not found":              notFound,
		"List is ascending and whole":                 listMany,
		"List keeps prefixes apart":                   listPrefixes,
		"List stops when told":                        listStops,
		"Delete frees a key, and a free one is free":  deletes,
		"DeleteMany frees all that it can":            deletesMany,
		"a cancelled DeleteMany frees nothing":        deletesManyCancelled,
		"a cancelled context writes nothing":          cancelled,
		"a context cancelled on the way ends a write": cancelledOnTheWay,
		"a context cancelled on the way ends a read":  cancelledRead,
		"keys that are no plain paths are refused":    keys,
		"keys may have any other characters":          oddKeys,
		"a reader may be closed early":                closedEarly,
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			t.Cleanup(func() {
				if err := b.Close(); err != nil {
					t.Errorf("closing: %v", err)
				}
			})
			test(t, b)
		})
	}
}

func roundTrip(t *testing.T, b store.Bucket) {
	t.Helper()
	body := []byte("some bytes")
	mustPut(t, b, "a/b/c.db", body)
	wantBody(t, b, "a/b/c.db", body)
	if err := b.Create(t.Context(), "a/b/d.json", body); err != nil {
		t.Fatal(err)
	}
	wantBody(t, b, "a/b/d.json", body)
	o, err := b.Stat(t.Context(), "a/b/c.db")
	if err != nil {
		t.Fatal(err)
	}
	if o.Key != "a/b/c.db" || o.Size != int64(len(body)) || o.Modified.IsZero() {
		t.Errorf("Stat gives %+v", o)
	}
}

func empty(t *testing.T, b store.Bucket) {
	t.Helper()
	mustPut(t, b, "empty", nil)
	wantBody(t, b, "empty", nil)
	wantExists(t, b.Create(t.Context(), "empty", nil))
	if got := list(t, b, ""); !slices.Equal(got, []string{"empty"}) {
		t.Errorf("the bucket holds %q", got)
	}
}

func largeObject(t *testing.T, b store.Bucket) {
	t.Helper()
	body := random(large)
	mustPut(t, b, "large", body)
	wantBody(t, b, "large", body)
	r, o, err := b.Get(t.Context(), "large", large-100)
	if err != nil {
		t.Fatal(err)
	}
	if tail := readAll(t, r, 100); !bytes.Equal(tail, body[large-100:]) || o.Size != large {
		t.Errorf("the end has %d bytes, of %d", len(tail), o.Size)
	}
}

func exclusive(t *testing.T, b store.Bucket) {
	t.Helper()
	mustPut(t, b, "k", []byte("first"))
	wantExists(t, put(t.Context(), b, "k", []byte("other")))
	wantExists(t, b.Create(t.Context(), "k", []byte("another")))
	wantExists(t, put(t.Context(), b, "k", []byte("first")))
	wantBody(t, b, "k", []byte("first"))
}

func exclusiveLarge(t *testing.T, b store.Bucket) {
	t.Helper()
	mustPut(t, b, "k", []byte("first"))
	wantExists(t, put(t.Context(), b, "k", random(large)))
	wantBody(t, b, "k", []byte("first"))
}

func oneWinner(t *testing.T, b store.Bucket) {
	t.Helper()
	const rounds, writers = 30, 8
	for round := range rounds {
		race(t, b, fmt.Sprintf("race/%d", round), writers, 100)
	}
}

func oneLargeWinner(t *testing.T, b store.Bucket) {
	t.Helper()
	race(t, b, "race/large", 3, large)
}

// race lets writers of different bodies begin at once.
func race(t *testing.T, b store.Bucket, key string, writers, size int) {
	t.Helper()
	start := make(chan struct{})
	results := make([]error, writers)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			body := bytes.Repeat([]byte{byte('a' + i)}, size)
			<-start
			results[i] = put(t.Context(), b, key, body)
		})
	}
	close(start)
	wg.Wait()
	var winners []int
	for i, err := range results {
		if err == nil {
			winners = append(winners, i)
		} else {
			wantExists(t, err)
		}
	}
	if len(winners) != 1 {
		t.Fatalf("%s has the winners %v", key, winners)
	}
	wantBody(t, b, key, bytes.Repeat([]byte{byte('a' + winners[0])}, size))
}

func wrongSize(t *testing.T, b store.Bucket) {
	t.Helper()
	for _, actual := range []int{0, 99, 101, large - 1, large + 1} {
		announced := int64(100)
		if actual > 1000 {
			announced = large
		}
		err := b.Put(t.Context(), "k", announced, Opening(random(actual)))
		if !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%d bytes instead of %d: %v", actual, announced, err)
		}
	}
	if err := b.Put(t.Context(), "k", -1, Opening(nil)); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a negative size: %v", err)
	}
	wantNothing(t, b)
}

var errSource = errors.New("the disk is broken")

func brokenSource(t *testing.T, b store.Bucket) {
	t.Helper()
	for _, after := range []int64{0, 10, large - 10} {
		size := max(after+10, 100)
		err := b.Put(t.Context(), "k", size, func() (io.ReadCloser, error) {
			return io.NopCloser(Broken(bytes.NewReader(make([]byte, size)), after, errSource)), nil
		})
		if !errors.Is(err, errSource) {
			t.Errorf("broken after %d bytes: %v", after, err)
		}
	}
	err := b.Put(t.Context(), "k", 1, func() (io.ReadCloser, error) { return nil, errSource })
	if !errors.Is(err, errSource) {
		t.Errorf("a source that does not open: %v", err)
	}
	wantNothing(t, b)
}

func replace(t *testing.T, b store.Bucket) {
	t.Helper()
	for _, body := range []string{"one", "", "three and more"} {
		if err := b.Replace(t.Context(), "intents/x.json", []byte(body)); err != nil {
			t.Fatal(err)
		}
		wantBody(t, b, "intents/x.json", []byte(body))
	}
}

func offsets(t *testing.T, b store.Bucket) {
	t.Helper()
	body := []byte("0123456789")
	mustPut(t, b, "k", body)
	for offset := range int64(len(body) + 1) {
		r, o, err := b.Get(t.Context(), "k", offset)
		if err != nil {
			t.Fatalf("from %d: %v", offset, err)
		}
		if got := readAll(t, r, 100); !bytes.Equal(got, body[offset:]) {
			t.Errorf("from %d: %q", offset, got)
		}
		if o.Size != int64(len(body)) || o.Key != "k" || o.Modified.IsZero() {
			t.Errorf("from %d: it is %+v", offset, o)
		}
	}
	for _, offset := range []int64{-1, 11, 1 << 40} {
		if _, _, err := b.Get(t.Context(), "k", offset); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("from %d: %v", offset, err)
		}
	}
}

func notFound(t *testing.T, b store.Bucket) {
	t.Helper()
	mustPut(t, b, "a/b", []byte("x"))
	for _, key := range []string{"b", "a", "a/c", "a/b/c", "a/b/c/d"} {
		if _, err := b.Stat(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("looking for %s: %v", key, err)
		}
		if _, _, err := b.Get(t.Context(), key, 0); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("reading %s: %v", key, err)
		}
		if _, _, err := b.Get(t.Context(), key, 5); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("reading %s from 5: %v", key, err)
		}
	}
}

func listMany(t *testing.T, b store.Bucket) {
	t.Helper()
	const n = 1050 // S3 pages are of 1000
	want := Fill(t, b, n)
	if diff := cmp.Diff(want, list(t, b, "")); diff != "" {
		t.Errorf("the keys (-want +got):\n%s", diff)
	}
	for o, err := range b.List(t.Context(), "dir1/key-1") {
		if err != nil {
			t.Fatal(err)
		}
		if o.Size != int64(len(o.Key)) || o.Modified.IsZero() {
			t.Errorf("List gives %+v", o)
		}
	}
}

func listPrefixes(t *testing.T, b store.Bucket) {
	t.Helper()
	// The bytes around the slash make another order than that of directories.
	all := []string{"a!b", "a-b/x", "a.b", "a/b", "a/c/d", "a/cd", "a0", "aa/b", "b/.index/x", "b/a"}
	for _, key := range slices.Backward(all) {
		mustPut(t, b, key, []byte("x"))
	}
	for _, prefix := range []string{"", "a", "a/", "a/c", "a/c/", "a/c/d", "a/c/d/", "a-", "b/.", "b/.index/", "none", "none/", "a/b/c", "..", "../", "/", "a//"} {
		var want []string
		for _, key := range all {
			if strings.HasPrefix(key, prefix) {
				want = append(want, key)
			}
		}
		if diff := cmp.Diff(want, list(t, b, prefix)); diff != "" {
			t.Errorf("with prefix %q (-want +got):\n%s", prefix, diff)
		}
	}
}

func listStops(t *testing.T, b store.Bucket) {
	t.Helper()
	for i := range 5 {
		mustPut(t, b, fmt.Sprintf("d/%d", i), nil)
	}
	seen := 0
	for _, err := range b.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		if seen++; seen == 2 {
			break
		}
	}
	if seen != 2 {
		t.Errorf("saw %d", seen)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var last error
	for _, last = range b.List(ctx, "") {
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("cancelled: %v", last)
	}
}

func deletes(t *testing.T, b store.Bucket) {
	t.Helper()
	mustPut(t, b, "a/b/c", []byte("x"))
	mustPut(t, b, "a/d", []byte("x"))
	for _, key := range []string{"a/b/c", "a/b/c", "a/b", "a", "never/was"} {
		if err := b.Delete(t.Context(), key); err != nil {
			t.Errorf("deleting %s: %v", key, err)
		}
	}
	if got := list(t, b, ""); !slices.Equal(got, []string{"a/d"}) {
		t.Errorf("the bucket holds %q", got)
	}
	mustPut(t, b, "a/b/c", []byte("again"))
	wantBody(t, b, "a/b/c", []byte("again"))
}

func cancelled(t *testing.T, b store.Bucket) {
	t.Helper()
	cause := errors.New("the operation was cancelled")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	for name, err := range map[string]error{
		"Put": put(ctx, b, "k", []byte("x")), "a large Put": put(ctx, b, "k", random(large)),
		"Create": b.Create(ctx, "k", nil), "Replace": b.Replace(ctx, "k", nil), "Delete": b.Delete(ctx, "k"),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantNothing(t, b)
}

func cancelledOnTheWay(t *testing.T, b store.Bucket) {
	t.Helper()
	for _, size := range []int64{1 << 20, large} {
		ctx, cancel := context.WithCancel(t.Context())
		err := b.Put(ctx, "k", size, func() (io.ReadCloser, error) {
			return io.NopCloser(&hook{bytes.NewReader(make([]byte, size)), size / 2, cancel}), nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%d bytes: %v", size, err)
		}
		cancel()
	}
	wantNothing(t, b)
}

func cancelledRead(t *testing.T, b store.Bucket) {
	t.Helper()
	mustPut(t, b, "large", random(large))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, _, err := b.Get(ctx, "large", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.ReadFull(r, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, context.Canceled) {
		t.Errorf("reading on: %v", err)
	}
}

// BadKeys are refused by CheckKey, and so by every bucket.
func BadKeys() []string {
	return []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/..", "a/../b", "./a", "a/./b", "a/.",
		"a\x00b", "a\nb", "a\x7f", "a\u0085b", "a\xffb", strings.Repeat("k", 1025),
	}
}

func keys(t *testing.T, b store.Bucket) {
	t.Helper()
	for _, key := range BadKeys() {
		_, statErr := b.Stat(t.Context(), key)
		_, _, getErr := b.Get(t.Context(), key, 0)
		for name, err := range map[string]error{
			"Put": put(t.Context(), b, key, []byte("x")), "Create": b.Create(t.Context(), key, nil), "Replace": b.Replace(t.Context(), key, nil),
			"Stat": statErr, "Get": getErr, "Delete": b.Delete(t.Context(), key),
		} {
			if !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s of %.50q: %v", name, key, err)
			}
		}
	}
	wantNothing(t, b)
}

func oddKeys(t *testing.T, b store.Bucket) {
	t.Helper()
	want := []string{
		"Test Cluster/dc 1/x", "a+b/c%20d", "a=b&c?d#e", "q\"uote'", "x/...", "x/..a", "x/.hidden", "__0x41__", "\\back", "äöü/日本", "~tilde", "[a]{b}*",
	}
	slices.Sort(want)
	// Azure would keep these under another name, and may refuse them for that.
	want = slices.DeleteFunc(want, func(key string) bool {
		return (key == "\\back" || key == "x/...") && errors.Is(put(t.Context(), b, key, []byte(key)), store.ErrInvalid)
	})
	for _, key := range want {
		if err := put(t.Context(), b, key, []byte(key)); err != nil && !errors.Is(err, store.ErrExists) {
			t.Error(err)
		}
		wantBody(t, b, key, []byte(key))
	}
	if diff := cmp.Diff(want, list(t, b, "")); diff != "" {
		t.Errorf("the keys (-want +got):\n%s", diff)
	}
	if err := b.DeleteMany(t.Context(), want); err != nil {
		t.Error(err)
	}
	wantNothing(t, b)
}

func closedEarly(t *testing.T, b store.Bucket) {
	t.Helper()
	body := random(large)
	mustPut(t, b, "large", body)
	for range 3 {
		r, _, err := b.Get(t.Context(), "large", 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
			t.Error(err)
		}
		if err := r.Close(); err != nil {
			t.Errorf("closing early: %v", err)
		}
	}
	wantBody(t, b, "large", body)
}

// hook reads, and calls do when a number of bytes is read.
type hook struct {
	r    io.Reader
	left int64
	do   func()
}

// Read calls do in its time.
func (h *hook) Read(p []byte) (int, error) {
	n, err := h.r.Read(p[:min(len(p), 64<<10)])
	if h.left -= int64(n); h.left <= 0 {
		h.do()
	}
	return n, err
}

// random is always the same bytes, which nobody may write to.
func random(n int) []byte { return noise()[:n:n] }

var noise = sync.OnceValue(func() []byte {
	body := make([]byte, large+1)
	source := rand.NewChaCha8([32]byte{})
	_, _ = source.Read(body) // never fails
	return body
})
