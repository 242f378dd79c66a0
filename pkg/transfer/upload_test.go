package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// outgoing writes a file and makes an item of it.
func outgoing(tb testing.TB, dir, name string, body []byte, places ...transfer.Place) transfer.Outgoing {
	tb.Helper()
	path := filepath.Join(dir, name)
	write(tb, path, body)
	if len(places) == 0 {
		places = []transfer.Place{{Key: "data/" + name}}
	}
	return transfer.Outgoing{Path: path, Size: int64(len(body)), SHA256: sum(body), Places: places}
}

func TestHash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var list []transfer.File
	var want []string
	for _, size := range []int{0, 1, 256 << 10, 1<<20 + 7} {
		body := content(t, size)
		path := filepath.Join(dir, fmt.Sprint(size))
		write(t, path, body)
		list = append(list, transfer.File{Path: path, Size: int64(size)})
		want = append(want, sum(body))
	}
	var last transfer.Counts
	got, err := transfer.Hash(t.Context(), list, transfer.Options{Report: func(c transfer.Counts) { last = c }})
	noError(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	total := int64(1 + 256<<10 + 1<<20 + 7)
	if diff := cmp.Diff(transfer.Counts{FilesTotal: 4, FilesDone: 4, BytesTotal: total, BytesDone: total}, last); diff != "" {
		t.Error(diff)
	}

	list[1].Size = 2
	if _, err := transfer.Hash(t.Context(), list, transfer.Options{}); !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), list[1].Path) {
		t.Errorf("a file of another size gave %v", err)
	}
	list[1].Path = filepath.Join(dir, "none")
	if _, err := transfer.Hash(t.Context(), list, transfer.Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file gave %v", err)
	}
	list[1] = transfer.File{Path: dir}
	if _, err := transfer.Hash(t.Context(), list, transfer.Options{}); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("a directory gave %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := transfer.Hash(ctx, list[:1], transfer.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled one gave %v", err)
	}
}

func TestUploadMovesFilesOfAllSizes(t *testing.T) {
	t.Parallel()
	b, dir := storetest.NewMemory(), t.TempDir()
	var items []transfer.Outgoing
	var bytes int64
	for _, size := range []int{0, 1, 100, 256 << 10, 256<<10 + 1, 3 << 20} {
		items = append(items, outgoing(t, dir, fmt.Sprint(size), content(t, size)))
		bytes += int64(size)
	}
	var last transfer.Counts
	base := transfer.Counts{FilesTotal: 3, FilesDone: 3, FilesReused: 3, BytesTotal: 30, BytesDone: 30, BytesReused: 30}
	placed, err := transfer.Upload(t.Context(), b, items, transfer.Options{
		Parallel: 2, Counted: base, Report: func(c transfer.Counts) { last = c },
	})
	noError(t, err)
	for i, item := range items {
		if placed[i] != (transfer.Placed{Key: item.Places[0].Key, SHA256: item.SHA256}) {
			t.Errorf("%s was placed at %+v", item.Path, placed[i])
		}
		if sum(object(t, b, placed[i].Key)) != item.SHA256 {
			t.Errorf("%s has other content", placed[i].Key)
		}
	}
	want := base.Plus(transfer.Counts{FilesTotal: 6, FilesDone: 6, BytesTotal: bytes, BytesDone: bytes})
	if diff := cmp.Diff(want, last); diff != "" {
		t.Error(diff)
	}
}

