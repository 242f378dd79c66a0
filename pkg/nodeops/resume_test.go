package nodeops_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/client"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// remote has the coordinator in dc1 and what it is asked for in dc2, so that its
// end is not that of a child.
func remote(t *testing.T) (r *ring, coordinator *sidecar, others []*sidecar) {
	t.Helper()
	r = newRing(t, "dc1", "dc2", "dc2")
	r.fill()
	return r, r.sidecars[0], r.sidecars[1:]
}

func inDC2(b *rest.BackupRequest) { b.DC = "dc2" }

// states of the operations of a sidecar, sorted.
func (s *sidecar) states() []rest.State {
	var states []rest.State
	for _, op := range s.manager.List(operation.Filter{}) {
		states = append(states, op.State)
	}
	return slices.Compact(slices.Sorted(slices.Values(states)))
}

func TestABackupGoesOnWhenItsCoordinatorIsStartedAgain(t *testing.T) {
	t.Parallel()
	r, coordinator, others := remote(t)
	reached, release := others[1].node.Block("Snapshot")
	defer release()
	op := coordinator.submit(r.backup(inDC2))
	receive(t, reached)
	coordinator.stop()
	release()
	coordinator.start()
	done := coordinator.wait(op.ID)
	if done.State != rest.StateCompleted {
		t.Fatalf("it is %s: %+v", done.State, done.Errors)
	}
	tag := tagOf(t, done)
	for _, s := range others {
		if calls := s.node.Calls("Snapshot"); len(calls) != 1 {
			t.Errorf("%s took snapshots %v", s.node.Address(), calls)
		}
		if tags := r.manifests()[s.node.HostID()]; !slices.Equal(tags, []string{tag}) {
			t.Errorf("%s has the backups %v, want %s", s.node.Address(), tags, tag)
		}
		if states := s.states(); !slices.Equal(states, []rest.State{rest.StateCompleted}) {
			t.Errorf("operations of %s are %v", s.node.Address(), states)
		}
	}
}

func TestARestoreGoesOnWhenItsCoordinatorIsStartedAgain(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"CheckHealth", "Truncate", "LoadNewSSTables"} {
		t.Run("in the midst of "+method, func(t *testing.T) {
			t.Parallel()
			r, coordinator, others := remote(t)
			coordinator.completed(r.backup(inDC2))
			// The first of dc2 is the one that truncates.
			reached, release := others[0].node.Block(method)
			defer release()
			op := coordinator.submit(r.restore(rest.StrategyHardlinks, func(q *rest.RestoreRequest) { q.DC = "dc2" }))
			receive(t, reached)
			coordinator.stop()
			release()
			coordinator.start()
			if done := coordinator.wait(op.ID); done.State != rest.StateCompleted {
				t.Fatalf("it is %s: %+v", done.State, done.Errors)
			}
			if n := r.calls("Truncate"); n != 2 {
				t.Errorf("there were %d truncations, want one of each of two tables", n)
			}
			for _, s := range others {
				wantRows(t, s, "shop.items", "apple", "item-of-"+s.node.Address())
			}
		})
	}
}

func TestANodeThatIsStartedAgainGoesOnWithItsPart(t *testing.T) {
	t.Parallel()
	r, coordinator, others := remote(t)
	reached, release := others[0].node.Block("Snapshot")
	defer release()
	op := coordinator.submit(r.backup(inDC2))
	receive(t, reached)
	stopped := make(chan struct{})
	go func() { // the snapshot is waited for
		defer close(stopped)
		_ = others[0].manager.Close(r.stopped())
	}()
	release()
	receive(t, stopped)
	others[0].start()
	if done := coordinator.wait(op.ID); done.State != rest.StateCompleted {
		t.Fatalf("it is %s: %+v", done.State, done.Errors)
	}
	if left := others[0].node.Snapshots("shop", "items"); len(left) > 0 {
		t.Errorf("snapshots are left: %v", left)
	}
}

