package transfer

import (
	"context"
	"math"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/utils/clock"
)

// minBurst keeps a slow limit from waiting after every few bytes.
const minBurst = 4 << 10

// limiter holds all streams together to a rate. A nil limiter lets all pass.
type limiter struct {
	clock clock.Clock
	rate  *rate.Limiter
}

func newLimiter(o Options) *limiter {
	if o.BytesPerSecond <= 0 {
		return nil
	}
	// A tenth of a second's worth: smooth on the wire, and few waits.
	burst := max(minBurst, min(o.BytesPerSecond/10, bufferSize))
	return &limiter{o.clock(), rate.NewLimiter(rate.Limit(o.BytesPerSecond), int(burst))}
}

// RateWithin is how many bytes a second are needed to upload the items within
// that time, or bytesPerSecond if that is more; 0 is no limit.
func RateWithin(within time.Duration, items []Outgoing, bytesPerSecond int64) int64 {
	if within <= 0 {
		return bytesPerSecond
	}
	var bytes int64
	for _, item := range items {
		bytes += item.Size
	}
	needed := math.Ceil(float64(bytes) / within.Seconds())
	return max(bytesPerSecond, int64(min(needed, math.MaxInt64/2)), 1)
}

// wait lets n bytes pass, when it is their turn.
func (l *limiter) wait(ctx context.Context, n int) error {
	if l == nil {
		return nil
	}
	for n > 0 {
		part := min(n, l.rate.Burst())
		n -= part
		now := l.clock.Now()
		delay := l.rate.ReserveN(now, part).DelayFrom(now)
		if delay <= 0 {
			continue
		}
		timer := l.clock.NewTimer(delay)
		select {
		case <-ctx.Done():
			timer.Stop()
			return Stopped(ctx)
		case <-timer.C():
		}
	}
	return nil
}
