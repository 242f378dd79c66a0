package cluster_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
)

// part is a child as its sidecar has it.
type part struct {
	a     cluster.Action
	state rest.State
	// result is found when it completes.
	result any
}

// world is a ring of sidecars, and the coordinator that Step leads, with the
// wires between them in the hands of the test.
type world struct {
	plan  cluster.Plan
	board cluster.Board
	kept  cluster.Facts
	now   time.Time
	last  cluster.Decision
	wires []cluster.Action

	parts map[string]*part // by id, as long as the sidecar knows it
	// bodies are the requests ever sent, completed what was ever complete, by id.
	bodies    map[string]string
	completed map[string]any
	backups   []string // newest first
	imported  bool
	quiet     bool // nothing goes wrong any more
}

func newWorld(t *rapid.T) *world {
	nodes := rapid.IntRange(1, 4).Draw(t, "nodes")
	w := &world{
		now: start, parts: map[string]*part{}, bodies: map[string]string{}, completed: map[string]any{}, backups: []string{newTag, oldTag},
	}
	if rapid.IntRange(0, 3).Draw(t, "kind") == 0 {
		w.plan = backupPlan(t, nodes)
	} else {
		w.plan = restorePlan(t, nodes, func(r *rest.RestoreRequest) {
			r.NoDeleteDownloads = rapid.Bool().Draw(t, "keep downloads")
			r.NoDeleteTruncates = rapid.Bool().Draw(t, "keep truncates")
		})
	}
	w.plan.Timeout = time.Duration(rapid.SampledFrom([]int{0, 5, 60}).Draw(t, "timeout")) * time.Minute
	return w
}

// child of a node in a phase, as it must be called.
func (w *world) child(phase string, n cluster.Node) string {
	return cluster.OperationID(w.plan.ID, phase, n.HostID, w.plan.Attempt).String()
}

func (w *world) members(ph cluster.Phase) []cluster.Node {
	if ph.Scope == cluster.OneNode {
		return w.plan.Nodes[:1]
	}
	return w.plan.Nodes
}

// decide takes a step, as a driver that keeps its facts before it acts does.
func (w *world) decide(t *rapid.T) {
	before, err := json.Marshal(w.board)
	if err != nil {
		t.Fatal(err)
	}
	w.last = cluster.Step(w.plan, w.board, w.now)
	again := cluster.Step(w.plan, w.board, w.now)
	after, err := json.Marshal(w.board)
	if err != nil || string(before) != string(after) {
		t.Fatalf("the board was changed:\n%s\n%s", before, after)
	}
	if diff := cmp.Diff(w.last, again); diff != "" {
		t.Fatalf("a second look saw something else: %s", diff)
	}
	if w.last.Progress < w.board.Progress || w.last.Progress > 1 {
		t.Fatalf("progress went from %v to %v", w.board.Progress, w.last.Progress)
	}
	if w.board.Facts.Ending != nil && (w.last.Facts.Ending == nil || w.last.Facts.Ending.Verdict != w.board.Facts.Ending.Verdict) {
		t.Fatalf("the end was taken back")
	}
	w.board.Adopt(w.last)
	w.kept = throughJSON(t, w.last.Facts)
	if w.last.Verdict != cluster.Undecided {
		w.judge(t)
		return
	}
	if len(w.last.Actions) == 0 && len(w.wires) == 0 && !w.last.Wake.After(w.now) {
		t.Fatalf("nothing is on its way, and nothing will be: %+v", w.last)
	}
	for _, a := range w.last.Actions {
		if a.OperationID != w.child(a.Phase, a.Node) {
			t.Fatalf("child %s of %s is called %s", a.Phase, a.Node.HostID, a.OperationID)
		}
		if a.Verb == cluster.Submit {
			w.mayBeSent(t, a)
		}
		w.board.Begin(a)
		w.wires = append(w.wires, a)
	}
}

