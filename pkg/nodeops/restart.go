package nodeops

import (
	"context"
	"fmt"
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
func restart(d *Deps) operation.Kind {
	return operation.Define(rest.TypeRestart, operation.Spec[rest.RestartRequest]{
		Run: func(ctx context.Context, _ *rest.RestartRequest, h *operation.Handle) error {
			ctx, cancel := context.WithTimeout(ctx, restartPatience)
			defer cancel()
			mode, err := d.Node.OperationMode(ctx)
			if err != nil {
				return err
			}
			switch mode {
			case cassandra.StateNormal:
				h.SetPhase("Draining")
				if err := d.Node.Drain(ctx); err != nil {
					return err
				}
			case cassandra.ModeDrained:
			default:
				return fmt.Errorf("the node is %s; only one that is NORMAL or DRAINED is restarted", mode)
			}
			h.SetPhase("Stopping")
			if err := d.Node.StopDaemon(ctx); err != nil {
				return err
			}
			h.SetPhase("Starting")
			return d.awaitMode(ctx, cassandra.StateNormal)
		},
		Exclusive:     func(*rest.RestartRequest) (string, bool) { return membership() },
		Uncancellable: "a node that has begun to drain does not come back without a restart",
	})
}
