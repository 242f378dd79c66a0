package controller

import (
	"context"
	"errors"
	"fmt"
	"net"

	"golang.org/x/sync/errgroup"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
)

// perform calls the sidecars, all at once as far as calls allow, and notes their
// answers. What was on its way when ctx ended is not known: it is asked for again.
func (r *reconciler) perform(ctx context.Context, s *scope, plan cluster.Plan, actions []cluster.Action) error {
	at := make(map[string]node, len(s.nodes))
	for _, n := range s.nodes {
		at[n.HostID] = n
	}
	ops, errs := make([]*rest.Operation, len(actions)), make([]error, len(actions))
	var group errgroup.Group
	group.SetLimit(r.calls)
	for i, a := range actions {
		s.board.Begin(a)
		group.Go(func() error {
			ops[i], errs[i] = r.call(ctx, at[a.Node.HostID], a)
			return nil
		})
	}
	if err := errors.Join(group.Wait(), ctx.Err()); err != nil {
		return err
	}
	phases := make(map[string]*cluster.Phase, len(plan.Phases))
	for i := range plan.Phases {
		phases[plan.Phases[i].Name] = &plan.Phases[i]
	}
	s.now = r.clock.Now()
	for i, a := range actions {
		known, err := s.job.result(a.Phase)
		if err != nil {
			return err
		}
		if known != nil && errs[i] == nil && ops[i] != nil {
			verify(phases[a.Phase], s.board.Facts, a.Node, ops[i])
		}
		s.board.Record(a, ops[i], errs[i], s.now)
		s.noticeRestart(a, ops[i])
	}
	s.keepResults(s.board.Children[s.board.Facts.Phase])
	return nil
}

func (r *reconciler) call(ctx context.Context, n node, a cluster.Action) (*rest.Operation, error) {
	if n.absent != "" {
		return nil, absence(n.absent)
	}
	sidecar, err := r.sidecars.at(n.Address, n.port)
	if err != nil {
		return nil, err
	}
	switch a.Verb {
	case cluster.Submit:
		return sidecar.Submit(ctx, a.Request)
	case cluster.Poll:
		return sidecar.Operation(ctx, a.OperationID)
	case cluster.Cancel:
		return nil, sidecar.Cancel(ctx, a.OperationID)
	default:
		return nil, fmt.Errorf("there is no verb %q", a.Verb)
	}
}

// absence is the error of a connection that cannot come about, since there is
// nothing to connect to: so cluster knows that nothing was started.
func absence(why string) error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: errors.New(why)}
}
