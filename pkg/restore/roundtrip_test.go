package restore_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/restore"
)

var strategies = []restore.Strategy{restore.StrategyHardlinks, restore.StrategyImport}

func TestDataComesBackAndNothingElseIsTouched(t *testing.T) {
	t.Parallel()
	for _, strategy := range strategies {
		t.Run(string(strategy), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, strategy)
			f.node.write("shop.orders", "after the backup")
			f.node.write("shop.empty", "after the backup")
			f.node.write("shop.archive", "not in the backup")
			f.node.write("system_auth.roles", "guest")

			result := f.must(restore.Init)
			if diff := cmp.Diff([]string{tag}, result.Manifests); diff != "" {
				t.Errorf("manifests (-want +got):\n%s", diff)
			}
			result = f.must(restore.Download)
			want := restore.Result{SnapshotTag: tag, Tables: []string{"shop.empty", "shop.orders"}, Counts: result.Counts}
			if diff := cmp.Diff(want, result); diff != "" {
				t.Errorf("result of DOWNLOAD (-want +got):\n%s", diff)
			}
			if result.Counts.FilesDone != 15 {
				t.Errorf("%d files were downloaded, want 15: three SSTables without those of the index", result.Counts.FilesDone)
			}
			f.must(restore.Truncate, restore.Import, restore.Cleanup)

			f.wantRows("shop.orders", "one", "three", "two")
			f.wantRows("shop.empty")
			f.wantRows("shop.archive", "not in the backup")
			f.wantRows("system_auth.roles", "admin", "guest")
			if got := f.node.snapshots("shop.orders"); len(got) > 0 {
				t.Errorf("snapshots %v are left", got)
			}
			if got := tree(t, f.r.SourceDir); len(got) > 0 {
				t.Errorf("downloads are left: %v", got)
			}
		})
	}
}

func TestASecondRestoreOfTheSameDownloadsImportsAgain(t *testing.T) {
	t.Parallel()
	for _, strategy := range strategies {
		t.Run(string(strategy), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, strategy)
			f.r.NoDeleteDownloads = true
			f.must(phases...)
			f.node.write("shop.orders", "after the restore")
			f.r.ID = "run-2"
			f.must(phases...)
			f.wantRows("shop.orders", "one", "three", "two")
		})
	}
}

func TestDownloadsStayWhatTheyWereWhenTheirLinksAreLoaded(t *testing.T) {
	t.Parallel()
	f := newFixture(t, restore.StrategyHardlinks)
	f.must(restore.Download, restore.Truncate, restore.Import)
	if got := f.must(restore.Download).Counts; got.FilesReused != 15 {
		t.Errorf("counts are %+v, want all files reused", got)
	}
}

func TestRenamedTableTakesTheDataAndTheOriginalKeepsItsOwn(t *testing.T) {
	t.Parallel()
	for _, strategy := range strategies {
		t.Run(string(strategy), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, strategy)
			f.node.write("shop.orders", "new")
			f.node.write("shop.archive", "old")
			f.r.Entities = []string{"shop.orders"}
			f.r.Rename = map[string]string{"shop.orders": "shop.archive"}
			if diff := cmp.Diff([]string{"shop.orders"}, f.must(phases[:4]...).Tables); diff != "" {
				t.Errorf("tables are those of the backup (-want +got):\n%s", diff)
			}
			f.must(restore.Cleanup)
			f.wantRows("shop.orders", "new", "one", "three", "two")
			f.wantRows("shop.archive", "one", "three", "two")
		})
	}
}

func TestSystemKeyspaceIsRestoredByNameOnly(t *testing.T) {
	t.Parallel()
	f := newFixture(t, restore.StrategyHardlinks)
	f.node.write("system_auth.roles", "guest")
	f.r.Entities = []string{"system_auth"}
	f.must(phases...)
	f.wantRows("system_auth.roles", "admin")
	f.r.Entities = []string{"system.local"}
	for _, p := range phases[:2] {
		f.wants(p, restore.ErrInvalid, "system.local")
	}
}

