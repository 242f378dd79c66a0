// Command icarus is the companion of one Cassandra node: a REST server that
// backs it up, restores it and runs operations on it over JMX.
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
	err := newRootCommand().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "icarus:", err)
		os.Exit(1)
	}
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "icarus",
		Short: "The companion of a Cassandra node: backup, restore and operations over REST",
		Long: `Icarus stands beside a Cassandra node and runs operations on it over JMX: backup,
restore, import, flush, cleanup. Operators send requests to its REST API; a request
with "globalRequest": true makes it coordinate the whole ring.`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newServerCommand(), newVersionCommand())
	return root
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print version, commit and build time",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "icarus %s\ncommit %s\nbuilt %s\n", version, commit, buildTime)
			return err
		},
	}
}
