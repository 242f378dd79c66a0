package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cli"
	"github.com/icarus-sidecar/icarus/pkg/client"
)

// remoteFlags name a sidecar.
type remoteFlags struct {
	server string
	door   remoteDoor
	output string
}

func newOperationsCommand() *cobra.Command {
	f := &remoteFlags{}
	cmd := &cobra.Command{
		Use:   "operations",
		Short: "Look at, watch and cancel the operations of a sidecar",
		Args:  cobra.ArbitraryArgs,
		RunE:  help,
	}
	cmd.PersistentFlags().StringVar(&f.server, "server", "http://127.0.0.1:4567", "address of the sidecar")
	cmd.PersistentFlags().StringVarP(&f.output, "output", "o", "text", "text, or json: one operation a line")
	f.door.register(cmd.PersistentFlags())
	registerConfig(cmd.PersistentFlags(), configUsage)
	cmd.AddCommand(f.newListCommand(), f.newGetCommand(), f.newWatchCommand(), f.newCancelCommand())
	return cmd
}

// with lends a client.
func (f *remoteFlags) with(do func(c *client.Client, format cli.Format) error) error {
	format, err := cli.ParseFormat(f.output)
	if err != nil {
		return err
	}
	c, err := f.door.client(f.server)
	if err != nil {
		return &cli.UsageError{Err: err}
	}
	defer c.Close()
	err = do(c, format)
	if errors.Is(err, client.ErrUnreachable) {
		return fmt.Errorf("%w; --server names the sidecar, which is %s now", err, f.server)
	}
	return err
}

func (f *remoteFlags) newListCommand() *cobra.Command {
	var types, states []string
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List operations, the newest first",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.with(func(c *client.Client, format cli.Format) error {
				filter := client.Filter{Types: types}
				for _, s := range states {
					filter.States = append(filter.States, rest.State(strings.ToUpper(s)))
				}
				ops, err := c.Operations(cmd.Context(), filter)
				if err != nil {
					return err
				}
				if format == cli.FormatText {
					return cli.Operations(cmd.OutOrStdout(), ops)
				}
				enc := json.NewEncoder(cmd.OutOrStdout())
				for _, op := range ops {
					if err := enc.Encode(op); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	cmd.Flags().StringSliceVar(&types, "type", nil, "types, such as backup,restore")
	cmd.Flags().StringSliceVar(&states, "state", nil, "states, such as running,failed")
	return cmd
}

func (f *remoteFlags) newGetCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "get ID",
		Short: "Print an operation as JSON",
		Args:  oneID,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(func(c *client.Client, format cli.Format) error {
				op, err := c.Operation(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				enc := json.NewEncoder(cmd.OutOrStdout())
				if format == cli.FormatText {
					enc.SetIndent("", "  ")
				}
				return enc.Encode(op)
			})
		},
	}
}

func (f *remoteFlags) newWatchCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "watch ID",
		Short: "Follow an operation to its end, and exit as it ended",
		Long:  "Follow an operation to its end, and exit as it ended. Ctrl-C ends the watching, and not the operation.",
		Args:  oneID,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(func(c *client.Client, format cli.Format) error {
				progress := &cli.Progress{
					Out: cmd.OutOrStdout(), Err: cmd.ErrOrStderr(), Lines: format == cli.FormatJSON, Bar: isTerminal(cmd.ErrOrStderr()),
				}
				op, err := c.Watch(cmd.Context(), args[0], progress.See)
				if err != nil {
					return err
				}
				return cli.Outcome(*op)
			})
		},
	}
}

func (f *remoteFlags) newCancelCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cancel ID",
		Short: "Ask an operation to stop",
		Args:  oneID,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(func(c *client.Client, _ cli.Format) error { return c.Cancel(cmd.Context(), args[0]) })
		},
	}
}

// oneID takes the id of an operation.
func oneID(cmd *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	return &cli.UsageError{Err: fmt.Errorf("%s takes the id of one operation; icarus operations ls lists them", cmd.CommandPath())}
}