func TestUploadChoosesAPlace(t *testing.T) {
	t.Parallel()
	body, other, longer := content(t, 1000), content(t, 1001)[:1000], content(t, 1002)
	for name, tc := range map[string]struct {
		there  map[string][]byte
		places []transfer.Place
		want   transfer.Placed
		err    error
		// puts is how many bodies were offered to the bucket.
		puts int
	}{
		"the first, where it is free": {
			places: []transfer.Place{{Key: "a"}, {Key: "b"}}, want: transfer.Placed{Key: "a"}, puts: 1,
		},
		"the first, where the same content is known to be": {
			there:  map[string][]byte{"a": body},
			places: []transfer.Place{{Key: "a", Taken: true}, {Key: "b"}}, want: transfer.Placed{Key: "a", Reused: true},
		},
		"the first, where the same content turns out to be": {
			there:  map[string][]byte{"a": body},
			places: []transfer.Place{{Key: "a"}, {Key: "b"}}, want: transfer.Placed{Key: "a", Reused: true}, puts: 1,
		},
		"the second, where the first has other content": {
			there:  map[string][]byte{"a": other},
			places: []transfer.Place{{Key: "a", Taken: true}, {Key: "b"}}, want: transfer.Placed{Key: "b"}, puts: 1,
		},
		"the second, where the first turns out to have another size": {
			there:  map[string][]byte{"a": longer},
			places: []transfer.Place{{Key: "a"}, {Key: "b"}}, want: transfer.Placed{Key: "b"}, puts: 2,
		},
		"the first, where what was known to be there is gone": {
			places: []transfer.Place{{Key: "a", Taken: true}}, want: transfer.Placed{Key: "a"}, puts: 1,
		},
		"none, where all have other content": {
			there:  map[string][]byte{"a": other, "b": longer},
			places: []transfer.Place{{Key: "a", Taken: true}, {Key: "b"}}, err: store.ErrExists, puts: 1,
		},
	} {
		for _, hashed := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", hashed before ", hashed), func(t *testing.T) {
				t.Parallel()
				memory := storetest.NewMemory()
				for key, body := range tc.there {
					put(t, memory, key, body)
				}
				b := storetest.NewFaulty(memory)
				var last transfer.Counts
				item := outgoing(t, t.TempDir(), "f", body, tc.places...)
				wanted := tc.want
				wanted.SHA256 = item.SHA256
				if !hashed {
					item.SHA256 = ""
				}
				placed, err := transfer.Upload(t.Context(), b, []transfer.Outgoing{item},
					transfer.Options{Report: func(c transfer.Counts) { last = c }})
				if got := b.Calls(storetest.Put); got != tc.puts {
					t.Errorf("it was offered %d times, not %d", got, tc.puts)
				}
				for key, body := range tc.there {
					if string(object(t, memory, key)) != string(body) {
						t.Errorf("%s was overwritten", key)
					}
				}
				if tc.err != nil {
					if !errors.Is(err, tc.err) {
						t.Errorf("the error is %v", err)
					}
					return
				}
				noError(t, err)
				if placed[0] != wanted {
					t.Errorf("it was placed at %+v", placed[0])
				}
				if string(object(t, memory, placed[0].Key)) != string(body) {
					t.Error("the object has other content")
				}
				want := transfer.Counts{FilesTotal: 1, FilesDone: 1, BytesTotal: 1000, BytesDone: 1000}
				if wanted.Reused {
					want.FilesReused, want.BytesReused = 1, 1000
				}
				if diff := cmp.Diff(want, last); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestUploadRefusesAFileThatChanged(t *testing.T) {
	t.Parallel()
	body := content(t, 700<<10)
	for name, changed := range map[string][]byte{
		"its first byte": append([]byte{^body[0]}, body[1:]...),
		"its last byte":  append(body[:len(body)-1:len(body)-1], ^body[len(body)-1]),
		"it grew":        append(body[:len(body):len(body)], 'x'),
		"it shrank":      body[:len(body)-1],
		"it is empty":    nil,
	} {
		for kind, b := range map[string]store.Bucket{"memory": storetest.NewMemory(), "file": storetest.Files(t)} {
			t.Run(name+", "+kind, func(t *testing.T) {
				item := outgoing(t, t.TempDir(), "f", body)
				write(t, item.Path, changed)
				_, err := transfer.Upload(t.Context(), b, []transfer.Outgoing{item}, transfer.Options{})
				if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), item.Path) {
					t.Errorf("the error is %v", err)
				}
				if got := keys(t, b); got != nil {
					t.Errorf("the bucket has %.300v", got)
				}
			})
		}
	}
	t.Run("an empty file that should be another", func(t *testing.T) {
		t.Parallel()
		b := storetest.NewMemory()
		item := outgoing(t, t.TempDir(), "f", nil)
		item.SHA256 = sum([]byte("x"))
		if _, err := transfer.Upload(t.Context(), b, []transfer.Outgoing{item}, transfer.Options{}); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("the error is %v", err)
		}
		if got := keys(t, b); got != nil {
			t.Errorf("the bucket has %.300v", got)
		}
	})
}

// A file may change while it is read; what is sent then is not the plan.
func TestUploadRefusesAFileThatShrinksUnderIt(t *testing.T) {
	t.Parallel()
	item := outgoing(t, t.TempDir(), "f", content(t, 1<<20))
	b := putting{storetest.NewMemory(), func(r io.Reader) error {
		if _, err := r.Read(make([]byte, 100)); err != nil {
			return err
		}
		return os.Truncate(item.Path, 1000)
	}}
	_, err := transfer.Upload(t.Context(), b, []transfer.Outgoing{item}, transfer.Options{})
	if !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("the error is %v", err)
	}
}

// putting is a bucket that meddles with a body before it is read.
type putting struct {
	store.Bucket
	meddle func(r io.Reader) error
}

