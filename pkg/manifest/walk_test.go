package manifest_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
)

func walk(body []byte) (list []manifest.Entry, err error) {
	err = manifest.Walk(bytes.NewReader(body), func(k manifest.DataKey, e manifest.Entry) {
		if k.String() != e.ObjectKey {
			panic(k.String() + " is not " + e.ObjectKey)
		}
		list = append(list, e)
	})
	return list, err
}

// decoded are the files that Decode finds, in the order of their keys.
func decoded(m *manifest.Manifest) (list []manifest.Entry) {
	for _, table := range m.Tables() {
		list = slices.AppendSeq(list, table.Entries())
	}
	return sortedEntries(list)
}

func sortedEntries(list []manifest.Entry) []manifest.Entry {
	slices.SortFunc(list, func(a, b manifest.Entry) int { return strings.Compare(a.ObjectKey, b.ObjectKey) })
	return slices.Compact(list)
}

func TestWalkShowsWhatDecodeFinds(t *testing.T) {
	t.Parallel()
	golden, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	if err != nil || len(golden) == 0 {
		t.Fatal("there is nothing to read", err)
	}
	for _, path := range golden {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			m, err := manifest.Decode(body)
			if err != nil {
				t.Fatal(err)
			}
			got, err := walk(body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(decoded(m), sortedEntries(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWalkTellsADocumentFromItsReader(t *testing.T) {
	t.Parallel()
	var whole bytes.Buffer
	if err := many(100).Write(&whole); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, 1, 100, whole.Len() / 2, whole.Len() - 3} {
		if _, err := walk(whole.Bytes()[:at]); !errors.Is(err, manifest.ErrCorrupt) {
			t.Errorf("cut off at %d it is %v", at, err)
		}
	}
	if _, err := walk(append(whole.Bytes(), "{}"...)); !errors.Is(err, manifest.ErrCorrupt) {
		t.Errorf("something follows, and it is %v", err)
	}
	broken := errors.New("the line is dead")
	r := io.MultiReader(bytes.NewReader(whole.Bytes()[:500]), iotest.ErrReader(broken))
	err := manifest.Walk(r, func(manifest.DataKey, manifest.Entry) {})
	if !errors.Is(err, broken) || errors.Is(err, manifest.ErrCorrupt) {
		t.Errorf("where the reader fails it is %v", err)
	}
}

// FuzzWalk holds Walk to Decode: what this takes, that does too, and shows all of
// it. It shows more where a name repeats, of which Decode takes the last.
func FuzzWalk(f *testing.F) {
	var some bytes.Buffer
	if err := many(10).Write(&some); err != nil {
		f.Fatal(err)
	}
	f.Add(some.Bytes())
	f.Add([]byte(`{"snapshot":{"name":"s","keyspaces":{"k":{"tables":{"t":{"entries":[null]}}}}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := walk(body)
		m, wrong := manifest.Decode(body)
		if wrong != nil {
			return // Walk takes more: it sees one file at a time
		}
		if err != nil {
			t.Fatalf("Decode takes it, and Walk says %v", err)
		}
		for _, e := range decoded(m) {
			if !slices.Contains(got, e) {
				t.Errorf("%+v is not shown", e)
			}
		}
	})
}
