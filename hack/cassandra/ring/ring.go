package ring

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/icarus-sidecar/icarus/hack/cache"
)

// ErrRunning means that a run directory or an address is taken by a ring.
var ErrRunning = errors.New("a ring is running there")

// ErrNoRing means that no ring was started in a run directory.
var ErrNoRing = errors.New("no ring was started there")

// Ring is a running ring, or one that ran.
type Ring struct {
	Options Options
	Nodes   []*Node
	TLS     TLSFiles // with JMXTLS and JMXMutualTLS
	java    java
	lib     string
}

// record is what lies in the run directory for other processes.
type record struct {
	Options Options `json:"options"`
	Nodes   []*Node `json:"nodes"`
}

const recordFile = "ring.json"

// Up starts a new ring in an emptied run directory and returns when it is up. On
// failure nothing runs on, the logs stay, and the error holds their ends.
func Up(ctx context.Context, o Options) (*Ring, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	unlock, err := cache.Lock(ctx, o.Dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := vacant(o); err != nil {
		return nil, err
	}
	r := &Ring{Options: o}
	if r.java, err = findJava(ctx, o); err != nil {
		return nil, err
	}
	if r.lib, err = fetch(ctx, o, r.java); err != nil {
		return nil, err
	}
	if err := r.lay(); err != nil {
		return nil, err
	}
	began := time.Now()
	fmt.Fprintf(o.Output, "Starting Cassandra %s: %d node(s) at %s.1-%d\n", o.Version, o.Nodes, o.Subnet, o.Nodes)
	if err := r.boot(ctx); err != nil {
		// What was started must end even though ctx may have.
		return nil, errors.Join(err, r.killAll(context.WithoutCancel(ctx)))
	}
	fmt.Fprintf(o.Output, "The ring is up after %s\n", time.Since(began).Round(100*time.Millisecond))
	return r, nil
}

// Load returns the ring of a run directory, whether it runs or not.
func Load(dir string) (*Ring, error) {
	o, err := Options{Dir: dir}.withDefaults()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(o.Dir, recordFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("looking into %s: %w", o.Dir, ErrNoRing)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the record of a ring: %w", err)
	}
	var rec record
	if err := json.Unmarshal(text, &rec); err != nil {
		return nil, fmt.Errorf("reading the record of a ring, %s: %w", filepath.Join(o.Dir, recordFile), err)
	}
	rec.Options.Output = io.Discard
	r := &Ring{Options: rec.Options, Nodes: rec.Nodes, TLS: tlsFilesIn(o.Dir)}
	for _, n := range r.Nodes {
		n.heardFrom = map[int]int64{}
		n.attach()
	}
	return r, nil
}

// Down kills every node of the ring. A ring is not brought up again from its
// data, so there is nothing to stop gently for.
func (r *Ring) Down(ctx context.Context) error { return r.killAll(ctx) }

// Start starts a node that was stopped or killed, on its data, and waits until
// the running part of the ring is up.
func (r *Ring) Start(ctx context.Context, index int) error {
	n, err := r.Node(index)
	if err != nil {
		return err
	}
	if n.Running() {
		return fmt.Errorf("starting node %d: it runs as process %d", index, n.PID)
	}
	if r.java.home == "" {
		if r.java, err = findJava(ctx, r.Options); err != nil {
			return err
		}
		if r.lib, err = fetch(ctx, r.Options, r.java); err != nil {
			return err
		}
	}
	if err := r.launch(n); err != nil {
		return err
	}
	return r.await(ctx)
}

// Stop ends a node as an operator would: it tells the others.
func (r *Ring) Stop(ctx context.Context, index int) error {
	n, err := r.Node(index)
	if err != nil {
		return err
	}
	return errors.Join(n.stop(ctx), r.write())
}

// Kill ends a node as a broken machine would. The others notice within seconds.
func (r *Ring) Kill(ctx context.Context, index int) error {
	n, err := r.Node(index)
	if err != nil {
		return err
	}
	return errors.Join(n.kill(ctx), r.write())
}

// Node is the node of an index, from 1.
func (r *Ring) Node(index int) (*Node, error) {
	if index < 1 || index > len(r.Nodes) {
		return nil, fmt.Errorf("node %d: the ring has nodes 1 to %d", index, len(r.Nodes))
	}
	return r.Nodes[index-1], nil
}

// lay makes the run directory: empty of what was, with each node's configuration.
func (r *Ring) lay() error {
	o := r.Options
	if err := os.RemoveAll(o.Dir); err != nil {
		return fmt.Errorf("emptying the run directory: %w", err)
	}
	for i := 1; i <= o.Nodes; i++ {
		n := newNode(o, i)
		r.Nodes = append(r.Nodes, n)
		if err := configure(o, n); err != nil {
			return err
		}
	}
	if o.JMX == JMXTLS || o.JMX == JMXMutualTLS {
		r.TLS = tlsFilesIn(o.Dir)
		if err := certify(o); err != nil {
			return err
		}
	}
	return r.write()
}

// boot starts all nodes and waits for the ring. The others start as soon as the
// seed gossips: they own tokens without streaming, so they need not wait for
// each other, and Java's way up uses every processor.
func (r *Ring) boot(ctx context.Context) error {
	ctx, cancel := r.limit(ctx)
	defer cancel()
	for _, n := range r.Nodes {
		if err := r.launch(n); err != nil {
			return err
		}
		if n.Index > 1 || len(r.Nodes) == 1 {
			continue
		}
		if err := r.awaitGossip(ctx, n); err != nil {
			return err
		}
	}
	return r.await(ctx)
}

// launch starts a node's process and writes down that it runs.
func (r *Ring) launch(n *Node) error {
	for _, other := range r.Nodes {
		n.heardFrom[other.Index] = size(n.SystemLog())
		other.heardFrom[n.Index] = size(other.SystemLog())
	}
	if err := n.launch(r.Options, r.java, r.lib); err != nil {
		return err
	}
	return r.write()
}

func (r *Ring) killAll(ctx context.Context) error {
	var errs []error
	for _, n := range r.Nodes {
		errs = append(errs, n.process.Signal(syscall.SIGKILL))
	}
	for _, n := range r.Nodes {
		errs = append(errs, n.gone(ctx))
	}
	return errors.Join(append(errs, r.write())...)
}

// write puts the record in place in one step.
func (r *Ring) write() error {
	text, err := json.MarshalIndent(record{r.Options, r.Nodes}, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the record of the ring: %w", err)
	}
	path := filepath.Join(r.Options.Dir, recordFile)
	if err := os.WriteFile(path+".partial", text, 0o644); err != nil {
		return fmt.Errorf("writing the record of the ring: %w", err)
	}
	if err := os.Rename(path+".partial", path); err != nil {
		return fmt.Errorf("writing the record of the ring: %w", err)
	}
	return nil
}

// vacant tells whether the directory and every port are free.
func vacant(o Options) error {
	old, err := Load(o.Dir)
	if err != nil && !errors.Is(err, ErrNoRing) {
		return err
	}
	if err == nil {
		for _, n := range old.Nodes {
			if n.Running() {
				return fmt.Errorf("%w: node %d of %s is process %d; stop it with: go run ./hack/cassandra down -dir %s", ErrRunning, n.Index, o.Dir, n.PID, o.Dir)
			}
		}
	}
	return portsFree(o)
}

// portsFree tells whether every port of the ring is free.
func portsFree(o Options) error {
	for i := 1; i <= o.Nodes; i++ {
		for _, port := range []int{o.JMXPort, o.CQLPort, o.StoragePort} {
			if err := free(net.JoinHostPort(o.address(i), strconv.Itoa(port))); err != nil {
				return err
			}
		}
	}
	return nil
}

func free(address string) error {
	l, err := net.Listen("tcp", address)
	switch {
	case err == nil:
		return l.Close()
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w: %s is in use; choose other ports, another subnet, or stop what listens there", ErrRunning, address)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		host, _, _ := strings.Cut(address, ":")
		return fmt.Errorf("this system does not have the address %s yet; add it with: sudo ifconfig lo0 alias %s: %w", host, host, err)
	default:
		return fmt.Errorf("trying %s: %w", address, err)
	}
}
