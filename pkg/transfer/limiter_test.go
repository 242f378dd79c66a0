package transfer_test

import (
	"testing"
	"time"

	testingclock "k8s.io/utils/clock/testing"

	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

func TestARateHoldsForWhatSharesIt(t *testing.T) {
	t.Parallel()
	c := hurrying()
	shared, begin := transfer.NewLimiter(1<<20, c), c.Now()
	b, dir := storetest.NewMemory(), t.TempDir()
	o := transfer.Options{Clock: c, Limits: []*transfer.Limiter{shared}}
	_, err := transfer.Upload(t.Context(), b, []transfer.Outgoing{outgoing(t, dir, "f", content(t, 1<<20))}, o)
	noError(t, err)
	noError(t, transfer.Download(t.Context(), b, dir, []transfer.Incoming{incoming(t, b, "g", content(t, 1<<20))}, o))
	if took := c.Now().Sub(begin); took < 1900*time.Millisecond || took > 2*time.Second {
		t.Errorf("2 MiB at 1 MiB/s, in both directions together, took %v", took)
	}
	shared.Set(0)
	begin = c.Now()
	noError(t, transfer.Download(t.Context(), b, dir, []transfer.Incoming{incoming(t, b, "h", content(t, 1<<20))}, o))
	if took := c.Now().Sub(begin); took > 0 {
		t.Errorf("without a limit it took %v", took)
	}
}

// Whoever waits by a rate that was set by mistake does not wait to its end.
func TestAChangeOfTheRateReachesThoseThatWait(t *testing.T) {
	t.Parallel()
	var shared *transfer.Limiter
	fake := testingclock.NewFakeClock(time.Unix(0, 0)) // it stands still
	c := waiting{fake, func(d time.Duration) {
		if d > time.Minute {
			go shared.Set(10 << 20)
			return
		}
		fake.Step(d)
	}}
	shared = transfer.NewLimiter(1, c)
	b := storetest.NewMemory()
	_, err := transfer.Upload(t.Context(), b, []transfer.Outgoing{outgoing(t, t.TempDir(), "f", content(t, 1<<20))},
		transfer.Options{Clock: c, Limits: []*transfer.Limiter{shared}})
	noError(t, err)
	if shared.BytesPerSecond() != 10<<20 {
		t.Errorf("the rate is %d", shared.BytesPerSecond())
	}
	if took := fake.Now().Sub(time.Unix(0, 0)); took > time.Second {
		t.Errorf("1 MiB at 10 MiB/s took %v", took)
	}
}

func TestThePaceFollowsTheRate(t *testing.T) {
	t.Parallel()
	c := testingclock.NewFakeClock(time.Unix(0, 0))
	p := transfer.NewPace(c)
	counts := transfer.Counts{BytesTotal: 1_000_000, BytesDone: 100_000, BytesReused: 100_000}
	if rate, left := p.See(counts); rate != 0 || left != 0 {
		t.Errorf("at first it is %d, %v", rate, left)
	}
	see := func(seconds int, each int64) (rate int64, left time.Duration) {
		for range seconds {
			c.Step(time.Second)
			counts.BytesDone += each
			rate, left = p.See(counts)
		}
		return rate, left
	}
	if rate, left := see(1, 1000); rate != 1000 || left != 899*time.Second {
		t.Errorf("after a second it is %d, %v", rate, left)
	}
	if rate, _ := see(60, 5000); rate < 4900 || rate > 5000 {
		t.Errorf("a minute after the rate rose it is %d", rate)
	}
	counts.BytesDone = counts.BytesTotal
	if rate, left := see(1, 0); rate != 0 || left != 0 {
		t.Errorf("at the end it is %d, %v", rate, left)
	}
}
