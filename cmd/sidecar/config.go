package main

import (
	"errors"
	"io/fs"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/icarus-sidecar/icarus/pkg/cli"
)

// settingsFile is what the server reads where it is there and no other is named.
const settingsFile = "/etc/icarus/icarus.yaml"

// readsByItself marks the commands that read settingsFile.
const readsByItself = "icarus_reads_settings"

const (
	configFlag  = "config"
	configUsage = "file with settings (YAML), the keys of which are flags; those of other commands are passed over"
)

// registerConfig gives a command a file of settings.
func registerConfig(fs *pflag.FlagSet, usage string) {
	fs.String(configFlag, "", usage)
	cli.OnCommandLine(fs, configFlag)
}

// bindFile sets the flags that neither the command line nor the environment sets
// and that a file of settings does.
func (p program) bindFile(cmd *cobra.Command) error {
	flags := cmd.Flags()
	flag := flags.Lookup(configFlag)
	if flag == nil {
		return nil
	}
	path := flag.Value.String()
	own := !flag.Changed && cmd.Annotations[readsByItself] != ""
	if own {
		path = p.settings
	}
	if path == "" {
		return nil
	}
	settings, err := cli.ReadSettings(path)
	if own && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return usageError(err)
	}
	return settings.Apply(flags, flagsBelow(cmd.Root()))
}

func usageError(err error) error {
	var usage *cli.UsageError
	if errors.As(err, &usage) {
		return err
	}
	return &cli.UsageError{Err: err}
}

// flagsBelow are the flags of a command and those below it.
func flagsBelow(cmd *cobra.Command) []*pflag.FlagSet {
	commands := cmd.Commands()
	sets := append(make([]*pflag.FlagSet, 0, 2+len(commands)), cmd.Flags(), cmd.PersistentFlags())
	for _, below := range commands {
		sets = append(sets, flagsBelow(below)...)
	}
	return sets
}

func newConfigCommand() *cobra.Command {
	f := &serverFlags{}
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print the settings of the server, as its file has them",
		Long: `Print the settings that the server would start with, as a file of settings: each with
what it is for and its default, which is commented out, and what it is set to where the
command line, the environment or a file sets it. What is printed is such a file.`,
		Example: `  icarus config >icarus.yaml`,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cli.WriteSettings(cmd.OutOrStdout(), cmd.LocalFlags(), configHeading)
		},
		Annotations: map[string]string{readsByItself: "true"},
	}
	cmd.Flags().SortFlags = false
	f.register(cmd.Flags())
	return cmd
}

const configHeading = `Settings of icarus server. The keys are its flags: icarus server --help.

What the command line says goes before the environment (--listen is ICARUS_LISTEN), and
that before this file. What is commented out is the default. Passwords and the keys of
buckets are not kept here: they are in the environment, or in files that are named here.`
