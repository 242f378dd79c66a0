package nodeops

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/go-logr/logr"

	"github.com/icarus-sidecar/icarus/pkg/jmx"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// work is what Cassandra goes on with when we hang up, so that it outlives the
// sidecar.
type work struct {
	attendance
	// ask asks for it, and returns when Cassandra has ended it.
	ask func(ctx context.Context) error
	// look looks for work that was asked for before.
	look func(ctx context.Context, of asked) (sight, error)
	// settle tells how work ended for which nobody waited, with unknown as the error
	// where it cannot. Nil never can.
	settle func(ctx context.Context, unknown error) error
	// advice is for people, where nobody knows.
	advice string
}

// asked is kept of what Cassandra was asked for, so that the next life of the
// sidecar finds it again.
type asked struct {
	// Started is when the process was started that was asked: it takes its work
	// along. Zero is that it did not tell.
	Started time.Time `json:"started,omitzero"`
	// Repair is the number of a repair, 0 where it is none or not known yet.
	Repair int `json:"repair,omitempty"`
}

// sight is what one look at Cassandra shows of some work.
type sight int

const (
	// unseen is over, most likely: between its parts it may be so for a moment.
	unseen sight = iota
	// hidden may wait for other work.
	hidden
	atWork
	over
)

const (
	// phaseAdopted is that of work that an earlier life of the sidecar asked for.
	phaseAdopted = "Adopted"
	// unseenPatience is how long work may be unseen and yet not be over: a scrub
	// makes a snapshot of a table before it shows.
	unseenPatience = 10 * time.Second
	// silencePatience is how long Cassandra may give no answer, and be held for
	// being at the work.
	silencePatience = 10 * time.Minute
)

var (
	errRestarted = errors.New("Cassandra was restarted meanwhile, and its work ended with that; submit it again")                //nolint:staticcheck // a name
	errDown      = errors.New("Cassandra does not run any more, and its work ended with that; start it, then submit this again") //nolint:staticcheck // a name
)

// outlive asks Cassandra for work, or watches what was asked for in an earlier life
// of the sidecar: to ask again would make Cassandra do it twice at once. It is
// watched as well when the connection breaks over which its end would be told.
func (d *Deps) outlive(ctx context.Context, h *operation.Handle, w work) error {
	var of asked
	found, err := h.Kept(&of)
	switch {
	case err != nil:
		return err
	case found:
		return d.adopt(ctx, h, w, of)
	}
	of.Started = glance(ctx, "Asking when Cassandra was started", d.Node.Started)
	if ctx.Err() != nil { // before Cassandra was asked
		return context.Cause(ctx)
	}
	if err := h.Keep(of); err != nil {
		return err
	}
	err = d.attend(ctx, h, w.attendance, w.ask)
	brokeOff := errors.Is(err, jmx.ErrTransport) || errors.Is(err, jmx.ErrGone)
	hungUp := ctx.Err() != nil && !operation.Cancelled(ctx) // which leaves Cassandra at work
	if !brokeOff || hungUp || of.Started.IsZero() {
		return err
	}
	h.Warn("Cassandra may have gone on when the connection broke: " + err.Error())
	if _, err := h.Kept(&of); err != nil { // by now it may know more
		return err
	}
	return d.adopt(ctx, h, w, of)
}

// adopt watches work until Cassandra has ended it, and says of its end what is known.
func (d *Deps) adopt(ctx context.Context, h *operation.Handle, w work, of asked) error {
	logr.FromContextOrDiscard(ctx).Info("Adopting what Cassandra was asked for", "reason", "it may go on since before")
	h.SetPhase(phaseAdopted)
	return d.attend(ctx, h, w.attendance, func(own context.Context) error {
		seen, err := d.awaitEnd(own, w, of)
		switch {
		case err != nil:
			return err
		case operation.Cancelled(ctx):
			if seen.IsZero() {
				h.Warn("Cassandra was not at it any more, and may have done it all")
			}
			return context.Cause(ctx)
		case w.settle != nil:
			return w.settle(own, lost(seen, w.advice))
		}
		return lost(seen, w.advice)
	})
}

// lost says that nobody knows how work ended.
func lost(seen time.Time, advice string) error {
	if seen.IsZero() {
		return fmt.Errorf("how it ended was not heard, since Cassandra was not at it any more when it could be asked again; %s", advice)
	}
	return fmt.Errorf("how it ended was not heard: Cassandra went on with it until about %s; %s", seen.UTC().Format(time.RFC3339), advice)
}

// awaitEnd returns when Cassandra is not at the work any more, and when it was seen
// at it last, the zero time if it never was.
func (d *Deps) awaitEnd(ctx context.Context, w work, of asked) (seen time.Time, err error) {
	ticker := d.Clock.NewTicker(lookInterval)
	defer ticker.Stop()
	answered := d.Clock.Now()
	shown := answered // when it was last at work or may have been
	for {
		s, err := d.see(ctx, w, of)
		now := d.Clock.Now()
		switch {
		case ctx.Err() != nil:
			return seen, context.Cause(ctx)
		case errors.Is(err, errRestarted), errors.Is(err, errDown):
			return seen, err
		case err != nil && now.Sub(answered) >= silencePatience:
			return seen, fmt.Errorf("%w; Cassandra may go on with it", err)
		case err != nil:
			logr.FromContextOrDiscard(ctx).Info("Looking whether Cassandra goes on", "reason", err.Error())
			shown = now // nobody knows
		default:
			answered = now
			switch s {
			case atWork:
				seen, shown = now, now
			case hidden:
				shown = now
			case over:
				return seen, nil
			case unseen:
				if now.Sub(shown) >= unseenPatience {
					return seen, nil
				}
			}
		}
		select {
		case <-ticker.C():
		case <-ctx.Done():
			return seen, context.Cause(ctx)
		}
	}
}

// see makes one look, if the process is still the one that was asked.
func (d *Deps) see(ctx context.Context, w work, of asked) (s sight, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	s, err = w.look(ctx, of)
	if err == nil && !of.Started.IsZero() { // after it, so that it was at that process
		var started time.Time
		if started, err = d.Node.Started(ctx); err == nil && !started.Equal(of.Started) {
			return unseen, errRestarted
		}
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return unseen, errDown
	}
	return s, err
}
