package cluster

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// Node is a member of the ring.
type Node struct {
	HostID     string `json:"hostId"`
	Hostname   string `json:"hostname,omitempty"`
	Address    string `json:"address"`
	Datacenter string `json:"dc,omitempty"`
	Rack       string `json:"rack,omitempty"`
}

// Plan is a coordinated operation as data. BackupPlan and RestorePlan make one.
type Plan struct {
	// ID is the parent's; the ids of its children come from it.
	ID uuid.UUID
	// Attempt tells apart repetitions under one parent: the ids of another
	// attempt are other ids.
	Attempt int
	// Kind is the type of the parent.
	Kind string
	// Nodes are in the order in which they are reported. Phases of one node
	// are the one's that was first when the operation began.
	Nodes  []Node
	Phases []Phase
	// Timeout fails the operation when that much time has passed since its first
	// step; zero never does.
	Timeout  time.Duration
	Patience Patience
}

// Scope is how many nodes take part in a phase.
type Scope string

// The scopes of a phase.
const (
	EveryNode Scope = "EveryNode"
	OneNode   Scope = "OneNode"
)

// Phase is one barrier. Its functions are pure, and depend on their arguments alone.
type Phase struct {
	Name  string
	Scope Scope
	// Weight is the phase's share of the progress, in whatever unit the plan's
	// other phases use.
	Weight int
	// LetFinish spares the siblings of a child that failed: they are not
	// cancelled but waited for.
	LetFinish bool
	// Request writes the request of one child. A nil request means that the
	// node has nothing to do.
	Request func(f Facts, c Child) (rest.Request, error)
	// Settle judges what the children reported, when all are COMPLETED, and
	// adds what the next phases need to the facts. It may be nil.
	Settle func(f Facts, done []Finished) (Facts, []rest.OperationError)
	// Recall gets back from a child of this phase, which an earlier life of the
	// coordinator had sent, the facts that its request was made of. It may be nil.
	Recall func(f Facts, op *rest.Operation) (Facts, error)
	// Remedy is what the user must know where the operation ended in this
	// phase, or "". Sent tells whether any of its children may have begun. It
	// may be nil.
	Remedy func(f Facts, sent bool) string
}

// Child is one node's part in a phase.
type Child struct {
	ID   string
	Node Node
}

// Finished is a child that is COMPLETED.
type Finished struct {
	Node Node
	Op   *rest.Operation
}

// Facts are what was decided on the way and must not be decided again. They
// are small, and all that a coordinator has to remember.
type Facts struct {
	// Phase is the one reached; those before it are complete.
	Phase string `json:"phase,omitempty"`
	// Hosts are the host ids of the plan's nodes when it began.
	Hosts []string `json:"hosts,omitempty"`
	// Deadline is when it fails; the zero time is never.
	Deadline time.Time `json:"deadline,omitzero"`
	// SnapshotTag is the backup that all nodes restore.
	SnapshotTag string `json:"snapshotTag,omitempty"`
	// Tables are the "keyspace.table" that every node has downloaded, sorted.
	Tables []string `json:"tables,omitempty"`
	// Skipped are the phases in which no node had anything to do.
	Skipped []string `json:"skipped,omitempty"`
	// Warnings are what the operation went on in spite of.
	Warnings []string `json:"warnings,omitempty"`
	// Ending is set when the operation will not succeed any more.
	Ending *Ending `json:"ending,omitempty"`
}

// Ending is an operation being wound up.
type Ending struct {
	// Verdict is Failed or Cancelled.
	Verdict Verdict               `json:"verdict"`
	Errors  []rest.OperationError `json:"errors,omitempty"`
	// CancelSince is when the children began to be cancelled; zero where they
	// are let finish.
	CancelSince time.Time `json:"cancelSince,omitzero"`
}

// Patience is how long what may pass is waited for. Zero is the default.
type Patience struct {
	// Submit is for a sidecar that refuses connections, or has another operation
	// in the way, before the child was ever sent; 10 s, since nothing is lost by
	// failing early.
	Submit time.Duration
	// Answer is for a sidecar that gives no answer otherwise; 60 s, in which
	// one restarts.
	Answer time.Duration
	// WindUp is for children to end that were cancelled; 60 s.
	WindUp time.Duration
}

