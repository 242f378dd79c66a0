package transfer

import (
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
)

// What nobody else wanted in memory is not left there, and what somebody did is.
func TestThePageCacheIsLeftAsItWas(t *testing.T) {
	t.Parallel()
	const size = 20 << 20
	dir := t.TempDir()
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	if fs.Type == unix.TMPFS_MAGIC {
		t.Skip("the files of a tmpfs are nowhere but in memory")
	}
	write := func(name string) *os.File {
		f, err := os.Create(filepath.Join(dir, name))
		if err == nil {
			_, err = f.Write(make([]byte, size))
		}
		if err == nil {
			err = f.Sync()
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	cold, warm := write("cold"), write("warm")
	drop(cold, 0, size)
	if !resident(warm, 0, size) {
		t.Skip("the kernel does not tell what is in memory")
	}
	if resident(cold, 0, size) {
		t.Fatal("the kernel did not let it go")
	}
	bucket := storetest.NewMemory()
	var items []Outgoing
	for _, f := range []*os.File{cold, warm} {
		items = append(items, Outgoing{Path: f.Name(), Size: size, Places: []Place{{Key: filepath.Base(f.Name())}}})
	}
	if _, err := Upload(t.Context(), bucket, items, Options{}); err != nil {
		t.Fatal(err)
	}
	if resident(cold, 0, size) || !resident(warm, 0, size) {
		t.Errorf("in memory is the cold one: %v, the warm one: %v", resident(cold, 0, size), resident(warm, 0, size))
	}
	down := write("down")
	if _, err := down.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	way := &writing{f: down}
	if _, err := io.CopyN(io.MultiWriter(way, sha256.New()), zeros{}, size); err != nil {
		t.Fatal(err)
	}
	if err := way.sync(); err != nil {
		t.Fatal(err)
	}
	if resident(way.f, 0, size) {
		t.Error("what was written is in memory")
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
