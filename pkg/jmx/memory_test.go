package jmx

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// most is what a program of the client alone may take of memory, and of disk.
const most = 15 << 20

// The client is measured in a process of its own, built as it is shipped: here there
// is the race detector, and the tests.
func TestTheClientIsSmall(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc/self/status of Linux")
	}
	node := open(t).Nodes[0]
	program := filepath.Join(t.TempDir(), "client")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "./testdata/client")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, said)
	}
	file, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	said, err := exec.CommandContext(t.Context(), program, node.JMX).CombinedOutput()
	if err != nil {
		t.Fatalf("calling: %v\n%s", err, said)
	}
	var peak int64
	if _, err := fmt.Sscanf(string(said), "VmHWM: %d kB", &peak); err != nil {
		t.Fatalf("reading its memory from %q: %v", said, err)
	}
	peak <<= 10
	t.Logf("at its most the client takes %.1f MB of memory; its program is %.1f MB", float64(peak)/(1<<20), float64(file.Size())/(1<<20))
	if peak > most || file.Size() > most {
		t.Errorf("%d bytes of memory, %d of disk, want at most %d", peak, file.Size(), most)
	}
}
