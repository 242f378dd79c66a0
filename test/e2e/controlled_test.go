package e2e_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/icarus-sidecar/icarus/api/v1alpha1"
	"github.com/icarus-sidecar/icarus/hack/kubernetes"
	"github.com/icarus-sidecar/icarus/hack/kubernetes/apiserver"
)

const (
	config    = "../../config"
	namespace = "databases"
	// finishPatience is for an object to end, on a busy machine.
	finishPatience = 10 * time.Minute
)

// podLabels are those that config/samples choose.
var podLabels = map[string]string{"app.kubernetes.io/name": "cassandra"}

// controlled is an API server with a controller.
type controlled struct {
	*kubernetes.Cluster
	*kubernetes.Controller
	options kubernetes.ControllerOptions
}

// control starts an API server with the definitions and rights of config. The
// controller is not started yet.
func control(t *testing.T, program func() (string, error), args ...string) *controlled {
	t.Helper()
	ctrl.SetLogger(logr.Discard()) // what fails is returned, too
	apiserver.ForTest(t)
	s, err := apiserver.Up(t.Context(), apiserver.Options{Dir: t.TempDir(), DieWithParent: true, Output: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Down(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	c := &controlled{options: kubernetes.ControllerOptions{Dir: t.TempDir(), Args: args, DieWithParent: true}}
	if c.Cluster, err = kubernetes.New(s, namespace); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := c.Install(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	if c.options.Program, err = program(); err != nil {
		t.Fatal(err)
	}
	return c
}

// start starts the controller.
func (c *controlled) start(t *testing.T) {
	t.Helper()
	k, err := c.StartController(t.Context(), c.options)
	if err != nil {
		t.Fatal(err)
	}
	if c.Controller == nil { // the first one
		t.Cleanup(func() { c.kill(t) })
	}
	c.Controller = k
	if err := k.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (c *controlled) kill(t *testing.T) {
	t.Helper()
	if err := c.Kill(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
	if t.Failed() {
		log, _ := os.ReadFile(c.Log())
		t.Logf("the log of the controller ends in\n%s", log[max(0, len(log)-4000):])
	}
}

// apply applies a file of config/samples.
func (c *controlled) apply(t *testing.T, sample string, edits ...kubernetes.Edit) {
	t.Helper()
	m, err := kubernetes.ReadManifest(filepath.Join(config, "samples", sample), edits...)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Apply(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

// until waits until an object is as it should be, and fails when it has ended and is not.
func (c *controlled) until(t *testing.T, o client.Object, status *v1alpha1.OperationStatus, is func() bool) {
	t.Helper()
	o.SetNamespace(namespace)
	deadline := time.Now().Add(finishPatience)
	for {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			t.Fatal(err)
		}
		switch {
		case is():
			return
		case status.IsFinished():
			t.Fatalf("%s ended with %+v, %+v", o.GetName(), status.Conditions, status.Errors)
		case time.Now().After(deadline):
			t.Fatalf("%s takes for ever: %+v", o.GetName(), status)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
