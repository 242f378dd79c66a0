package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cli"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
	"github.com/icarus-sidecar/icarus/pkg/logging"
	"github.com/icarus-sidecar/icarus/pkg/nodeops"
	"github.com/icarus-sidecar/icarus/pkg/operation"
	"github.com/icarus-sidecar/icarus/pkg/secret"
	"github.com/icarus-sidecar/icarus/pkg/store"
)

// runFlags say where an operation runs and how it is shown.
type runFlags struct {
	jmx     jmxFlags
	server  string
	door    remoteDoor
	output  string
	verbose bool
}

func (f *runFlags) register(fs *pflag.FlagSet) {
	short := "o"
	if fs.ShorthandLookup(short) != nil { // it is --oldest in the original
		short = ""
	}
	fs.StringVar(&f.server, "server", "", "send the request to the sidecar at an address such as http://10.0.0.1:4567, instead of doing the work here")
	fs.StringVarP(&f.output, "output", short, "text", "text, or json: one line for each change of the operation")
	fs.BoolVarP(&f.verbose, "verbose", "v", false, "log what is done to standard error")
	f.door.register(fs)
	f.jmx.register(fs)
	registerHash(fs)
	registerConfig(fs, configUsage)
}

// run runs a request to its end and shows how it goes.
func (p program) run(cmd *cobra.Command, f *runFlags, c cli.Command, req rest.Request, warnings []string) (*rest.Operation, error) {
	format, err := cli.ParseFormat(f.output)
	if err != nil {
		return nil, err
	}
	for _, warning := range warnings {
		fmt.Fprintln(cmd.ErrOrStderr(), "warning:", warning)
	}
	progress := &cli.Progress{
		Out: cmd.OutOrStdout(), Err: cmd.ErrOrStderr(), Lines: format == cli.FormatJSON, Bar: isTerminal(cmd.ErrOrStderr()) && !f.verbose,
	}
	var done *rest.Operation
	err = p.withRunner(cmd.Context(), f, func(r cli.Runner) error {
		done, err = cli.Run(cmd.Context(), r, req, progress.See)
		return c.Explain(err)
	})
	return done, err
}

// isTerminal tells whether somebody looks at what is written.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// withRunner lends what runs operations: the sidecar that the flags name, or this
// process.
func (p program) withRunner(ctx context.Context, f *runFlags, do func(r cli.Runner) error) (err error) {
	if f.server != "" {
		c, err := f.door.client(f.server)
		if err != nil {
			return &cli.UsageError{Err: err}
		}
		defer c.Close()
		return do(c)
	}
	log := logr.Discard()
	if f.verbose {
		if log, err = logging.New(os.Stderr, logging.Text, 1); err != nil {
			return err
		}
	}
	var local cli.Local
	registry, err := p.registry(f, func(cluster.Node) (cluster.Peer, error) { return local, nil })
	if err != nil {
		return err
	}
	// What is left undone is nobody's to go on with: the journal goes with the process.
	dir, err := os.MkdirTemp("", "icarus-")
	if err != nil {
		return fmt.Errorf("making a directory for the journal: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// Not ctx: Ctrl-C cancels the operation, which then cleans up.
	manager, err := operation.New(context.WithoutCancel(ctx), operation.Config{Dir: dir, Registry: registry, Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopManager(ctx, manager)) }()
	local = cli.Local{Operations: manager, Clock: clock.RealClock{}}
	return do(local)
}

// registry has every kind of operation for the node beside this process. Whoever
// runs it may name any directory and Secret that he may use himself.
func (p program) registry(f *runFlags, peer func(cluster.Node) (cluster.Peer, error)) (operation.Registry, error) {
	options, err := store.OptionsFromEnv(p.lookup)
	if err != nil {
		return nil, err
	}
	node, err := p.node(&f.jmx)
	if err != nil {
		return nil, err
	}
	return nodeops.Kinds(&nodeops.Deps{
		Node: node, Store: options, Peer: peer, AllowedDirectories: []string{"/"}, Clock: clock.RealClock{}, CacheDir: cacheDir(p.lookup),
		Secrets: secret.Reader{Pod: secret.FromEnv(p.lookup), AllowAll: true},
	}, nil)
}