func TestACancelledBackupLeavesNothing(t *testing.T) {
	t.Parallel()
	r, coordinator, others := remote(t)
	var reached []<-chan struct{}
	var releases []func()
	for _, s := range others {
		at, release := s.node.Block("Snapshot")
		defer release()
		reached, releases = append(reached, at), append(releases, release)
	}
	op := coordinator.submit(r.backup(inDC2))
	for _, at := range reached {
		receive(t, at)
	}
	noError(t, coordinator.client.Cancel(t.Context(), op.ID))
	cancelled := []string{receive(t, r.cancels), receive(t, r.cancels)}
	for _, release := range releases {
		release()
	}
	if done := coordinator.wait(op.ID); done.State != rest.StateCancelled || len(done.Errors) > 0 {
		t.Errorf("it is %s: %+v", done.State, done.Errors)
	}
	slices.Sort(cancelled)
	if !slices.Equal(cancelled, []string{"127.0.0.2", "127.0.0.3"}) {
		t.Errorf("children were cancelled on %v", cancelled)
	}
	for _, s := range others {
		if states := s.states(); !slices.Equal(states, []rest.State{rest.StateCancelled}) {
			t.Errorf("operations of %s are %v", s.node.Address(), states)
		}
		if left := s.node.Snapshots("shop", "items"); len(left) > 0 {
			t.Errorf("snapshots are left: %v", left)
		}
	}
	if m := r.manifests(); len(m) > 0 {
		t.Errorf("there are manifests %v", m)
	}
}

func TestACancelledRestoreTruncatesNothing(t *testing.T) {
	t.Parallel()
	r, coordinator, others := remote(t)
	coordinator.completed(r.backup(inDC2))
	reached, release := others[1].node.Block("CheckHealth") // in DOWNLOAD
	defer release()
	op := coordinator.submit(r.restore(rest.StrategyImport, func(q *rest.RestoreRequest) { q.DC = "dc2" }))
	receive(t, reached)

	// Meanwhile no other restore of the ring may begin.
	if told := coordinator.refused(r.restore(rest.StrategyImport, nil)); told.Code != http.StatusConflict {
		t.Errorf("the second restore is refused with %d: %s", told.Code, told.Message)
	}

	noError(t, coordinator.client.Cancel(t.Context(), op.ID))
	if done := coordinator.wait(op.ID); done.State != rest.StateCancelled || len(done.Errors) > 0 {
		t.Errorf("it is %s: %+v", done.State, done.Errors)
	}
	if states := others[1].states(); !slices.Contains(states, rest.StateCancelled) || slices.Contains(states, rest.StateRunning) {
		t.Errorf("operations of the node are %v", states)
	}
	if n := r.calls("Truncate"); n > 0 {
		t.Errorf("there were %d truncations", n)
	}
	for _, s := range others {
		wantRows(t, s, "shop.items", "apple", "item-of-"+s.node.Address())
	}
	release()
	// Its place is free a moment after its end is seen.
	next := r.restore(rest.StrategyImport, func(q *rest.RestoreRequest) { q.DC = "dc2" })
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for {
		op, err := coordinator.client.Submit(t.Context(), next)
		if errors.Is(err, client.ErrConflict) {
			receive(t, ticker.C)
			continue
		}
		noError(t, err)
		if done := coordinator.wait(op.ID); done.State != rest.StateCompleted {
			t.Errorf("the next is %s: %+v", done.State, done.Errors)
		}
		return
	}
}

// An operation that is wound up because the process that ran it was told to end
// by something other than a cancellation or Close is no success when it is found
// to be over.
func TestWhatWasWoundUpIsNotTakenForDone(t *testing.T) {
	t.Parallel()
	r, coordinator, others := remote(t)
	coordinator.stop()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	coordinator.startIn(ctx)
	reached, release := others[1].node.Block("Snapshot")
	defer release()
	op := coordinator.submit(r.backup(inDC2))
	receive(t, reached)
	end()
	receive(t, r.cancels)
	release()
	coordinator.stop()
	coordinator.start()
	if done := coordinator.wait(op.ID); done.State != rest.StateFailed || len(done.Errors) == 0 {
		t.Errorf("it is %s: %+v", done.State, done.Errors)
	}
}
