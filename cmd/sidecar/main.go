// Command icarus is the companion of one Cassandra node: a REST server that
// backs it up, restores it and runs operations on it over JMX. The same engine
// runs as a command line.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/cli"
	"github.com/icarus-sidecar/icarus/pkg/nodeops"
)

// Set by the linker, see the Makefile.
var (
	version   = "development"
	commit    = "unknown"
	buildTime = "unknown"
)

func main() {
	limitMemory(os.DirFS("/"), os.LookupEnv)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	err := newRootCommand().ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "icarus:", err)
	}
	os.Exit(cli.ExitCode(err))
}

// program is what the command line runs on.
type program struct {
	// node is the one beside it.
	node func(f *jmxFlags) (nodeops.Node, error)
	// lookup reads the environment.
	lookup func(string) (string, bool)
	// settings is the file that the server reads if it is there.
	settings string
}

func newRootCommand() *cobra.Command {
	return program{node: overJMX, lookup: os.LookupEnv, settings: settingsFile}.root()
}

func overJMX(f *jmxFlags) (nodeops.Node, error) {
	dial, err := f.dialer()
	if err != nil {
		return nil, usageError(err)
	}
	return cassandra.New(dial), nil
}

func (p program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "icarus",
		Short: "The companion of a Cassandra node: backup, restore and operations over REST",
		Long: `Icarus stands beside a Cassandra node and runs operations on it over JMX: backup,
restore, import, flush, cleanup. Operators send requests to its REST API; a request
with "globalRequest": true makes it coordinate the whole ring. The commands backup,
restore, list, verify and remove-backup do the same without a server.

Every flag is also an environment variable (--jmx-address is ICARUS_JMX_ADDRESS), and a
line of the YAML file of --config (jmx-address: 10.0.0.1:7199). The command line goes
before the environment, and that before the file.

It exits with 0 when all is done, 1 when something failed, 2 when the command line is
wrong, and 130 when the operation was cancelled, as Ctrl-C does.`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.ArbitraryArgs,
		RunE:          help,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := bindEnvironment(cmd.Flags(), p.lookup); err != nil {
				return err
			}
			return p.bindFile(cmd)
		},
	}
	root.SetFlagErrorFunc(flagError)
	root.Flags().BoolP("version", "V", false, "print the version")
	root.AddCommand(newServerCommand(), newConfigCommand(), newVersionCommand(), newOperationsCommand())
	root.AddCommand(p.engineCommands()...)
	root.AddCommand(p.newEsopCommand())
	return root
}

// former are flags of the original that are none here, and what is there instead.
var former = map[string]string{
	"jmx-password":            "the password is in the environment (" + passwordVariable + ") or in the file of --jmx-credentials, where others do not see it",
	"jmx-truststore":          "certificates are PEM files: --jmx-tls and --jmx-ca",
	"jmx-truststore-password": "certificates are PEM files, which need none: --jmx-tls and --jmx-ca",
	"jmx-keystore":            "certificates are PEM files: --jmx-tls, --jmx-cert and --jmx-key",
	"jmx-keystore-password":   "certificates are PEM files, which need none: --jmx-tls, --jmx-cert and --jmx-key",
	"jmx-client-auth":         "to show a certificate is enough: --jmx-tls, --jmx-cert and --jmx-key",
}

// flagError tells the way out.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		if instead, ok := former[unknown.GetSpecifiedName()]; ok {
			return &cli.UsageError{Err: fmt.Errorf("there is no --%s: %s", unknown.GetSpecifiedName(), instead)}
		}
	}
	return &cli.UsageError{Err: fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
}

// help is what a command does that has others below it.
func help(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	hint := ""
	const typos = 2 // what cobra takes, where it looks by itself
	cmd.SuggestionsMinimumDistance = typos
	if similar := cmd.SuggestionsFor(args[0]); len(similar) > 0 {
		hint = ", as there is " + strings.Join(similar, ", ")
	}
	return &cli.UsageError{Err: fmt.Errorf("there is no command %q%s; see %s --help", args[0], hint, cmd.CommandPath())}
}

// noArgs refuses arguments that are no flags.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &cli.UsageError{Err: fmt.Errorf("%q is no flag of %s; see its --help", args[0], cmd.CommandPath())}
}

// newEsopCommand has the spellings of the original's tool.
func (p program) newEsopCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:    "esop",
		Short:  "The commands under their former names",
		Hidden: true,
		Args:   cobra.ArbitraryArgs,
		RunE:   help,
	}
	cmd.AddCommand(p.engineCommands()...)
	return cmd
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print version, commit and build time",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "icarus %s\ncommit %s\nbuilt %s\n", version, commit, buildTime)
			return err
		},
	}
}

// alias gives a flag another name.
func alias(fs *pflag.FlagSet, name, other string) {
	former := fs.GetNormalizeFunc()
	fs.SetNormalizeFunc(func(fs *pflag.FlagSet, s string) pflag.NormalizedName {
		if s == other {
			s = name
		}
		return former(fs, s)
	})
}
