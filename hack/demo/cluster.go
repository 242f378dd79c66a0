package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/go-logr/logr"
	logger "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/icarus-sidecar/icarus/api/v1alpha1"
	"github.com/icarus-sidecar/icarus/hack/kubernetes"
	"github.com/icarus-sidecar/icarus/hack/kubernetes/apiserver"
)

const (
	// config is the directory of the tree with all that is applied.
	config    = "config"
	namespace = "databases"
)

// podLabels are those that config/samples choose.
var podLabels = map[string]string{"app.kubernetes.io/name": "cassandra"}

// programs are those that a demo runs.
func (s settings) programs() []string {
	if s.kubernetes {
		return []string{binary, controllerBinary}
	}
	return []string{binary}
}

func (s *stage) kubernetes() string { return filepath.Join(s.dir, "kubernetes") }

// startKubernetes starts an API server and the controller, with a pod for each
// sidecar. There is no kubelet: what runs in the pods runs already.
func (s *stage) startKubernetes(ctx context.Context, out io.Writer, dieWithParent bool) error {
	logger.SetLogger(logr.Discard()) // what fails is returned, too
	var err error
	s.apiServer, err = apiserver.Up(ctx, apiserver.Options{Dir: s.kubernetes(), Namespace: namespace, DieWithParent: dieWithParent, Output: out})
	if err != nil {
		return err
	}
	if s.cluster, err = kubernetes.New(s.apiServer, namespace); err != nil {
		return err
	}
	if err := s.cluster.Install(ctx, config); err != nil {
		return err
	}
	fmt.Fprintf(out, "A kube-apiserver answers at %s, with the definitions of %s/crd\n", s.apiServer.URL, config)
	pods := make([]string, 0, nodes)
	for _, one := range s.sidecars {
		pod := fmt.Sprintf("cassandra-%d", one.Index-1)
		if err := s.cluster.AddPod(ctx, pod, one.Address, v1alpha1.DefaultPort, podLabels); err != nil {
			return err
		}
		pods = append(pods, fmt.Sprintf("%s (%s)", pod, one.Address))
	}
	fmt.Fprintf(out, "Three pods in namespace %s stand for the sidecars: %s\n", namespace, strings.Join(pods, ", "))
	program, err := filepath.Abs(controllerBinary)
	if err != nil {
		return fmt.Errorf("finding the controller: %w", err)
	}
	s.controller, err = s.cluster.StartController(ctx, kubernetes.ControllerOptions{
		Program: program, Dir: filepath.Join(s.dir, "controller"), DieWithParent: dieWithParent,
	})
	if err != nil {
		return err
	}
	if err := s.write(); err != nil {
		return err
	}
	if err := s.controller.Ready(ctx); err != nil {
		return err
	}
	text := ""
	if u, err := usageOf(s.controller.PID); err == nil {
		text = "; idle in memory: " + megabytes(u.rss)
	}
	fmt.Fprintf(out, "The controller works there as a ServiceAccount with the rights of %s/rbac%s\n", config, text)
	return nil
}

// runningKubernetes lists what of it runs.
func (s *stage) runningKubernetes() []string {
	var list []string
	if s.controller != nil && s.controller.Running() {
		list = append(list, fmt.Sprintf("controller, process %d", s.controller.PID))
	}
	if s.apiServer != nil && s.apiServer.Running() {
		list = append(list, "kube-apiserver at "+s.apiServer.URL)
	}
	return list
}

// strikeKubernetes stops it, the controller first: it does not cancel what is at work.
func (s *stage) strikeKubernetes(ctx context.Context) error {
	var errs []error
	if s.controller != nil {
		errs = append(errs, s.controller.Stop(ctx))
	}
	if s.cluster != nil {
		s.cluster.Close()
	}
	if s.apiServer != nil {
		errs = append(errs, s.apiServer.Down(ctx))
	}
	return errors.Join(errs...)
}

// logs are where programs tell what they do.
func (s *stage) logs() []string {
	list := []string{filepath.Join(s.dir, "sidecar*", "icarus.log"), filepath.Join(s.dir, "cassandra", "node*", "logs", "system.log")}
	if s.controller != nil {
		list = append(list, s.controller.Log())
	}
	if s.apiServer != nil {
		list = append(list, s.apiServer.Logs()...)
	}
	return list
}
