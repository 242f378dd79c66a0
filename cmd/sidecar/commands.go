package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cli"
	"github.com/icarus-sidecar/icarus/pkg/store"
)

const credentialsHelp = `

Credentials of s3:// come from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
AWS_REGION, or any other way of the AWS SDK; AWS_ENDPOINT for another server than Amazon's).`

// engineCommands run operations without a server.
func (p program) engineCommands() []*cobra.Command {
	return []*cobra.Command{
		p.newBackupCommand(), p.newRestoreCommand(), p.newListCommand(), p.newRemoveBackupCommand(), p.newVerifyCommand(),
		p.newCommitLogBackupCommand(), p.newCommitLogRestoreCommand(),
	}
}

func (p program) newBackupCommand() *cobra.Command {
	return p.newPlainCommand(cli.Backup, &cobra.Command{
		Use:   "backup",
		Short: "Back this node up",
		Long:  "Back up the Cassandra node beside this process, which must see its data directories." + credentialsHelp,
		Example: `  icarus backup --storage-location s3://backups --snapshot-tag friday --entities ks1,ks2

  # the whole ring, which a sidecar coordinates
  icarus backup --storage-location s3://backups --global-request --server http://10.0.0.1:4567`,
		PreRunE: needsServer,
	})
}

// needsServer refuses to coordinate a ring from here: that must go on when a
// terminal is closed.
func needsServer(cmd *cobra.Command, _ []string) error {
	global, err := cmd.Flags().GetBool("global-request")
	server, serr := cmd.Flags().GetString("server")
	if err := errors.Join(err, serr); err != nil || !global || server != "" {
		return err
	}
	return &cli.UsageError{Err: errors.New("--global-request needs --server http://host:4567, a sidecar that coordinates the ring")}
}

func (p program) newRestoreCommand() *cobra.Command {
	f := &runFlags{}
	cmd := &cobra.Command{
		Use:   "restore",
		Short: "Restore a backup into this node",
		Long: `Restore a backup into the Cassandra node beside this process.

Without --restoration-phase-type all phases are done, one after another, which is for a
cluster of one node: a truncation empties tables on all nodes. A larger one is restored
by its sidecars, with --global-request and --server.

IN_PLACE is for a node that is stopped, such as one that an init container prepares.
--storage-location must name the node, or with --resolve-host-id-from-topology its host.` + credentialsHelp,
		Example: `  icarus restore --storage-location s3://backups --snapshot-tag friday --entities ks1 \
    --restoration-strategy-type HARDLINKS --import-source-dir /var/lib/cassandra/downloads

  # before the first start of a node of a new cluster
  icarus restore --storage-location s3://backups/shop/dc1/cassandra-0 --snapshot-tag friday \
    --restoration-strategy-type IN_PLACE --resolve-host-id-from-topology \
    --restore-into-new-cluster --update-cassandra-yaml --if-absent skip`,
		Args:    noArgs,
		PreRunE: needsServer,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("restoration-strategy-type") {
				return &cli.UsageError{Err: errors.New("--restoration-strategy-type is missing: HARDLINKS, IMPORT or IN_PLACE")}
			}
			req, warnings, err := p.restoreRequest(cmd, f)
			if err != nil {
				return err
			}
			_, err = p.run(cmd, f, cli.Restore, req, warnings)
			return err
		},
	}
	cli.Restore.Register(cmd.Flags())
	f.register(cmd.Flags())
	return cmd
}

// restoreRequest is of one phase or, where none is named, a global one of the ring
// that this node is alone.
func (p program) restoreRequest(cmd *cobra.Command, f *runFlags) (rest.Request, []string, error) {
	req, warnings, err := cli.Restore.Request(cmd.Flags(), nil)
	if err != nil {
		return nil, nil, err
	}
	r := req.(*rest.RestoreRequest) //nolint:forcetypeassert // it is of that type
	if f.server != "" || r.RestorationPhase != "" || r.RestorationStrategyType == rest.StrategyInPlace {
		return req, warnings, nil
	}
	if err := p.requireAlone(cmd.Context(), f, r.StorageLocation); err != nil {
		return nil, nil, err
	}
	return cli.Restore.Request(cmd.Flags(), map[string]any{"globalRequest": true, "restorationPhase": rest.PhaseInit})
}

// lookPatience is how long Cassandra may take to tell who it is.
const lookPatience = 30 * time.Second

