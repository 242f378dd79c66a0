// Command icarus-controller reconciles CassandraBackup and CassandraRestore: it
// coordinates the sidecars of Cassandra clusters on Kubernetes.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Set by the linker, see the Makefile.
var (
	version   = "development"
	commit    = "unknown"
	buildTime = "unknown"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newCommand().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "icarus-controller:", err)
		os.Exit(1)
	}
}

func newCommand() *cobra.Command {
	f := &flags{}
	cmd := &cobra.Command{
		Use:   "icarus-controller",
		Short: "Back up and restore Cassandra clusters from Kubernetes objects",
		Long: `Icarus-controller carries out CassandraBackup and CassandraRestore objects: it finds
the sidecars of a cluster by the labels of its pods, sends each its part, and
tells in the status how far they are. All that it remembers is in the objects, so it
may be stopped and started at any time.

The API server is the one of the pod that it runs in, or of $KUBECONFIG.`,
		Example: `  # beside the clusters of one namespace
  icarus-controller --namespaces databases

  # to sidecars that ask for a token, over TLS
  icarus-controller --namespaces databases --sidecar-tls-ca /etc/icarus/ca.crt --sidecar-token-file /var/run/secrets/icarus/token`,
		Args:          cobra.NoArgs,
		Version:       fmt.Sprintf("%s (commit %s, built %s)", version, commit, buildTime),
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), f) },
	}
	f.register(cmd.Flags())
	return cmd
}
