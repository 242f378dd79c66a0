package ring

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gocql/gocql"
)

// tailLines is how much of a log an error quotes.
const tailLines = 25

// StartError says which node did not come up, and how its logs end.
type StartError struct {
	Node *Node
	Err  error
}

// Error quotes the ends of the node's logs.
func (e *StartError) Error() string {
	return fmt.Sprintf("starting node %d at %s: %v\n--- end of %s\n%s\n--- end of %s\n%s", e.Node.Index, e.Node.Address, e.Err,
		e.Node.StdoutLog(), tail(e.Node.StdoutLog()), e.Node.SystemLog(), tail(e.Node.SystemLog()))
}

// Unwrap is the reason.
func (e *StartError) Unwrap() error { return e.Err }

var errDied = errors.New("its process ended")

// limit bounds how long the ring may take.
func (r *Ring) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	t := r.Options.ReadyTimeout
	return context.WithTimeoutCause(ctx, t, fmt.Errorf("the ring is not up after %s", t))
}

// awaitGossip waits until the node listens for others.
func (r *Ring) awaitGossip(ctx context.Context, n *Node) error {
	address := net.JoinHostPort(n.Address, strconv.Itoa(r.Options.StoragePort))
	return awaitFact(ctx, n, func(ctx context.Context) error {
		if !listening(ctx, address) {
			return errors.New("it does not gossip yet")
		}
		return nil
	})
}

// await waits until every node that runs is up, and knows every other one so.
func (r *Ring) await(ctx context.Context) error {
	ctx, cancel := r.limit(ctx)
	defer cancel()
	var running []*Node
	for _, n := range r.Nodes {
		if n.PID > 0 {
			running = append(running, n)
		}
	}
	for _, n := range running {
		err := awaitFact(ctx, n, func(ctx context.Context) error {
			if !listening(ctx, n.CQL) {
				return errors.New("it does not listen for CQL yet")
			}
			return n.sees(running)
		})
		if err != nil {
			return err
		}
	}
	for _, n := range running {
		err := awaitFact(ctx, n, func(ctx context.Context) error { return r.agrees(ctx, n, len(running)) })
		if err != nil {
			return err
		}
	}
	return nil
}

// awaitFact waits until fact has no complaint, and gives up when the process
// ends or ctx does: with the last complaint.
func awaitFact(ctx context.Context, n *Node, fact func(ctx context.Context) error) error {
	for {
		err := fact(ctx)
		if err == nil {
			return nil
		}
		if !n.Running() {
			return &StartError{n, errDied}
		}
		if end := pause(ctx); end != nil {
			return &StartError{n, fmt.Errorf("%w: %w", end, err)}
		}
	}
}

// sees is whether the node's log has each other node up: the last word on it
// since that one was started. JMX would tell as well, but it may be guarded.
func (n *Node) sees(running []*Node) error {
	for _, other := range running {
		if other == n {
			continue
		}
		up, err := n.lastWordOn(other)
		if err != nil {
			return err
		}
		if !up {
			return fmt.Errorf("it does not see node %d (%s) up yet", other.Index, other.Address)
		}
	}
	return nil
}

func (n *Node) lastWordOn(other *Node) (up bool, err error) {
	f, err := os.Open(n.SystemLog())
	if err != nil {
		return false, err
	}
	defer f.Close()
	if _, err := f.Seek(n.heardFrom[other.Index], io.SeekStart); err != nil {
		return false, err
	}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		// InetAddress 127.0.0.2:7000 is now UP; 3.11 writes /127.0.0.2 alone.
		_, said, ok := strings.Cut(lines.Text(), "InetAddress ")
		who, state, ok2 := strings.Cut(said, " is now ")
		host, _, _ := strings.Cut(strings.TrimPrefix(who, "/"), ":")
		if ok && ok2 && host == other.Address {
			up = strings.HasPrefix(state, "UP")
		}
	}
	return up, lines.Err()
}

// agrees asks the node by CQL: it must know all others with tokens, and all must
// have one schema.
func (r *Ring) agrees(ctx context.Context, n *Node, running int) error {
	cluster := r.CQL(n)
	cluster.Logger = log.New(io.Discard, "", 0) // what is not up yet is asked again
	cluster.NumConns, cluster.DisableInitialHostLookup = 1, true
	cluster.Consistency = gocql.One
	session, err := cluster.CreateSession()
	if err != nil {
		return fmt.Errorf("opening a CQL session: %w", err)
	}
	defer session.Close()
	var own, version gocql.UUID
	if err := session.Query("SELECT host_id, schema_version FROM system.local").WithContext(ctx).Scan(&own, &version); err != nil {
		return fmt.Errorf("asking the node for its schema version: %w", err)
	}
	peers := session.Query("SELECT schema_version, tokens FROM system.peers").WithContext(ctx).Iter().Scanner()
	known := 1
	for peers.Next() {
		var theirs gocql.UUID
		var tokens []string
		if err := peers.Scan(&theirs, &tokens); err != nil {
			return fmt.Errorf("reading system.peers: %w", err)
		}
		if len(tokens) > 0 && theirs == version {
			known++
		}
	}
	if err := peers.Err(); err != nil {
		return fmt.Errorf("reading system.peers: %w", err)
	}
	if known < running {
		return fmt.Errorf("it knows %d of %d nodes with tokens and its own schema", known, running)
	}
	return nil
}

// CQL is the configuration of a session with the given nodes, all if none is
// given. Its limits suit a busy machine.
func (r *Ring) CQL(nodes ...*Node) *gocql.ClusterConfig {
	if len(nodes) == 0 {
		nodes = r.Nodes
	}
	c := gocql.NewCluster()
	for _, n := range nodes {
		c.Hosts = append(c.Hosts, n.Address)
	}
	c.Port = r.Options.CQLPort
	c.ProtoVersion = 4
	c.Timeout, c.ConnectTimeout, c.WriteTimeout = time.Minute, 20*time.Second, time.Minute
	c.MaxWaitSchemaAgreement = 2 * time.Minute
	c.Consistency = gocql.Quorum
	// Nobody asks it for schemas; and what it does at their changes outlives the
	// session, for minutes where a node goes.
	c.Events.DisableSchemaEvents = true
	if r.Options.Authentication {
		c.Authenticator = gocql.PasswordAuthenticator{Username: CQLUser, Password: CQLPassword}
	}
	return c
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// tail is the end of a file, or why there is none.
func tail(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return lastLines(string(bytes.TrimSpace(text)), tailLines)
}
