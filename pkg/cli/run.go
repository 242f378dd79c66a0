package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// Runner runs operations: a sidecar, or this process.
type Runner interface {
	Submit(ctx context.Context, req rest.Request) (*rest.Operation, error)
	// Watch shows each view of an operation, and returns the last when it is finished.
	Watch(ctx context.Context, id string, see func(op rest.Operation)) (*rest.Operation, error)
	Cancel(ctx context.Context, id string) error
}

// windUp is how long a cancelled operation may take to stop.
const windUp = 2 * time.Minute

// Run runs a request to its end. When ctx is done the operation is cancelled, and
// Run waits until it has stopped.
func Run(ctx context.Context, r Runner, req rest.Request, see func(op rest.Operation)) (*rest.Operation, error) {
	op, err := r.Submit(ctx, req)
	if err != nil {
		return nil, err
	}
	done, err := r.Watch(ctx, op.ID, see)
	if ctx.Err() != nil && (done == nil || !done.State.IsTerminal()) {
		done, err = cancel(ctx, r, op.ID, see)
	}
	if err != nil {
		return nil, err
	}
	return done, Outcome(*done)
}

func cancel(ctx context.Context, r Runner, id string, see func(op rest.Operation)) (*rest.Operation, error) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), windUp)
	defer stop()
	refused := r.Cancel(ctx, id)
	var told *rest.Error
	if refused != nil && !errors.As(refused, &told) {
		return nil, fmt.Errorf("cancelling operation %s: %w", id, refused)
	}
	done, err := r.Watch(ctx, id, see) // one that cannot be cancelled is waited for
	if err != nil {
		return nil, errors.Join(err, refused)
	}
	return done, nil
}

// Local runs operations in this process.
type Local struct {
	Operations *operation.Manager
	Clock      clock.Clock
}

// Submit starts an operation.
func (l Local) Submit(ctx context.Context, req rest.Request) (*rest.Operation, error) {
	op, _, err := l.Operations.Submit(ctx, req, nil)
	if err != nil {
		return nil, err
	}
	return &op, nil
}

// Operation is one.
func (l Local) Operation(_ context.Context, id string) (*rest.Operation, error) {
	op, err := l.Operations.Get(id)
	if err != nil {
		return nil, err
	}
	return &op, nil
}

// Cancel asks one to stop.
func (l Local) Cancel(ctx context.Context, id string) error {
	_, err := l.Operations.Cancel(ctx, id)
	return err
}

// lookInterval is how often a person sees progress.
const lookInterval = 100 * time.Millisecond

// Watch looks at one until it is finished.
func (l Local) Watch(ctx context.Context, id string, see func(op rest.Operation)) (*rest.Operation, error) {
	finished := make(chan error, 1)
	var last rest.Operation
	go func() {
		var err error
		last, err = l.Operations.Wait(ctx, id)
		finished <- err
	}()
	for {
		timer := l.Clock.NewTimer(lookInterval)
		select {
		case err := <-finished:
			timer.Stop()
			if err != nil {
				return nil, err
			}
			see(last)
			return &last, nil
		case <-timer.C():
			if op, err := l.Operations.Get(id); err == nil { // else Wait tells why
				see(op)
			}
		}
	}
}
