package cache

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

func TestFillFillsOnceForMany(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "tool-1.0")
	var filled atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			err := Fill(t.Context(), dir, func(partial string) error {
				filled.Add(1)
				return os.WriteFile(filepath.Join(partial, "x"), []byte("whole"), 0o644)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := filled.Load(); n != 1 {
		t.Errorf("filled %d times, want once", n)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "x")); err != nil || string(b) != "whole" {
		t.Errorf("read %q, %v", b, err)
	}
}

func TestFillLeavesNothingAfterAFailure(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "tool-1.0")
	broken := errors.New("no network")
	err := Fill(t.Context(), dir, func(string) error { return broken })
	if !errors.Is(err, broken) {
		t.Fatalf("err = %v, want %v", err, broken)
	}
	for _, p := range []string{dir, dir + ".partial"} {
		if exists(p) {
			t.Errorf("%s was left behind", p)
		}
	}
}

func TestLockWaitsNoLongerThanItsContext(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "thing")
	unlock, err := Lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Lock(ctx, path); !errors.Is(err, context.Canceled) {
		t.Fatalf("err = %v, want the context's", err)
	}
	unlock()
	again, err := Lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	again()
}

func TestDirFollowsTheEnvironment(t *testing.T) {
	t.Setenv("ICARUS_CACHE", "/somewhere/cache")
	if d, err := Dir("bin", "x"); err != nil || d != "/somewhere/cache/bin/x" {
		t.Errorf("Dir = %q, %v", d, err)
	}
	t.Setenv("ICARUS_CACHE", "")
	t.Setenv("XDG_CACHE_HOME", "/elsewhere")
	if d, err := Dir(); err != nil || d != "/elsewhere/icarus" {
		t.Errorf("Dir = %q, %v", d, err)
	}
}
