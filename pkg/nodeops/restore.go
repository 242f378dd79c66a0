package nodeops

import (
	"context"
	"fmt"

	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/operation"
	"github.com/icarus-sidecar/icarus/pkg/restore"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// restoreNodes restores one phase on this node or, for a global request, all
// phases on every node.
//
// Phases of one node wait for each other. Two restores of the ring would
// truncate what the other imports, so the second is refused.
func restoreNodes(d *Deps) operation.Kind {
	return operation.Define(rest.TypeRestore, operation.Spec[rest.RestoreRequest]{
		Run: func(ctx context.Context, r *rest.RestoreRequest, h *operation.Handle) error {
			if r.RestorationStrategyType == rest.StrategyInPlace {
				return d.restoreInPlace(ctx, r, h)
			}
			if !h.Resumed() { // else it was told
				for _, field := range inPlaceFields(r) {
					h.Warn(field + " is for restorationStrategyType IN_PLACE only, and is not done")
				}
			}
			if r.GlobalRequest {
				return d.restoreRing(ctx, r, h)
			}
			return d.restoreNode(ctx, r, h)
		},
		Lane: func(r *rest.RestoreRequest) operation.Lane { return laneOf(r.GlobalRequest) },
		Exclusive: func(r *rest.RestoreRequest) (string, bool) {
			if r.GlobalRequest {
				return "restore of the ring", false
			}
			return "restore", true
		},
		Check:     func(_ context.Context, r *rest.RestoreRequest) error { return d.checkRestore(r) },
		Resumable: true,
	})
}

func (d *Deps) checkRestore(r *rest.RestoreRequest) error {
	if err := d.checkStore(r.Store); err != nil {
		return err
	}
	if r.RestorationStrategyType == rest.StrategyInPlace {
		return checkInPlace(r)
	}
	if r.Import == nil || r.Import.SourceDir == "" {
		return rest.Invalid(rest.Violation{
			Field: "import.sourceDir", Message: "is missing: the directory that downloads go to, on the file system of the data directories",
		})
	}
	return nil
}

func (d *Deps) restoreNode(ctx context.Context, r *rest.RestoreRequest, h *operation.Handle) error {
	if err := d.allow(ctx, "import.sourceDir", string(r.Import.SourceDir)); err != nil {
		return err
	}
	if err := d.allow(ctx, "dataDirs", paths(r.DataDirs)...); err != nil {
		return err
	}
	location, err := d.locateOne(ctx, scope{store: r.Store})
	if err != nil {
		return err
	}
	request, err := d.restoreRequest(r, location, h)
	if err != nil {
		return err
	}
	h.SetPhase(string(r.RestorationPhase))
	return d.limited(h, r.Bandwidth, func(rate *transfer.Limiter) error {
		request.Limits = d.limits(rate)
		return d.restorePhase(ctx, r, h, location, request)
	})
}

func (d *Deps) restorePhase(ctx context.Context, r *rest.RestoreRequest, h *operation.Handle, location store.Location, request restore.Request) error {
	return d.withBucket(ctx, r.Store, location, false, func(b store.Bucket) error {
		result, err := phases[r.RestorationPhase](ctx, d.Node, nodeBucket(b, location), request, reportPhase(d.Clock, h))
		h.Warn(result.Warnings...)
		if err != nil {
			return err
		}
		h.SetResult(rest.RestoreResult{
			Manifests: result.Manifests[:min(len(result.Manifests), rest.MaxManifests)], SnapshotTag: result.SnapshotTag, Tables: result.Tables,
		})
		return nil
	})
}

// inPlaceFields are those that the request sets and only a restore of a stopped
// node would heed.
func inPlaceFields(r *rest.RestoreRequest) []string {
	var set []string
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"newCluster", r.NewCluster},
		{"resolveHostIdFromTopology", r.ResolveHostIDFromTopology},
		{"updateCassandraYaml", r.UpdateCassandraYaml},
		{"restoreSystemAuth", r.RestoreSystemAuth},
		{"ifAbsent", r.IfAbsent != ""},
		{"force", r.Force},
	} {
		if f.set {
			set = append(set, f.name)
		}
	}
	return set
}

// restoreRequest is what the use case needs of a request.
func (d *Deps) restoreRequest(r *rest.RestoreRequest, location store.Location, h *operation.Handle) (restore.Request, error) {
	entities, err := rest.ParseEntities(r.Entities)
	if err != nil {
		return restore.Request{}, fmt.Errorf("reading entities: %w", err)
	}
	return restore.Request{
		ID: h.ID(), SnapshotTag: r.SnapshotTag, SchemaVersion: r.SchemaVersion, ExactSchemaVersion: r.ExactSchemaVersion,
		Location: location.String(), Entities: entities.Strings(), Rename: r.Rename,
		Strategy: restore.Strategy(r.RestorationStrategyType), SourceDir: string(r.Import.SourceDir), DataDirs: paths(r.DataDirs),
		NoDownloadData: r.NoDownloadData, NoDeleteTruncates: r.NoDeleteTruncates, NoDeleteDownloads: r.NoDeleteDownloads,
		Import: importOptions(r.Import), Parallel: r.ConcurrentConnections,
	}, nil
}

// phases are what a restore does on one node.
var phases = map[rest.RestorePhase]func(
	ctx context.Context, node restore.Node, bucket store.Bucket, r restore.Request, report func(restore.Progress),
) (restore.Result, error){
	rest.PhaseInit:     restore.Init,
	rest.PhaseDownload: restore.Download,
	rest.PhaseTruncate: restore.Truncate,
	rest.PhaseImport:   restore.Import,
	rest.PhaseCleanup:  restore.Cleanup,
}

// reportPhase tells of a phase's progress as the operation's.
func reportPhase(c clock.PassiveClock, h *operation.Handle) func(p restore.Progress) {
	pace := transfer.NewPace(c)
	return func(p restore.Progress) {
		switch {
		case p.Total > 0:
			h.SetProgress(float64(p.Done) / float64(p.Total))
		case p.Transfer.FilesTotal > 0:
			h.SetTransfer(transferOf(p.Transfer, pace))
		}
	}
}

func transferOf(c transfer.Counts, p *transfer.Pace) rest.Transfer {
	rate, left := p.See(c)
	return rest.Transfer{
		BytesPerSecond: rate, SecondsLeft: int64(left.Seconds()),
		BytesTotal: c.BytesTotal, FilesTotal: c.FilesTotal, BytesDone: c.BytesDone, FilesDone: c.FilesDone,
		BytesReused: c.BytesReused, FilesReused: c.FilesReused,
	}
}
