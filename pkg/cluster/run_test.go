package cluster_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
)

// sidecars answer for a whole ring, in the time of a synctest bubble.
type sidecars struct {
	t    *testing.T
	took time.Duration // by each child
	// down refuses connections to a host, hang does not answer for it, and stuck
	// keeps its children at work; endless ones do not stop when they are cancelled.
	down, hang, stuck map[string]bool
	endless           bool

	mu    sync.Mutex
	parts map[string]*running
	posts []string // "PHASE host" of each child that was begun
	calls int
	most  int // calls at one time
}

type running struct {
	phase, host string
	since       time.Time
	cancelled   bool
}

func newSidecars(t *testing.T) *sidecars {
	t.Helper()
	return &sidecars{
		t: t, took: 3 * time.Second, parts: map[string]*running{},
		down: map[string]bool{}, hang: map[string]bool{}, stuck: map[string]bool{},
	}
}

func (s *sidecars) peer(n cluster.Node) (cluster.Peer, error) { return sidecar{s, n.HostID}, nil }

type sidecar struct {
	*sidecars
	host string
}

// call is what every call goes through.
func (s sidecar) call(ctx context.Context) error {
	s.mu.Lock()
	s.calls++
	s.most = max(s.most, s.calls)
	down, hang := s.down[s.host], s.hang[s.host]
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.calls--
		s.mu.Unlock()
	}()
	if _, bounded := ctx.Deadline(); !bounded {
		s.t.Error("a call without a deadline")
	}
	switch {
	case down:
		return errRefused
	case hang:
		<-ctx.Done()
		return ctx.Err()
	}
	select {
	case <-time.After(time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s sidecar) Submit(ctx context.Context, req rest.Request) (*rest.Operation, error) {
	if err := s.call(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parts[req.RequestID()] == nil {
		phase := cluster.PhaseTopology
		switch r := req.(any).(type) {
		case *rest.RestoreRequest:
			phase = string(r.RestorationPhase)
		case *rest.BackupRequest:
			phase = cluster.PhaseUpload
		}
		s.parts[req.RequestID()] = &running{phase: phase, host: s.host, since: time.Now()}
		s.posts = append(s.posts, phase+" "+s.host)
	}
	return s.tell(req.RequestID())
}

func (s sidecar) Operation(ctx context.Context, id string) (*rest.Operation, error) {
	if err := s.call(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tell(id)
}

func (s sidecar) Cancel(ctx context.Context, id string) error {
	if err := s.call(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parts[id] == nil {
		return errUnknown
	}
	s.parts[id].cancelled = !s.endless
	return nil
}

// tell answers about a child. The caller holds mu.
func (s *sidecars) tell(id string) (*rest.Operation, error) {
	p := s.parts[id]
	age := time.Duration(0)
	if p != nil {
		age = time.Since(p.since)
	}
	switch {
	case p == nil:
		return nil, errUnknown
	case age >= s.took && !s.stuck[p.host]:
		return answer(s.t, id, rest.StateCompleted, resultOf(p.phase)), nil
	case p.cancelled:
		return answer(s.t, id, rest.StateCancelled, nil), nil
	}
	op := answer(s.t, id, rest.StateRunning, nil)
	op.Progress = min(float64(age)/float64(s.took), 0.9)
	return op, nil
}

func (s *sidecars) begun() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(slices.Values(s.posts))
}

func (s *sidecars) atWork() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for id := range s.parts {
		if op, err := s.tell(id); err == nil && !op.State.IsTerminal() {
			n++
		}
	}
	return n
}

func TestRunCarriesARestoreOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSidecars(t)
		var reports []cluster.Report
		var kept []cluster.Facts
		d, err := cluster.Run(t.Context(), restorePlan(t, 3, nil), cluster.Board{}, cluster.Driver{
			Peers:  s.peer,
			Report: func(r cluster.Report) { reports = append(reports, r) },
			Keep: func(f cluster.Facts) error {
				for _, post := range s.begun() { // all that was sent is of phases that were kept before
					phase, _, _ := strings.Cut(post, " ")
					if !slices.ContainsFunc(kept, func(f cluster.Facts) bool { return f.Phase == phase }) {
						t.Errorf("%s was sent before it was kept", post)
					}
				}
				kept = append(kept, f)
				return nil
			},
		})
		if err != nil || d.Verdict != cluster.Succeeded {
			t.Fatalf("%+v %v", d, err)
		}
		if n := len(s.begun()); n != 13 {
			t.Errorf("%d children: %v", n, s.begun())
		}
		if len(kept) != 5 || kept[4].SnapshotTag != newTag || !slices.Equal(kept[4].Tables, []string{"ks1.t1", "ks1.t2"}) {
			t.Errorf("kept %+v", kept)
		}
		last := reports[len(reports)-1]
		if last.Progress != 1 || last.Phase != "CLEANUP" || last.Nodes[2].State != rest.StateCompleted {
			t.Errorf("last report %+v", last)
		}
		if !slices.IsSortedFunc(reports, func(a, b cluster.Report) int { return int(1e6*a.Progress) - int(1e6*b.Progress) }) {
			t.Error("progress went back")
		}
		// Five phases of three seconds, each late by less than a poll.
		if took := time.Since(synctestStart); took < 15*time.Second || took > 21*time.Second {
			t.Errorf("it took %s", took)
		}
		if len(reports) > 45 {
			t.Errorf("%d reports", len(reports))
		}
	})
}

