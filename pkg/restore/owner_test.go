package restore_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/icarus-sidecar/icarus/pkg/restore"
)

func TestCassandrasUserOwnsWhatItIsToTake(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	const uid, gid = 999, 998
	for _, strategy := range strategies {
		f := newFixture(t, strategy)
		for _, ft := range f.node.tables {
			for _, path := range ft.DataPaths {
				if err := os.Chown(path, uid, gid); err != nil {
					t.Fatal(err)
				}
			}
		}
		f.must(restore.Download, restore.Truncate)
		f.node.before = func(string) error {
			dirs := append([]string{f.downloads("shop.orders")}, f.node.tables[0].DataPaths...)
			for _, dir := range dirs {
				wantOwner(t, dir, uid, gid)
			}
			return nil
		}
		f.must(restore.Import)
	}
}

// wantOwner looks at a directory and at the files in it, not at snapshots.
func wantOwner(t *testing.T, dir string, uid, gid uint32) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.Name() == "snapshots" {
			return fs.SkipDir
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); !ok || stat.Uid != uid || stat.Gid != gid {
			t.Errorf("%s belongs to %d:%d", path, stat.Uid, stat.Gid)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
