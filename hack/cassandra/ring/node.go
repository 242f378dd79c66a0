package ring

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
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

	cmd *exec.Cmd // nil when another process started it
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
func (n *Node) Running() bool {
	return n.PID > 0 && slices.Contains(arguments(n.PID), n.mark())
}

func (n *Node) confDir() string { return filepath.Join(n.Dir, "conf") }

// mark is the argument by which the node's process is known.
func (n *Node) mark() string { return "-Dicarus.ring.node=" + n.Dir }

// launch starts the process and does not wait for the node.
func (n *Node) launch(o Options, j java, lib string) error {
	args, err := command(o, n, j, lib)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(n.StdoutLog(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("opening the log of node %d: %w", n.Index, err)
	}
	defer out.Close()
	// The node outlives the call that starts it, hence no context.
	cmd := exec.Command(j.bin(), args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = n.Dir, out, out
	cmd.SysProcAttr = processAttributes(o.DieWithParent)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting node %d: %w", n.Index, err)
	}
	n.cmd, n.PID = cmd, cmd.Process.Pid
	return nil
}

// signal sends a signal, if the process is the node.
func (n *Node) signal(s syscall.Signal) error {
	if !n.Running() {
		return nil
	}
	if err := syscall.Kill(n.PID, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signalling node %d (process %d): %w", n.Index, n.PID, err)
	}
	return nil
}

// gone waits until the process has ended and its ports are free, and reaps it. A
// process that is no child of ours closes its ports a little after its end shows.
func (n *Node) gone(ctx context.Context) error {
	if n.PID == 0 {
		return nil
	}
	for n.Running() {
		if err := pause(ctx); err != nil {
			return fmt.Errorf("waiting for node %d (process %d) to end: %w", n.Index, n.PID, err)
		}
	}
	if n.cmd != nil {
		_ = n.cmd.Wait() // how it ended is known: by our signal
	}
	for _, address := range []string{n.JMX, n.CQL} {
		for errors.Is(free(address), ErrRunning) {
			if err := pause(ctx); err != nil {
				return fmt.Errorf("waiting for node %d to give %s back: %w", n.Index, address, err)
			}
		}
	}
	n.cmd, n.PID = nil, 0
	return nil
}

// kill ends the process without asking.
func (n *Node) kill(ctx context.Context) error {
	if err := n.signal(syscall.SIGKILL); err != nil {
		return err
	}
	return n.gone(ctx)
}

// stop asks the process to end: Cassandra tells the others and flushes its log.
func (n *Node) stop(ctx context.Context) error {
	if err := n.signal(syscall.SIGTERM); err != nil {
		return err
	}
	gentle, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	if err := n.gone(gentle); err == nil || ctx.Err() != nil {
		return err
	}
	return n.kill(ctx)
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
