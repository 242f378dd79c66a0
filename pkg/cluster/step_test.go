package cluster_test

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
)

var (
	errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	errSilent  = errors.New("no answer")
	errUnknown = &rest.Error{Code: http.StatusNotFound, Message: "no such operation"}
	errInWay   = &rest.Error{Code: http.StatusConflict, Message: "another is at work"}
	errInvalid = &rest.Error{
		Code: http.StatusBadRequest, Message: "invalid", Violations: []rest.Violation{{Field: "entities", Message: "are mixed"}},
	}
)

func TestAPhaseBeginsWhenTheOneBeforeIsComplete(t *testing.T) {
	t.Parallel()
	d := newDrive(t, restorePlan(t, 3, nil))
	var sent []map[string]int
	for d.last.Verdict == cluster.Undecided {
		if actions := d.do(d.healthy); len(actions) > 0 {
			sent = append(sent, verbs(actions))
		}
	}
	want := []map[string]int{{"Submit INIT": 3}, {"Submit DOWNLOAD": 3}, {"Submit TRUNCATE": 1}, {"Submit IMPORT": 3}, {"Submit CLEANUP": 3}}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Error(diff)
	}
	if d.last.Verdict != cluster.Succeeded || d.last.Progress != 1 || len(d.last.Errors) > 0 {
		t.Errorf("decision %+v", d.last)
	}
}

