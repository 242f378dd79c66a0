package nodeops

import (
	"context"
	"fmt"

	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/backup"
	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/operation"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// backupNodes backs up this node or, for a global request, every node.
//
// One backup works on a node at a time, because two would only share its disk;
// one ring is coordinated at a time by this sidecar for the same reason.
func backupNodes(d *Deps) operation.Kind {
	return operation.Define(rest.TypeBackup, operation.Spec[rest.BackupRequest]{
		Run: func(ctx context.Context, r *rest.BackupRequest, h *operation.Handle) error {
			if r.GlobalRequest {
				return d.backupRing(ctx, r, h)
			}
			return d.backupNode(ctx, r, h)
		},
		Lane: func(r *rest.BackupRequest) operation.Lane { return laneOf(r.GlobalRequest) },
		Exclusive: func(r *rest.BackupRequest) (string, bool) {
			if r.GlobalRequest {
				return "backup of the ring", true
			}
			return "backup", true
		},
		Check: func(_ context.Context, r *rest.BackupRequest) error {
			if r.SnapshotTag == "" {
				r.SnapshotTag = fmt.Sprintf("autosnap-%d", d.Clock.Now().Unix()) // the original's default
			}
			// Package rest knows nothing of what will be added to the tag.
			if err := manifest.ValidateTag(r.SnapshotTag); err != nil {
				return rest.Invalid(rest.Violation{Field: "snapshotTag", Message: err.Error()})
			}
			return d.checkStore(r.Store)
		},
		Resumable: true,
	})
}

func laneOf(global bool) operation.Lane {
	if global {
		return operation.Coordinator
	}
	return operation.Node
}

func (d *Deps) backupNode(ctx context.Context, r *rest.BackupRequest, h *operation.Handle) error {
	if err := d.allow(ctx, "dataDirs", paths(r.DataDirs)...); err != nil {
		return err
	}
	location, err := d.locateOne(ctx, scope{store: r.Store})
	if err != nil {
		return err
	}
	if err := d.completeTag(ctx, r, h, func(r *rest.BackupRequest) { r.StorageLocation = location.String() }); err != nil {
		return err
	}
	request, err := d.backupRequest(r, h)
	if err != nil {
		return err
	}
	request.CacheDir = d.cacheOf(location)
	return d.limited(h, nil, func(rate *transfer.Limiter) error {
		request.Rate = rate // which is set when it is known how much there is to move
		return d.uploadBackup(ctx, r, h, location, request)
	})
}

func (d *Deps) uploadBackup(ctx context.Context, r *rest.BackupRequest, h *operation.Handle, location store.Location, request backup.Request) error {
	return d.withBucket(ctx, r.Store, location, r.CreateMissingBucket, func(b store.Bucket) error {
		report := reportTransfer(d.Clock, h)
		result, err := backup.Run(ctx, d.Node, nodeBucket(b, location), request, func(p backup.Progress) { report(string(p.Phase), p.Counts) })
		if err != nil {
			return err
		}
		h.Warn(result.Warnings...)
		h.SetResult(rest.BackupResult{
			SnapshotTag: result.Tag, SchemaVersion: result.SchemaVersion,
			ManifestKey: location.NodePrefix() + result.ManifestKey, Tables: result.Tables,
		})
		if !r.UploadClusterTopology {
			return nil
		}
		return d.putTopology(ctx, b, r.SnapshotTag)
	})
}

// completeTag decides, once, the final tag and what else change sets.
func (d *Deps) completeTag(ctx context.Context, r *rest.BackupRequest, h *operation.Handle, change func(r *rest.BackupRequest)) error {
	tag := manifest.ParseTag(r.SnapshotTag)
	schema := tag.SchemaVersion
	if !tag.Complete {
		var err error
		if schema, err = d.Node.SchemaVersion(ctx); err != nil {
			return err
		}
	}
	return h.Update(func(req rest.Request) {
		r := req.(*rest.BackupRequest) //nolint:forcetypeassert // the request of this very Run
		if !tag.Complete {
			r.SnapshotTag = manifest.FinalTag(r.SnapshotTag, schema, d.Clock.Now())
		}
		r.SchemaVersion = schema
		change(r)
	})
}

func (d *Deps) backupRequest(r *rest.BackupRequest, h *operation.Handle) (backup.Request, error) {
	entities, err := rest.ParseEntities(r.Entities)
	if err != nil {
		return backup.Request{}, fmt.Errorf("reading entities: %w", err)
	}
	request := backup.Request{
		Tag: r.SnapshotTag, Owner: h.ID(), Resumed: h.Resumed(),
		Keyspaces: entities.Keyspaces, Tables: tableNames(entities.Tables),
		Parallel: r.ConcurrentConnections, DataDirs: paths(r.DataDirs), Clock: d.Clock,
		Limits: d.limits(), Dedup: backup.Dedup(r.Dedup),
	}
	if r.Bandwidth != nil {
		request.BytesPerSecond = r.Bandwidth.BytesPerSecond()
	}
	if r.Duration != nil {
		request.Duration = r.Duration.Duration()
	}
	return request, nil
}

func tableNames(tables []rest.TableName) []string {
	names := make([]string, 0, len(tables))
	for _, t := range tables {
		names = append(names, t.String())
	}
	return names
}

func paths(dirs []rest.Path) []string {
	list := make([]string, 0, len(dirs))
	for _, dir := range dirs {
		list = append(list, string(dir))
	}
	return list
}

// reportTransfer tells of the progress of a use case as the operation's.
func reportTransfer(now clock.PassiveClock, h *operation.Handle) func(phase string, c transfer.Counts) {
	told, pace := "", transfer.NewPace(now)
	return func(phase string, c transfer.Counts) {
		if phase != told {
			told = phase
			h.SetPhase(phase)
		}
		if c.FilesTotal > 0 {
			h.SetTransfer(transferOf(c, pace))
		}
	}
}
