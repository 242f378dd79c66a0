// Package process starts programs that one invocation of the workshop leaves
// running and another one stops: nodes, servers, sidecars.
//
// A process is known by its id and by an argument of its own, its mark. Nothing
// is signalled before the process has shown the mark, so that a recycled id
// never hits a stranger.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// poll is how often an end is looked for.
const poll = 50 * time.Millisecond

const (
	loadingPoll  = time.Millisecond
	loadingPolls = 100
)

// Command is what to start.
type Command struct {
	Path string
	Args []string
	// Mark is the one of Args that no other process has.
	Mark string
	Dir  string
	// Env is added to the environment of this process.
	Env []string
	// Log is the file that output is appended to.
	Log string
	// DieWithParent has the process killed when this one ends, however it ends
	// (where the system can do that: Linux).
	DieWithParent bool
}

// Process is a running program, or one that ended.
type Process struct {
	pid  int
	mark string
	cmd  *exec.Cmd // nil when another process started it
}

// Start starts a program in a session of its own: Ctrl-C does not reach it.
func Start(c Command) (*Process, error) {
	if !slices.Contains(c.Args, c.Mark) {
		return nil, fmt.Errorf("starting %s: its mark %q is none of its arguments", c.Path, c.Mark)
	}
	out, err := os.OpenFile(c.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the log of %s: %w", c.Path, err)
	}
	defer out.Close()
	// It outlives the call that starts it, hence no context.
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.Dir, out, out
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.SysProcAttr = attributes(c.DieWithParent)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", c.Path, err)
	}
	p := &Process{pid: cmd.Process.Pid, mark: c.Mark, cmd: cmd}
	// For a moment the kernel tells no arguments of a program that it loads; one
	// that ended at once has none either, which is not waited for long.
	for range loadingPolls {
		if p.Running() {
			break
		}
		time.Sleep(loadingPoll)
	}
	return p, nil
}

// Attach is a process that another invocation started.
func Attach(pid int, mark string) *Process { return &Process{pid: pid, mark: mark} }

// PID is the process id, 0 for no process.
func (p *Process) PID() int {
	if p == nil {
		return 0
	}
	return p.pid
}

// Running is whether the process lives and is the one that was started.
func (p *Process) Running() bool {
	return p.PID() > 0 && slices.Contains(arguments(p.pid), p.mark)
}

// Signal sends a signal if the process runs.
func (p *Process) Signal(s syscall.Signal) error {
	if !p.Running() {
		return nil
	}
	if err := syscall.Kill(p.pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("sending %s to process %d: %w", s, p.pid, err)
	}
	return nil
}

// Wait returns when the process has ended. It is called after a signal, or to
// learn that a program ended by itself.
func (p *Process) Wait(ctx context.Context) error {
	for p.Running() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for process %d to end: %w", p.pid, context.Cause(ctx))
		case <-time.After(poll):
		}
	}
	if p != nil && p.cmd != nil {
		_ = p.cmd.Wait() // how it ended is known: by our signal
		p.cmd = nil
	}
	return nil
}

// Kill ends the process without asking.
func (p *Process) Kill(ctx context.Context) error {
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	return p.Wait(ctx)
}

// Stop asks the process to end, and kills it when it has not after the grace.
func (p *Process) Stop(ctx context.Context, grace time.Duration) error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	gentle, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	if err := p.Wait(gentle); err == nil || ctx.Err() != nil {
		return err
	}
	return p.Kill(ctx)
}
