package nodeops

import (
	"context"
	"fmt"
	"time"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

const (
	// drainPatience is the original's.
	drainPatience = 10 * time.Minute
	drainPoll     = time.Second
)

// membership excludes operations that change whether this node, or another, is
// in the ring. A second one is refused: what is right may change with the first.
func membership() (key string, queue bool) { return "membership", false }

// drain makes the node flush everything and take no more requests.
func drain(d *Deps) operation.Kind {
	return operation.Define(rest.TypeDrain, operation.Spec[rest.DrainRequest]{
		Run: func(ctx context.Context, _ *rest.DrainRequest, _ *operation.Handle) error {
			ctx, cancel := context.WithTimeout(ctx, drainPatience)
			defer cancel()
			mode, err := d.Node.OperationMode(ctx)
			if err != nil {
				return err
			}
			switch mode {
			case cassandra.ModeDrained:
				return nil
			case cassandra.ModeDraining: // by someone else
			case cassandra.StateNormal:
				if err := d.Node.Drain(ctx); err != nil {
					return err
				}
			default:
				return fmt.Errorf("Cassandra node is not in state NORMAL to drain it. It is in the state %q", mode) //nolint:staticcheck // the original's words
			}
			return d.awaitMode(ctx, cassandra.ModeDrained)
		},
		Exclusive:     func(*rest.DrainRequest) (string, bool) { return membership() },
		Resumable:     true, // one that is drained stays so
		Uncancellable: "a node that has begun to drain does not come back without a restart",
	})
}

// awaitMode waits until the node says that it is in a mode.
func (d *Deps) awaitMode(ctx context.Context, want string) error {
	ticker := d.Clock.NewTicker(drainPoll)
	defer ticker.Stop()
	for {
		mode, err := d.Node.OperationMode(ctx)
		if mode == want && err == nil {
			return nil
		}
		select {
		case <-ticker.C():
		case <-ctx.Done():
			if err != nil {
				return fmt.Errorf("waiting for the node to be %s: %w", want, err)
			}
			return fmt.Errorf("waiting for the node to be %s: it is %s: %w", want, mode, context.Cause(ctx))
		}
	}
}
