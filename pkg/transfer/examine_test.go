package transfer_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

func TestExamineTellsOfEachObjectWhatIsWrongWithIt(t *testing.T) {
	t.Parallel()
	b := storetest.NewMemory()
	items := []transfer.Incoming{
		incoming(t, b, "right", content(t, 1000)), incoming(t, b, "cut", content(t, 1000)),
		incoming(t, b, "changed", content(t, 1000)), incoming(t, b, "gone", content(t, 10)), incoming(t, b, "denied", content(t, 10)),
	}
	noError(t, b.Replace(t.Context(), "data/cut", content(t, 999)))
	other := content(t, 1000)
	other[500] ^= 1
	noError(t, b.Replace(t.Context(), "data/changed", other))
	noError(t, b.Delete(t.Context(), "data/gone"))
	f := storetest.NewFaulty(b)
	f.Before = func(_ context.Context, _ storetest.Op, key string) error {
		if key == "data/denied" {
			return store.ErrDenied
		}
		return nil
	}
	var last transfer.Counts
	wrong, err := transfer.Examine(t.Context(), f, items, transfer.Options{Report: func(c transfer.Counts) { last = c }})
	noError(t, err)
	want := []error{
		nil, &transfer.MismatchError{Found: "999", Expected: "1000"},
		&transfer.MismatchError{Hash: true, Found: sum(other), Expected: sum(content(t, 1000))}, store.ErrNotFound, store.ErrDenied,
	}
	for i, err := range wrong {
		var mismatch *transfer.MismatchError
		if errors.As(err, &mismatch) {
			if diff := cmp.Diff(want[i], error(mismatch)); diff != "" || !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("%s: %s", items[i].Key, diff)
			}
		} else if !errors.Is(err, want[i]) || (err == nil) != (want[i] == nil) {
			t.Errorf("%s: %v, want %v", items[i].Key, err, want[i])
		}
	}
	if want := (transfer.Counts{FilesTotal: 5, BytesTotal: 3020, FilesDone: 2, BytesDone: 2000}); last != want {
		t.Errorf("it counts %+v, want %+v", last, want)
	}
}

func TestExamineEndsWhereNothingIsKnown(t *testing.T) {
	t.Parallel()
	b := storetest.NewMemory()
	items := []transfer.Incoming{incoming(t, b, "a", content(t, 1000))}
	broken := storetest.NewFaulty(b)
	broken.Body = func(_ string, r io.Reader) io.Reader { return storetest.Broken(r, 3, store.ErrTransient) }
	short := storetest.NewFaulty(b)
	short.Body = func(_ string, r io.Reader) io.Reader { return storetest.Truncated(r, 3) }
	for want, bucket := range map[error]store.Bucket{store.ErrTransient: broken, io.ErrUnexpectedEOF: short} {
		if _, err := transfer.Examine(t.Context(), bucket, items, transfer.Options{}); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	for name, item := range map[string]transfer.Incoming{
		"a negative size": {Key: "a", Size: -1}, "a hash of no known kind": {Key: "a", Size: 1, Hash: "sha1:abc"},
	} {
		if _, err := transfer.Examine(t.Context(), b, []transfer.Incoming{item}, transfer.Options{}); !errors.Is(err, transfer.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("stopped by hand")
	cancel(cause)
	if _, err := transfer.Examine(ctx, b, items, transfer.Options{}); !errors.Is(err, cause) {
		t.Error(err)
	}
}
