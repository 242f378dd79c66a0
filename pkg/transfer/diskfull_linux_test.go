package transfer_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// inSmallDisk says that this process is the one that has the small disk.
const inSmallDisk = "TRANSFER_TEST_IN_SMALL_DISK"

// A disk that has room when it is asked is filled by a neighbour while the
// download runs. It needs a file system of its own, and so a process that may
// mount one; where none may, a limit on the size of files stands in for it.
func TestADiskThatFillsUpDuringADownload(t *testing.T) {
	t.Parallel()
	if os.Getenv(inSmallDisk) != "" {
		fillDisk(t)
		return
	}
	for name, how := range map[string]*syscall.SysProcAttr{
		"a file system": {
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}, GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		},
		"a limit": {},
	} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestADiskThatFillsUpDuringADownload$", "-test.v")
		cmd.Env = append(os.Environ(), inSmallDisk+"="+name)
		cmd.SysProcAttr = how
		out, err := cmd.CombinedOutput()
		if name == "a file system" && (errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) || strings.Contains(string(out), cannotMount)) {
			t.Logf("nobody may mount here, so that only the limit shows it: %v", err)
			continue
		}
		if err != nil || !strings.Contains(string(out), "--- PASS: TestADiskThatFillsUpDuringADownload") {
			t.Errorf("by %s: %v\n%s", name, err, out)
		}
	}
}

const cannotMount = "mounting is not allowed"

func fillDisk(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	want, neighbour := error(unix.EFBIG), func() error { return nil }
	if os.Getenv(inSmallDisk) == "a file system" {
		if err := unix.Mount("none", dir, "tmpfs", 0, "size=8m"); err != nil {
			t.Skip(cannotMount, err)
		}
		t.Cleanup(func() { noError(t, unix.Unmount(dir, 0)) })
		want = transfer.ErrNoSpace
		neighbour = func() error { return os.WriteFile(filepath.Join(dir, "neighbour"), make([]byte, 5<<20), 0o600) }
	} else {
		signal.Ignore(unix.SIGXFSZ)
		noError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 2 << 20, Max: 2 << 20}))
	}
	memory := storetest.NewMemory()
	items := []transfer.Incoming{incoming(t, memory, "large", content(t, 4<<20)), incoming(t, memory, "small", content(t, 10))}
	b := storetest.NewFaulty(memory)
	b.Body = func(key string, r io.Reader) io.Reader {
		if key != "data/large" {
			return r
		}
		return io.MultiReader(io.LimitReader(r, 1<<20), reading(func() { noError(t, neighbour()) }), r)
	}
	to := filepath.Join(dir, "to")
	err := transfer.Download(t.Context(), b, to, items, transfer.Options{Parallel: 1})
	if !errors.Is(err, want) || !strings.Contains(err.Error(), to) {
		t.Errorf("the error is %v", err)
	}
	if diff := cmp.Diff(map[string]string{}, files(t, to)); diff != "" {
		t.Error(diff)
	}
	// There is room again, and it goes on.
	if errors.Is(want, unix.EFBIG) {
		return
	}
	noError(t, os.Remove(filepath.Join(dir, "neighbour")))
	noError(t, transfer.Download(t.Context(), memory, to, items, transfer.Options{}))
	if diff := cmp.Diff(map[string]string{"large": string(content(t, 4<<20)), "small": string(content(t, 10))}, files(t, to)); diff != "" {
		t.Error("there is other content")
	}
}
