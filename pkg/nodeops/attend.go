package nodeops

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"github.com/icarus-sidecar/icarus/pkg/operation"
)

const (
	// lookInterval is how often Cassandra is asked about a long call: often enough
	// for a person who watches, and next to nothing for Cassandra.
	lookInterval = 2 * time.Second
	// lookPatience bounds one look.
	lookPatience = 20 * time.Second
)

// attendance is what is done beside a long call of Cassandra.
type attendance struct {
	// progress tells how far it is, from 0 to 1; nil where nothing does.
	progress func(ctx context.Context) (float64, error)
	// stop asks Cassandra to end it, and reports whether there was anything to
	// end; nil where Cassandra cannot.
	stop func(ctx context.Context) (asked bool, err error)
}

// attend makes a call that goes on in Cassandra when we hang up. So a cancelled
// operation does not: it asks Cassandra to end the work and waits until it has,
// since nothing may go on behind a finished state. A sidecar that stops hangs up,
// and leaves Cassandra at work.
func (d *Deps) attend(ctx context.Context, h *operation.Handle, a attendance, call func(ctx context.Context) error) error {
	own, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	var asked bool
	var beside sync.WaitGroup
	beside.Go(func() { asked = d.look(ctx, own, hangUp, h, a) })
	err := func() error {
		defer beside.Wait()
		defer hangUp()
		return call(own)
	}()
	if asked || (err != nil && ctx.Err() != nil) {
		return errors.Join(context.Cause(ctx), err)
	}
	return err
}

// look tells of the progress until own, the context of the call, is done, and
// from the end of ctx on asks Cassandra to stop.
func (d *Deps) look(ctx, own context.Context, hangUp func(), h *operation.Handle, a attendance) (asked bool) {
	ticker := d.Clock.NewTicker(lookInterval)
	defer ticker.Stop()
	best := 0.0
	ended := ctx.Done()
	for {
		select {
		case <-own.Done():
			return asked
		case <-ended:
			ended = nil
			if a.stop == nil || !operation.Cancelled(ctx) {
				hangUp()
				return asked
			}
		case <-ticker.C():
		}
		switch {
		case ctx.Err() != nil: // again and again: when one part of the work ends another begins
			asked = glance(own, "Asking Cassandra to stop", a.stop) || asked
		case a.progress != nil:
			if p := glance(own, "Asking for the progress", a.progress); p > best {
				best = p
				h.SetProgress(p)
			}
		}
	}
}

// glance makes one look, with its own limit. One that fails is no reason to
// fail what is looked after; the next one may not.
func glance[T any](ctx context.Context, what string, do func(ctx context.Context) (T, error)) (v T) {
	limited, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	v, err := do(limited)
	if err != nil && ctx.Err() == nil {
		logr.FromContextOrDiscard(ctx).Info(what, "reason", err.Error())
	}
	return v
}
