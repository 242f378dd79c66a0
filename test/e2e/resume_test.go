package e2e_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
	"github.com/icarus-sidecar/icarus/pkg/client"
)

var clientFilter = client.Filter{}

// A coordinator that dies in the midst of its work goes on when it is started
// again, under the same id.
func TestACoordinatorThatIsKilledGoesOn(t *testing.T) {
	b := setUp(t, ring.ForTest(t, ring41), nil)
	data, before := b.populate(t, "kill", 40)
	location, entities := fileLocation(t.TempDir()), strings.Join(data.Keyspaces(), ",")
	coordinator := b.sidecars[0]
	slow := backup(location, "slow", entities)
	slow.CreateMissingBucket = true
	slow.Bandwidth = &rest.Bandwidth{Value: 20, Unit: "KBPS"}
	op := coordinator.killedAt(t, slow, "Upload")
	if op.State != rest.StateCompleted {
		t.Fatalf("the backup is %s: %+v", op.State, op.Errors)
	}
	if err := data.Damage(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, phase := range []rest.RestorePhase{rest.PhaseDownload, rest.PhaseImport} {
		op := coordinator.killedAt(t, b.restore(location, "slow", entities, rest.StrategyHardlinks), string(phase))
		if op.State != rest.StateCompleted {
			t.Fatalf("the restore killed at %s is %s: %+v", phase, op.State, op.Errors)
		}
		same(t, data, before)
	}
}

// killedAt kills the sidecar when the operation is in a phase, or beyond, starts
// it again and waits for the end.
func (s *sidecar) killedAt(t *testing.T, req rest.Request, phase string) *rest.Operation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	op, err := s.Submit(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, func() error {
		now, err := s.Operation(ctx, op.ID)
		if err == nil && now.CurrentPhase != phase && !now.State.IsTerminal() {
			err = &rest.Error{Message: "it is in phase " + now.CurrentPhase}
		}
		return err
	})
	s.kill(t)
	s.start(t)
	if op, err = s.Watch(ctx, op.ID, func(rest.Operation) {}); err != nil {
		t.Fatal(err)
	}
	return op
}

// Cancelled means that nothing is left behind, and no backup.
func TestACancelledBackupIsNone(t *testing.T) {
	b := setUp(t, ring.ForTest(t, ring41), nil)
	data, _ := b.populate(t, "cancel", 40)
	dir := t.TempDir()
	slow := backup(fileLocation(dir), "slow", strings.Join(data.Keyspaces(), ","))
	slow.CreateMissingBucket = true
	slow.Bandwidth = &rest.Bandwidth{Value: 1, Unit: "KBPS"}
	s := b.sidecars[0]
	op, err := s.Submit(t.Context(), slow)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, func() error {
		now, err := s.Operation(t.Context(), op.ID)
		if err == nil && (now.Transfer == nil || now.Transfer.BytesDone == 0) {
			err = &rest.Error{Message: "nothing is uploaded yet"}
		}
		return err
	})
	if err := s.Cancel(t.Context(), op.ID); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	if op, err = s.Watch(ctx, op.ID, func(rest.Operation) {}); err != nil || op.State != rest.StateCancelled {
		t.Fatalf("the backup is %v, %v", op, err)
	}
	for _, file := range filesIn(t, dir) {
		if strings.Contains(file, "/manifests/") || strings.Contains(file, "/topology/") || strings.HasPrefix(filepath.Base(file), ".") {
			t.Errorf("it left %s", file)
		}
	}
	if left := b.snapshots(t, data.Keyspaces()...); len(left) != 0 {
		t.Errorf("it left snapshots: %q", left)
	}
}
