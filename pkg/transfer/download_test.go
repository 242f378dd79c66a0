package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// incoming puts an object and makes an item of it.
func incoming(tb testing.TB, b store.Bucket, path string, body []byte) transfer.Incoming {
	tb.Helper()
	put(tb, b, "data/"+path, body)
	return transfer.Incoming{Key: "data/" + path, Path: path, Size: int64(len(body)), Hash: sum(body)}
}

func TestDownloadMovesKeepsAndReplaces(t *testing.T) {
	t.Parallel()
	b, dir := storetest.NewMemory(), filepath.Join(t.TempDir(), "new", "dir")
	want := map[string]string{}
	var items []transfer.Incoming
	for _, size := range []int{0, 1, 256 << 10, 1<<20 + 1} {
		path := fmt.Sprintf("ks/t-%d/.idx/f", size)
		body := content(t, size)
		items = append(items, incoming(t, b, path, body))
		want[path] = string(body)
	}
	noHash := incoming(t, b, "ks/nohash", []byte("abc"))
	noHash.Hash = ""
	crc := incoming(t, b, "ks/crc", []byte("def"))
	crc.Hash = fmt.Sprint(crc32.ChecksumIEEE([]byte("def")))
	items = append(items, noHash, crc)
	want["ks/nohash"], want["ks/crc"] = "abc", "def"

	var last transfer.Counts
	o := transfer.Options{Parallel: 3, Report: func(c transfer.Counts) { last = c }}
	noError(t, transfer.Download(t.Context(), b, dir, items, o))
	if diff := cmp.Diff(want, files(t, dir)); diff != "" {
		t.Fatal(diff)
	}
	total := int64(1 + 256<<10 + 1<<20 + 1 + 6)
	if diff := cmp.Diff(transfer.Counts{FilesTotal: 6, FilesDone: 6, BytesTotal: total, BytesDone: total}, last); diff != "" {
		t.Error(diff)
	}
	noError(t, transfer.Verify(t.Context(), dir, items, o))

	// One file was damaged, one has another size, one is a link to elsewhere,
	// and an earlier life was interrupted.
	outside := filepath.Join(t.TempDir(), "outside")
	write(t, outside, []byte("mine"))
	write(t, filepath.Join(dir, "ks/crc"), []byte("deg"))
	write(t, filepath.Join(dir, "ks/t-1/.idx/f"), []byte("longer"))
	write(t, filepath.Join(dir, "ks/.icarus-XYZ"), []byte("half"))
	noError(t, os.Remove(filepath.Join(dir, "ks/t-0/.idx/f")))
	noError(t, os.Symlink(outside, filepath.Join(dir, "ks/t-0/.idx/f")))
	if err := transfer.Verify(t.Context(), dir, items, transfer.Options{}); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("verifying gave %v", err)
	}
	counting := storetest.NewFaulty(b)
	noError(t, transfer.Download(t.Context(), counting, dir, items, o))
	if diff := cmp.Diff(want, files(t, dir)); diff != "" {
		t.Error(diff)
	}
	if got := counting.Calls(storetest.Get); got != 3 {
		t.Errorf("%d objects were fetched, not 3", got)
	}
	if last.FilesReused != 3 || last.FilesDone != 6 || last.BytesDone != total || last.BytesReused != total-4 {
		t.Errorf("it counted %+v", last)
	}
	if body, err := os.ReadFile(outside); err != nil || string(body) != "mine" {
		t.Errorf("the file outside has %q, %v", body, err)
	}
	noError(t, os.Remove(filepath.Join(dir, "ks/crc")))
	if err := transfer.Verify(t.Context(), dir, items, transfer.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("verifying gave %v", err)
	}
}

func TestWhatIsNotTheObjectNeverGetsItsName(t *testing.T) {
	t.Parallel()
	body := content(t, 600<<10)
	for name, tc := range map[string]struct {
		body  func(key string, r io.Reader) io.Reader
		spoil func(item *transfer.Incoming)
		want  error
	}{
		"a bit is wrong":               {body: func(_ string, r io.Reader) io.Reader { return storetest.Flipped(r, 300<<10) }, want: store.ErrCorrupt},
		"the last bit is wrong":        {body: func(_ string, r io.Reader) io.Reader { return storetest.Flipped(r, 600<<10-1) }, want: store.ErrCorrupt},
		"the object is of other size":  {spoil: func(i *transfer.Incoming) { i.Size-- }, want: store.ErrCorrupt},
		"the hash is another":          {spoil: func(i *transfer.Incoming) { i.Hash = sum(nil) }, want: store.ErrCorrupt},
		"the CRC is another":           {spoil: func(i *transfer.Incoming) { i.Hash = "1" }, want: store.ErrCorrupt},
		"there is none":                {spoil: func(i *transfer.Incoming) { i.Key += "x" }, want: store.ErrNotFound},
		"size only, and it is another": {spoil: func(i *transfer.Incoming) { i.Hash = ""; i.Size++ }, want: store.ErrCorrupt},
	} {
		for _, former := range []string{"", "what was there before"} {
			t.Run(name+", after "+former, func(t *testing.T) {
				t.Parallel()
				memory, dir := storetest.NewMemory(), t.TempDir()
				item := incoming(t, memory, "ks/f", body)
				if tc.spoil != nil {
					tc.spoil(&item)
				}
				want := map[string]string{}
				if former != "" {
					write(t, filepath.Join(dir, "ks/f"), []byte(former))
					want["ks/f"] = former
				}
				b := storetest.NewFaulty(memory)
				b.Body = tc.body
				err := transfer.Download(t.Context(), b, dir, []transfer.Incoming{item}, transfer.Options{})
				if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), item.Key) {
					t.Errorf("the error is %v", err)
				}
				if diff := cmp.Diff(want, files(t, dir)); diff != "" {
					t.Error(diff)
				}
				if got := b.Calls(storetest.Get); got != 1 {
					t.Errorf("it was asked for %d times", got)
				}
			})
		}
	}
}

