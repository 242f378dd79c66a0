package cluster_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
)

func phaseOf(t rapid.TB, plan cluster.Plan, name string) cluster.Phase {
	t.Helper()
	i := slices.IndexFunc(plan.Phases, func(ph cluster.Phase) bool { return ph.Name == name })
	if i < 0 {
		t.Fatalf("there is no phase %s", name)
	}
	return plan.Phases[i]
}

func requestOf[R any](t rapid.TB, plan cluster.Plan, phase string, f cluster.Facts) *R {
	t.Helper()
	req, err := phaseOf(t, plan, phase).Request(f, cluster.Child{ID: "id", Node: plan.Nodes[1]})
	if err != nil {
		t.Fatal(err)
	}
	r, ok := req.(any).(*R)
	if !ok {
		t.Fatalf("the request is a %T", req)
	}
	return r
}

// report is what the children of a phase found out, in the order of the nodes.
func report(t rapid.TB, plan cluster.Plan, results ...any) []cluster.Finished {
	t.Helper()
	done := make([]cluster.Finished, len(results))
	for i, r := range results {
		done[i] = cluster.Finished{Node: plan.Nodes[i], Op: answer(t, "id", rest.StateCompleted, r)}
	}
	return done
}

func TestPartsOfABackup(t *testing.T) {
	t.Parallel()
	plan := backupPlan(t, 2)
	want := backupRequest(t)
	want.ID, want.StorageLocation = "id", "s3://bucket/cluster/dc1/host-2"
	want.GlobalRequest, want.DC, want.UploadClusterTopology = false, "", false
	if diff := cmp.Diff(want, requestOf[rest.BackupRequest](t, plan, cluster.PhaseUpload, cluster.Facts{})); diff != "" {
		t.Error(diff)
	}
	got := requestOf[rest.UploadTopologyRequest](t, plan, cluster.PhaseTopology, cluster.Facts{SnapshotTag: newTag})
	topology := typed[rest.UploadTopologyRequest](t, rest.TypeUploadTopology)
	topology.ID, topology.StorageLocation, topology.SnapshotTag = "id", want.StorageLocation, newTag
	if diff := cmp.Diff(topology, got); diff != "" {
		t.Error(diff)
	}
}

func TestUploadsMustAgree(t *testing.T) {
	t.Parallel()
	plan := backupPlan(t, 3)
	good := rest.BackupResult{SnapshotTag: newTag, SchemaVersion: schema}
	cases := map[string]struct {
		second any
		want   []string
	}{
		"all agree":                     {second: good},
		"one has another tag":           {second: rest.BackupResult{SnapshotTag: oldTag, SchemaVersion: schema}, want: []string{"10.0.0.3"}},
		"one has another schema":        {second: rest.BackupResult{SnapshotTag: newTag, SchemaVersion: parent.String()}, want: []string{"10.0.0.3"}},
		"one says nothing":              {want: []string{"10.0.0.3"}},
		"one says what is not a result": {second: "done", want: []string{"10.0.0.3"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, errs := phaseOf(t, plan, cluster.PhaseUpload).Settle(cluster.Facts{}, report(t, plan, good, c.second, good))
			if diff := cmp.Diff(c.want, sources(errs)); diff != "" || f.SnapshotTag != newTag {
				t.Errorf("%+v %s", f, diff)
			}
		})
	}
}

