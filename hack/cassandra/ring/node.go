package ring

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"github.com/icarus-sidecar/icarus/hack/process"
)

// stopTimeout is what a node gets to stop by itself; a quiet one takes 3 to 6 s.
const stopTimeout = 60 * time.Second

// poll is how often a fact is looked at again.
const poll = 100 * time.Millisecond

// Node is one Cassandra. Operations on one node are not for several goroutines
// at a time; they change PID.
type Node struct {
	Index    int      `json:"index"` // from 1
	Address  string   `json:"address"`
	JMX      string   `json:"jmx"` // host:port
	CQL      string   `json:"cql"` // host:port
	DC       string   `json:"dc"`
	Rack     string   `json:"rack"`
	Dir      string   `json:"dir"` // everything of the node, Cassandra's storage directory
	DataDirs []string `json:"dataDirs"`
	Logs     string   `json:"logs"` // directory of system.log and stdout.log
	PID      int      `json:"pid"`  // 0 when it was stopped

	process *process.Process // nil when it was stopped
	// heardFrom are sizes of this node's log: what it says of another node
	// counts only beyond the size it had when that one was started.
	heardFrom map[int]int64
}

func newNode(o Options, i int) *Node {
	dir := filepath.Join(o.Dir, "node"+strconv.Itoa(i))
	n := &Node{
		Index: i, Address: o.address(i), DC: o.Places[i-1].DC, Rack: o.Places[i-1].Rack,
		JMX: net.JoinHostPort(o.address(i), strconv.Itoa(o.JMXPort)),
		CQL: net.JoinHostPort(o.address(i), strconv.Itoa(o.CQLPort)),
		Dir: dir, Logs: filepath.Join(dir, "logs"), heardFrom: map[int]int64{},
	}
	if o.DataDirs == 1 {
		n.DataDirs = []string{filepath.Join(dir, "data")}
		return n
	}
	for d := range o.DataDirs {
		n.DataDirs = append(n.DataDirs, filepath.Join(dir, "data"+strconv.Itoa(d+1)))
	}
	return n
}

// SystemLog is Cassandra's log.
func (n *Node) SystemLog() string { return filepath.Join(n.Logs, "system.log") }

// StdoutLog is what the process itself said: the Java machine's complaints.
func (n *Node) StdoutLog() string { return filepath.Join(n.Logs, "stdout.log") }

// Running is whether the node's process lives. It asks the process, so that a
// recycled process id is not taken for the node.
func (n *Node) Running() bool { return n.process.Running() }

func (n *Node) confDir() string { return filepath.Join(n.Dir, "conf") }

// mark is the argument by which the node's process is known.
func (n *Node) mark() string { return "-Dicarus.ring.node=" + n.Dir }

// launch starts the process and does not wait for the node.
func (n *Node) launch(o Options, j java, lib string) error {
	args, err := command(o, n, j, lib)
	if err != nil {
		return err
	}
	n.process, err = process.Start(process.Command{
		Path: j.bin(), Args: args, Mark: n.mark(), Dir: n.Dir, Log: n.StdoutLog(), DieWithParent: o.DieWithParent,
	})
	if err != nil {
		return fmt.Errorf("starting node %d: %w", n.Index, err)
	}
	n.PID = n.process.PID()
	return nil
}

// attach finds the process that another invocation started, if it still runs.
func (n *Node) attach() {
	n.process = process.Attach(n.PID, n.mark())
	if !n.process.Running() {
		n.process, n.PID = nil, 0
	}
}

// gone waits until the process has ended and its ports are free. A process that
// is no child of ours closes its ports a little after its end shows.
func (n *Node) gone(ctx context.Context) error {
	if n.process == nil {
		return nil
	}
	if err := n.process.Wait(ctx); err != nil {
		return fmt.Errorf("stopping node %d: %w", n.Index, err)
	}
	for _, address := range []string{n.JMX, n.CQL} {
		for errors.Is(free(address), ErrRunning) {
			if err := pause(ctx); err != nil {
				return fmt.Errorf("waiting for node %d to give %s back: %w", n.Index, address, err)
			}
		}
	}
	n.process, n.PID = nil, 0
	return nil
}

// kill ends the process without asking.
func (n *Node) kill(ctx context.Context) error {
	return errors.Join(n.process.Kill(ctx), n.gone(ctx))
}

// stop asks the process to end: Cassandra tells the others and flushes its log.
func (n *Node) stop(ctx context.Context) error {
	return errors.Join(n.process.Stop(ctx, stopTimeout), n.gone(ctx))
}

// listening is whether something answers at address.
func listening(ctx context.Context, address string) bool {
	d := net.Dialer{Timeout: time.Second}
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// pause waits one poll.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(poll):
		return nil
	}
}