// Package store resumes a broken stream; what comes of it here is one whole file
// or none.
func TestABrokenStreamIsResumedWhereItStopped(t *testing.T) {
	t.Parallel()
	reset := fmt.Errorf("%w: connection reset", store.ErrTransient)
	body := content(t, 2<<20)
	for name, tc := range map[string]struct {
		broken func(r io.Reader) io.Reader
		err    error
	}{
		"every stream breaks after 700 kB": {func(r io.Reader) io.Reader { return storetest.Broken(r, 700_000, reset) }, nil},
		"every stream ends after 700 kB":   {func(r io.Reader) io.Reader { return storetest.Truncated(r, 700_000) }, nil},
		"no stream brings anything":        {func(r io.Reader) io.Reader { return storetest.Broken(r, 0, reset) }, store.ErrTransient},
	} {
		for _, retried := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", retried ", retried), func(t *testing.T) {
				t.Parallel()
				memory, dir := storetest.NewMemory(), t.TempDir()
				item := incoming(t, memory, "f", body)
				faulty := storetest.NewFaulty(memory)
				faulty.Body = func(_ string, r io.Reader) io.Reader { return tc.broken(r) }
				var b store.Bucket = faulty
				if retried {
					b = store.Retrying(b, store.Retry{}, hurrying())
				}
				var last transfer.Counts
				err := transfer.Download(t.Context(), b, dir, []transfer.Incoming{item}, transfer.Options{
					Report: func(c transfer.Counts) { last = c },
				})
				if !retried || tc.err != nil {
					if err == nil || tc.err != nil && !errors.Is(err, tc.err) || len(files(t, dir)) > 0 {
						t.Errorf("the error is %v", err)
					}
					return
				}
				noError(t, err)
				if files(t, dir)["f"] != string(body) {
					t.Error("the file has other content")
				}
				if faulty.Calls(storetest.Get) != 3 || last.BytesDone != 2<<20 {
					t.Errorf("it was asked for %d times, and counted %+v", faulty.Calls(storetest.Get), last)
				}
			})
		}
	}
}

func TestNothingIsWrittenAfterCancel(t *testing.T) {
	t.Parallel()
	memory, dir := storetest.NewMemory(), t.TempDir()
	items := []transfer.Incoming{incoming(t, memory, "a", content(t, 1<<20)), incoming(t, memory, "b", content(t, 10))}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("someone pressed the button")
	b := storetest.NewFaulty(memory)
	b.Body = func(_ string, r io.Reader) io.Reader {
		return io.MultiReader(io.LimitReader(r, 1000), reading(func() { cancel(cause) }), r)
	}
	err := transfer.Download(ctx, b, dir, items, transfer.Options{Parallel: 1})
	if !errors.Is(err, context.Canceled) || !errors.Is(err, cause) {
		t.Errorf("the error is %v", err)
	}
	if diff := cmp.Diff(map[string]string{}, files(t, dir)); diff != "" {
		t.Error(diff)
	}
	absent := filepath.Join(dir, "x")
	if err := transfer.Download(ctx, memory, absent, items, transfer.Options{}); !errors.Is(err, cause) {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(absent); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory was made: %v", err)
	}
}

// reading is a reader that does something and ends.
type reading func()

func (r reading) Read([]byte) (int, error) { r(); return 0, io.EOF }