// misbehaviour of the second of three nodes in a phase, and what comes of it.
var outcomes = map[string]struct {
	phase  string
	second func(t *testing.T, a cluster.Action) (*rest.Operation, error)
	cancel bool
	want   cluster.Verdict
	// sources of the errors, told the text of one that must be there.
	sources []string
	says    string
	// after and within say when the verdict falls.
	after, within time.Duration
}{
	"a child that fails is a failure in its node's name": {
		phase: "DOWNLOAD",
		second: func(t *testing.T, a cluster.Action) (*rest.Operation, error) {
			t.Helper()
			return answer(t, a.OperationID, rest.StateFailed, nil, "disk full"), nil
		},
		want: cluster.Failed, sources: []string{"10.0.0.3"}, says: "disk full",
	},
	"a child that is complete with errors is a failure": {
		phase: "DOWNLOAD",
		second: func(t *testing.T, a cluster.Action) (*rest.Operation, error) {
			t.Helper()
			return answer(t, a.OperationID, rest.StateCompleted, resultOf(a.Phase), "one file is missing"), nil
		},
		want: cluster.Failed, sources: []string{"10.0.0.3"}, says: "one file is missing",
	},
	"a child that somebody cancels is a failure": {
		phase: "INIT",
		second: func(t *testing.T, a cluster.Action) (*rest.Operation, error) {
			t.Helper()
			return answer(t, a.OperationID, rest.StateCancelled, nil), nil
		},
		want: cluster.Failed, sources: []string{"10.0.0.3"}, says: "was cancelled",
	},
	"a request that is refused for good is a failure at once": {
		phase:   "INIT",
		second:  func(*testing.T, cluster.Action) (*rest.Operation, error) { return nil, errInvalid },
		want:    cluster.Failed,
		sources: []string{"10.0.0.3"}, says: "entities are mixed",
	},
	"a sidecar that refuses connections is given ten seconds": {
		phase:   "INIT",
		second:  func(*testing.T, cluster.Action) (*rest.Operation, error) { return nil, errRefused },
		want:    cluster.Failed,
		sources: []string{"10.0.0.3"}, says: "could not be connected to", after: 10 * time.Second, within: 13 * time.Second,
	},
	"an operation in the way is given ten seconds": {
		phase:   "INIT",
		second:  func(*testing.T, cluster.Action) (*rest.Operation, error) { return nil, errInWay },
		want:    cluster.Failed,
		sources: []string{"10.0.0.3"}, says: "another is at work", after: 10 * time.Second, within: 13 * time.Second,
	},
	"a sidecar that is silent is given a minute, and may be at work still": {
		phase:   "DOWNLOAD",
		second:  func(*testing.T, cluster.Action) (*rest.Operation, error) { return nil, errSilent },
		want:    cluster.Failed,
		sources: []string{"10.0.0.3"}, says: "may still be at work", after: time.Minute, within: 65 * time.Second,
	},
	"an answer about another operation is a failure": {
		phase: "INIT",
		second: func(t *testing.T, a cluster.Action) (*rest.Operation, error) {
			t.Helper()
			id := "00000000-0000-4000-8000-000000000001"
			if a.OperationID == id && a.Verb != cluster.Submit {
				return answer(t, id, rest.StateCancelled, nil), nil
			}
			return answer(t, id, rest.StateRunning, nil), nil
		},
		want: cluster.Failed, sources: []string{"10.0.0.3"}, says: "takes the id of a request", within: time.Second,
	},
	"a state that does not exist is no answer": {
		phase: "INIT",
		second: func(t *testing.T, a cluster.Action) (*rest.Operation, error) {
			t.Helper()
			return answer(t, a.OperationID, "SLEEPING", nil), nil
		},
		want: cluster.Failed, sources: []string{"10.0.0.3"}, says: "SLEEPING", after: time.Minute, within: 65 * time.Second,
	},
	"a sidecar that loses its operation again and again is a failure": {
		phase: "DOWNLOAD",
		second: func(t *testing.T, a cluster.Action) (*rest.Operation, error) {
			t.Helper()
			if a.Verb == cluster.Submit {
				return answer(t, a.OperationID, rest.StateRunning, nil), nil
			}
			return nil, errUnknown
		},
		want: cluster.Failed, sources: []string{"10.0.0.3"}, says: "lost operation", within: 20 * time.Second,
	},
	"a cancelled operation is cancelled where it is at work": {
		phase: "DOWNLOAD",
		second: func(t *testing.T, a cluster.Action) (*rest.Operation, error) {
			t.Helper()
			return answer(t, a.OperationID, rest.StateRunning, nil), nil
		},
		cancel: true, want: cluster.Cancelled, sources: []string{"10.0.0.3"}, says: "may still be at work", after: time.Minute, within: 65 * time.Second,
	},
	"a truncation that fails tells how to go on": {
		phase: "IMPORT",
		second: func(t *testing.T, a cluster.Action) (*rest.Operation, error) {
			t.Helper()
			return answer(t, a.OperationID, rest.StateFailed, nil, "boom"), nil
		},
		want: cluster.Failed, sources: []string{"", "10.0.0.3"}, says: "ks1.t1, ks1.t2. Submit the restore again with snapshotTag " + newTag,
	},
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	for name, c := range outcomes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDrive(t, restorePlan(t, 3, nil))
			d.until(c.phase, d.healthy)
			begun := d.now
			d.until(end, func(a cluster.Action) (*rest.Operation, error) {
				d.board.Cancelled = c.cancel
				if a.Phase == c.phase && a.Node.HostID == "host-2" {
					if a.Verb == cluster.Cancel && c.cancel {
						return nil, nil // and then it does not stop
					}
					return c.second(t, a)
				}
				return d.healthy(a)
			})
			if d.last.Verdict != c.want || d.last.Facts.Phase != c.phase {
				t.Errorf("%s in %s: %v", d.last.Verdict, d.last.Facts.Phase, d.last.Errors)
			}
			if diff := cmp.Diff(c.sources, sources(d.last.Errors)); diff != "" {
				t.Errorf("sources: %s", diff)
			}
			if !slices.ContainsFunc(d.last.Errors, func(e rest.OperationError) bool { return strings.Contains(e.Message, c.says) }) {
				t.Errorf("%q is not in %v", c.says, d.last.Errors)
			}
			if took := d.now.Sub(begun); took < c.after || took > c.within {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestAFailureCancelsTheSiblingsAndWaitsForThem(t *testing.T) {
	t.Parallel()
	d := newDrive(t, backupPlan(t, 3))
	d.do(func(a cluster.Action) (*rest.Operation, error) {
		if a.Node.HostID == "host-1" {
			return answer(t, a.OperationID, rest.StateFailed, nil, "boom"), nil
		}
		return answer(t, a.OperationID, rest.StateRunning, nil), nil
	})
	if diff := cmp.Diff(map[string]int{"Cancel Upload": 2}, verbs(d.do(d.healthy))); diff != "" {
		t.Fatal(diff)
	}
	if d.last.Verdict != cluster.Undecided || d.last.Facts.Ending == nil {
		t.Fatalf("the verdict did not wait: %+v", d.last)
	}
	d.until(end, func(a cluster.Action) (*rest.Operation, error) {
		if a.Verb != cluster.Poll {
			t.Errorf("%s of %s", a.Verb, a.Node.HostID)
		}
		return answer(t, a.OperationID, rest.StateCancelled, nil), nil
	})
	want := []rest.OperationError{{Source: "10.0.0.2", Message: "boom"}}
	if diff := cmp.Diff(want, d.last.Errors); diff != "" || d.last.Verdict != cluster.Failed {
		t.Errorf("%s %s", d.last.Verdict, diff)
	}
}

func TestSiblingsOfAFailedImportFinish(t *testing.T) {
	t.Parallel()
	running := func(a cluster.Action) (*rest.Operation, error) {
		if a.Node.HostID == "host-1" {
			return answer(t, a.OperationID, rest.StateFailed, nil, "boom"), nil
		}
		return answer(t, a.OperationID, rest.StateRunning, nil), nil
	}
	d := newDrive(t, restorePlan(t, 3, nil))
	d.until("IMPORT", d.healthy)
	for range 5 {
		for _, a := range d.do(running) {
			if a.Verb == cluster.Cancel {
				t.Fatal("a sibling was cancelled")
			}
		}
	}
	d.board.Cancelled = true // until somebody insists
	if diff := cmp.Diff(map[string]int{"Cancel IMPORT": 2}, verbs(d.step())); diff != "" {
		t.Error(diff)
	}
	if d.last.Facts.Ending.Verdict != cluster.Failed {
		t.Errorf("the verdict became %s", d.last.Facts.Ending.Verdict)
	}
}

func TestTheDeadlineNamesTheNodesThatAreLate(t *testing.T) {
	t.Parallel()
	d := newDrive(t, backupPlan(t, 3))
	if d.plan.Timeout != 5*time.Hour {
		t.Errorf("the timeout of the request is %s", d.plan.Timeout)
	}
	d.plan.Timeout = 5 * time.Minute
	d.until(end, func(a cluster.Action) (*rest.Operation, error) {
		switch {
		case a.Node.HostID != "host-3":
			return d.healthy(a)
		case a.Verb == cluster.Cancel:
			return nil, nil
		case d.board.Facts.Ending != nil:
			return answer(t, a.OperationID, rest.StateCancelled, nil), nil
		}
		return answer(t, a.OperationID, rest.StateRunning, nil), nil
	})
	if d.last.Verdict != cluster.Failed || !slices.Equal(sources(d.last.Errors), []string{"10.0.0.4"}) {
		t.Errorf("%s: %v", d.last.Verdict, d.last.Errors)
	}
	if took := d.now.Sub(start); took < 5*time.Minute || took > 6*time.Minute {
		t.Errorf("it took %s", took)
	}
}

func TestACancelledRestoreWhoseDataIsBackSaysSo(t *testing.T) {
	t.Parallel()
	d := newDrive(t, restorePlan(t, 2, nil))
	d.until("IMPORT", d.healthy)
	d.do(d.healthy)
	d.board.Cancelled = true
	d.step()
	if d.last.Verdict != cluster.Cancelled || d.last.Facts.Phase != "CLEANUP" || len(d.last.Actions) > 0 {
		t.Errorf("%+v", d.last)
	}
	if len(d.last.Errors) != 1 || !strings.Contains(d.last.Errors[0].Message, "the data is restored") {
		t.Errorf("%v", d.last.Errors)
	}
}

func TestAnEndThatCameBeforeItWasCancelledStands(t *testing.T) {
	t.Parallel()
	d := newDrive(t, backupPlan(t, 2))
	d.until(cluster.PhaseTopology, d.healthy)
	d.do(d.healthy)
	d.board.Cancelled = true
	d.now = d.now.Add(10 * time.Hour)
	if d.step(); d.last.Verdict != cluster.Succeeded {
		t.Errorf("%+v", d.last)
	}
}

func TestARestartedSidecarGetsItsChildAgain(t *testing.T) {
	t.Parallel()
	d := newDrive(t, restorePlan(t, 2, nil))
	d.until("DOWNLOAD", d.healthy)
	var posted []string
	d.until("TRUNCATE", func(a cluster.Action) (*rest.Operation, error) {
		switch {
		case a.Node.HostID == "host-1":
			return d.healthy(a)
		case a.Verb == cluster.Submit:
			posted = append(posted, a.OperationID)
			if len(posted) == 1 {
				return answer(t, a.OperationID, rest.StateRunning, nil), nil
			}
			return d.healthy(a)
		}
		return nil, errUnknown
	})
	if len(posted) != 2 || posted[0] != posted[1] {
		t.Errorf("posted %v", posted)
	}
}

// A coordinator that comes back asks first, and does not do twice what was done.
func TestAResumedOperationAsksFirst(t *testing.T) {
	t.Parallel()
	d := newDrive(t, restorePlan(t, 3, nil))
	d.until("IMPORT", d.healthy)
	d.board = cluster.Board{Facts: throughJSON(t, d.board.Facts), Resumed: true}
	first := d.step()
	if diff := cmp.Diff(map[string]int{"Poll IMPORT": 3}, verbs(first)); diff != "" {
		t.Fatal(diff)
	}
	d.board.Record(first[0], answer(t, first[0].OperationID, rest.StateCompleted, nil), nil, d.now)
	d.board.Record(first[1], nil, errUnknown, d.now)
	if second := d.step(); len(second) > 0 {
		t.Fatalf("%v, before all had answered", verbs(second))
	}
	d.board.Record(first[2], answer(t, first[2].OperationID, rest.StateCompleted, nil), nil, d.now)
	second := d.step()
	if len(second) != 1 || second[0].Verb != cluster.Submit || second[0].OperationID != first[1].OperationID {
		t.Fatalf("%+v", second)
	}
	d.board.Record(second[0], answer(t, second[0].OperationID, rest.StateCompleted, nil), nil, d.now)
	d.until(end, func(a cluster.Action) (*rest.Operation, error) {
		if a.Verb == cluster.Poll {
			return nil, errUnknown
		}
		return d.healthy(a)
	})
	if d.last.Verdict != cluster.Succeeded {
		t.Errorf("%+v", d.last)
	}
}

func TestAResumedOperationThatIsCancelledCancelsWhatItMayHaveSent(t *testing.T) {
	t.Parallel()
	d := newDrive(t, restorePlan(t, 3, nil))
	d.until("DOWNLOAD", d.healthy)
	d.board = cluster.Board{Facts: throughJSON(t, d.board.Facts), Resumed: true, Cancelled: true}
	if diff := cmp.Diff(map[string]int{"Cancel DOWNLOAD": 3}, verbs(d.do(func(cluster.Action) (*rest.Operation, error) {
		return nil, errUnknown
	}))); diff != "" {
		t.Fatal(diff)
	}
	if d.step(); d.last.Verdict != cluster.Cancelled || len(d.last.Errors) > 0 {
		t.Errorf("%+v", d.last)
	}
}

// Facts that were lost come back from the requests of the children.
func TestFactsAreRecalledFromChildren(t *testing.T) {
	t.Parallel()
	plan := restorePlan(t, 2, nil)
	d := newDrive(t, plan)
	requests := map[string]rest.Request{}
	d.until("IMPORT", func(a cluster.Action) (*rest.Operation, error) {
		requests[a.OperationID] = a.Request
		return d.healthy(a)
	})
	want := d.board.Facts
	d.board = cluster.Board{Resumed: true}
	d.until("IMPORT", func(a cluster.Action) (*rest.Operation, error) {
		if a.Verb != cluster.Poll {
			t.Fatalf("%s %s", a.Verb, a.Phase)
		}
		op := answer(t, a.OperationID, rest.StateCompleted, resultOf(a.Phase))
		if a.Phase == "INIT" { // meanwhile there is another backup
			op = answer(t, a.OperationID, rest.StateCompleted, rest.RestoreResult{Manifests: []string{"snap-" + schema + "-1804922565811"}})
		}
		raw, err := json.Marshal(requests[a.OperationID])
		op.Request = raw
		return op, err
	})
	if diff := cmp.Diff(want, d.board.Facts); diff != "" {
		t.Error(diff)
	}
}

func TestTheOneNodeStaysTheSame(t *testing.T) {
	t.Parallel()
	d := newDrive(t, restorePlan(t, 3, nil))
	d.until("TRUNCATE", d.healthy)
	d.board = cluster.Board{Facts: d.board.Facts, Resumed: true}
	ring := ringOf(3)
	ring.Nodes[0].Address = "10.9.9.9" // the pod was moved
	var err error
	if d.plan, err = cluster.RestorePlan(parent, restoreRequest(t), ring); err != nil {
		t.Fatal(err)
	}
	if a := d.step(); len(a) != 1 || a[0].Node.HostID != "host-1" || a[0].Node.Address != "10.9.9.9" {
		t.Errorf("%+v", a)
	}
}

func TestARingThatChangesIsAFailure(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		nodes int
		want  []string
	}{
		"a node joined": {nodes: 4, want: []string{"10.0.0.5"}},
		"a node left":   {nodes: 2, want: []string{""}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDrive(t, restorePlan(t, 3, nil))
			d.until("DOWNLOAD", d.healthy)
			d.board = cluster.Board{Facts: d.board.Facts, Resumed: true}
			d.plan = restorePlan(t, c.nodes, nil)
			d.until(end, func(a cluster.Action) (*rest.Operation, error) {
				if a.Verb == cluster.Submit {
					t.Errorf("%s was sent", a.Phase)
				}
				return nil, errUnknown
			})
			if d.last.Verdict != cluster.Failed {
				t.Errorf("%+v", d.last)
			}
			if diff := cmp.Diff(c.want, sources(d.last.Errors)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAPlanThatIsNoneFails(t *testing.T) {
	t.Parallel()
	whole := restorePlan(t, 1, nil)
	cases := map[string]struct {
		plan  cluster.Plan
		board cluster.Board
	}{
		"no nodes":         {plan: cluster.Plan{Phases: whole.Phases}},
		"no phases":        {plan: cluster.Plan{Nodes: whole.Nodes}},
		"a nameless phase": {plan: cluster.Plan{Nodes: whole.Nodes, Phases: []cluster.Phase{{Request: whole.Phases[0].Request}}}},
		"a phase that the facts know and the plan does not": {
			plan: whole, board: cluster.Board{Facts: cluster.Facts{Phase: "Upload"}},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := cluster.Step(c.plan, c.board, start)
			if d.Verdict != cluster.Failed || len(d.Errors) != 1 || len(d.Actions) > 0 {
				t.Errorf("%+v", d)
			}
		})
	}
}

// An answer that comes late, or twice, changes nothing that is over.
func TestWhatIsFinishedStaysSo(t *testing.T) {
	t.Parallel()
	d := newDrive(t, backupPlan(t, 2))
	a := d.step()[0]
	d.board.Record(a, answer(t, a.OperationID, rest.StateCompleted, resultOf(a.Phase)), nil, d.now)
	before := d.board.Children[a.Phase][a.Node.HostID]
	poll := a
	poll.Verb, poll.Request = cluster.Poll, nil
	d.board.Record(poll, answer(t, a.OperationID, rest.StateRunning, nil), nil, d.now)
	d.board.Record(poll, nil, errUnknown, d.now)
	d.board.Record(poll, nil, errSilent, d.now)
	if diff := cmp.Diff(before, d.board.Children[a.Phase][a.Node.HostID]); diff != "" {
		t.Error(diff)
	}
}

func TestDescribeTellsOfEveryNode(t *testing.T) {
	t.Parallel()
	d := newDrive(t, restorePlan(t, 3, nil))
	moved := &rest.Transfer{BytesTotal: 7, BytesDone: 7}
	d.until("TRUNCATE", func(a cluster.Action) (*rest.Operation, error) {
		op, err := d.healthy(a)
		if err == nil && op != nil && a.Phase == "DOWNLOAD" {
			op.Transfer = moved
		}
		return op, err
	})
	d.do(func(a cluster.Action) (*rest.Operation, error) { return nil, errSilent })
	r := cluster.Describe(d.plan, d.board)
	for _, n := range r.Nodes {
		if diff := cmp.Diff(moved, n.Transfer); diff != "" {
			t.Errorf("what %s downloaded is forgotten:\n%s", n.Hostname, diff)
		}
	}
	if r.Phase != "TRUNCATE" || r.Progress != 0.72 || len(r.Nodes) != 3 {
		t.Errorf("%+v", r)
	}
	if n := r.Nodes[0]; n.Phase != "TRUNCATE" || n.Hostname != "cassandra-0" || n.OperationID == "" || len(n.Errors) != 1 {
		t.Errorf("%+v", n)
	}
	if n := r.Nodes[1]; n.Phase != "DOWNLOAD" || n.State != rest.StateCompleted || n.Progress != 1 || n.Datacenter != "dc1" {
		t.Errorf("%+v", n)
	}
}

func throughJSON[T any](t rapid.TB, v T) T {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out T
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
