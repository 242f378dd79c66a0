package nodeops

import (
	"context"
	"errors"
	"time"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// stopPatience is how long the others may take; it is the original's.
const stopPatience = 5 * time.Minute

// stop ends the sidecar when no other operation waits or runs. What is submitted
// meanwhile is waited for, too.
func stop(d *Deps) operation.Kind {
	return operation.Define(rest.TypeStop, operation.Spec[rest.StopRequest]{
		Run: func(ctx context.Context, _ *rest.StopRequest, h *operation.Handle) error {
			if d.Stop == nil {
				return errors.New("whoever started this sidecar has not let requests stop it")
			}
			patient, cancel := context.WithTimeout(ctx, stopPatience)
			defer cancel()
			if err := h.Alone(patient); err != nil {
				return err
			}
			d.Stop()
			return nil
		},
		Lane:      func(*rest.StopRequest) operation.Lane { return operation.Coordinator },
		Exclusive: func(*rest.StopRequest) (string, bool) { return "stop", false },
	})
}
