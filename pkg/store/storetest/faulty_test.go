package storetest_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"go.uber.org/goleak"

	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errFault = errors.New("fault")

func TestFaultsOfABody(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault func(r io.Reader) io.Reader
		want  string
		err   error
	}{
		"none":      {func(r io.Reader) io.Reader { return r }, "01234567", nil},
		"truncated": {func(r io.Reader) io.Reader { return storetest.Truncated(r, 3) }, "012", nil},
		"broken":    {func(r io.Reader) io.Reader { return storetest.Broken(r, 3, errFault) }, "012", errFault},
		"flipped":   {func(r io.Reader) io.Reader { return storetest.Flipped(r, 4) }, "01235567", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := storetest.NewFaulty(storetest.NewMemory())
			b.Body = func(_ string, r io.Reader) io.Reader { return c.fault(r) }
			if err := b.Create(t.Context(), "k", []byte("01234567")); err != nil {
				t.Fatal(err)
			}
			r, _, err := b.Get(t.Context(), "k", 0)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			body, err := io.ReadAll(r)
			if string(body) != c.want || !errors.Is(err, c.err) {
				t.Errorf("%q, %v", body, err)
			}
		})
	}
}

func TestAFaultIsBeforeOrAfterACall(t *testing.T) {
	t.Parallel()
	b := storetest.NewFaulty(storetest.NewMemory())
	b.Before = func(_ context.Context, op storetest.Op, key string) error {
		if op == storetest.Create && key == "before" || op == storetest.List {
			return errFault
		}
		return nil
	}
	b.After = func(op storetest.Op, key string) error {
		if op == storetest.Create && key == "after" {
			return errFault
		}
		return nil
	}
	for key, there := range map[string]error{"before": store.ErrNotFound, "after": nil} {
		if err := b.Create(t.Context(), key, nil); !errors.Is(err, errFault) {
			t.Errorf("%s: %v", key, err)
		}
		if _, err := b.Stat(t.Context(), key); !errors.Is(err, there) {
			t.Errorf("%s: %v", key, err)
		}
	}
	for _, err := range b.List(t.Context(), "") {
		if !errors.Is(err, errFault) {
			t.Error(err)
		}
	}
	if b.Calls(storetest.Create) != 2 || b.Calls(storetest.Stat) != 2 || b.Calls(storetest.List) != 1 || b.Calls(storetest.Get) != 0 {
		t.Error("the calls are not counted")
	}
}
