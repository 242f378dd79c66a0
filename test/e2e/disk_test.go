package e2e_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
)

// mount mounts a file system of its own, of some bytes, until the test's end.
func mount(t *testing.T, size string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "mounted")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size)
	if errors.Is(err, unix.EPERM) {
		t.Skip("needs the right to mount a file system")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// Downloads on another file system cannot be linked and are copied; where there
// is no room for them the restore fails before a table is truncated.
func TestDownloadsOnAnotherFileSystem(t *testing.T) {
	small, large := mount(t, "64k"), mount(t, "64m")
	b := setUp(t, ring.ForTest(t, ring41), nil, "--allow-directory", small, "--allow-directory", large)
	data, before := b.populate(t, "disk", 40)
	location, entities := fileLocation(t.TempDir()), strings.Join(data.Keyspaces(), ",")
	first := backup(location, "first", entities)
	first.CreateMissingBucket = true
	s := b.sidecars[0]
	s.succeed(t, first)
	b.harmless(t, data, func(t *testing.T) {
		t.Helper()
		full := b.restore(location, "first", entities, rest.StrategyHardlinks)
		full.Import.SourceDir = rest.URI(small)
		s.fail(t, full, "", "not enough space", small)
	})
	if err := data.Damage(t.Context()); err != nil {
		t.Fatal(err)
	}
	crossing := b.restore(location, "first", entities, rest.StrategyHardlinks)
	crossing.Import.SourceDir = rest.URI(large)
	s.succeed(t, crossing)
	same(t, data, before)
}
