package cluster

import (
	"slices"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// Report is how an operation is doing, for people to read.
type Report struct {
	// Phase is the current one.
	Phase    string
	Progress float64
	// Nodes are in the order of the plan.
	Nodes    []rest.NodeProgress
	Warnings []string
}

// Describe tells how an operation is doing, once a decision was adopted.
func Describe(plan Plan, board Board) Report {
	r := Report{
		Phase: board.Facts.Phase, Progress: board.Progress, Warnings: board.Facts.Warnings,
		Nodes: make([]rest.NodeProgress, len(plan.Nodes)),
	}
	last, _ := plan.index(board.Facts.Phase)
	for i, n := range plan.Nodes {
		r.Nodes[i] = rest.NodeProgress{HostID: n.HostID, Hostname: n.Hostname, Datacenter: n.Datacenter, Rack: n.Rack}
		for j := min(last, len(plan.Phases)-1); j >= 0; j-- {
			if o, sent := board.Children[plan.Phases[j].Name][n.HostID]; sent {
				o.describe(&r.Nodes[i], plan.Phases[j].Name, n)
			}
		}
	}
	return r
}

// describe is called for the last phase first; of those before it only the
// latest that moved anything tells what the node has moved.
func (o *Observation) describe(p *rest.NodeProgress, phase string, n Node) {
	if p.Phase != "" {
		if p.Transfer == nil && o.Op != nil {
			p.Transfer = o.Op.Transfer
		}
		return
	}
	p.Phase, p.OperationID, p.Progress = phase, o.OperationID, o.Progress
	if o.Op != nil {
		p.State, p.Transfer, p.Errors = o.Op.State, o.Op.Transfer, o.Op.Errors
	}
	if o.Problem != nil {
		p.Errors = append(slices.Clip(p.Errors), rest.OperationError{Source: n.Address, Message: o.Problem.Message})
	}
}