func (p putting) Put(ctx context.Context, key string, size int64, open func() (io.ReadCloser, error)) error {
	return p.Bucket.Put(ctx, key, size, func() (io.ReadCloser, error) {
		r, err := open()
		if err == nil {
			err = p.meddle(r)
		}
		return r, err
	})
}

// retrying breaks each body once after some bytes, as a store does that tries again.
type retrying struct{ store.Bucket }

func (r retrying) Put(ctx context.Context, key string, size int64, open func() (io.ReadCloser, error)) error {
	first, err := open()
	if err != nil {
		return err
	}
	if _, err := io.CopyN(io.Discard, first, size/2); err != nil {
		return err
	}
	if err := first.Close(); err != nil {
		return err
	}
	return r.Bucket.Put(ctx, key, size, open)
}

func TestUploadCountsOnceWhatIsSentTwice(t *testing.T) {
	t.Parallel()
	var last transfer.Counts
	_, err := transfer.Upload(t.Context(), retrying{storetest.NewMemory()},
		[]transfer.Outgoing{outgoing(t, t.TempDir(), "f", content(t, 1<<20))},
		transfer.Options{Report: func(c transfer.Counts) { last = c }})
	noError(t, err)
	if diff := cmp.Diff(transfer.Counts{FilesTotal: 1, FilesDone: 1, BytesTotal: 1 << 20, BytesDone: 1 << 20}, last); diff != "" {
		t.Error(diff)
	}
}

func TestUploadTakesAnAnswerThatGotLostForWhatItIs(t *testing.T) {
	t.Parallel()
	b := storetest.NewMemory()
	body := content(t, 5000)
	item := outgoing(t, t.TempDir(), "f", body)
	// The store wrote it and tried again since it did not know.
	put(t, b, item.Places[0].Key, body)
	placed, err := transfer.Upload(t.Context(), b, []transfer.Outgoing{item}, transfer.Options{})
	noError(t, err)
	if placed[0].Key != item.Places[0].Key {
		t.Errorf("it was placed at %+v", placed[0])
	}
}

func TestTheFirstErrorOfAnUploadStopsIt(t *testing.T) {
	t.Parallel()
	b := storetest.NewFaulty(storetest.NewMemory())
	b.Before = func(_ context.Context, op storetest.Op, _ string) error {
		if op == storetest.Put && b.Calls(op) == 3 {
			return store.ErrDenied
		}
		return nil
	}
	dir := t.TempDir()
	var items []transfer.Outgoing
	for i := range 100 {
		items = append(items, outgoing(t, dir, fmt.Sprint(i), content(t, 10)))
	}
	_, err := transfer.Upload(t.Context(), b, items, transfer.Options{Parallel: 2})
	if !errors.Is(err, store.ErrDenied) || !strings.Contains(err.Error(), dir) {
		t.Errorf("the error is %v", err)
	}
	if calls := b.Calls(storetest.Put); calls > 5 {
		t.Errorf("it went on with %d calls", calls)
	}
}

func TestNothingIsUploadedAfterCancel(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("someone pressed the button")
	memory := storetest.NewMemory()
	b := putting{memory, func(io.Reader) error { cancel(cause); return nil }}
	dir := t.TempDir()
	items := []transfer.Outgoing{
		outgoing(t, dir, "large", content(t, 1<<20)), outgoing(t, dir, "small", content(t, 10)), outgoing(t, dir, "empty", nil),
	}
	_, err := transfer.Upload(ctx, b, items, transfer.Options{Parallel: 1})
	if !errors.Is(err, context.Canceled) || !errors.Is(err, cause) {
		t.Errorf("the error is %v", err)
	}
	if got := keys(t, memory); got != nil {
		t.Errorf("the bucket has %.300v", got)
	}
}

func TestUploadRefusesItemsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	good := outgoing(t, t.TempDir(), "f", []byte("x"))
	for name, spoil := range map[string]func(o *transfer.Outgoing){
		"no place":          func(o *transfer.Outgoing) { o.Places = nil },
		"a hash of no kind": func(o *transfer.Outgoing) { o.SHA256 = "abc" },
		"a negative size":   func(o *transfer.Outgoing) { o.Size = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := good
			spoil(&bad)
			b := storetest.NewMemory()
			_, err := transfer.Upload(t.Context(), b, []transfer.Outgoing{good, bad}, transfer.Options{})
			if !errors.Is(err, transfer.ErrInvalid) || keys(t, b) != nil {
				t.Errorf("the error is %v, and the bucket has %v", err, keys(t, b))
			}
		})
	}
}
