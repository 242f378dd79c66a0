package nodeops

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/operation"
	"github.com/icarus-sidecar/icarus/pkg/retention"
	"github.com/icarus-sidecar/icarus/pkg/store"
)

// listBackups tells the backups in a bucket.
func listBackups(d *Deps) operation.Kind {
	return operation.Define(rest.TypeList, operation.Spec[rest.ListRequest]{
		Run: func(ctx context.Context, r *rest.ListRequest, h *operation.Handle) error {
			s := scope{store: r.Store, global: r.GlobalRequest, resolve: r.ResolveNodes, dc: r.DC}
			result := rest.ListResult{Reports: []rest.BackupReport{}}
			err := d.withPlaces(ctx, s, func(b store.Bucket, places []retention.Node) error {
				return listPlaces(ctx, r, b, places, &result, h)
			})
			if err != nil {
				return err
			}
			h.SetResult(result)
			if !r.ToRequest {
				return nil
			}
			return h.Update(func(req rest.Request) {
				req.(*rest.ListRequest).Response = &result //nolint:forcetypeassert // the request of this very Run
			})
		},
		Check:     func(_ context.Context, r *rest.ListRequest) error { return d.checkStore(r.Store) },
		Resumable: true, // to read twice does no harm
	})
}

// listPlaces adds up what the nodes have.
func listPlaces(
	ctx context.Context, r *rest.ListRequest, b store.Bucket, places []retention.Node, result *rest.ListResult, h *operation.Handle,
) error {
	query := retention.Query{Newest: r.LastN, Keys: rest.MaxRemovableEntries, Parallel: r.ConcurrentConnections}
	if r.FromTimestamp > 0 && r.FromTimestamp < math.MaxInt64 {
		query.Since = time.UnixMilli(r.FromTimestamp)
	}
	cut := false
	for done, place := range places {
		l, err := retention.List(ctx, place.Bucket(b), query)
		if err != nil {
			return fmt.Errorf("listing the backups of %s: %w", place, err)
		}
		for _, unread := range l.Unread {
			h.Warn(fmt.Sprintf("%s: %v; what it needs may be among what is said to be reclaimable", place, unread))
		}
		result.TotalFiles += l.Total.Files
		result.TotalSize += l.Total.Bytes
		result.TotalManifests += len(l.Backups)
		for _, backup := range l.Backups {
			report := reportOf(place, backup, l.Keys[backup.Tag])
			query.Keys -= len(report.RemovableEntries)
			result.Reports = append(result.Reports, report)
		}
		cut = cut || l.KeysCut
		h.SetProgress(float64(done+1) / float64(len(places)))
	}
	if cut {
		h.Warn(fmt.Sprintf("removableEntries has the first %d only", rest.MaxRemovableEntries))
	}
	slices.SortStableFunc(result.Reports, func(a, b rest.BackupReport) int {
		return cmp.Or(cmp.Compare(b.UnixTimestamp, a.UnixTimestamp), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Node, b.Node))
	})
	return nil
}

func reportOf(place retention.Node, b retention.Backup, removable []string) rest.BackupReport {
	if removable == nil {
		removable = []string{}
	}
	return rest.BackupReport{
		Node: place.String(), Name: b.Tag, Files: b.Size.Files, Size: b.Size.Bytes,
		ReclaimableFiles: b.Reclaimable.Files, ReclaimableSpace: b.Reclaimable.Bytes, RemovableEntries: removable,
		Timestamp: b.Time.UTC().Format("2006-01-02T15:04:05.000Z07:00"), UnixTimestamp: b.Time.UnixMilli(),
		Manifest: rest.ManifestObject{ObjectKey: manifest.ManifestKey(b.Tag), Type: string(manifest.File), Size: b.ManifestBytes},
	}
}