func TestNoItemLeadsOutOfTheDirectory(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", ".", "..", "../f", "/f", "a/../../f", "a//f", "a/./f", "a/", `a\f`, "a\x00", "a/.icarus-f"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			b, dir := storetest.NewMemory(), t.TempDir()
			put(t, b, "k", []byte("x"))
			err := transfer.Download(t.Context(), b, dir, []transfer.Incoming{{Key: "k", Path: path, Size: 1}}, transfer.Options{})
			if !errors.Is(err, transfer.ErrInvalid) {
				t.Errorf("the error is %v", err)
			}
		})
	}
	t.Run("by a link that lies in it", func(t *testing.T) {
		t.Parallel()
		b, dir, outside := storetest.NewMemory(), t.TempDir(), t.TempDir()
		item := incoming(t, b, "ks/f", []byte("x"))
		noError(t, os.Symlink(outside, filepath.Join(dir, "ks")))
		if err := transfer.Download(t.Context(), b, dir, []transfer.Incoming{item}, transfer.Options{}); err == nil {
			t.Error("it was followed")
		}
		if diff := cmp.Diff(map[string]string{}, files(t, outside)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestDownloadRefusesItemsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for name, items := range map[string][]transfer.Incoming{
		"two of one path":               {{Key: "a", Path: "f"}, {Key: "b", Path: "f"}},
		"a negative size":               {{Key: "a", Path: "f", Size: -1}},
		"a hash of no known kind":       {{Key: "a", Path: "f", Hash: "sha1:abc"}},
		"sizes that no number can hold": {{Key: "a", Path: "f", Size: 1 << 62}, {Key: "b", Path: "g", Size: 1 << 62}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := transfer.Download(t.Context(), storetest.NewMemory(), t.TempDir(), items, transfer.Options{})
			if !errors.Is(err, transfer.ErrInvalid) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestDownloadAsksForTheRoomBeforeItBegins(t *testing.T) {
	t.Parallel()
	memory, dir := storetest.NewMemory(), t.TempDir()
	b := storetest.NewFaulty(memory)
	items := []transfer.Incoming{incoming(t, memory, "small", []byte("x")), {Key: "k", Path: "large", Size: 1 << 60}}
	err := transfer.Download(t.Context(), b, dir, items, transfer.Options{})
	if !errors.Is(err, transfer.ErrNoSpace) || !strings.Contains(err.Error(), dir) {
		t.Errorf("the error is %v", err)
	}
	if got := b.Calls(storetest.Get); got != 0 {
		t.Errorf("%d objects were fetched", got)
	}
}

func TestADirectoryInTheWayIsAnError(t *testing.T) {
	t.Parallel()
	b, dir := storetest.NewMemory(), t.TempDir()
	item := incoming(t, b, "f", []byte("x"))
	write(t, filepath.Join(dir, "f", "inside"), []byte("mine"))
	if err := transfer.Download(t.Context(), b, dir, []transfer.Incoming{item}, transfer.Options{}); err == nil || !strings.Contains(err.Error(), "f") {
		t.Errorf("the error is %v", err)
	}
	if diff := cmp.Diff(map[string]string{"f/inside": "mine"}, files(t, dir)); diff != "" {
		t.Error(diff)
	}
}

func TestReadIsBounded(t *testing.T) {
	t.Parallel()
	b := storetest.NewMemory()
	put(t, b, "k", content(t, 1000))
	body, err := transfer.Read(t.Context(), b, "k", 1000)
	noError(t, err)
	if sum(body) != sum(content(t, 1000)) {
		t.Error("it has other content")
	}
	if _, err := transfer.Read(t.Context(), b, "k", 999); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("the error is %v", err)
	}
	if _, err := transfer.Read(t.Context(), b, "none", 999); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the error is %v", err)
	}
}

func TestAFileIsWrittenWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	write := func(body string, as func(*os.File) error) error {
		return transfer.WriteFile(root, "conf", []byte(body), 0o600, as)
	}
	// What a crash left is neither in the way nor does its mode stay.
	if err := os.WriteFile(filepath.Join(dir, transfer.Hidden+"conf"), []byte("half of what"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := write("first", nil); err != nil {
		t.Fatal(err)
	}
	refused := errors.New("not permitted")
	if err := write("second", func(*os.File) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("the error is %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v are there: %v", entries, err)
	}
	body, err := root.ReadFile("conf")
	if info, statErr := root.Stat("conf"); string(body) != "first" || info.Mode() != 0o600 || err != nil || statErr != nil {
		t.Errorf("it is %q: %v, %v", body, err, statErr)
	}
}

// replaced is a bucket in which a document is replaced when it is about to be read.
type replaced struct {
	store.Bucket
	with string
}

func (r replaced) Get(ctx context.Context, key string, offset int64) (io.ReadCloser, store.Object, error) {
	if err := r.Replace(ctx, key, []byte(r.with)); err != nil {
		return nil, store.Object{}, err
	}
	return r.Bucket.Get(ctx, key, offset)
}

func TestReadOfADocumentThatIsReplacedMeanwhile(t *testing.T) {
	t.Parallel()
	b := storetest.NewMemory()
	if err := b.Create(t.Context(), "intent", []byte("short")); err != nil {
		t.Fatal(err)
	}
	body, err := transfer.Read(t.Context(), replaced{b, "and longer"}, "intent", 1000)
	if err != nil || string(body) != "and longer" {
		t.Errorf("%q: %v", body, err)
	}
}
