package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	testingclock "k8s.io/utils/clock/testing"

	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// stuck is a bucket that takes and gives some bytes, and then none until its
// context ends.
type stuck struct{ store.Bucket }

func (s stuck) Put(ctx context.Context, _ string, _ int64, open func() (io.ReadCloser, error)) error {
	r, err := open()
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := io.CopyN(io.Discard, r, 1000); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

func (s stuck) Get(ctx context.Context, key string, offset int64) (io.ReadCloser, store.Object, error) {
	r, o, err := s.Bucket.Get(ctx, key, offset)
	if err != nil {
		return nil, o, err
	}
	wait := readerFunc(func([]byte) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(io.LimitReader(r, 1000), wait), r}, o, nil
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// passing makes the time of a clock pass until the test is over.
func passing(t *testing.T, c *testingclock.FakeClock) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if c.HasWaiters() {
				c.Step(time.Second)
			}
			runtime.Gosched()
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
}

func TestATransferThatStandsStillIsEnded(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"up", "down"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			memory, dir := storetest.NewMemory(), t.TempDir()
			c := testingclock.NewFakeClock(time.Unix(1000, 0))
			passing(t, c)
			o := transfer.Options{Stall: time.Minute, Clock: c}
			var err error
			if way == "up" {
				_, err = transfer.Upload(t.Context(), stuck{memory}, []transfer.Outgoing{outgoing(t, dir, "f", content(t, 5000))}, o)
			} else {
				item := incoming(t, memory, "f", content(t, 5000))
				err = transfer.Download(t.Context(), stuck{memory}, dir, []transfer.Incoming{item}, o)
				if got := files(t, dir); len(got) > 0 {
					t.Errorf("there is %v", got)
				}
			}
			if !errors.Is(err, transfer.ErrStalled) || errors.Is(err, context.Canceled) {
				t.Errorf("the error is %v", err)
			}
			if least := time.Unix(1000, 0).Add(time.Minute); c.Now().Before(least) {
				t.Errorf("it was ended at %v", c.Now())
			}
		})
	}
}

// A rate so low that a piece takes longer than a stall may is no stall.
func TestAWaitForTheRateIsNoStall(t *testing.T) {
	t.Parallel()
	c := testingclock.NewFakeClock(time.Unix(1000, 0))
	passing(t, c)
	b := storetest.NewMemory()
	_, err := transfer.Upload(t.Context(), b, []transfer.Outgoing{outgoing(t, t.TempDir(), "f", content(t, 20_000))},
		transfer.Options{Stall: time.Minute, Clock: c, BytesPerSecond: 10})
	noError(t, err)
	if took := c.Now().Sub(time.Unix(1000, 0)); took < 20*time.Minute {
		t.Errorf("20 kB at 10 B/s took %v", took)
	}
}

// The small files do not wait for the large ones, which take no more than their
// share of the workers.
func TestSmallFilesMoveBesideLargeOnes(t *testing.T) {
	t.Parallel()
	const large = 3
	memory, dir := storetest.NewMemory(), t.TempDir()
	var items []transfer.Outgoing
	for i := range large {
		items = append(items, outgoing(t, dir, fmt.Sprint("large", i), content(t, 32<<20+1)))
	}
	for i := range 20 {
		items = append(items, outgoing(t, dir, fmt.Sprint("small", i), content(t, 10)))
	}
	var small, largeNow, most atomic.Int64
	allSmall := make(chan struct{})
	b := storetest.NewFaulty(sink{memory})
	b.Before = func(ctx context.Context, _ storetest.Op, key string) error {
		if key[:len("data/s")] == "data/s" {
			if small.Add(1) == 20 {
				close(allSmall)
			}
			return nil
		}
		most.Store(max(most.Load(), largeNow.Add(1)))
		select {
		case <-allSmall: // else it would never come
		case <-ctx.Done():
			return ctx.Err()
		}
		largeNow.Add(-1)
		return nil
	}
	_, err := transfer.Upload(t.Context(), b, items, transfer.Options{Parallel: 8})
	noError(t, err)
	if most.Load() > 2 {
		t.Errorf("%d large files were moved at once", most.Load())
	}
}

func TestTheLargestIsFirst(t *testing.T) {
	t.Parallel()
	memory, dir := storetest.NewMemory(), t.TempDir()
	var items []transfer.Incoming
	for _, size := range []int{3, 1, 9 << 20, 2, 10 << 20} {
		items = append(items, incoming(t, memory, fmt.Sprint(size), content(t, size)))
	}
	var order []string
	b := storetest.NewFaulty(memory)
	b.Before = func(_ context.Context, _ storetest.Op, key string) error {
		order = append(order, key)
		return nil
	}
	noError(t, transfer.Download(t.Context(), b, dir, items, transfer.Options{Parallel: 1}))
	if got, want := fmt.Sprint(order), "[data/10485760 data/9437184 data/3 data/2 data/1]"; got != want {
		t.Errorf("the order is %s, not %s", got, want)
	}
}
