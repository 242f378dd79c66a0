package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cli"
)

func (p program) newVerifyCommand() *cobra.Command {
	f := &runFlags{}
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Verify that the backups in a bucket can still be restored",
		Long: `Verify that every object that the backups of a node need, or with --global-request those
of all nodes in the bucket, is there and is what it was. It exits with 1 where one is not,
and names it. Nothing is written.

Each level does what those before it do. list costs a request for a thousand objects, size
one for each object, and digest reads every byte: it alone finds what has changed and has
kept its size.` + credentialsHelp,
		Example: `  icarus verify --storage-location s3://backups --global-request
  icarus verify --storage-location s3://backups --snapshot-tag friday --level digest --bandwidth 50mbps`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			req, warnings, err := cli.Verify.Request(cmd.Flags(), nil)
			if err != nil {
				return err
			}
			done, err := p.run(cmd, f, cli.Verify, req, warnings)
			if done == nil || len(done.Result) == 0 || f.output == string(cli.FormatJSON) {
				return err
			}
			var result rest.VerifyResult
			return errors.Join(err, done.DecodeResult(&result), cli.Verified(cmd.OutOrStdout(), result))
		},
	}
	cli.Verify.Register(cmd.Flags())
	f.register(cmd.Flags())
	return cmd
}