// mayBeSent holds a submission to the invariants of the package.
func (w *world) mayBeSent(t *rapid.T, a cluster.Action) {
	raw, err := rest.Encode(a.Request)
	if err != nil {
		t.Fatal(err)
	}
	switch body, sent := w.bodies[a.OperationID]; {
	case sent && body != string(raw):
		t.Fatalf("%s was one request and is another:\n%s\n%s", a.OperationID, body, raw)
	case w.board.Facts.Ending != nil:
		t.Fatalf("%s was sent after the end", a.Phase)
	case a.Request.RequestID() != a.OperationID:
		t.Fatalf("the id of %s is %s", a.OperationID, a.Request.RequestID())
	}
	w.bodies[a.OperationID] = string(raw)
	for _, ph := range w.plan.Phases {
		if ph.Name == a.Phase {
			break
		}
		for _, n := range w.members(ph) {
			if _, complete := w.completed[w.child(ph.Name, n)]; !complete {
				t.Fatalf("%s was sent before %s of %s was complete", a.Phase, ph.Name, n.HostID)
			}
		}
	}
	if a.Phase != string(rest.PhaseTruncate) {
		return
	}
	if w.imported {
		t.Fatal("tables are truncated that were imported")
	}
	req, ok := a.Request.(any).(*rest.RestoreRequest)
	if !ok {
		t.Fatalf("a truncation is a %T", a.Request)
	}
	for _, table := range strings.Split(req.Entities, ",") {
		for _, n := range w.plan.Nodes {
			result, ok := w.completed[w.child(string(rest.PhaseDownload), n)].(rest.RestoreResult)
			if !ok || result.SnapshotTag != req.SnapshotTag || !slices.Contains(result.Tables, table) {
				t.Fatalf("%q is truncated, and %s has %+v", table, n.HostID, result)
			}
		}
	}
}

// judge checks a verdict against the sidecars.
func (w *world) judge(t *rapid.T) {
	if len(w.last.Actions) > 0 {
		t.Fatal("something is sent with the verdict")
	}
	if w.last.Verdict == cluster.Succeeded {
		for _, ph := range w.plan.Phases {
			for _, n := range w.members(ph) {
				_, complete := w.completed[w.child(ph.Name, n)]
				if !complete && !slices.Contains(w.last.Facts.Skipped, ph.Name) {
					t.Fatalf("%s of %s is not complete", ph.Name, n.HostID)
				}
			}
		}
		return
	}
	if w.last.Verdict == cluster.Failed && len(w.last.Errors) == 0 {
		t.Fatal("it failed without a reason")
	}
	for id, p := range w.parts {
		named := slices.ContainsFunc(w.last.Errors, func(e rest.OperationError) bool {
			return e.Source == p.a.Node.Address && strings.Contains(e.Message, id)
		})
		if !p.state.IsTerminal() && !named {
			t.Fatalf("%s of %s is at work behind the verdict %s: %v", p.a.Phase, p.a.Node.HostID, w.last.Verdict, w.last.Errors)
		}
	}
}

// arrive lets a call have its effect on the sidecar, which answers.
func (w *world) arrive(t *rapid.T, a cluster.Action) (*rest.Operation, error) {
	p, known := w.parts[a.OperationID]
	switch {
	case a.Verb == cluster.Submit && !known:
		p = &part{a: a, state: rest.StatePending}
		w.parts[a.OperationID] = p
		w.imported = w.imported || a.Phase == string(rest.PhaseImport)
	case !known:
		return nil, errUnknown
	case a.Verb == cluster.Cancel:
		if !p.state.IsTerminal() {
			p.state = rapid.SampledFrom([]rest.State{rest.StateCancelled, rest.StateRunning}).Draw(t, "cancelled child")
			if w.quiet {
				p.state = rest.StateCancelled
			}
		}
		return nil, nil
	}
	op := answer(t, a.OperationID, p.state, p.result)
	if p.state == rest.StateFailed {
		op.Errors = []rest.OperationError{{Source: "cassandra", Message: "boom"}}
	}
	op.Progress = float64(rapid.IntRange(0, 100).Draw(t, "progress")) / 100
	return op, nil
}

// deliver takes one call, any one, to its end.
func (w *world) deliver(t *rapid.T, how string) {
	i := rapid.IntRange(0, len(w.wires)-1).Draw(t, "wire")
	a := w.wires[i]
	w.wires = slices.Delete(w.wires, i, i+1)
	var op *rest.Operation
	var err error
	switch how {
	case "lost on the way there":
		err = errSilent
	case "lost on the way back":
		_, _ = w.arrive(t, a)
		err = errSilent
	case "refused":
		err = errRefused
	case "busy":
		err = &rest.Error{Code: 429, Message: "busy"}
	case "in the way":
		err = errInWay
	case "refused for good":
		err = errInvalid
	case "nonsense":
		op = &rest.Operation{ID: a.OperationID}
		if a.Verb == cluster.Submit {
			_, _ = w.arrive(t, a)
		}
		if a.Verb == cluster.Cancel {
			err = errors.New("nonsense")
		}
	default:
		op, err = w.arrive(t, a)
	}
	w.board.Record(a, op, err, w.now)
}

// work lets a child get on.
func (w *world) work(t *rapid.T, state rest.State) {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(w.parts)) {
		if !w.parts[id].state.IsTerminal() {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return
	}
	p := w.parts[rapid.SampledFrom(ids).Draw(t, "child")]
	if p.state = state; state == rest.StateCompleted {
		p.result = w.find(t, p.a)
		w.completed[p.a.OperationID] = p.result
	}
}

