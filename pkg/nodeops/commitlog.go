package nodeops

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/commitlog"
	"github.com/icarus-sidecar/icarus/pkg/operation"
	"github.com/icarus-sidecar/icarus/pkg/store"
)

// commitLogBackup brings segments of this node's commit log to the bucket.
func commitLogBackup(d *Deps) operation.Kind {
	return operation.Define(rest.TypeCommitLogBackup, operation.Spec[rest.CommitLogBackupRequest]{
		Run: d.backupCommitLog,
		// Two would read the same segments; an archive_command waits for its turn.
		Exclusive: func(*rest.CommitLogBackupRequest) (string, bool) { return rest.TypeCommitLogBackup, true },
		Check:     func(_ context.Context, r *rest.CommitLogBackupRequest) error { return d.checkStore(r.Store) },
		Resumable: true, // what is in the bucket is not sent again
	})
}

func (d *Deps) backupCommitLog(ctx context.Context, r *rest.CommitLogBackupRequest, h *operation.Handle) error {
	location, err := d.locateOne(ctx, scope{store: r.Store, resolve: r.Online})
	if err != nil {
		return err
	}
	request, err := d.commitLogSource(ctx, r, h)
	if err != nil {
		return err
	}
	// So that it goes on in the same place, and an answer tells which that is.
	err = h.Update(func(req rest.Request) {
		req.(*rest.CommitLogBackupRequest).StorageLocation = location.String() //nolint:forcetypeassert // the request of this very Run
	})
	if err != nil {
		return err
	}
	request.Parallel, request.Limits, request.Clock = r.ConcurrentConnections, d.limits(), d.Clock
	if r.Bandwidth != nil {
		request.BytesPerSecond = r.Bandwidth.BytesPerSecond()
	}
	if r.Duration != nil {
		request.Duration = r.Duration.Duration()
	}
	return d.withBucket(ctx, r.Store, location, r.CreateMissingBucket, func(b store.Bucket) error {
		result, err := commitlog.Backup(ctx, nodeBucket(b, location), request, reportCommitLog(d.Clock, h))
		if err != nil {
			return err
		}
		h.Warn(result.Warnings...)
		h.SetResult(rest.CommitLogBackupResult{
			Segments: result.Counts.FilesDone, Uploaded: result.Counts.FilesDone - result.Counts.FilesReused, Written: result.Written,
		})
		return nil
	})
}

// commitLogSource finds what is to be backed up, and who may write to it.
func (d *Deps) commitLogSource(ctx context.Context, r *rest.CommitLogBackupRequest, h *operation.Handle) (commitlog.BackupRequest, error) {
	if r.CommitLog != "" {
		request := commitlog.BackupRequest{File: string(r.CommitLog)}
		if r.Online {
			request.Active = d.Node.ActiveCommitLogs
		}
		return request, d.allowCommitLog(ctx, "commitLog", request.File)
	}
	if archive := string(r.CommitLogArchiveOverride); archive != "" {
		if err := d.allowCommitLog(ctx, "commitLogArchiveOverride", archive); err != nil {
			return commitlog.BackupRequest{}, err
		}
		_, err := os.Stat(archive)
		switch {
		case err == nil:
			return commitlog.BackupRequest{Dir: archive}, nil
		case !errors.Is(err, fs.ErrNotExist):
			return commitlog.BackupRequest{}, fmt.Errorf("looking at commitLogArchiveOverride: %w", err)
		}
		h.Warn("commitLogArchiveOverride " + archive + " is not there; the directory of the commit log is backed up")
	}
	request := commitlog.BackupRequest{Dir: string(r.CassandraCommitLogDirectory)}
	own, err := d.Node.CommitLogDirectory(ctx)
	switch {
	case err == nil:
		request.Active = d.Node.ActiveCommitLogs
	case !errors.Is(err, syscall.ECONNREFUSED) || r.Online:
		return commitlog.BackupRequest{}, err
	default:
		h.Warn("nothing listens for JMX, so Cassandra is taken to be stopped: what it wrote last is backed up, too")
		own = rest.DefaultCommitLogDirectory
	}
	if request.Dir == "" || request.Dir == own {
		request.Dir = own
		return request, nil
	}
	return request, d.allowCommitLog(ctx, "cassandraCommitLogDirectory", request.Dir)
}

// allowCommitLog is allow for requests that need no Cassandra, and for its own
// directory of the commit log, which may be a disk of its own.
func (d *Deps) allowCommitLog(ctx context.Context, field, path string) error {
	refused := allowIn(d.AllowedDirectories, field, path)
	if refused == nil {
		return nil
	}
	own, err := d.Node.CommitLogDirectory(ctx)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w; Cassandra, which would name others, is not there", refused)
	case err != nil:
		return err
	case allowIn([]string{own}, field, path) == nil:
		return nil
	}
	return d.allow(ctx, field, path)
}

