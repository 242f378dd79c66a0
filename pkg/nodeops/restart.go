package nodeops

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// restartPatience is for the node to replay what it has to and to join the ring.
const restartPatience = 30 * time.Minute

// restart drains Cassandra and ends it; whoever watches over it, such as
// Kubernetes or systemd, starts it again. The sidecar cannot know whether someone
// does, so it is off until it is enabled.
//
// Each step looks at what is so already, so that a sidecar that was restarted too
// goes on with it: that Cassandra was, another process shows.
func restart(d *Deps) operation.Kind {
	return operation.Define(rest.TypeRestart, operation.Spec[rest.RestartRequest]{
		Run: func(ctx context.Context, _ *rest.RestartRequest, h *operation.Handle) error {
			ctx, cancel := context.WithTimeout(ctx, restartPatience)
			defer cancel()
			var of asked
			resumed, err := h.Kept(&of)
			if err != nil {
				return err
			}
			if !resumed {
				if of.Started, err = d.Node.Started(ctx); err != nil {
					return err
				}
				if err := h.Keep(of); err != nil {
					return err
				}
			}
			if err := d.endProcess(ctx, h, of, resumed); err != nil {
				return err
			}
			h.SetPhase("Starting")
			return d.awaitMode(ctx, cassandra.StateNormal)
		},
		Resumable:     true,
		Exclusive:     func(*rest.RestartRequest) (string, bool) { return membership() },
		Uncancellable: "a node that has begun to drain does not come back without a restart",
	})
}

// endProcess ends the process that there was when the operation began, if it runs
// still.
func (d *Deps) endProcess(ctx context.Context, h *operation.Handle, of asked, resumed bool) error {
	started, err := d.Node.Started(ctx)
	switch {
	case resumed && errors.Is(err, syscall.ECONNREFUSED), err == nil && !started.Equal(of.Started):
		return nil
	case err != nil:
		return err
	}
	mode, err := d.Node.OperationMode(ctx)
	if err != nil {
		return err
	}
	switch {
	case mode == cassandra.StateNormal:
		h.SetPhase("Draining")
		if err := d.Node.Drain(ctx); err != nil {
			return err
		}
	case mode == cassandra.ModeDraining && resumed:
		h.SetPhase("Draining")
		if err := d.awaitMode(ctx, cassandra.ModeDrained); err != nil {
			return err
		}
	case mode != cassandra.ModeDrained:
		return fmt.Errorf("the node is %s; only one that is NORMAL or DRAINED is restarted", mode)
	}
	h.SetPhase("Stopping")
	return d.Node.StopDaemon(ctx)
}
