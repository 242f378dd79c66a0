package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// Of a file whose hash is not known before, the object is what one file was, from
// its first byte to its last.
func TestAFileThatIsHashedOnItsWayMustNotChange(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(path string) error{
		"it is written to": func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteAt([]byte("changed"), 600_000)
			return errors.Join(err, f.Close(), os.Chtimes(path, time.Time{}, time.Now().Add(time.Second)))
		},
		"it shrinks": func(path string) error { return os.Truncate(path, 500_000) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			memory := storetest.NewMemory()
			item := outgoing(t, t.TempDir(), "f", content(t, 1<<20))
			item.SHA256 = ""
			b := putting{memory, func(r io.Reader) error {
				if _, err := io.ReadFull(r, make([]byte, 100_000)); err != nil {
					return err
				}
				return change(item.Path)
			}}
			_, err := transfer.Upload(t.Context(), b, []transfer.Outgoing{item}, transfer.Options{})
			if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), item.Path) {
				t.Errorf("the error is %v", err)
			}
			if got := keys(t, memory); got != nil {
				t.Errorf("the bucket has %v", got)
			}
		})
	}
	t.Run("also not between two attempts", func(t *testing.T) {
		t.Parallel()
		memory := storetest.NewMemory()
		item := outgoing(t, t.TempDir(), "f", content(t, 1<<20))
		item.SHA256 = ""
		attempts := 0
		b := retrying{putting{memory, func(io.Reader) error {
			attempts++
			return os.Chtimes(item.Path, time.Time{}, time.Now().Add(time.Hour))
		}}}
		_, err := transfer.Upload(t.Context(), b, []transfer.Outgoing{item}, transfer.Options{})
		if !errors.Is(err, store.ErrCorrupt) || keys(t, memory) != nil || attempts != 1 {
			t.Errorf("after %d attempts the error is %v, and the bucket has %v", attempts, err, keys(t, memory))
		}
	})
}

func TestThePlaceThatTheHashNamesIsTheLast(t *testing.T) {
	t.Parallel()
	body := content(t, 1000)
	for name, tc := range map[string]struct {
		there map[string]string
		key   string
		err   error
	}{
		"the first is free":               {key: "first"},
		"other content has the first":     {there: map[string]string{"first": "x"}, key: "by-" + sum(body)},
		"the same content has the second": {there: map[string]string{"first": "x", "by-" + sum(body): string(body)}, key: "by-" + sum(body)},
		"other content has both":          {there: map[string]string{"first": "x", "by-" + sum(body): "x"}, err: store.ErrExists},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := storetest.NewMemory()
			for key, body := range tc.there {
				put(t, b, key, []byte(body))
			}
			item := outgoing(t, t.TempDir(), "f", body, transfer.Place{Key: "first"})
			item.SHA256 = ""
			item.Further = func(sha256 string) transfer.Place { return transfer.Place{Key: "by-" + sha256} }
			placed, err := transfer.Upload(t.Context(), b, []transfer.Outgoing{item}, transfer.Options{})
			if tc.err != nil {
				if !errors.Is(err, tc.err) {
					t.Errorf("the error is %v", err)
				}
				return
			}
			noError(t, err)
			_, reused := tc.there[tc.key]
			if want := (transfer.Placed{Key: tc.key, SHA256: sum(body), Reused: reused}); placed[0] != want {
				t.Errorf("it was placed at %+v, not %+v", placed[0], want)
			}
		})
	}
}

// taking is a bucket that takes what is there for what it was given, as package
// store does when the answer to an attempt that broke off got lost.
type taking struct{ store.Bucket }

func (t taking) Put(_ context.Context, _ string, _ int64, open func() (io.ReadCloser, error)) error {
	r, err := open()
	if err != nil {
		return err
	}
	_, err = r.Read(make([]byte, 10))
	return errors.Join(err, r.Close())
}

func TestWhatWasNotSentIsReadBeforeItIsTakenForTheFile(t *testing.T) {
	t.Parallel()
	body := content(t, 1000)
	for name, tc := range map[string]struct {
		there []byte
		err   error
	}{
		"the same":    {there: body},
		"other bytes": {there: content(t, 1001)[:1000], err: store.ErrExists},
	} {
		for _, hashed := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", hashed before ", hashed), func(t *testing.T) {
				t.Parallel()
				b := storetest.NewMemory()
				put(t, b, "k", tc.there)
				item := outgoing(t, t.TempDir(), "f", body, transfer.Place{Key: "k"})
				if !hashed {
					item.SHA256 = ""
				}
				placed, err := transfer.Upload(t.Context(), taking{b}, []transfer.Outgoing{item}, transfer.Options{})
				if !errors.Is(err, tc.err) {
					t.Fatalf("the error is %v", err)
				}
				if want := (transfer.Placed{Key: "k", SHA256: sum(body), Reused: true}); err == nil && placed[0] != want {
					t.Errorf("it was placed at %+v", placed[0])
				}
			})
		}
	}
}

// busy is a service that gets the whole body with each request, and does not know
// whether it did the first.
type busy struct {
	store.Bucket
	requests int
	did      bool
}

func (b *busy) Put(ctx context.Context, key string, _ int64, open func() (io.ReadCloser, error)) error {
	r, err := open()
	if err != nil {
		return err
	}
	body, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	if b.requests++; b.requests > 1 {
		return b.Create(ctx, key, body)
	}
	if b.did {
		err = b.Create(ctx, key, body)
	}
	return errors.Join(err, fmt.Errorf("%w: busy", store.ErrTransient))
}

// Package store takes what is in the way of a second attempt for ours by its size.
func TestWhatIsInTheWayOfASecondAttemptIsReadBeforeItIsTakenForTheFile(t *testing.T) {
	t.Parallel()
	body := content(t, 1000)
	for name, tc := range map[string]struct {
		other, did bool
		key        string
	}{
		"the answer got lost":       {did: true, key: "first"},
		"nothing came of the first": {key: "first"},
		"other content was there":   {other: true, key: "second"},
	} {
		for _, hashed := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", hashed before ", hashed), func(t *testing.T) {
				t.Parallel()
				memory := storetest.NewMemory()
				if tc.other {
					put(t, memory, "first", content(t, 1001)[:1000])
				}
				item := outgoing(t, t.TempDir(), "f", body, transfer.Place{Key: "first"}, transfer.Place{Key: "second"})
				if !hashed {
					item.SHA256 = ""
				}
				b := store.Retrying(&busy{Bucket: memory, did: tc.did}, store.Retry{Interval: time.Nanosecond}, clock.RealClock{})
				var last transfer.Counts
				placed, err := transfer.Upload(t.Context(), b, []transfer.Outgoing{item}, transfer.Options{Report: func(c transfer.Counts) { last = c }})
				noError(t, err)
				if want := (transfer.Placed{Key: tc.key, SHA256: sum(body)}); placed[0] != want {
					t.Errorf("it was placed at %+v", placed[0])
				}
				if want := (transfer.Counts{FilesTotal: 1, FilesDone: 1, BytesTotal: 1000, BytesDone: 1000}); last != want {
					t.Errorf("it counted %+v", last)
				}
			})
		}
	}
}