// reportCommitLog tells of the progress as the operation's.
func reportCommitLog(now clock.PassiveClock, h *operation.Handle) func(p commitlog.Progress) {
	report := reportTransfer(now, h)
	return func(p commitlog.Progress) { report(string(p.Phase), p.Counts) }
}

// commitLogRestore makes this node replay its commit log up to a point in time.
func commitLogRestore(d *Deps) operation.Kind {
	return operation.Define(rest.TypeCommitLogRestore, operation.Spec[rest.CommitLogRestoreRequest]{
		Run:       d.restoreCommitLog,
		Exclusive: func(*rest.CommitLogRestoreRequest) (string, bool) { return "restore", true },
		Check:     func(_ context.Context, r *rest.CommitLogRestoreRequest) error { return d.checkStore(r.Store) },
		Resumable: true,
	})
}

func (d *Deps) restoreCommitLog(ctx context.Context, r *rest.CommitLogRestoreRequest, h *operation.Handle) error {
	for _, named := range []struct{ field, dir string }{
		{"cassandraCommitLogDirectory", string(r.CassandraCommitLogDirectory)},
		{"cassandraConfigDirectory", string(r.CassandraConfigDirectory)},
		{"commitlogDownloadDir", string(r.CommitLogDownloadDir)},
	} {
		if err := d.allowCommitLog(ctx, named.field, named.dir); err != nil {
			return err
		}
	}
	location, err := d.locateOne(ctx, scope{store: r.Store})
	if err != nil {
		return fmt.Errorf("asking Cassandra for the node that storageLocation does not name: %w", err)
	}
	request, err := d.commitLogRestoreRequest(r, h)
	if err != nil {
		return err
	}
	return d.withBucket(ctx, r.Store, location, false, func(b store.Bucket) error {
		result, err := commitlog.Restore(ctx, nodeBucket(b, location), request, reportCommitLog(d.Clock, h))
		if err != nil {
			return err
		}
		h.Warn(result.Warnings...)
		h.SetResult(rest.CommitLogRestoreResult{
			Segments: result.Segments, FirstTimestamp: result.First.UnixMilli(), LastTimestamp: result.Last.UnixMilli(),
			PointInTime: result.PointInTime.UnixMilli(), MovedTo: result.MovedTo, Moved: result.Moved,
		})
		return nil
	})
}

// aside is what a restore keeps of itself: where the former commit log goes.
type aside struct {
	Name string `json:"name"`
}

func (d *Deps) commitLogRestoreRequest(r *rest.CommitLogRestoreRequest, h *operation.Handle) (commitlog.RestoreRequest, error) {
	entities, err := rest.ParseEntities(r.KeyspaceTables)
	if err != nil {
		return commitlog.RestoreRequest{}, fmt.Errorf("reading keyspaceTables: %w", err)
	}
	var place aside
	found, err := h.Kept(&place)
	if err != nil {
		return commitlog.RestoreRequest{}, err
	}
	if !found {
		place.Name = "commitlogs-" + strconv.FormatInt(d.Clock.Now().UnixMilli(), 10)
		if err := h.Keep(place); err != nil {
			return commitlog.RestoreRequest{}, err
		}
	}
	return commitlog.RestoreRequest{
		Start: time.UnixMilli(r.TimestampStart), End: time.UnixMilli(r.TimestampEnd), Tables: tableNames(entities.Tables),
		CommitLogDir: filepath.Clean(string(r.CassandraCommitLogDirectory)), ConfigDir: string(r.CassandraConfigDirectory),
		DownloadDir: string(r.CommitLogDownloadDir), Aside: place.Name, Resumed: h.Resumed(), Idle: d.idle,
		Limits: d.limits(), Parallel: r.ConcurrentConnections, Clock: d.Clock,
	}, nil
}

// idle fails while Cassandra may write to its commit log: what is taken from a
// running node is lost to it if it crashes. A drained one has all in its tables,
// and writes no more.
func (d *Deps) idle(ctx context.Context) error {
	mode, err := d.Node.OperationMode(ctx)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED) || err == nil && mode == cassandra.ModeDrained:
		return nil
	case err != nil:
		return fmt.Errorf("looking whether Cassandra is stopped: %w", err)
	}
	return fmt.Errorf("the node is %s, and writes to its commit log: drain or stop it first", mode)
}