// find makes up what a child finds out.
func (w *world) find(t *rapid.T, a cluster.Action) any {
	req, ok := a.Request.(any).(*rest.RestoreRequest)
	switch {
	case !ok && a.Phase == cluster.PhaseUpload:
		found := rest.BackupResult{SnapshotTag: newTag, SchemaVersion: schema}
		if rapid.IntRange(0, 9).Draw(t, "schema") == 0 && !w.quiet {
			found.SchemaVersion = parent.String()
		}
		return found
	case !ok:
		return nil
	case a.Phase == string(rest.PhaseInit):
		return rest.RestoreResult{Manifests: w.backups[rapid.IntRange(0, 1).Draw(t, "skipped backups"):]}
	case a.Phase == string(rest.PhaseDownload):
		tables := []string{"a.x", "a.y", "b.x"}[rapid.IntRange(0, 2).Draw(t, "skipped tables"):]
		return rest.RestoreResult{SnapshotTag: req.SnapshotTag, Tables: tables}
	default:
		return nil
	}
}

var failures = []string{
	"lost on the way there", "lost on the way back", "refused", "busy", "in the way", "refused for good", "nonsense",
}

// events are what happens, those that are more frequent more than once.
var events = []string{
	"decide", "decide", "decide", "deliver", "deliver", "deliver", "deliver", "complete", "complete", "start", "time", "time",
	"trouble", "backup", "fail", "lose", "die", "cancel",
}

// happen lets something happen.
func (w *world) happen(t *rapid.T) {
	rare := func() bool { return rapid.IntRange(0, 9).Draw(t, "luck") == 0 }
	switch rapid.SampledFrom(events).Draw(t, "event") {
	case "decide":
		w.decide(t)
	case "deliver":
		if len(w.wires) > 0 {
			w.deliver(t, "")
		}
	case "trouble":
		if len(w.wires) > 0 {
			how := rapid.SampledFrom(failures).Draw(t, "trouble")
			if how == "refused for good" && !rare() {
				how = "refused"
			}
			w.deliver(t, how)
		}
	case "start":
		w.work(t, rest.StateRunning)
	case "complete":
		w.work(t, rest.StateCompleted)
	case "fail":
		if rare() {
			w.work(t, rest.StateFailed)
		}
	case "lose": // a sidecar that is restarted without its journal
		host := rapid.SampledFrom(w.plan.Nodes).Draw(t, "host").HostID
		maps.DeleteFunc(w.parts, func(_ string, p *part) bool { return p.a.Node.HostID == host })
	case "backup":
		w.backups = append([]string{"snap-" + schema + "-" + w.now.Format("20060102150405")}, w.backups...)
	case "die":
		for _, a := range w.wires { // what is on its way arrives or not, and nobody hears of it
			if rapid.Bool().Draw(t, "arrives") {
				_, _ = w.arrive(t, a)
			}
		}
		w.wires = nil
		w.board = cluster.Board{Facts: w.kept, Resumed: true, Cancelled: w.board.Cancelled, Progress: w.board.Progress}
	case "cancel":
		w.board.Cancelled = w.board.Cancelled || rare()
	case "time":
		w.now = w.now.Add(time.Duration(rapid.SampledFrom([]int{1, 10, 500, 5000, 20000}).Draw(t, "ms")) * time.Millisecond)
	}
}

// calm lets everything go well until a phase is reached, or to the end.
func (w *world) calm(t *rapid.T, phase string) {
	w.quiet = true
	defer func() { w.quiet = false }()
	for range 2000 {
		if w.last.Verdict != cluster.Undecided || w.board.Facts.Phase == phase {
			return
		}
		if w.decide(t); w.last.Verdict != cluster.Undecided {
			return
		}
		for len(w.wires) > 0 {
			w.deliver(t, "")
		}
		w.work(t, rest.StateCompleted)
		w.now = w.now.Add(500 * time.Millisecond)
	}
	t.Fatalf("it does not end: %+v", w.last)
}

// Whatever happens to calls, sidecars and the coordinator, the invariants of
// the package hold, and it comes to an end.
func TestStepKeepsItsInvariants(t *testing.T) {
	t.Parallel()
	verdicts := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.calm(t, w.plan.Phases[rapid.IntRange(0, len(w.plan.Phases)-1).Draw(t, "phase")].Name)
		for range rapid.IntRange(0, 200).Draw(t, "events") {
			if w.last.Verdict == cluster.Undecided {
				w.happen(t)
			}
		}
		w.calm(t, end)
		verdicts[w.plan.Kind+" "+string(w.last.Verdict)+" in "+w.last.Facts.Phase]++
	})
	t.Logf("verdicts: %v", verdicts)
}
