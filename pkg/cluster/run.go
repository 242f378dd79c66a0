package cluster

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// Peer is the sidecar of one node; a *client.Client is one. Where the sidecar
// answers with an error, that is a *rest.Error, or wraps one. It is called from
// one goroutine at a time for each child.
type Peer interface {
	Submit(ctx context.Context, req rest.Request) (*rest.Operation, error)
	Operation(ctx context.Context, id string) (*rest.Operation, error)
	Cancel(ctx context.Context, id string) error
}

// Driver is what Run needs of the one who calls it. Only Peers has no default.
type Driver struct {
	// Peers finds the sidecar of a node; it is asked once for each.
	Peers func(n Node) (Peer, error)
	// Keep puts facts where they last, before they are acted upon. An error
	// ends the operation. It is called by Run's own goroutine, as Report is.
	Keep func(f Facts) error
	// Report is told how the operation is doing, about twice a second while
	// something changes, and at the end.
	Report func(r Report)
	// Leave judges the cause of a cancelled context: where it is true, because
	// this process is stopping and will resume the operation, the children are
	// left at work. By default they never are.
	Leave func(cause error) bool
	// Clock is the real one by default.
	Clock clock.Clock
	// Calls bounds the calls on their way at one time; 64 by default.
	Calls int
	// CallTimeout bounds each; 30 s by default. It is less than the patience
	// for winding up, so that every call ends before that does.
	CallTimeout time.Duration
}

const (
	defaultCalls       = 64
	defaultCallTimeout = 30 * time.Second
	reportInterval     = 500 * time.Millisecond
	// moment is the least time between two decisions while answers stream in: one
	// about a thousand nodes takes half a millisecond.
	moment = 10 * time.Millisecond
)

func (d Driver) withDefaults() Driver {
	if d.Keep == nil {
		d.Keep = func(Facts) error { return nil }
	}
	if d.Report == nil {
		d.Report = func(Report) {}
	}
	if d.Leave == nil {
		d.Leave = func(error) bool { return false }
	}
	if d.Clock == nil {
		d.Clock = clock.RealClock{}
	}
	d.Calls = cmp.Or(d.Calls, defaultCalls)
	d.CallTimeout = cmp.Or(d.CallTimeout, defaultCallTimeout)
	return d
}

// Run carries a plan out, and returns when nothing of it is at work any more,
// or what is cannot be stopped. The board is that of an operation that has not
// begun, or holds the facts that an earlier life kept, and Resumed.
//
// When ctx is cancelled the children are, and the verdict is Cancelled. The
// error is not nil only where they were left at work instead, as Leave says;
// then it is the cause, and the verdict is Undecided.
func Run(ctx context.Context, plan Plan, board Board, d Driver) (Decision, error) {
	r := &run{plan: plan, board: board, driver: d.withDefaults(), peers: map[string]peer{}, results: make(chan result)}
	r.slots = make(chan struct{}, r.driver.Calls)
	// Calls outlive ctx: what is on its way when it is cancelled must be known to be cancelled too.
	calls, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer r.tasks.Wait()
	defer stop()
	for {
		if cause := context.Cause(ctx); cause != nil && !r.board.Cancelled {
			if r.driver.Leave(cause) {
				return Decision{Facts: r.board.Facts, Progress: r.board.Progress}, cause
			}
			r.board.Cancelled = true
		}
		decision := r.decide()
		if decision.Verdict != Undecided {
			return decision, nil
		}
		for _, a := range decision.Actions {
			r.begin(calls, a)
		}
		r.wait(ctx, decision.Wake)
	}
}

// run is the state of one Run. All but slots and results belongs to its goroutine.
type run struct {
	plan     Plan
	board    Board
	driver   Driver
	peers    map[string]peer
	slots    chan struct{}
	results  chan result
	tasks    sync.WaitGroup
	reported Report
	at       time.Time
	// flying counts the calls on their way.
	flying int
	// unkept is set once facts could not be kept.
	unkept bool
}

