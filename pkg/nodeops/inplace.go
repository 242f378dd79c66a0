package nodeops

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/operation"
	"github.com/icarus-sidecar/icarus/pkg/restore"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// restoreInPlace restores a node that is stopped, and so cannot be asked for
// anything: where it lies in the bucket and on the disk, the request says.
func (d *Deps) restoreInPlace(ctx context.Context, r *rest.RestoreRequest, h *operation.Handle) error {
	location, err := store.ParseLocation(r.StorageLocation)
	if err != nil {
		return err
	}
	request, err := d.inPlaceRequest(r, location)
	if err != nil {
		return err
	}
	if !r.Force {
		if done, err := d.restoredBefore(ctx, request, h); done || err != nil {
			return err
		}
	}
	return d.limited(h, r.Bandwidth, func(rate *transfer.Limiter) error {
		request.Limits = d.limits(rate)
		return d.runInPlace(ctx, r, h, location, request)
	})
}

func (d *Deps) runInPlace(ctx context.Context, r *rest.RestoreRequest, h *operation.Handle, location store.Location, request restore.InPlaceRequest) error {
	return d.withBucket(ctx, r.Store, location, false, func(b store.Bucket) error {
		result, err := restore.InPlace(ctx, probe{d.Node}, b, request, reportPhase(d.Clock, h))
		h.Warn(result.Warnings...)
		if errors.Is(err, restore.ErrNoBackup) && r.IfAbsent == rest.IfAbsentSkip {
			h.Warn("nothing was restored: " + err.Error())
			return restore.SkipInPlace(ctx, request)
		}
		if err != nil {
			return err
		}
		h.SetResult(rest.RestoreResult{SnapshotTag: result.SnapshotTag, Tables: result.Tables})
		return nil
	})
}

// restoredBefore does nothing a second time: an init container asks at every start of
// its pod, and what was written since the first would be lost.
func (d *Deps) restoredBefore(ctx context.Context, r restore.InPlaceRequest, h *operation.Handle) (done bool, err error) {
	result, done, err := restore.Repeated(ctx, probe{d.Node}, r)
	h.Warn(result.Warnings...)
	if done && err == nil && result.SnapshotTag != "" {
		h.SetResult(rest.RestoreResult{SnapshotTag: result.SnapshotTag})
	}
	return done, err
}

// checkInPlace refuses at the door a location that leaves the node open.
func checkInPlace(r *rest.RestoreRequest) error {
	if l, err := store.ParseLocation(r.StorageLocation); err != nil || l.HasNode() {
		return err
	}
	return rest.Invalid(rest.Violation{
		Field: "storageLocation", Message: "must name cluster, datacenter and node for IN_PLACE: a node that is stopped cannot be asked who it is",
	})
}

// inPlaceRequest is what the use case needs of a request. Only directories that
// the administrator allowed may be named: Cassandra names none.
func (d *Deps) inPlaceRequest(r *rest.RestoreRequest, location store.Location) (restore.InPlaceRequest, error) {
	entities, err := rest.ParseEntities(r.Entities)
	if err != nil {
		return restore.InPlaceRequest{}, fmt.Errorf("reading entities: %w", err)
	}
	request := restore.InPlaceRequest{
		SnapshotTag: r.SnapshotTag, Location: location, ResolveHost: r.ResolveHostIDFromTopology, Entities: entities.Strings(),
		NewCluster: r.NewCluster, System: r.RestoreSystemKeyspace, SystemAuth: r.RestoreSystemAuth,
		DataDirs: paths(r.DataDirs), CassandraDir: string(r.CassandraDirectory), ConfigDir: string(r.CassandraConfigDirectory),
		UpdateYAML: r.UpdateCassandraYaml, Parallel: r.ConcurrentConnections,
		Allow: func(dir string) error { return allowIn(d.AllowedDirectories, "the directory", dir) },
	}
	if r.ExactSchemaVersion {
		request.SchemaVersion = r.SchemaVersion
	}
	if len(request.DataDirs) == 0 {
		request.DataDirs = []string{filepath.Join(request.CassandraDir, "data")}
	}
	for _, dir := range request.DataDirs {
		if err := allowIn(d.AllowedDirectories, "dataDirs", dir); err != nil {
			return restore.InPlaceRequest{}, err
		}
	}
	if err := allowIn(d.AllowedDirectories, "cassandraDirectory", request.CassandraDir); err != nil {
		return restore.InPlaceRequest{}, err
	}
	// The file itself, since it may be a link.
	err = allowIn(d.AllowedDirectories, "cassandraConfigDirectory", filepath.Join(request.ConfigDir, "cassandra.yaml"))
	switch {
	case err != nil && r.UpdateCassandraYaml:
		return restore.InPlaceRequest{}, err
	case err != nil:
		request.ConfigDir = "" // the default, which nobody asked for
	}
	return request, nil
}

// probe looks whether the node beside the sidecar runs.
type probe struct{ node Node }

// probePatience is how long it may take to answer.
const probePatience = 30 * time.Second

// Up is true if Cassandra answers, and false if nothing listens for JMX. Anything
// else, such as a login that failed, tells of somebody who is there.
func (p probe) Up(ctx context.Context) (bool, error) {
	limited, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	_, err := p.node.OperationMode(limited)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, syscall.ECONNREFUSED):
		return false, nil
	}
	return false, err
}
