package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/icarus-sidecar/icarus/pkg/controller"
	"github.com/icarus-sidecar/icarus/pkg/logging"
)

// flags are the settings of the controller.
type flags struct {
	namespaces      []string
	metrics, probes string
	leaderElect     bool
	leaderNamespace string
	sidecars        sidecarFlags
	logFormat       string
	verbosity       int
}

func (f *flags) register(fs *pflag.FlagSet) {
	fs.StringSliceVar(&f.namespaces, "namespaces", nil, "namespaces to watch; that of the pod ($POD_NAMESPACE) by default")
	fs.StringVar(&f.metrics, "metrics-bind-address", ":8080", "address of the metrics; 0 for none")
	fs.StringVar(&f.probes, "health-probe-bind-address", ":8081", "address of /healthz and /readyz; 0 for none")
	fs.BoolVar(&f.leaderElect, "leader-elect", false, "let one of several controllers work at a time")
	fs.StringVar(&f.leaderNamespace, "leader-election-namespace", "", "namespace of the lease; that of the pod by default")
	f.sidecars.register(fs)
	fs.StringVar(&f.logFormat, "log-format", "json", "format of the log: json or text")
	fs.IntVarP(&f.verbosity, "verbosity", "v", 0, "0 logs changes of state, higher numbers more")
}

const (
	namespaceVariable = "POD_NAMESPACE"
	leaseName         = "icarus-controller"
	// stopPatience is how long passes may take to end; the next leader goes on.
	stopPatience = 20 * time.Second
)

func run(ctx context.Context, f *flags) error {
	log, err := logging.New(os.Stderr, logging.Format(f.logFormat), f.verbosity)
	if err != nil {
		return err
	}
	ctrl.SetLogger(log)
	namespaces, err := f.watched(os.Getenv(namespaceVariable))
	if err != nil {
		return err
	}
	options, err := f.sidecars.options()
	if err != nil {
		return err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("finding the API server: %w", err)
	}
	scheme, err := controller.Scheme()
	if err != nil {
		return err
	}
	patience := stopPatience
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme, Logger: log, Cache: controller.CacheOptions(namespaces),
		Metrics: server.Options{BindAddress: f.metrics}, HealthProbeBindAddress: f.probes,
		LeaderElection: f.leaderElect, LeaderElectionID: leaseName, LeaderElectionNamespace: f.leaderNamespace,
		// The process ends with run, so that the next leader need not wait.
		LeaderElectionReleaseOnCancel: true, GracefulShutdownTimeout: &patience,
	})
	if err != nil {
		return fmt.Errorf("setting up: %w", err)
	}
	sidecars := controller.NewSidecars(options)
	defer sidecars.Close()
	err = errors.Join(
		manager.AddHealthzCheck("ping", healthz.Ping), manager.AddReadyzCheck("ping", healthz.Ping),
		controller.SetupWithManager(ctx, manager, controller.Options{Sidecars: sidecars}),
	)
	if err != nil {
		return fmt.Errorf("setting up: %w", err)
	}
	log.Info("Starting", "version", version, "commit", commit, "namespaces", namespaces, "scheme", options.Scheme())
	return manager.Start(ctx)
}

// watched are the namespaces: those that are named, or the own one.
func (f *flags) watched(own string) ([]string, error) {
	var named []string
	for _, n := range f.namespaces {
		if n = strings.TrimSpace(n); n != "" {
			named = append(named, n)
		}
	}
	switch {
	case len(named) > 0:
		return named, nil
	case own != "":
		return []string{own}, nil
	default:
		return nil, fmt.Errorf("--namespaces is missing, and so is %s: name the namespaces to watch", namespaceVariable)
	}
}
