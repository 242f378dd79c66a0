package kubernetes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/icarus-sidecar/icarus/hack/process"
)

const (
	// controllerTimeout is for the controller to fill its cache; a quiet one takes a
	// second.
	controllerTimeout = 2 * time.Minute
	stopGrace         = 25 * time.Second // more than the controller's own
	poll              = 100 * time.Millisecond
)

// Controller is an icarus-controller that runs, or ran. Its record can be kept as JSON.
type Controller struct {
	Dir     string `json:"dir"`
	Probes  string `json:"probes"`  // the address of /healthz and /readyz
	Metrics string `json:"metrics"` // the address of /metrics
	PID     int    `json:"pid"`

	process *process.Process
}

// ControllerOptions describe a controller.
type ControllerOptions struct {
	Program string
	// Dir holds its log and its kubeconfig.
	Dir string
	// Args are further arguments.
	Args          []string
	DieWithParent bool
}

// StartController starts a controller as its account, in the namespace of the
// cluster. It is not waited for.
func (c *Cluster) StartController(ctx context.Context, o ControllerOptions) (*Controller, error) {
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the directory of the controller: %w", err)
	}
	k := &Controller{Dir: o.Dir}
	if err := c.AccountKubeconfig(ctx, k.kubeconfig()); err != nil {
		return nil, err
	}
	var err error
	if k.Probes, err = freeAddress(ctx); err != nil {
		return nil, err
	}
	if k.Metrics, err = freeAddress(ctx); err != nil {
		return nil, err
	}
	k.process, err = process.Start(process.Command{
		Path: o.Program, Dir: o.Dir, Log: k.Log(), Mark: k.mark(), DieWithParent: o.DieWithParent,
		Env:  []string{"KUBECONFIG=" + k.kubeconfig(), "POD_NAMESPACE=" + c.Namespace},
		Args: append([]string{k.mark(), "--metrics-bind-address=" + k.Metrics}, o.Args...),
	})
	if err != nil {
		return nil, err
	}
	k.PID = k.process.PID()
	return k, nil
}

// Attach finds the process that another invocation started.
func (k *Controller) Attach() { k.process = process.Attach(k.PID, k.mark()) }

// Log is the file of what it says.
func (k *Controller) Log() string { return filepath.Join(k.Dir, "controller.log") }

func (k *Controller) kubeconfig() string { return filepath.Join(k.Dir, "kubeconfig") }

// mark is the argument by which its process is known.
func (k *Controller) mark() string { return "--health-probe-bind-address=" + k.Probes }

// Running is whether it lives.
func (k *Controller) Running() bool { return k.process.Running() }

// Kill ends it without asking.
func (k *Controller) Kill(ctx context.Context) error { return k.process.Kill(ctx) }

// Stop lets it end.
func (k *Controller) Stop(ctx context.Context) error {
	if err := k.process.Stop(ctx, stopGrace); err != nil {
		return fmt.Errorf("stopping the controller: %w", err)
	}
	return nil
}

// Ready waits until it says that it is ready.
func (k *Controller) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, controllerTimeout, fmt.Errorf("it is not ready after %s", controllerTimeout))
	defer cancel()
	for {
		err := errors.Join(answers(ctx, "http://"+k.Probes+"/healthz"), answers(ctx, "http://"+k.Probes+"/readyz"))
		if err == nil {
			return nil
		}
		if !k.Running() {
			return k.startError(errors.New("it ended"))
		}
		select {
		case <-ctx.Done():
			return k.startError(fmt.Errorf("%w: %w", context.Cause(ctx), err))
		case <-time.After(poll):
		}
	}
}

// startError quotes the end of the log.
func (k *Controller) startError(err error) error {
	const shown = 2 << 10
	text, _ := os.ReadFile(k.Log()) // the reason stands without it
	text = bytes.TrimSpace(text)
	return fmt.Errorf("starting the controller: %w\n--- end of %s\n%s", err, k.Log(), text[max(0, len(text)-shown):])
}

func answers(ctx context.Context, url string) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return fmt.Errorf("asking %s: %w", url, err)
	}
	q.Close = true // no idle connection outlives the question
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		return fmt.Errorf("asking %s: %w", url, err)
	}
	if err := a.Body.Close(); err != nil {
		return fmt.Errorf("asking %s: %w", url, err)
	}
	if a.StatusCode != http.StatusOK {
		return fmt.Errorf("asking %s: %s", url, a.Status)
	}
	return nil
}

// freeAddress is an address of 127.0.0.1 that nobody listens at.
func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a port: %w", err)
	}
	if err := l.Close(); err != nil {
		return "", fmt.Errorf("finding a port: %w", err)
	}
	return l.Addr().String(), nil
}