type peer struct {
	Peer
	err error
}

type result struct {
	action Action
	op     *rest.Operation
	err    error
}

// decide takes the next step, and keeps its facts before anyone acts on them.
func (r *run) decide() Decision {
	decision := Step(r.plan, r.board, r.driver.Clock.Now())
	if !r.unkept && decision.Verdict == Undecided && !reflect.DeepEqual(decision.Facts, r.board.Facts) {
		if err := r.driver.Keep(decision.Facts); err != nil {
			// What cannot be kept is not acted upon, but for the end itself: a next
			// life would find the children cancelled.
			r.unkept = true
			if decision.Facts.Ending == nil {
				r.board.Facts.Ending = &Ending{
					Verdict: Failed, CancelSince: r.driver.Clock.Now(),
					Errors: []rest.OperationError{{Message: fmt.Sprintf("keeping what was decided: %v", err)}},
				}
				decision = Step(r.plan, r.board, r.driver.Clock.Now())
			}
		}
	}
	r.board.Adopt(decision)
	r.report(decision)
	return decision
}

// report tells a change of phase and the end at once, and all else now and then.
func (r *run) report(d Decision) {
	now := r.driver.Clock.Now()
	if d.Verdict == Undecided && d.Facts.Phase == r.reported.Phase && now.Sub(r.at) < reportInterval {
		return
	}
	if next := Describe(r.plan, r.board); !reflect.DeepEqual(next, r.reported) {
		r.driver.Report(next)
		r.reported = next
	}
	r.at = now
}

// begin sends an action on its way.
func (r *run) begin(ctx context.Context, a Action) {
	p, known := r.peers[a.Node.HostID]
	if !known {
		p.Peer, p.err = r.driver.Peers(a.Node)
		r.peers[a.Node.HostID] = p
	}
	r.board.Begin(a)
	r.flying++
	r.tasks.Go(func() {
		res := result{action: a, err: p.err}
		if p.err == nil {
			res.op, res.err = r.perform(ctx, p.Peer, a)
		}
		select {
		case r.results <- res:
		case <-ctx.Done(): // nobody listens any more
		}
	})
}

func (r *run) perform(ctx context.Context, p Peer, a Action) (*rest.Operation, error) {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, r.driver.CallTimeout)
	defer cancel()
	switch a.Verb {
	case Submit:
		return p.Submit(ctx, a.Request)
	case Poll:
		return p.Operation(ctx, a.OperationID)
	case Cancel:
		return nil, p.Cancel(ctx, a.OperationID)
	default:
		return nil, fmt.Errorf("%w: there is no verb %q", ErrPlan, a.Verb)
	}
}

// wait returns when something was recorded, at the time of waking, or when
// ctx is cancelled.
func (r *run) wait(ctx context.Context, wake time.Time) {
	var alarm <-chan time.Time
	if !wake.IsZero() {
		timer := r.driver.Clock.NewTimer(max(wake.Sub(r.driver.Clock.Now()), moment))
		defer timer.Stop()
		alarm = timer.C()
	}
	cancelled := ctx.Done()
	if r.board.Cancelled {
		cancelled = nil // it is known
	}
	select {
	case res := <-r.results:
		r.record(res)
		r.gather()
	case <-alarm:
	case <-cancelled:
	}
}

// gather takes the answers of a moment together: a thousand are one reason to
// decide. With none on its way, there is nothing to wait for.
func (r *run) gather() {
	timer := r.driver.Clock.NewTimer(moment)
	defer timer.Stop()
	for r.flying > 0 {
		select {
		case res := <-r.results:
			r.record(res)
		case <-timer.C():
			return
		}
	}
}

func (r *run) record(res result) {
	r.flying--
	r.board.Record(res.action, res.op, res.err, r.driver.Clock.Now())
}
