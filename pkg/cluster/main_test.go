package cluster_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/client"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ cluster.Peer = (*client.Client)(nil)

const (
	schema = "6f5e9841-4f97-3198-9398-161b445b3954"
	oldTag = "snap-" + schema + "-1604922565811"
	newTag = "snap-" + schema + "-1704922565811"
)

var (
	start  = time.Date(2026, 11, 23, 4, 41, 43, 0, time.UTC)
	parent = uuid.MustParse("8a4b5b6e-3c2d-4e1f-9a0b-1c2d3e4f5a6b")
)

func nodesOf(n int) []cluster.Node {
	nodes := make([]cluster.Node, n)
	for i := range nodes {
		nodes[i] = cluster.Node{
			HostID: fmt.Sprintf("host-%d", i+1), Hostname: fmt.Sprintf("cassandra-%d", i),
			Address: fmt.Sprintf("10.0.%d.%d", (i+1)/200, (i+1)%200+1), Datacenter: "dc1", Rack: "rack1",
		}
	}
	return nodes
}

func ringOf(n int) cluster.Ring {
	return cluster.Ring{Nodes: nodesOf(n), Locate: func(n cluster.Node) (string, error) {
		return "s3://bucket/cluster/" + n.Datacenter + "/" + n.HostID, nil
	}}
}

func typed[R any](t rapid.TB, kind string) *R {
	t.Helper()
	req, ok := rest.NewRequest(kind)
	if !ok {
		t.Fatalf("there is no %s", kind)
	}
	r, ok := req.(any).(*R)
	if !ok {
		t.Fatalf("%s is a %T", kind, req)
	}
	return r
}

func backupRequest(t rapid.TB) *rest.BackupRequest {
	t.Helper()
	req := typed[rest.BackupRequest](t, rest.TypeBackup)
	req.StorageLocation, req.SnapshotTag, req.Entities = "s3://bucket", newTag, "ks1"
	req.GlobalRequest, req.DC, req.UploadClusterTopology = true, "dc1", true
	return req
}

func restoreRequest(t rapid.TB) *rest.RestoreRequest {
	t.Helper()
	req := typed[rest.RestoreRequest](t, rest.TypeRestore)
	req.StorageLocation, req.SnapshotTag = "s3://bucket", "snap"
	req.RestorationStrategyType, req.RestorationPhase = rest.StrategyHardlinks, rest.PhaseInit
	req.GlobalRequest = true
	return req
}

func backupPlan(t rapid.TB, nodes int) cluster.Plan {
	t.Helper()
	plan, err := cluster.BackupPlan(parent, backupRequest(t), ringOf(nodes))
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func restorePlan(t rapid.TB, nodes int, change func(*rest.RestoreRequest)) cluster.Plan {
	t.Helper()
	req := restoreRequest(t)
	if change != nil {
		change(req)
	}
	plan, err := cluster.RestorePlan(parent, req, ringOf(nodes))
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// answer is an operation as a sidecar tells of it.
func answer(t rapid.TB, id string, state rest.State, result any, messages ...string) *rest.Operation {
	t.Helper()
	op := &rest.Operation{ID: id, State: state, Errors: []rest.OperationError{}}
	for _, m := range messages {
		op.Errors = append(op.Errors, rest.OperationError{Source: "cassandra-x", Message: m})
	}
	if result != nil {
		raw, err := json.Marshal(result)
		if err != nil {
			t.Fatal(err)
		}
		op.Result = raw
	}
	return op
}

// resultOf is what a healthy child of a phase finds out.
func resultOf(phase string) any {
	switch phase {
	case cluster.PhaseUpload:
		return rest.BackupResult{SnapshotTag: newTag, SchemaVersion: schema, ManifestKey: "manifests/" + newTag + ".json", Tables: 1}
	case string(rest.PhaseInit):
		return rest.RestoreResult{Manifests: []string{newTag, oldTag}}
	case string(rest.PhaseDownload):
		return rest.RestoreResult{SnapshotTag: newTag, Tables: []string{"ks1.t1", "ks1.t2"}}
	default:
		return nil
	}
}

// drive is a driver of Step that a test leads by the hand.
type drive struct {
	t     rapid.TB
	plan  cluster.Plan
	board cluster.Board
	now   time.Time
	last  cluster.Decision
}

func newDrive(t rapid.TB, plan cluster.Plan) *drive {
	t.Helper()
	return &drive{t: t, plan: plan, now: start}
}

// step decides, and returns the actions, which are on their way then.
func (d *drive) step() []cluster.Action {
	d.t.Helper()
	d.last = cluster.Step(d.plan, d.board, d.now)
	d.board.Adopt(d.last)
	for _, a := range d.last.Actions {
		d.board.Begin(a)
	}
	return d.last.Actions
}

// do steps and lets every sidecar answer; nothing being due, time passes first.
func (d *drive) do(answer func(a cluster.Action) (*rest.Operation, error)) []cluster.Action {
	d.t.Helper()
	actions := d.step()
	if len(actions) == 0 && d.last.Verdict == cluster.Undecided {
		if d.last.Wake.IsZero() {
			d.t.Fatal("nothing will ever happen again")
		}
		d.now = d.last.Wake
		actions = d.step()
	}
	for _, a := range actions {
		op, err := answer(a)
		d.board.Record(a, op, err, d.now)
	}
	return actions
}

// until goes on until the verdict, or until a phase is reached.
func (d *drive) until(phase string, answer func(a cluster.Action) (*rest.Operation, error)) {
	d.t.Helper()
	for range 1000 {
		if probe := cluster.Step(d.plan, d.board, d.now); probe.Verdict != cluster.Undecided || probe.Facts.Phase == phase {
			d.last = probe
			d.board.Adopt(probe)
			return
		}
		d.do(answer)
	}
	d.t.Fatal("it does not end")
}

// healthy answers as sidecars do that have finished at once.
func (d *drive) healthy(a cluster.Action) (*rest.Operation, error) {
	if a.Verb == cluster.Cancel {
		return nil, nil
	}
	return answer(d.t, a.OperationID, rest.StateCompleted, resultOf(a.Phase)), nil
}

// end of the operation, whatever phase that is in.
const end = "none"

func sources(errs []rest.OperationError) []string {
	var all []string
	for _, e := range errs {
		all = append(all, e.Source)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func verbs(actions []cluster.Action) map[string]int {
	counts := map[string]int{}
	for _, a := range actions {
		counts[string(a.Verb)+" "+a.Phase]++
	}
	return counts
}
