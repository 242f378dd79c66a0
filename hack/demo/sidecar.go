package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
	"github.com/icarus-sidecar/icarus/hack/process"
	"github.com/icarus-sidecar/icarus/pkg/client"
)

const (
	// binary and controllerBinary are where `make build` puts the programs.
	binary           = "bin/icarus"
	controllerBinary = "bin/icarus-controller"
	// port is the one of every sidecar: coordinators look for their peers at
	// their own.
	port = 4567
	// normal is the operation mode of a node that serves.
	normal = "NORMAL"

	readyTimeout = 2 * time.Minute // a quiet sidecar answers within a second
	stopGrace    = 15 * time.Second
	poll         = 200 * time.Millisecond
)

// sidecar is an Icarus beside a node.
type sidecar struct {
	Index   int    `json:"index"` // from 1
	Address string `json:"address"`
	Dir     string `json:"dir"`
	PID     int    `json:"pid"`

	process *process.Process
}

// arguments is the command line of a sidecar.
func (s *sidecar) arguments(n *ring.Node, downloads string) []string {
	return []string{
		"server",
		"--listen", s.listen(),
		"--jmx-address", n.JMX,
		s.mark(),
		"--allow-directory", downloads,
		"--enable-operations", "truncate",
		"--log-format", "json",
	}
}

// mark is the argument by which its process is known.
func (s *sidecar) mark() string { return "--state-dir=" + filepath.Join(s.Dir, "state") }

func (s *sidecar) listen() string { return net.JoinHostPort(s.Address, strconv.Itoa(port)) }

func (s *sidecar) url() string { return "http://" + s.listen() }

func (s *sidecar) name() string { return "node " + strconv.Itoa(s.Index) }

func (s *sidecar) log() string { return filepath.Join(s.Dir, "icarus.log") }

func (s *sidecar) start(n *ring.Node, downloads string, env []string, dieWithParent bool) error {
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return fmt.Errorf("making the directory of a sidecar: %w", err)
	}
	program, err := filepath.Abs(binary)
	if err != nil {
		return fmt.Errorf("finding the sidecar: %w", err)
	}
	s.process, err = process.Start(process.Command{
		Path: program, Args: s.arguments(n, downloads), Mark: s.mark(), Dir: s.Dir, Env: env, Log: s.log(), DieWithParent: dieWithParent,
	})
	if err != nil {
		return fmt.Errorf("starting the sidecar of %s: %w", s.name(), err)
	}
	s.PID = s.process.PID()
	return nil
}

// attach finds the process that another invocation started.
func (s *sidecar) attach() { s.process = process.Attach(s.PID, s.mark()) }

// ready waits until the sidecar answers that its node serves.
func (s *sidecar) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("it is not ready after %s", readyTimeout))
	defer cancel()
	c, err := client.New(s.url())
	if err != nil {
		return err
	}
	defer c.Close()
	for {
		status, err := c.Status(ctx)
		if err == nil && status.NodeState == normal {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("its node is %s", status.NodeState)
		}
		if end := pause(ctx); end != nil {
			return s.startError(fmt.Errorf("%w: %w", end, err))
		}
		// Not before the pause: a program that is just being loaded has no arguments yet.
		if !s.process.Running() {
			return s.startError(errors.New("it ended"))
		}
	}
}

// startError quotes the end of the log.
func (s *sidecar) startError(err error) error {
	const shown = 2 << 10
	text, readErr := os.ReadFile(s.log())
	if readErr != nil {
		return fmt.Errorf("starting the sidecar of %s: %w", s.name(), errors.Join(err, readErr))
	}
	text = bytes.TrimSpace(text)
	return fmt.Errorf("starting the sidecar of %s: %w\n--- end of %s\n%s", s.name(), err, s.log(), text[max(0, len(text)-shown):])
}

func (s *sidecar) stop(ctx context.Context) error {
	if err := s.process.Stop(ctx, stopGrace); err != nil {
		return fmt.Errorf("stopping the sidecar of %s: %w", s.name(), err)
	}
	return nil
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

// free tells whether nobody listens at an address.
func free(ctx context.Context, address string) error {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		return l.Close()
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s is in use, and a sidecar of the demo needs it: stop what listens there", address)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		host, _, _ := net.SplitHostPort(address)
		return fmt.Errorf("this system does not have the address %s yet; add it with: sudo ifconfig lo0 alias %s: %w", host, host, err)
	default:
		return fmt.Errorf("trying %s: %w", address, err)
	}
}