func TestPartsOfARestore(t *testing.T) {
	t.Parallel()
	rename := map[string]string{"ks1.t1": "ks1.copy1", "ks1.t2": "ks1.copy2"}
	ask := func(r *rest.RestoreRequest) {
		r.DC, r.Rename, r.Entities = "dc1", rename, "ks1.t1,ks1.t2,ks1.t3"
	}
	plan := restorePlan(t, 2, ask)
	facts := cluster.Facts{SnapshotTag: newTag, Tables: []string{"ks1.t1", "ks1.t3"}}
	cases := map[string]struct {
		facts  cluster.Facts
		change func(*rest.RestoreRequest)
	}{
		"INIT":     {},
		"DOWNLOAD": {facts: cluster.Facts{SnapshotTag: newTag}, change: func(r *rest.RestoreRequest) { r.SnapshotTag = newTag }},
		"TRUNCATE": {facts: facts, change: narrowed}, "IMPORT": {facts: facts, change: narrowed}, "CLEANUP": {facts: facts, change: narrowed},
	}
	for phase, c := range cases {
		t.Run(phase, func(t *testing.T) {
			t.Parallel()
			want := restoreRequest(t)
			ask(want)
			want.ID, want.StorageLocation, want.GlobalRequest, want.DC = "id", "s3://bucket/cluster/dc1/host-2", false, ""
			want.RestorationPhase = rest.RestorePhase(phase)
			if c.change != nil {
				c.change(want)
			}
			got := requestOf[rest.RestoreRequest](t, plan, phase, c.facts)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if v := got.Violations(); len(v) > 0 {
				t.Error(v)
			}
		})
	}
}

// narrowed is a request of the phases that change tables: of those tables only
// that every node has, and of the backup that every node has.
func narrowed(r *rest.RestoreRequest) {
	r.SnapshotTag, r.Entities, r.Rename = newTag, "ks1.t1,ks1.t3", map[string]string{"ks1.t1": "ks1.copy1"}
}

func TestNothingIsCleanedUpWhereAllIsKept(t *testing.T) {
	t.Parallel()
	d := newDrive(t, restorePlan(t, 2, func(r *rest.RestoreRequest) { r.NoDeleteDownloads, r.NoDeleteTruncates = true, true }))
	d.until(end, func(a cluster.Action) (*rest.Operation, error) {
		if a.Phase == "CLEANUP" {
			t.Error("CLEANUP was sent")
		}
		return d.healthy(a)
	})
	if d.last.Verdict != cluster.Succeeded || !slices.Equal(d.last.Facts.Skipped, []string{"CLEANUP"}) {
		t.Errorf("%+v", d.last)
	}
}

