package nodeops_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/icarus-sidecar/icarus/api/rest"
)

func (r *ring) list(change func(q *rest.ListRequest)) *rest.ListRequest {
	return newRequest(rest.TypeList, func(q *rest.ListRequest) {
		q.StorageLocation = r.bucket
		if change != nil {
			change(q)
		}
	})
}

func (r *ring) remove(change func(q *rest.RemoveBackupRequest)) *rest.RemoveBackupRequest {
	return newRequest(rest.TypeRemoveBackup, func(q *rest.RemoveBackupRequest) {
		q.StorageLocation = r.bucket
		change(q)
	})
}

func result[R any](t *testing.T, op *rest.Operation) (v R) {
	t.Helper()
	noError(t, op.DecodeResult(&v))
	return v
}

// files in the bucket whose path has a part.
func (r *ring) files(part string) []string {
	r.t.Helper()
	found := []string{}
	noError(r.t, filepath.WalkDir(r.dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.Contains(path, part) {
			found = append(found, strings.TrimPrefix(path, r.dir))
		}
		return err
	}))
	return found
}

func TestAListIsOfOneNodeOrOfAll(t *testing.T) {
	t.Parallel()
	r, _, tag := backedUp(t, "dc1", "dc2")

	all := result[rest.ListResult](t, r.sidecars[0].completed(r.list(func(q *rest.ListRequest) { q.GlobalRequest = true })))
	if len(all.Reports) != 2 || all.TotalManifests != 2 || all.TotalFiles != len(r.files("/data/")) {
		t.Errorf("all: %+v", all)
	}
	for _, report := range all.Reports {
		if report.Name != tag || report.ReclaimableFiles != report.Files || len(report.RemovableEntries) != report.Files {
			t.Errorf("%+v", report)
		}
	}
	dc2 := result[rest.ListResult](t, r.sidecars[0].completed(r.list(func(q *rest.ListRequest) { q.GlobalRequest, q.DC = true, "dc2" })))
	if len(dc2.Reports) != 1 || !strings.HasSuffix(dc2.Reports[0].Node, "dc2/"+r.sidecars[1].node.HostID()) {
		t.Errorf("dc2: %+v", dc2)
	}
	op := r.sidecars[1].completed(r.list(func(q *rest.ListRequest) { q.ResolveNodes, q.ToRequest = true, true }))
	own := result[rest.ListResult](t, op)
	if len(own.Reports) != 1 || own.Reports[0].Node != dc2.Reports[0].Node {
		t.Errorf("own: %+v", own)
	}
	if !strings.Contains(string(op.Request), `"response":{"totalSize":`) {
		t.Errorf("the original's place is empty: %s", op.Request)
	}
	if none := result[rest.ListResult](t, r.sidecars[0].completed(r.list(nil))); none.Reports == nil || len(none.Reports) > 0 {
		t.Errorf("the node that is a placeholder has %+v", none)
	}
}

func TestBackupsAreReadAndRemovedWhileCassandraIsDown(t *testing.T) {
	t.Parallel()
	r := newRing(t, "dc1")
	r.fill()
	s := r.sidecars[0]
	s.completed(r.backup(nil))
	s.node.Stop()
	s.completed(r.list(func(q *rest.ListRequest) { q.GlobalRequest = true }))
	s.completed(r.remove(func(q *rest.RemoveBackupRequest) { q.GlobalRequest, q.RemoveOldest = true, true }))
	mentions(t, s.failed(r.list(func(q *rest.ListRequest) { q.ResolveNodes = true })), "refuses connections")
}

func TestARemovalOfTheRingTakesTheTopologyAlong(t *testing.T) {
	t.Parallel()
	r := newRing(t, "dc1", "dc2")
	r.fill()
	s := r.sidecars[0]
	first := tagOf(t, s.completed(r.backup(nil)))
	s.node.Write("shop", "items", "more")
	second := tagOf(t, s.completed(r.backup(func(b *rest.BackupRequest) { b.SnapshotTag = "weekly" })))
	before := r.files("")

	dry := s.completed(r.remove(func(q *rest.RemoveBackupRequest) { q.GlobalRequest, q.BackupName, q.Dry = true, first, true }))
	if after := r.files(""); !slices.Equal(before, after) {
		t.Errorf("a dry removal left %v", after)
	}
	one := result[rest.RemoveBackupResult](t, s.completed(r.remove(func(q *rest.RemoveBackupRequest) {
		q.GlobalRequest, q.BackupName, q.DC = true, first, "dc1"
	})))
	if len(one.Removed) != 1 || len(one.Topologies) > 0 || len(r.files("/topology/")) != 2 {
		t.Errorf("of one datacenter: %+v, topologies %v", one, r.files("/topology/"))
	}
	rest1 := result[rest.RemoveBackupResult](t, s.completed(r.remove(func(q *rest.RemoveBackupRequest) {
		q.GlobalRequest, q.BackupName = true, first
	})))
	if len(rest1.Removed) != 1 || !slices.Equal(rest1.Topologies, []string{first}) {
		t.Errorf("of the rest: %+v", rest1)
	}
	if got := result[rest.RemoveBackupResult](t, dry); len(got.Removed) != 2 || got.Files != one.Files+rest1.Files || got.Size != one.Size+rest1.Size {
		t.Errorf("dry: %+v", got)
	}
	for host, tags := range r.manifests() {
		if !slices.Equal(tags, []string{second}) {
			t.Errorf("%s has %v", host, tags)
		}
	}
	mentions(t, s.failed(r.remove(func(q *rest.RemoveBackupRequest) { q.GlobalRequest, q.BackupName = true, first })), "no such backup: "+first)
	s.completed(r.restore(rest.StrategyHardlinks, func(q *rest.RestoreRequest) { q.SnapshotTag = "weekly" }))
	if rows := s.node.Rows("shop", "items"); !slices.Contains(rows, "more") {
		t.Errorf("what was kept restores to %v", rows)
	}
}

