package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"k8s.io/utils/clock"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// waiting is a clock on which something happens whenever someone starts to wait.
type waiting struct {
	*testingclock.FakeClock
	begins func(d time.Duration)
}

func (w waiting) NewTimer(d time.Duration) clock.Timer {
	timer := w.FakeClock.NewTimer(d)
	w.begins(d)
	return timer
}

// hurrying is a clock that jumps to the end of every wait.
func hurrying() clock.Clock {
	c := testingclock.NewFakeClock(time.Unix(0, 0))
	return waiting{c, c.Step}
}

func TestTheRateHoldsForAllStreamsTogether(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	for _, streams := range []int{1, 4} {
		for _, way := range []string{"up", "down"} {
			t.Run(fmt.Sprint(streams, way), func(t *testing.T) {
				t.Parallel()
				b, dir, c := storetest.NewMemory(), t.TempDir(), hurrying()
				begin := c.Now()
				o := transfer.Options{Parallel: streams, BytesPerSecond: size, Clock: c}
				var out []transfer.Outgoing
				var in []transfer.Incoming
				for i := range streams {
					if way == "up" {
						out = append(out, outgoing(t, dir, fmt.Sprint(i), content(t, size)))
					} else {
						in = append(in, incoming(t, b, fmt.Sprint(i), content(t, size)))
					}
				}
				_, err := transfer.Upload(t.Context(), b, out, o)
				noError(t, err)
				noError(t, transfer.Download(t.Context(), b, dir, in, o))
				took, least := c.Now().Sub(begin), time.Duration(streams)*time.Second-100*time.Millisecond
				if took < least {
					t.Errorf("%d MiB at 1 MiB/s took %v", streams, took)
				}
				// Where several wait, the clock adds up all of their waits.
				if streams == 1 && took > least+time.Millisecond {
					t.Errorf("1 MiB at 1 MiB/s took %v, which is longer than it should", took)
				}
			})
		}
	}
}

func TestCancelEndsTheWaitForTheRate(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c := waiting{testingclock.NewFakeClock(time.Unix(0, 0)), func(time.Duration) { cancel() }}
	b := storetest.NewMemory()
	_, err := transfer.Upload(ctx, b, []transfer.Outgoing{outgoing(t, t.TempDir(), "f", content(t, 1<<20))},
		transfer.Options{BytesPerSecond: 1000, Clock: c})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if got := keys(t, b); got != nil {
		t.Errorf("the bucket has %v", got)
	}
}

func TestReportsComeOneByOneAndNotTooOften(t *testing.T) {
	t.Parallel()
	c := testingclock.NewFakeClock(time.Unix(1000, 0)) // it stands still
	dir, b := t.TempDir(), storetest.NewMemory()
	var items []transfer.Outgoing
	for i := range 200 {
		items = append(items, outgoing(t, dir, fmt.Sprint(i), content(t, i)))
	}
	var reports []transfer.Counts // the race detector watches it
	_, err := transfer.Upload(t.Context(), b, items, transfer.Options{Clock: c, Report: func(r transfer.Counts) { reports = append(reports, r) }})
	noError(t, err)
	if len(reports) != 2 {
		t.Fatalf("there were %d reports: the first and the last are due", len(reports))
	}
	if last := reports[1]; last.FilesDone != 200 || last.BytesDone != last.BytesTotal {
		t.Errorf("the last is %+v", last)
	}
}

func TestTheHigherRateHolds(t *testing.T) {
	t.Parallel()
	items := []transfer.Outgoing{{Size: 3000}, {Size: 601}}
	for name, tc := range map[string]struct {
		within         time.Duration
		bytesPerSecond int64
		want           int64
	}{
		"no limit":                 {0, 0, 0},
		"a bandwidth":              {0, 7, 7},
		"a duration":               {time.Hour, 0, 2},
		"the duration needs more":  {time.Minute, 7, 61},
		"the bandwidth allows all": {time.Minute, 100, 100},
		"a duration of nothing":    {1, 0, 3_601_000_000_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := transfer.RateWithin(tc.within, items, tc.bytesPerSecond); got != tc.want {
				t.Errorf("it is %d, not %d", got, tc.want)
			}
		})
	}
}
