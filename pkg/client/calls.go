package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// Filter chooses operations; see Operations.
type Filter struct {
	Types  []string
	States []rest.State
}

// Submit posts a request. A request with an id may be posted again: the
// operation that exists is answered, and nothing is started.
func (c *Client) Submit(ctx context.Context, req rest.Request) (*rest.Operation, error) {
	return c.operation(ctx, http.MethodPost, "operations", req)
}

// Operation gets one operation.
func (c *Client) Operation(ctx context.Context, id string) (*rest.Operation, error) {
	return c.operation(ctx, http.MethodGet, "operations/"+url.PathEscape(id), nil)
}

// Operations gets the operations that a filter chooses, the newest first.
func (c *Client) Operations(ctx context.Context, f Filter) ([]rest.Operation, error) {
	query := url.Values{}
	for _, t := range f.Types {
		query.Add("type", t)
	}
	for _, s := range f.States {
		query.Add("state", string(s))
	}
	var ops []rest.Operation
	err := c.call(ctx, http.MethodGet, "operations", query, nil, &ops)
	return ops, err
}

// Cancel asks an operation to stop; it has stopped when its state is terminal.
func (c *Client) Cancel(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodDelete, "operations/"+url.PathEscape(id), nil, nil, nil)
}

// Version gets the sidecar's own version.
func (c *Client) Version(ctx context.Context) (*rest.SidecarVersion, error) {
	return get[rest.SidecarVersion](ctx, c, "version/sidecar")
}

// CassandraVersion gets the version of the sidecar's node.
func (c *Client) CassandraVersion(ctx context.Context) (*rest.CassandraVersion, error) {
	return get[rest.CassandraVersion](ctx, c, "version/cassandra")
}

// SchemaVersion gets the version of the schema as the node has it.
func (c *Client) SchemaVersion(ctx context.Context) (*rest.SchemaVersion, error) {
	return get[rest.SchemaVersion](ctx, c, "version/schema")
}

// Status gets the node's operation mode.
func (c *Client) Status(ctx context.Context) (*rest.NodeStatus, error) {
	return get[rest.NodeStatus](ctx, c, "status")
}

// Topology gets the ring as the node sees it, or the part in some datacenters.
func (c *Client) Topology(ctx context.Context, datacenters ...string) (*rest.Topology, error) {
	path := "topology"
	if len(datacenters) > 0 {
		path += "/" + url.PathEscape(strings.Join(datacenters, ","))
	}
	return get[rest.Topology](ctx, c, path)
}

const (
	firstPoll = 100 * time.Millisecond
	lastPoll  = 2 * time.Second
	// patience is how many polls in a row may get no answer: about half a
	// minute, in which a sidecar restarts.
	patience = 18
)

// Watch polls an operation until it is finished and returns it then; each
// answer goes to see. A sidecar that is away for half a minute is waited for.
func (c *Client) Watch(ctx context.Context, id string, see func(op rest.Operation)) (*rest.Operation, error) {
	delay, missed := firstPoll, 0
	for {
		op, err := c.Operation(ctx, id)
		switch {
		case err == nil:
			missed = 0
			see(*op)
			if op.State.IsTerminal() {
				return op, nil
			}
		case ctx.Err() != nil:
			return nil, fmt.Errorf("watching operation %s: %w", id, ctx.Err())
		case !errors.Is(err, ErrUnreachable) || missed == patience:
			return nil, fmt.Errorf("watching operation %s: %w", id, err)
		default:
			missed++
		}
		timer := c.clock.NewTimer(delay)
		select {
		case <-timer.C():
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("watching operation %s: %w", id, ctx.Err())
		}
		delay = min(2*delay, lastPoll)
	}
}

func (c *Client) operation(ctx context.Context, method, path string, req rest.Request) (*rest.Operation, error) {
	op := new(rest.Operation)
	if err := c.call(ctx, method, path, nil, req, op); err != nil {
		return nil, err
	}
	if op.ID == "" {
		return nil, fmt.Errorf("%s %s: the answer is not an operation", method, c.base.JoinPath(path).Redacted())
	}
	return op, nil
}

func get[T any](ctx context.Context, c *Client, path string) (*T, error) {
	document := new(T)
	if err := c.call(ctx, http.MethodGet, path, nil, nil, document); err != nil {
		return nil, err
	}
	return document, nil
}
