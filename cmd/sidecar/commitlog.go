package main

import (
	"github.com/spf13/cobra"

	"github.com/icarus-sidecar/icarus/pkg/cli"
)

func (p program) newCommitLogBackupCommand() *cobra.Command {
	return p.newPlainCommand(cli.CommitLogBackup, &cobra.Command{
		Use:   "commitlog-backup",
		Short: "Back up the commit log of this node",
		Long: `Back up the full segments of the commit log of the Cassandra node beside this process:
one, those in an archive, or those in the directory of the commit log. The segment that
Cassandra writes is left for another time. Cassandra is asked for what the command line
does not tell; an archive_command need not ask it anything.` + credentialsHelp,
		Example: `  icarus commitlog-backup --storage-location s3://backups --online

  # in commitlog_archiving.properties
  archive_command=/usr/local/bin/icarus commitlog-backup --storage-location=s3://backups/c/dc1/id --commit-log=%path`,
	})
}

func (p program) newCommitLogRestoreCommand() *cobra.Command {
	return p.newPlainCommand(cli.CommitLogRestore, &cobra.Command{
		Use:   "commitlog-restore",
		Short: "Make this node replay its commit log up to a point in time",
		Long: `Download the commit log up to a point in time, and tell Cassandra in
commitlog_archiving.properties to replay it when it is started. Cassandra must be stopped
or drained. Its own commit log is moved beside its directory.

When it has started, delete commitlog_archiving.properties, or the lines restore_* of it:
it would replay again.` + credentialsHelp,
		Example: `  icarus commitlog-restore --storage-location s3://backups/c/dc1/id --timestamp-end 1795409334000 \
    --commitlog-download-dir /var/lib/cassandra/replay --commit-log-dir /var/lib/cassandra/commitlog`,
	})
}

// newPlainCommand runs a request that its flags say all about.
func (p program) newPlainCommand(c cli.Command, cmd *cobra.Command) *cobra.Command {
	f := &runFlags{}
	cmd.Args = noArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		req, warnings, err := c.Request(cmd.Flags(), nil)
		if err != nil {
			return err
		}
		_, err = p.run(cmd, f, c, req, warnings)
		return err
	}
	c.Register(cmd.Flags())
	f.register(cmd.Flags())
	return cmd
}
