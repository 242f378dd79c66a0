package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"
)

const (
	// Eight attempts and their pauses take a minute: as long as the restart of
	// a store, or of a switch on the way to it.
	defaultAttempts = 8
	defaultInterval = 500 * time.Millisecond
	longestInterval = 30 * time.Second

	// firstContact is how long a store is tried that never answered: then it is
	// rather a wrong address than a short failure, and someone waits to be told.
	firstContact = 10 * time.Second
)

// retrier tries calls again. It is the only thing here that does: the libraries
// of the providers are told not to.
type retrier struct {
	Retry
	clock    clock.Clock
	answered atomic.Bool // whether anything ever came back
}

func newRetrier(r Retry, c clock.Clock) *retrier {
	if r.MaxAttempts <= 0 {
		r.MaxAttempts = defaultAttempts
	}
	if r.Interval <= 0 {
		r.Interval, r.Exponential = defaultInterval, true
	}
	return &retrier{Retry: r, clock: c}
}

// do calls until it goes well, the error is one that stays, or the attempts are
// used up. What was tried that often is not tried again by a retrier further up.
func (r *retrier) do(ctx context.Context, call func() error) error {
	start := r.clock.Now()
	return r.again(ctx, start, call(), call)
}

// again is do after a first attempt that ended with err.
func (r *retrier) again(ctx context.Context, start time.Time, err error, call func() error) error {
	for attempt := 1; ; attempt++ {
		if err == nil || !errors.Is(err, ErrTransient) {
			r.answered.Store(true)
		}
		if err == nil || !retryable(err) || ctx.Err() != nil {
			return err
		}
		delay := r.delay(attempt)
		hopeless := !r.answered.Load() && r.clock.Since(start)+delay > firstContact
		if attempt >= r.MaxAttempts || hopeless {
			return &gaveUpError{attempt, err}
		}
		if over := r.wait(ctx, delay); over != nil {
			return fmt.Errorf("%w, after attempt %d: %w", over, attempt, err)
		}
		err = call()
	}
}

// delay is the pause after an attempt. The jitter keeps the workers of all
// nodes, which fail at the same moment, from coming back at the same moment.
func (r *retrier) delay(attempt int) time.Duration {
	d := r.Interval
	for range attempt - 1 {
		if !r.Exponential || d >= longestInterval {
			break
		}
		d *= 2
	}
	if r.Exponential {
		d = min(d, max(longestInterval, r.Interval))
	}
	return d - rand.N(d/2+1) //nolint:gosec // spreads requests, protects nothing
}

func (r *retrier) wait(ctx context.Context, d time.Duration) error {
	timer := r.clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ended(ctx)
	case <-timer.C():
		return nil
	}
}

func retryable(err error) bool {
	var source *sourceError
	var gaveUp *gaveUpError
	return (errors.Is(err, ErrTransient) || errors.Is(err, ErrThrottled)) && !errors.As(err, &source) && !errors.As(err, &gaveUp)
}

// mayHaveHappened is whether a call that failed was perhaps done all the same,
// and only its answer got lost.
func mayHaveHappened(err error) bool {
	return errors.Is(err, ErrTransient) && !errors.Is(err, ErrUnreachable) && !errors.Is(err, errConflict)
}

// errConflict is the ErrTransient of a write that another one was in the way of.
var errConflict = fmt.Errorf("%w: another write of the key is on its way", ErrTransient)

type gaveUpError struct {
	attempts int
	err      error
}

// Error tells how often it was tried.
func (e *gaveUpError) Error() string {
	if e.attempts == 1 {
		return e.err.Error()
	}
	return fmt.Sprintf("%v (attempt %d, the last)", e.err, e.attempts)
}

// Unwrap is the last failure.
func (e *gaveUpError) Unwrap() error { return e.err }
