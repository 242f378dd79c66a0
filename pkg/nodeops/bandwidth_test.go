package nodeops_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/nodeops"
	"github.com/icarus-sidecar/icarus/pkg/operation"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// A backup at a byte a second would take days; its rate and that of the node are
// changed while it runs.
func TestTheBandwidthOfARunningBackupCanBeChanged(t *testing.T) {
	t.Parallel()
	r := newRing(t, "dc1")
	r.fill()
	s := r.sidecars[0]
	d := s.deps()
	d.Limit, d.CacheDir = transfer.NewLimiter(1, nil), t.TempDir()
	registry, err := nodeops.Kinds(d, nil)
	noError(t, err)
	manager, err := operation.New(r.stopped(), operation.Config{Dir: t.TempDir(), Registry: registry})
	noError(t, err)
	defer func() { noError(t, manager.Close(r.stopped())) }()
	request := r.backup(func(b *rest.BackupRequest) {
		b.GlobalRequest, b.StorageLocation = false, s.own()
		b.Bandwidth = &rest.Bandwidth{Value: 1, Unit: "BPS"}
	})
	op, _, err := manager.Submit(t.Context(), request, nil)
	noError(t, err)
	for op.CurrentPhase != "UPLOAD" && !op.State.IsTerminal() {
		op, err = manager.Get(op.ID)
		noError(t, err)
	}
	noError(t, d.SetBandwidth(op.ID, 0))
	d.Limit.Set(0)
	for !op.State.IsTerminal() {
		op, err = manager.Get(op.ID)
		noError(t, err)
	}
	if op.State != rest.StateCompleted {
		t.Errorf("it is %s: %v", op.State, op.Errors)
	}
	if err := d.SetBandwidth(op.ID, 1); !errors.Is(err, nodeops.ErrMovesNothing) {
		t.Errorf("when it is over the error is %v", err)
	}
	// The next one finds what this one left.
	left, err := filepath.Glob(filepath.Join(d.CacheDir, "*", "backup-*"))
	if err != nil || len(left) != 1 {
		t.Errorf("it left %v, %v", left, err)
	}
	if info, err := os.Stat(filepath.Dir(left[0])); err != nil || info.Mode().Perm()&0o007 != 0 {
		t.Errorf("everybody may look into %s: %v", left[0], err)
	}
}