func TestTheNewestBackupThatEveryNodeHoldsIsPinned(t *testing.T) {
	t.Parallel()
	newest := "snap-" + schema + "-1804922565811"
	held := func(tags ...string) rest.RestoreResult { return rest.RestoreResult{Manifests: tags} }
	cases := map[string]struct {
		results  []any
		want     string
		warnings int
		sources  []string
	}{
		"all hold the same":              {results: []any{held(newTag, oldTag), held(newTag, oldTag)}, want: newTag},
		"the first node has one more":    {results: []any{held(newest, newTag), held(newTag, oldTag)}, want: newTag, warnings: 1},
		"the last node has one more":     {results: []any{held(newTag, oldTag), held(newest, newTag, oldTag)}, want: newTag, warnings: 1},
		"each has one that no other has": {results: []any{held(newest, oldTag), held(newTag, oldTag)}, want: oldTag, warnings: 2},
		"one node tells one twice":       {results: []any{held(newTag), held(oldTag, oldTag)}, sources: []string{"10.0.0.3"}},
		"one node lacks it":              {results: []any{held(newTag), held(newTag), held()}, sources: []string{"10.0.0.4"}},
		"none has any":                   {results: []any{held(), held()}, sources: []string{""}},
		"one does not tell":              {results: []any{held(newTag), nil}, sources: []string{"10.0.0.3"}},
	}
	plan := restorePlan(t, 3, nil)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, errs := phaseOf(t, plan, "INIT").Settle(cluster.Facts{}, report(t, plan, c.results...))
			if f.SnapshotTag != c.want || len(f.Warnings) != c.warnings {
				t.Errorf("%+v", f)
			}
			if diff := cmp.Diff(c.sources, sources(errs)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOnlyTablesThatEveryNodeHasDownloadedGoOn(t *testing.T) {
	t.Parallel()
	got := func(tables ...string) rest.RestoreResult {
		return rest.RestoreResult{SnapshotTag: newTag, Tables: tables}
	}
	cases := map[string]struct {
		entities string
		results  []any
		want     []string
		warnings int
		sources  []string
	}{
		"all have the same":         {results: []any{got("a.x", "a.y"), got("a.x", "a.y")}, want: []string{"a.x", "a.y"}},
		"one has less":              {results: []any{got("a.x", "a.y"), got("a.y")}, want: []string{"a.y"}, warnings: 1},
		"each has its own":          {results: []any{got("a.x"), got("a.y")}, warnings: 1, sources: []string{""}},
		"one has none":              {results: []any{got("a.x"), got()}, warnings: 1, sources: []string{""}},
		"what is asked for by name": {entities: "a.x", results: []any{got("a.x"), got("a.x")}, want: []string{"a.x"}},
		"one lacks what is asked for": {
			entities: "a.x,a.y", results: []any{got("a.x", "a.y"), got("a.x")}, want: []string{"a.x"}, sources: []string{"10.0.0.3"},
		},
		"nobody has what is asked for": {
			entities: "a.x,a.z", results: []any{got("a.x"), got("a.x")}, want: []string{"a.x"}, sources: []string{""},
		},
		"somebody has what nobody asked for": {
			entities: "a", results: []any{got("a.x", "b.x"), got("a.x", "b.x")}, want: []string{"a.x", "b.x"}, sources: []string{""},
		},
		"one has another backup": {
			results: []any{got("a.x"), rest.RestoreResult{SnapshotTag: oldTag, Tables: []string{"a.x"}}}, sources: []string{"10.0.0.3"},
		},
		"one has a name that is none": {results: []any{got("a.x"), got("a.x", "../b.x")}, sources: []string{"10.0.0.3"}},
		"one does not tell":           {results: []any{got("a.x"), nil}, sources: []string{"10.0.0.3"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := restorePlan(t, 3, func(r *rest.RestoreRequest) { r.Entities = c.entities })
			before := cluster.Facts{SnapshotTag: newTag}
			f, errs := phaseOf(t, plan, "DOWNLOAD").Settle(before, report(t, plan, c.results...))
			if diff := cmp.Diff(c.want, f.Tables, cmpopts.EquateEmpty()); diff != "" || len(f.Warnings) != c.warnings {
				t.Errorf("%v %s", f.Warnings, diff)
			}
			if diff := cmp.Diff(c.sources, sources(errs)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestARestoreOfSomeDatacentersWarns(t *testing.T) {
	t.Parallel()
	plan := restorePlan(t, 1, func(r *rest.RestoreRequest) { r.DC = "dc1" })
	f, errs := phaseOf(t, plan, "INIT").Settle(cluster.Facts{}, report(t, plan, rest.RestoreResult{Manifests: []string{newTag}}))
	if len(f.Warnings) != 1 || len(errs) > 0 {
		t.Errorf("%+v %v", f, errs)
	}
}

func TestRemediesNameTheTablesAsTheyAreCalledNow(t *testing.T) {
	t.Parallel()
	plan := restorePlan(t, 1, func(r *rest.RestoreRequest) {
		r.Entities, r.Rename = "ks1.t1,ks1.t2", map[string]string{"ks1.t1": "ks1.copy"}
	})
	f := cluster.Facts{SnapshotTag: newTag, Tables: []string{"ks1.t1", "ks1.t2"}}
	for _, phase := range []string{"TRUNCATE", "IMPORT"} {
		if text := phaseOf(t, plan, phase).Remedy(f, true); !strings.Contains(text, "ks1.copy, ks1.t2") || !strings.Contains(text, newTag) {
			t.Errorf("%s: %s", phase, text)
		}
	}
	if text := phaseOf(t, plan, "TRUNCATE").Remedy(f, false); text != "" {
		t.Errorf("nothing was truncated, and it says %q", text)
	}
}

func TestASinglePhaseBringsWhatItBuildsUpon(t *testing.T) {
	t.Parallel()
	for phase, want := range map[rest.RestorePhase][]string{
		rest.PhaseInit: {"INIT"}, rest.PhaseDownload: {"INIT", "DOWNLOAD"},
		rest.PhaseTruncate: {"INIT", "DOWNLOAD", "TRUNCATE"}, rest.PhaseImport: {"INIT", "DOWNLOAD", "IMPORT"},
		rest.PhaseCleanup: {"INIT", "CLEANUP"},
	} {
		plan := restorePlan(t, 1, func(r *rest.RestoreRequest) { r.SinglePhase, r.RestorationPhase = true, phase })
		var got []string
		for _, ph := range plan.Phases {
			got = append(got, ph.Name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", phase, diff)
		}
	}
}

func TestPlansThatCannotBeCarriedOutAreRefused(t *testing.T) {
	t.Parallel()
	lost := errors.New("nowhere")
	cases := map[string]struct {
		ring    func(*cluster.Ring)
		backup  func(*rest.BackupRequest)
		restore func(*rest.RestoreRequest)
		is      error
	}{
		"no node":                      {ring: func(r *cluster.Ring) { r.Nodes = nil }},
		"no locations":                 {ring: func(r *cluster.Ring) { r.Locate = nil }},
		"no host id":                   {ring: func(r *cluster.Ring) { r.Nodes[1].HostID = "" }},
		"a host id twice":              {ring: func(r *cluster.Ring) { r.Nodes[1].HostID = r.Nodes[0].HostID }},
		"an address twice":             {ring: func(r *cluster.Ring) { r.Nodes[1].Address = r.Nodes[0].Address }},
		"a node without one":           {ring: func(r *cluster.Ring) { r.Locate = func(cluster.Node) (string, error) { return "", lost } }, is: lost},
		"a tag without schema version": {backup: func(r *rest.BackupRequest) { r.SnapshotTag = "snap-1604922565811" }},
		"a tag without time":           {backup: func(r *rest.BackupRequest) { r.SnapshotTag = "snap-" + schema }},
		"a tag that is only the rest":  {backup: func(r *rest.BackupRequest) { r.SnapshotTag = schema + "-1604922565811" }},
		"a restore in place":           {restore: func(r *rest.RestoreRequest) { r.RestorationStrategyType = rest.StrategyInPlace }},
		"entities that are mixed":      {restore: func(r *rest.RestoreRequest) { r.Entities = "a,b.c" }},
		"no single phase": {restore: func(r *rest.RestoreRequest) {
			r.SinglePhase, r.RestorationPhase = true, "VERIFY"
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ring, backup, restore := ringOf(2), backupRequest(t), restoreRequest(t)
			if c.ring != nil {
				c.ring(&ring)
			}
			if c.backup != nil {
				c.backup(backup)
			}
			if c.restore != nil {
				c.restore(restore)
			}
			_, errBackup := cluster.BackupPlan(parent, backup, ring)
			_, errRestore := cluster.RestorePlan(parent, restore, ring)
			if (c.restore == nil) != errors.Is(errBackup, cluster.ErrPlan) || (c.backup == nil) != errors.Is(errRestore, cluster.ErrPlan) {
				t.Errorf("%v; %v", errBackup, errRestore)
			}
			if c.is != nil && !errors.Is(errBackup, c.is) {
				t.Errorf("%v", errBackup)
			}
		})
	}
}

func TestNodesAreOrderedByAddressAsNumbers(t *testing.T) {
	t.Parallel()
	ring := ringOf(4)
	for i, address := range []string{"10.0.0.10", "10.0.0.9", "fd00::1", "cassandra-0.cassandra"} {
		ring.Nodes[i].Address = address
	}
	plan, err := cluster.BackupPlan(parent, backupRequest(t), ring)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range plan.Nodes {
		got = append(got, n.Address)
	}
	if diff := cmp.Diff([]string{"cassandra-0.cassandra", "10.0.0.9", "10.0.0.10", "fd00::1"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestIDsOfChildrenAreTheirOwn(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, phase := range []string{"INIT", "IMPORT"} {
		for _, host := range []string{"a", "b"} {
			for attempt := range 2 {
				id := cluster.OperationID(parent, phase, host, attempt)
				if id.Version() != 5 || id != cluster.OperationID(parent, phase, host, attempt) {
					t.Errorf("%s", id)
				}
				seen[id.String()] = host
			}
		}
	}
	if len(seen) != 8 {
		t.Errorf("%d ids", len(seen))
	}
}
