package restore_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/restore"
)

func TestCleanupDeletesOnlyWhatTheRestoreMade(t *testing.T) {
	t.Parallel()
	f := newFixture(t, restore.StrategyHardlinks)
	truncate := func(table string) {
		t.Helper()
		keyspace, name, _ := strings.Cut(table, ".")
		f.node.write(table, "x")
		if err := f.node.Truncate(t.Context(), keyspace, name); err != nil {
			t.Fatal(err)
		}
	}
	truncate("shop.archive")
	truncate("shop.empty")
	keep := filepath.Join(f.node.tables[0].DataPaths[0], "snapshots", "nightly")
	if err := os.MkdirAll(keep, 0o755); err != nil {
		t.Fatal(err)
	}
	f.node.write("shop.empty", "y")
	f.must(restore.Init, restore.Download, restore.Truncate, restore.Import)
	before := f.node.snapshots("shop.empty")
	truncate("shop.orders") // by someone else, since
	since := f.node.snapshots("shop.orders")
	beside := filepath.Join(f.r.SourceDir, hostID, "weekly", "file")
	if err := os.MkdirAll(filepath.Dir(beside), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(beside, nil, 0o644); err != nil {
		t.Fatal(err)
	}

	f.must(restore.Cleanup, restore.Cleanup)

	if diff := cmp.Diff(before[:1], f.node.snapshots("shop.empty")); diff != "" || len(before) != 2 {
		t.Errorf("of %v, the second is ours alone (-want +got):\n%s", before, diff)
	}
	since = slices.Delete(since, slices.IndexFunc(since, func(s string) bool { return strings.HasPrefix(s, "truncated-") }), 2)
	if diff := cmp.Diff(since, f.node.snapshots("shop.orders")); diff != "" {
		t.Errorf("snapshots of shop.orders (-want +got):\n%s", diff)
	}
	if got := f.node.snapshots("shop.archive"); len(got) != 1 {
		t.Errorf("snapshots of shop.archive are %v", got)
	}
	if diff := cmp.Diff([]string{hostID + "/weekly/file"}, tree(t, f.r.SourceDir)); diff != "" {
		t.Errorf("source directory (-want +got):\n%s", diff)
	}
}

func TestCleanupKeepsWhatItIsToldToKeep(t *testing.T) {
	t.Parallel()
	f := newFixture(t, restore.StrategyHardlinks)
	f.r.NoDeleteDownloads, f.r.NoDeleteTruncates = true, true
	f.must(phases...)
	if got := f.node.snapshots("shop.orders"); len(got) != 1 {
		t.Errorf("snapshots are %v", got)
	}
	f.r.NoDeleteTruncates = false
	f.must(restore.Cleanup)
	if got := f.node.snapshots("shop.orders"); len(got) != 0 {
		t.Errorf("snapshots are %v", got)
	}
	if len(tree(t, f.r.SourceDir)) == 0 {
		t.Error("the downloads are gone")
	}
}

func TestCleanupSparesTheSnapshotOfATableThatWasNotImported(t *testing.T) {
	t.Parallel()
	f := newFixture(t, restore.StrategyHardlinks)
	f.must(restore.Download, restore.Truncate, restore.Cleanup)
	if got := f.node.snapshots("shop.orders"); len(got) != 1 {
		t.Errorf("snapshots are %v", got)
	}
}

func TestCleanupOfATableThatWasDropped(t *testing.T) {
	t.Parallel()
	f := newFixture(t, restore.StrategyHardlinks)
	f.node.write("shop.empty", "x")
	f.must(restore.Download, restore.Truncate, restore.Import)
	dropped := f.node.tables[0]
	f.node.tables = f.node.tables[1:]
	f.must(restore.Cleanup)
	if got := f.node.snapshots("shop.empty"); len(got) > 0 {
		t.Errorf("snapshots of the other table are left: %v", got)
	}
	if len(tree(t, dropped.DataPaths[0]))+len(tree(t, dropped.DataPaths[1])) == 0 {
		t.Error("what the table has left is gone")
	}
}
