package transfer

import (
	"context"

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
			return stopped(ctx)
		case <-timer.C():
		}
	}
	return nil
}
