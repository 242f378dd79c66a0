package cassandra

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

const gossiper jmx.ObjectName = "org.apache.cassandra.net:type=Gossiper"

// What a node is at when it has stopped to take part. OperationMode has these
// beside the states of a member.
const (
	ModeDraining       = "DRAINING"
	ModeDrained        = "DRAINED"
	ModeDecommissioned = "DECOMMISSIONED"
)

// Drain makes the node flush everything and take no more requests, and returns
// when that is done. Only a restart takes it back.
func (n *Node) Drain(ctx context.Context) error {
	return n.with(ctx, func(c Conn) error {
		_, err := c.Invoke(ctx, storageService, "drain", nil)
		return doing(err, "draining the node")
	})
}

// Decommission makes the node give its data to others and leave the ring, and
// returns when that is done. Force, before 4.0 without a meaning, leaves even if
// fewer nodes remain than keyspaces want replicas.
func (n *Node) Decommission(ctx context.Context, force bool) error {
	return n.with(ctx, func(c Conn) error {
		_, err := n.invoke(ctx, c, storageService, "decommission",
			overload{[]string{javaBoolean}, []any{force}}, overload{[]string{}, nil})
		return doing(err, "decommissioning the node")
	})
}

// TokenRange is the tokens above Start, up to End.
type TokenRange struct{ Start, End string }

// RebuildOptions limit a rebuild. The zero value is of all keyspaces, from any
// nodes.
type RebuildOptions struct {
	SourceDatacenter, Keyspace string
	// Ranges need a keyspace.
	Ranges []TokenRange
	// Sources are addresses of nodes.
	Sources []string
}

// Rebuild streams the node's data from other nodes, and returns when they are here.
func (n *Node) Rebuild(ctx context.Context, o RebuildOptions) error {
	if len(o.Ranges) > 0 && o.Keyspace == "" {
		return fmt.Errorf("%w: ranges of tokens without a keyspace", ErrInvalid)
	}
	ranges := make([]string, 0, len(o.Ranges))
	for _, r := range o.Ranges {
		ranges = append(ranges, "("+r.Start+","+r.End+"]")
	}
	return n.with(ctx, func(c Conn) error {
		if o.Keyspace != "" {
			if err := errors.Join(checkNames(o.Keyspace), requireKeyspace(ctx, c, o.Keyspace)); err != nil {
				return err
			}
		}
		_, err := c.Invoke(ctx, storageService, "rebuild", []string{javaString, javaString, javaString, javaString},
			orNull(o.SourceDatacenter), orNull(o.Keyspace), orNull(strings.Join(ranges, ",")), orNull(strings.Join(o.Sources, ",")))
		return doing(err, "rebuilding the node")
	})
}

// orNull is what is not said as Cassandra wants it.
func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// RemoveNode makes the ring take a node that is down for gone, and returns when
// the others have streamed among each other what it had.
func (n *Node) RemoveNode(ctx context.Context, hostID string) error {
	return n.with(ctx, func(c Conn) error {
		_, err := c.Invoke(ctx, storageService, "removeNode", []string{javaString}, hostID)
		return doing(err, "removing node %s from the ring", hostID)
	})
}

// Removing reports whether this node makes the ring take another one for gone.
func (n *Node) Removing(ctx context.Context) (bool, error) {
	status, err := n.text(ctx, "RemovalStatus")
	return err == nil && !strings.HasPrefix(status, "No token removals"), err
}

// Assassinate makes the ring forget a node, without moving what it had. It takes
// at least half a minute, in which Cassandra looks for a sign of life.
func (n *Node) Assassinate(ctx context.Context, address string) error {
	if _, err := netip.ParseAddr(address); err != nil {
		return fmt.Errorf("%w: %.100q is not an IP address", ErrInvalid, address)
	}
	return n.with(ctx, func(c Conn) error {
		_, err := c.Invoke(ctx, gossiper, "assassinateEndpoint", []string{javaString}, address)
		return doing(err, "making the ring forget %s", address)
	})
}

// StopDaemon ends the Cassandra process.
func (n *Node) StopDaemon(ctx context.Context) error {
	return n.with(ctx, func(c Conn) error {
		_, err := c.Invoke(ctx, storageService, "stopDaemon", nil)
		if ctx.Err() == nil && (errors.Is(err, jmx.ErrTransport) || errors.Is(err, jmx.ErrGone)) {
			return nil // it ended before it could answer
		}
		return doing(err, "stopping Cassandra")
	})
}