// synctestStart is when every bubble begins.
var synctestStart = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func TestRunNamesTheNodeThatIsAway(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		break1  func(s *sidecars)
		timeout time.Duration
		most    time.Duration
	}{
		"its sidecar is down": {break1: func(s *sidecars) { s.down["host-2"] = true }, most: 20 * time.Second},
		"its sidecar hangs": {
			break1: func(s *sidecars) { s.hang["host-2"] = true }, most: 3*time.Minute + 30*time.Second,
		},
		"its operation takes too long": {
			break1: func(s *sidecars) { s.stuck["host-2"] = true }, timeout: 10 * time.Minute, most: 10*time.Minute + 5*time.Second,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSidecars(t)
				c.break1(s)
				plan := backupPlan(t, 3)
				plan.Timeout = c.timeout
				d, err := cluster.Run(t.Context(), plan, cluster.Board{}, cluster.Driver{Peers: s.peer})
				if err != nil || d.Verdict != cluster.Failed {
					t.Fatalf("%+v %v", d, err)
				}
				if diff := cmp.Diff([]string{"10.0.0.3"}, sources(d.Errors)); diff != "" {
					t.Errorf("%v", d.Errors)
				}
				if slices.Contains(s.begun(), "Topology host-1") {
					t.Error("a topology was uploaded")
				}
				if took := time.Since(synctestStart); took > c.most {
					t.Errorf("it took %s", took)
				}
				if s.atWork() > 0 {
					t.Error("something is at work")
				}
			})
		})
	}
}

func TestRunWindsUpWhenItIsCancelled(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		endless bool
		sources []string
		most    time.Duration
	}{
		"children stop":        {most: 3 * time.Second},
		"children do not stop": {endless: true, sources: []string{"10.0.0.2", "10.0.0.3"}, most: 63 * time.Second},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSidecars(t)
				s.took, s.endless = time.Hour, c.endless
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(2*time.Second, cancel)
				d, err := cluster.Run(ctx, backupPlan(t, 2), cluster.Board{}, cluster.Driver{Peers: s.peer})
				if err != nil || d.Verdict != cluster.Cancelled {
					t.Fatalf("%+v %v", d, err)
				}
				if diff := cmp.Diff(c.sources, sources(d.Errors)); diff != "" {
					t.Error(diff)
				}
				if (s.atWork() > 0) != c.endless {
					t.Errorf("%d are at work", s.atWork())
				}
				if took := time.Since(synctestStart); took > c.most {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

func TestRunSendsNothingWhenItIsCancelledBefore(t *testing.T) {
	t.Parallel()
	s := newSidecars(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d, err := cluster.Run(ctx, backupPlan(t, 2), cluster.Board{}, cluster.Driver{Peers: s.peer})
	if err != nil || d.Verdict != cluster.Cancelled || len(s.begun()) > 0 {
		t.Errorf("%+v %v %v", d, err, s.begun())
	}
}

// A sidecar that stops leaves the children at work; its next life goes on with
// them and sends none a second time.
func TestRunIsTakenUpWhereItWasLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSidecars(t)
		stopping := errors.New("stopping")
		var kept cluster.Facts
		driver := cluster.Driver{
			Peers: s.peer,
			Keep:  func(f cluster.Facts) error { kept = throughJSON(t, f); return nil },
			Leave: func(cause error) bool { return errors.Is(cause, stopping) },
		}
		board := cluster.Board{}
		lives := 0
		for verdict := cluster.Undecided; verdict == cluster.Undecided; lives++ {
			ctx, cancel := context.WithCancelCause(t.Context())
			timer := time.AfterFunc(1700*time.Millisecond, func() { cancel(stopping) })
			d, err := cluster.Run(ctx, restorePlan(t, 3, nil), board, driver)
			if verdict = d.Verdict; verdict == cluster.Undecided && !errors.Is(err, stopping) {
				t.Fatalf("%+v %v", d, err)
			}
			timer.Stop()
			cancel(nil)
			board = cluster.Board{Facts: kept, Resumed: true}
			if lives > 100 {
				t.Fatal("it does not end")
			}
		}
		if lives < 5 {
			t.Errorf("%d lives are no test", lives)
		}
		if n := len(s.begun()); n != 13 || len(slices.Compact(s.begun())) != 13 {
			t.Errorf("%d children: %v", n, s.begun())
		}
	})
}

func TestRunDoesNotActOnFactsThatCannotBeKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSidecars(t)
		d, err := cluster.Run(t.Context(), restorePlan(t, 2, nil), cluster.Board{}, cluster.Driver{
			Peers: s.peer,
			Keep: func(f cluster.Facts) error {
				if f.Phase == "TRUNCATE" {
					return errors.New("the disk is full")
				}
				return nil
			},
		})
		if err != nil || d.Verdict != cluster.Failed || !slices.Equal(sources(d.Errors), []string{""}) {
			t.Errorf("%+v %v", d, err)
		}
		if slices.Contains(s.begun(), "TRUNCATE host-1") {
			t.Error("tables were truncated")
		}
	})
}

func TestRunBoundsItsCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSidecars(t)
		d, err := cluster.Run(t.Context(), backupPlan(t, 100), cluster.Board{}, cluster.Driver{Peers: s.peer, Calls: 7})
		if err != nil || d.Verdict != cluster.Succeeded || s.most != 7 {
			t.Errorf("%+v %v, %d at one time", d, err, s.most)
		}
	})
}

func TestRunTellsOfANodeWithoutSidecar(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSidecars(t)
		lost := errors.New("no such address")
		d, err := cluster.Run(t.Context(), backupPlan(t, 2), cluster.Board{}, cluster.Driver{
			Peers: func(n cluster.Node) (cluster.Peer, error) {
				if n.HostID == "host-2" {
					return nil, lost
				}
				return s.peer(n)
			},
		})
		if err != nil || d.Verdict != cluster.Failed || !slices.Equal(sources(d.Errors), []string{"10.0.0.3"}) {
			t.Errorf("%+v %v", d, err)
		}
	})
}