func TestANodeThatIsBackedUpIsSparedAndTold(t *testing.T) {
	t.Parallel()
	r, _, tag := backedUp(t, "dc1", "dc2")
	reached, release := r.sidecars[1].node.Block("Snapshot")
	defer release()
	op := r.sidecars[1].submit(r.backup(func(b *rest.BackupRequest) {
		b.GlobalRequest, b.SnapshotTag = false, "running"
		b.StorageLocation = "file://" + r.dir + strings.Split(r.files(r.sidecars[1].node.HostID() + "/manifests/")[0], "/manifests/")[0]
	}))
	receive(t, reached)
	errs := r.sidecars[0].failed(r.remove(func(q *rest.RemoveBackupRequest) { q.GlobalRequest, q.BackupName = true, tag }))
	mentions(t, errs, r.sidecars[1].node.HostID()+": removing backups", "a backup is running")
	if len(errs) != 1 {
		t.Errorf("%+v", errs)
	}
	release()
	if done := r.sidecars[1].wait(op.ID); done.State != rest.StateCompleted {
		t.Errorf("the backup is %s: %+v", done.State, done.Errors)
	}
	if got := r.manifests()[r.sidecars[0].node.HostID()]; len(got) > 0 {
		t.Errorf("the other node has %v still", got)
	}
}

func TestARemovalFromSeveralClustersNamesOne(t *testing.T) {
	t.Parallel()
	r := newRing(t, "dc1")
	r.fill()
	s := r.sidecars[0]
	s.completed(r.backup(nil))
	cluster := strings.Split(r.files("/manifests/")[0], "/")[1]
	other := filepath.Join(r.dir, "another")
	noError(t, os.CopyFS(other, os.DirFS(filepath.Join(r.dir, cluster))))
	mentions(t, s.failed(r.remove(func(q *rest.RemoveBackupRequest) { q.GlobalRequest, q.RemoveOldest = true, true })), "another", cluster)
	s.completed(r.remove(func(q *rest.RemoveBackupRequest) {
		q.GlobalRequest, q.RemoveOldest = true, true
		q.StorageLocation = "file://" + other + "/dc/node"
	}))
	if left := r.files("/manifests/"); len(left) != 1 || !strings.HasPrefix(left[0], "/"+cluster+"/") {
		t.Errorf("%v is left", left)
	}
}

func TestSelectorsThatExcludeEachOther(t *testing.T) {
	t.Parallel()
	r := newRing(t, "dc1")
	day := &rest.Duration{Value: 1, Unit: "DAYS"}
	cases := map[string]struct {
		change func(q *rest.RemoveBackupRequest)
		field  string
	}{
		"none":             {func(*rest.RemoveBackupRequest) {}, "backupName"},
		"an age of zero":   {func(q *rest.RemoveBackupRequest) { q.OlderThan = &rest.Duration{Unit: "SECONDS"} }, "backupName"},
		"name and age":     {func(q *rest.RemoveBackupRequest) { q.BackupName, q.OlderThan = "a", day }, "olderThan"},
		"name and oldest":  {func(q *rest.RemoveBackupRequest) { q.BackupName, q.RemoveOldest = "a", true }, "removeOldest"},
		"age and oldest":   {func(q *rest.RemoveBackupRequest) { q.OlderThan, q.RemoveOldest = day, true }, "olderThan"},
		"a negative floor": {func(q *rest.RemoveBackupRequest) { q.RemoveOldest, q.KeepAtLeast = true, -1 }, "keepAtLeast"},
		"dc of one node":   {func(q *rest.RemoveBackupRequest) { q.RemoveOldest, q.DC = true, "dc1" }, "dc"},
		"all and this":     {func(q *rest.RemoveBackupRequest) { q.RemoveOldest, q.GlobalRequest, q.ResolveNodes = true, true, true }, "resolveNodes"},
		"no location":      {func(q *rest.RemoveBackupRequest) { q.RemoveOldest, q.StorageLocation = true, "" }, "storageLocation"},
		"a bad location":   {func(q *rest.RemoveBackupRequest) { q.RemoveOldest, q.StorageLocation = true, "s3://b/c" }, "storageLocation"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told := r.sidecars[0].refused(r.remove(c.change))
			if told.Code != http.StatusBadRequest || len(told.Violations) != 1 || told.Violations[0].Field != c.field {
				t.Errorf("%+v", told)
			}
		})
	}
}

func TestAListHasSoManyKeysAndNoMore(t *testing.T) {
	t.Parallel()
	r := newRing(t, "dc1")
	s := r.sidecars[0]
	s.node.CreateTable("shop", "items")
	for range rest.MaxRemovableEntries / 7 { // an SSTable has eight files or nine
		s.node.Write("shop", "items", "apple")
		noError(t, s.node.Flush(t.Context(), "shop"))
	}
	s.completed(r.backup(nil))
	op := s.completed(r.list(func(q *rest.ListRequest) { q.GlobalRequest = true }))
	report := result[rest.ListResult](t, op).Reports[0]
	if len(report.RemovableEntries) != rest.MaxRemovableEntries || report.ReclaimableFiles <= rest.MaxRemovableEntries || len(op.Warnings) != 1 {
		t.Errorf("%d of %d keys, warnings %v", len(report.RemovableEntries), report.ReclaimableFiles, op.Warnings)
	}
}