func TestTheNewestOfMatchingBackupsIsMeant(t *testing.T) {
	t.Parallel()
	f := newFixture(t, restore.StrategyHardlinks)
	newer := "nightly-" + schemaVersion + "-1700000000001"
	other := "nightly-11111111-c49e-3800-9b50-353ea0f50fa7-1700000000002"
	f.node.write("shop.orders", "four")
	f.backUp(newer, "shop.orders")
	f.backUp(other, "shop.orders")
	f.backUp("nightly2-"+schemaVersion+"-1700000000009", "shop.orders")
	f.r.SnapshotTag = "nightly"
	if diff := cmp.Diff([]string{other, newer, tag}, f.must(restore.Init).Manifests); diff != "" {
		t.Errorf("manifests (-want +got):\n%s", diff)
	}
	f.r.ExactSchemaVersion = true // of the node, as no other is named
	if diff := cmp.Diff([]string{newer, tag}, f.must(restore.Init).Manifests); diff != "" {
		t.Errorf("manifests (-want +got):\n%s", diff)
	}
	if got := f.must(restore.Download).SnapshotTag; got != newer {
		t.Fatalf("downloaded %s, want %s", got, newer)
	}
	// A backup that is made now was not downloaded.
	f.backUp("nightly-"+schemaVersion+"-1700000000005", "shop.orders")
	if got := f.must(restore.Truncate, restore.Import).SnapshotTag; got != newer {
		t.Errorf("imported %s, want %s", got, newer)
	}
	f.wantRows("shop.orders", "four", "one", "three", "two")
}

func TestInitTellsAsManyManifestsAsTheContractAllows(t *testing.T) {
	t.Parallel()
	if restore.MaxManifests != rest.MaxManifests {
		t.Errorf("Init tells %d manifests, the contract has %d", restore.MaxManifests, rest.MaxManifests)
	}
}

func TestAChangedSchemaIsAWarning(t *testing.T) {
	t.Parallel()
	f := newFixture(t, restore.StrategyHardlinks)
	f.node.schema = "22222222-c49e-3800-9b50-353ea0f50fa7"
	if got := f.must(restore.Download).Warnings; len(got) != 1 || !strings.Contains(got[0], f.node.schema) {
		t.Errorf("warnings are %v", got)
	}
}

func TestNodesThatShareADirectoryDoNotMix(t *testing.T) {
	t.Parallel()
	one, two := newFixture(t, restore.StrategyHardlinks), newFixture(t, restore.StrategyImport)
	two.node.id.HostID = "ca748cdc-1470-4951-8720-0a997261fd6a"
	two.node.write("shop.orders", "only here")
	two.backUp(tag, "shop.orders")
	two.r.SourceDir = one.r.SourceDir
	one.must(restore.Download)
	two.must(restore.Download)
	one.must(restore.Truncate, restore.Import, restore.Cleanup)
	two.must(restore.Truncate, restore.Import)
	one.wantRows("shop.orders", "one", "three", "two")
	two.wantRows("shop.orders", "one", "only here", "three", "two")
	left := tree(t, one.r.SourceDir)
	if len(left) == 0 || slices.ContainsFunc(left, func(f string) bool { return !strings.HasPrefix(f, two.node.id.HostID+"/") }) {
		t.Errorf("left are %v, want the other node's alone", left)
	}
}

func TestDataDirsOfTheRequestReplaceThoseOfCassandra(t *testing.T) {
	t.Parallel()
	f := newFixture(t, restore.StrategyHardlinks)
	f.r.DataDirs = slices.Clone(f.node.dataDirs)
	for _, ft := range f.node.tables {
		for i := range ft.DataPaths { // as the container of Cassandra sees them
			ft.DataPaths[i] = filepath.Join("/elsewhere", ft.Keyspace, ft.Name+"-"+ft.ID)
		}
	}
	f.must(restore.Init, restore.Download)
}