const (
	defaultSubmitPatience = 10 * time.Second
	defaultAnswerPatience = time.Minute
	defaultWindUpPatience = time.Minute
)

func (p Patience) withDefaults() Patience {
	return Patience{
		Submit: cmp.Or(p.Submit, defaultSubmitPatience),
		Answer: cmp.Or(p.Answer, defaultAnswerPatience),
		WindUp: cmp.Or(p.WindUp, defaultWindUpPatience),
	}
}

// OperationID is the id of a child: a UUID of version 5.
func OperationID(parent uuid.UUID, phase, hostID string, attempt int) uuid.UUID {
	return uuid.NewSHA1(parent, []byte(strings.Join([]string{phase, hostID, strconv.Itoa(attempt)}, "\x00")))
}

// ErrPlan is for a plan that cannot be carried out.
var ErrPlan = errors.New("planning")

// scope is the nodes that take part in a phase. The one node stays the same
// when addresses, and with them the order, change on the way.
func (p *Plan) scope(ph *Phase, f Facts) []Node {
	if ph.Scope != OneNode {
		return p.Nodes
	}
	for i, n := range p.Nodes {
		if len(f.Hosts) > 0 && n.HostID == f.Hosts[0] {
			return p.Nodes[i : i+1]
		}
	}
	return nil
}

// index of a phase, or of the first where there is none of that name yet.
func (p *Plan) index(phase string) (int, bool) {
	if phase == "" {
		return 0, true
	}
	i := slices.IndexFunc(p.Phases, func(ph Phase) bool { return ph.Name == phase })
	return max(i, 0), i >= 0
}

func (p *Plan) child(ph *Phase, n Node) Child {
	return Child{ID: OperationID(p.ID, ph.Name, n.HostID, p.Attempt).String(), Node: n}
}

// check finds what would make Step send nonsense. The constructors make no such plan.
func (p *Plan) check() error {
	switch {
	case len(p.Nodes) == 0:
		return fmt.Errorf("%w: there is no node", ErrPlan)
	case len(p.Phases) == 0:
		return fmt.Errorf("%w: there is no phase", ErrPlan)
	}
	for i := range p.Phases {
		if ph := &p.Phases[i]; ph.Name == "" || ph.Request == nil {
			return fmt.Errorf("%w: phase %d has no name or no request", ErrPlan, i)
		}
	}
	return nil
}

func (p *Plan) hosts() []string {
	hosts := make([]string, len(p.Nodes))
	for i, n := range p.Nodes {
		hosts[i] = n.HostID
	}
	return hosts
}

// changed tells which nodes joined or left since the operation began with
// hosts. Addresses may change.
func (p *Plan) changed(hosts []string) []rest.OperationError {
	before := make(map[string]bool, len(hosts))
	for _, host := range hosts {
		before[host] = true
	}
	var errs []rest.OperationError
	for _, n := range p.Nodes {
		if !before[n.HostID] {
			errs = append(errs, rest.OperationError{Source: n.Address, Message: "the node joined the ring after the operation had begun"})
		}
		delete(before, n.HostID)
	}
	for _, host := range hosts {
		if before[host] {
			errs = append(errs, rest.OperationError{Message: fmt.Sprintf(
				"the node with host id %s left the ring after the operation had begun; its part may still be at work", host)})
		}
	}
	return errs
}

// progress of the whole, where the phase at index i is done to some share.
func (p *Plan) progress(i int, share float64) float64 {
	var done, total float64
	for j, ph := range p.Phases {
		total += float64(ph.Weight)
		switch {
		case j < i:
			done += float64(ph.Weight)
		case j == i:
			done += float64(ph.Weight) * share
		}
	}
	if total == 0 {
		return 0
	}
	return min(done/total, 1)
}

// hours is the timeout of a request.
func hours(n int) time.Duration { return time.Duration(n) * time.Hour }