// requireAlone refuses to do all phases where other nodes would lose what the
// truncation empties, or where the backup is another node's.
func (p program) requireAlone(ctx context.Context, f *runFlags, location string) error {
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	node, err := p.node(&f.jmx)
	if err != nil {
		return err
	}
	ring, err := node.Ring(ctx)
	if err != nil {
		return err
	}
	if len(ring) != 1 {
		return fmt.Errorf("the ring has %d nodes, and a truncation empties tables on all of them: "+
			"restore with --global-request and --server, or phase by phase with --restoration-phase-type", len(ring))
	}
	l, err := store.ParseLocation(location)
	if err != nil || !l.HasNode() {
		return nil // the request is checked anyway, and says it of the flag
	}
	id, err := node.Identity(ctx)
	if err != nil {
		return err
	}
	if own := l.WithNode(id.ClusterName, id.Datacenter, id.HostID); own != l {
		return &cli.UsageError{Err: fmt.Errorf("--storage-location is of another node: this one is %s; "+
			"to restore another's, name each phase with --restoration-phase-type", own)}
	}
	return nil
}

// listFlags say how a list is printed.
type listFlags struct {
	runFlags
	json, human, simple bool
	file                string
}

func (p program) newListCommand() *cobra.Command {
	f := &listFlags{}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the backups in a bucket",
		Long: `List the backups of a node, or with --global-request of all nodes in the bucket, the
newest first. What is reclaimable is what no other backup of the node needs. Cassandra is
asked only where --storage-location names no node, or with --resolve-nodes.` + credentialsHelp,
		Example: `  icarus list --storage-location s3://backups --human-units
  icarus list --storage-location s3://backups --global-request --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			req, warnings, err := cli.List.Request(cmd.Flags(), nil)
			if err != nil {
				return err
			}
			done, err := p.run(cmd, &f.runFlags, cli.List, req, warnings)
			if err != nil || f.output == string(cli.FormatJSON) && f.file == "" {
				return err
			}
			return f.show(cmd.OutOrStdout(), done)
		},
	}
	fs := cmd.Flags()
	cli.List.Register(fs)
	fs.BoolVar(&f.json, "json", false, "print the result as JSON")
	fs.BoolVar(&f.human, "human-units", false, "print sizes in KiB, MiB and so on")
	fs.BoolVar(&f.simple, "simple-format", false, "print the names only")
	fs.StringVar(&f.file, "to-file", "", "write the list to a file")
	f.register(fs)
	return cmd
}

func (f *listFlags) show(out io.Writer, op *rest.Operation) (err error) {
	var result rest.ListResult
	if err := op.DecodeResult(&result); err != nil {
		return err
	}
	if f.file != "" {
		file, err := os.Create(f.file)
		if err != nil {
			return fmt.Errorf("writing --to-file: %w", err)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		out = file
	}
	switch {
	case f.json:
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(result)
	case f.simple:
		return cli.Names(out, result)
	default:
		return cli.Backups(out, result, f.human)
	}
}

func (p program) newRemoveBackupCommand() *cobra.Command {
	f := &runFlags{}
	var rate string
	cmd := &cobra.Command{
		Use:   "remove-backup",
		Short: "Remove backups from a bucket",
		Long: `Remove one backup by its name, those of some age, or the oldest, of a node or with
--global-request of all nodes in the bucket. Nothing goes that a backup needs which stays,
and nothing at all while a backup of the node runs.` + credentialsHelp,
		Example: `  icarus remove-backup --storage-location s3://backups --older-than 14d --keep-at-least 7 --dry
  icarus remove-backup --storage-location s3://backups \
    --backup-name friday-6f5e9841-4f97-3198-9398-161b445b3954-1769946556811`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			every, err := parseRate(rate)
			if err != nil {
				return err
			}
			for {
				err := p.removeOnce(cmd, f)
				if every == 0 || cmd.Context().Err() != nil || cli.ExitCode(err) == cli.ExitUsage {
					return err
				}
				if err != nil { // the next time may go well
					fmt.Fprintln(cmd.ErrOrStderr(), "icarus:", err)
				}
				if !pause(cmd.Context(), every) {
					return nil
				}
			}
		},
	}
	fs := cmd.Flags()
	cli.RemoveBackup.Register(fs)
	fs.StringVarP(&rate, "rate", "r", "", `do it again and again, once in a time such as "1d", until it is interrupted`)
	f.register(fs)
	return cmd
}

func (p program) removeOnce(cmd *cobra.Command, f *runFlags) error {
	req, warnings, err := cli.RemoveBackup.Request(cmd.Flags(), nil)
	if err != nil {
		return err
	}
	done, err := p.run(cmd, f, cli.RemoveBackup, req, warnings)
	if done == nil || len(done.Result) == 0 || f.output == string(cli.FormatJSON) {
		return err
	}
	var result rest.RemoveBackupResult
	return errors.Join(err, done.DecodeResult(&result), cli.Removed(cmd.OutOrStdout(), result))
}

func parseRate(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	var rate rest.Duration
	if err := rate.UnmarshalJSON([]byte(`"` + strings.ReplaceAll(text, `"`, "") + `"`)); err != nil || rate.Value < 1 {
		return 0, &cli.UsageError{Err: fmt.Errorf(`--rate %q is not a time such as "1d" or "12h"`, text)}
	}
	return rate.Duration(), nil
}

// pause waits, and tells whether to go on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
