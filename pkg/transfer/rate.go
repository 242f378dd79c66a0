package transfer

import (
	"context"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/utils/clock"
)

// minBurst keeps a slow limit from waiting after every few bytes.
const minBurst = 4 << 10

// Limiter holds all streams that share it to a rate, in both directions. It is
// safe for concurrent use, and a nil one lets all pass.
type Limiter struct {
	clock clock.Clock

	mu   sync.Mutex
	rate *rate.Limiter
	// changed is closed when the rate is another, for those that wait by the
	// former one.
	changed chan struct{}
}

// NewLimiter lets so many bytes a second pass; 0 is no limit. The clock is the
// real one if nil.
func NewLimiter(bytesPerSecond int64, c clock.Clock) *Limiter {
	if c == nil {
		c = clock.RealClock{}
	}
	limit, burst := limits(bytesPerSecond)
	return &Limiter{clock: c, rate: rate.NewLimiter(limit, burst), changed: make(chan struct{})}
}

// limits are the rate and how much may pass at once: a tenth of a second's worth,
// which is smooth on the wire, and few waits.
func limits(bytesPerSecond int64) (rate.Limit, int) {
	if bytesPerSecond <= 0 {
		return rate.Inf, bufferSize
	}
	return rate.Limit(bytesPerSecond), int(max(minBurst, min(bytesPerSecond/10, bufferSize)))
}

// Set changes the rate, also for those that wait; 0 is no limit.
func (l *Limiter) Set(bytesPerSecond int64) {
	limit, burst := limits(bytesPerSecond)
	now := l.clock.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rate.SetLimitAt(now, limit)
	l.rate.SetBurstAt(now, burst)
	close(l.changed)
	l.changed = make(chan struct{})
}

// BytesPerSecond is the rate; 0 is no limit.
func (l *Limiter) BytesPerSecond() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rate.Limit() == rate.Inf {
		return 0
	}
	return int64(l.rate.Limit())
}

// wait lets n bytes pass, when it is their turn.
func (l *Limiter) wait(ctx context.Context, n int) error {
	if l == nil {
		return nil
	}
	for n > 0 {
		passed, err := l.pass(ctx, n)
		if err != nil {
			return err
		}
		n -= passed
	}
	return nil
}

// pass lets some of n bytes pass, or none if the rate changed meanwhile.
func (l *Limiter) pass(ctx context.Context, n int) (passed int, err error) {
	l.mu.Lock()
	now := l.clock.Now()
	part := min(n, l.rate.Burst())
	turn, changed := l.rate.ReserveN(now, part), l.changed
	l.mu.Unlock()
	delay := turn.DelayFrom(now)
	if delay <= 0 {
		return part, nil
	}
	timer := l.clock.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return 0, Stopped(ctx)
	case <-timer.C():
		return part, nil
	case <-changed:
		// The turn was given by the former rate. The place of those that wait for
		// it too is nobody's, who asks again.
		turn.CancelAt(l.clock.Now())
		return 0, nil
	}
}

// RateWithin is how many bytes a second are needed to upload the items within
// that time, or bytesPerSecond if that is more; 0 is no limit.
func RateWithin(within time.Duration, items []Outgoing, bytesPerSecond int64) int64 {
	var bytes int64
	for _, item := range items {
		bytes += item.Size
	}
	return RateOf(within, bytes, bytesPerSecond)
}

// RateOf is RateWithin of so many bytes.
func RateOf(within time.Duration, bytes, bytesPerSecond int64) int64 {
	if within <= 0 {
		return bytesPerSecond
	}
	needed := math.Ceil(float64(bytes) / within.Seconds())
	return max(bytesPerSecond, int64(min(needed, math.MaxInt64/2)), 1)
}

// Pace tells how fast bytes move, and when they will have. It forgets what is
// half a minute old, so that it follows a change of the rate.
type Pace struct {
	clock clock.PassiveClock
	begun bool
	at    time.Time
	moved int64
	rate  float64
}

// NewPace begins when it sees the first counts. The clock is the real one if nil.
func NewPace(c clock.PassiveClock) *Pace {
	if c == nil {
		c = clock.RealClock{}
	}
	return &Pace{clock: c}
}

const (
	// paceStep is the least time over which a rate means something.
	paceStep = time.Second
	// paceMemory is after what time a rate counts for e times less.
	paceMemory = 15 * time.Second
)

// See takes counts, and returns bytes a second and the time that is left; both
// are 0 while nothing can be said.
func (p *Pace) See(c Counts) (bytesPerSecond int64, left time.Duration) {
	now, moved := p.clock.Now(), c.BytesDone-c.BytesReused
	switch since := now.Sub(p.at); {
	case !p.begun || moved < p.moved: // or something begins anew
		*p = Pace{clock: p.clock, begun: true, at: now, moved: moved}
	case since >= paceStep:
		current := float64(moved-p.moved) / since.Seconds()
		weight := 1 - math.Exp(-since.Seconds()/paceMemory.Seconds())
		if p.rate == 0 {
			weight = 1
		}
		p.rate += weight * (current - p.rate)
		p.at, p.moved = now, moved
	}
	remaining := float64(c.BytesTotal - c.BytesDone)
	if p.rate < 1 || remaining <= 0 {
		return 0, 0
	}
	left = time.Duration(min(remaining/p.rate, maxLeft.Seconds()) * float64(time.Second))
	return int64(p.rate), left
}

// maxLeft is a time that means "not soon".
const maxLeft = 1000 * 24 * time.Hour
