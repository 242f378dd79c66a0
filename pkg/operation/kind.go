package operation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// Lane is where an operation runs.
type Lane int

// The lanes. Each has slots of its own: a coordinator waits for operations in
// the node lane, perhaps of this very sidecar, so it must never hold their slots.
const (
	// Node is for work on this node.
	Node Lane = iota
	// Coordinator is for operations that wait for others.
	Coordinator
	lanes
)

// Kind is one type of operation. Define makes one with typed functions.
type Kind struct {
	// Name is the "type" of its requests.
	Name string
	// New makes a request with its defaults filled in.
	New func() rest.Request
	// Run does the work. It returns when ctx is done, and leaves nothing
	// running behind. What it returns becomes an error of the operation.
	Run func(ctx context.Context, req rest.Request, h *Handle) error
	// Lane chooses the lane of a request; nil is Node.
	Lane func(req rest.Request) Lane
	// Exclusive names what only one operation may work on at a time; "" is
	// nothing. With queue, one waits for the other, else it is refused.
	Exclusive func(req rest.Request) (key string, queue bool)
	// Check refuses, before anything is journaled, a request that cannot
	// succeed on this sidecar, with a *rest.Error; it may fill in defaults
	// that need a clock or the configuration. It does not talk to Cassandra.
	Check func(ctx context.Context, req rest.Request) error
	// Resumable says that Run may be called again with the same request after
	// a restart, and goes on from what is already there.
	Resumable bool
	// Outlives says that the work goes on without the sidecar, as what Cassandra
	// was asked for does. Such a kind is resumable: Run is called again to see the
	// work end, and with a context that is cancelled if the operation was.
	Outlives bool
	// Uncancellable is why nothing stops the work once it runs, such as that
	// Cassandra cannot take it back; "" where Run heeds its context.
	Uncancellable string
}

// Spec is a Kind of requests of type R.
type Spec[R any] struct {
	Run       func(ctx context.Context, req *R, h *Handle) error
	Lane      func(req *R) Lane
	Exclusive func(req *R) (key string, queue bool)
	Check     func(ctx context.Context, req *R) error
	Resumable bool
	Outlives  bool

	Uncancellable string
}

// Define makes a Kind of a Spec. Requests of types that package rest does not
// know begin as the zero R.
func Define[R any, P interface {
	*R
	rest.Request
}](name string, spec Spec[R]) Kind {
	kind := Kind{Name: name, Resumable: spec.Resumable || spec.Outlives, Outlives: spec.Outlives, Uncancellable: spec.Uncancellable}
	kind.New = func() rest.Request {
		if req, ok := rest.NewRequest(name); ok {
			return req
		}
		return P(new(R))
	}
	if spec.Run != nil {
		kind.Run = func(ctx context.Context, req rest.Request, h *Handle) error {
			typed, err := as[R](req)
			if err != nil {
				return err
			}
			return spec.Run(ctx, typed, h)
		}
	}
	if spec.Lane != nil {
		kind.Lane = func(req rest.Request) Lane {
			typed, err := as[R](req)
			if err != nil {
				return Node
			}
			return spec.Lane(typed)
		}
	}
	if spec.Exclusive != nil {
		kind.Exclusive = func(req rest.Request) (string, bool) {
			typed, err := as[R](req)
			if err != nil {
				return "", false
			}
			return spec.Exclusive(typed)
		}
	}
	if spec.Check != nil {
		kind.Check = func(ctx context.Context, req rest.Request) error {
			typed, err := as[R](req)
			if err != nil {
				return err
			}
			return spec.Check(ctx, typed)
		}
	}
	return kind
}

func as[R any](req rest.Request) (*R, error) {
	typed, ok := req.(any).(*R)
	if !ok {
		return nil, fmt.Errorf("a request of type %s is a %T, not a %T", req.RequestType(), req, typed)
	}
	return typed, nil
}

// Registry holds the kinds of operations that a sidecar has.
type Registry map[string]Kind

// NewRegistry collects kinds.
func NewRegistry(kinds ...Kind) (Registry, error) {
	r := Registry{}
	for _, k := range kinds {
		if _, twice := r[k.Name]; twice {
			return nil, fmt.Errorf("registering kind %q: it is registered already", k.Name)
		}
		if k.Name == "" || k.New == nil || k.Run == nil {
			return nil, fmt.Errorf("registering kind %q: it lacks a name, New or Run", k.Name)
		}
		r[k.Name] = k
	}
	if len(r) == 0 {
		return nil, errors.New("registering kinds: there is none")
	}
	return r, nil
}

// Types decodes the requests of these kinds.
func (r Registry) Types() rest.Types {
	types := rest.Types{}
	for name, kind := range r {
		types[name] = kind.New
	}
	return types
}

// Names of the kinds, sorted.
func (r Registry) Names() []string { return slices.Sorted(maps.Keys(r)) }

func (k Kind) lane(req rest.Request) Lane {
	if k.Lane == nil {
		return Node
	}
	return k.Lane(req)
}

func (k Kind) exclusive(req rest.Request) (key string, queue bool) {
	if k.Exclusive == nil {
		return "", false
	}
	return k.Exclusive(req)
}
