package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/store"
)

// Fill makes a number of small objects, many at once, and returns their keys in order.
func Fill(tb testing.TB, b store.Bucket, n int) []string {
	tb.Helper()
	keys := make([]string, n)
	queue := make(chan string)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for key := range queue {
				if err := b.Create(tb.Context(), key, []byte(key)); err != nil {
					tb.Errorf("creating %s: %v", key, err)
				}
			}
		})
	}
	for i := range keys {
		keys[i] = fmt.Sprintf("dir%d/key-%d", i%3, i)
		queue <- keys[i]
	}
	close(queue)
	wg.Wait()
	slices.Sort(keys)
	return keys
}

func deletesMany(t *testing.T, b store.Bucket) {
	t.Helper()
	if err := b.DeleteMany(t.Context(), nil); err != nil {
		t.Errorf("none: %v", err)
	}
	const n = 1010 // S3 takes 1000 at once
	all := Fill(t, b, n)
	keep := all[n-3:]
	some := slices.Concat([]string{"never/was", "never/was", "../out"}, all[:n-3], []string{"a//b"})
	err := b.DeleteMany(t.Context(), some)
	var failed *store.DeleteError
	if !errors.As(err, &failed) {
		t.Fatalf("two keys are no plain paths, and the error is %v", err)
	}
	if diff := cmp.Diff([]string{"../out", "a//b"}, slices.Sorted(maps.Keys(failed.Failed))); diff != "" {
		t.Errorf("the failed keys (-want +got):\n%s", diff)
	}
	for key, err := range failed.Failed {
		if !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", key, err)
		}
	}
	if diff := cmp.Diff(keep, list(t, b, "")); diff != "" {
		t.Errorf("what is left (-want +got):\n%s", diff)
	}
	if err := b.DeleteMany(t.Context(), all); err != nil {
		t.Errorf("most are free already: %v", err)
	}
	wantNothing(t, b)
}

func deletesManyCancelled(t *testing.T, b store.Bucket) {
	t.Helper()
	keys := []string{"a", "b"}
	for _, key := range keys {
		mustPut(t, b, key, nil)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := b.DeleteMany(ctx, keys)
	var failed *store.DeleteError
	if !errors.Is(err, context.Canceled) || !errors.As(err, &failed) || len(failed.Failed) != len(keys) {
		t.Errorf("the error is %v", err)
	}
	if got := list(t, b, ""); !slices.Equal(got, keys) {
		t.Errorf("the bucket holds %q", got)
	}
}
