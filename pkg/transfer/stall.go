package transfer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"
)

// ErrStalled is for a transfer of which no byte moved for too long.
var ErrStalled = errors.New("nothing moved")

// DefaultStall is longer than package store goes on trying: what still stands
// then is nothing that it would end by itself.
const DefaultStall = 15 * time.Minute

// looks are taken within the limit: a transfer is ended at most a quarter too late.
const looks = 4

// watchdog ends transfers that stand still. There is one for each call, and it
// looks at all of its workers.
type watchdog struct {
	clock   clock.Clock
	limit   time.Duration
	workers []*pulse
}

// pulse is one worker's sign of life. A nil one is not watched.
type pulse struct {
	clock clock.PassiveClock
	// moved is when its last byte moved, in nanoseconds; 0 while it waits for
	// something that is no stall, such as its turn in the rate.
	moved atomic.Int64

	mu     sync.Mutex
	cancel context.CancelCauseFunc
}

// watch runs do with a pulse for each of n workers, which are watched until it
// returns.
func watch(ctx context.Context, o Options, n int, do func(workers []*pulse) error) error {
	workers := make([]*pulse, n)
	if o.Stall <= 0 {
		return do(workers)
	}
	d := &watchdog{clock: o.clock(), limit: o.Stall, workers: workers}
	for i := range workers {
		workers[i] = &pulse{clock: d.clock}
	}
	ctx, stop := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() { d.run(ctx) })
	defer done.Wait()
	defer stop()
	return do(workers)
}

func (d *watchdog) run(ctx context.Context) {
	for {
		timer := d.clock.NewTimer(d.limit / looks)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C():
		}
		now := d.clock.Now()
		for _, w := range d.workers {
			if moved := w.moved.Load(); moved != 0 && now.Sub(time.Unix(0, moved)) >= d.limit {
				w.end(fmt.Errorf("%w for %s", ErrStalled, d.limit))
			}
		}
	}
}

// touch says that something moved.
func (p *pulse) touch() {
	if p != nil {
		p.moved.Store(p.clock.Now().UnixNano())
	}
}

// rest says that it is right that nothing moves.
func (p *pulse) rest() {
	if p != nil {
		p.moved.Store(0)
	}
}

func (p *pulse) end(cause error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cancel != nil {
		p.cancel(cause)
	}
}

// during runs one transfer, whose context ends when it stands still. That it did
// is its error then, and not that somebody cancelled it.
func (p *pulse) during(ctx context.Context, do func(ctx context.Context) error) error {
	if p == nil {
		return do(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p.set(cancel)
	defer p.set(nil)
	defer p.rest()
	err := do(ctx)
	if stalled := context.Cause(ctx); err != nil && errors.Is(stalled, ErrStalled) {
		return fmt.Errorf("%w: %v", stalled, err) //nolint:errorlint // nobody cancelled it, as err says
	}
	return err
}

func (p *pulse) set(cancel context.CancelCauseFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cancel = cancel
}
