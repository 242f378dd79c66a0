package e2e_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
)

// program is the sidecar, built once for all tests.
var program string

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(ring.Around(withProgram{m}))
}

// withProgram builds the sidecar before the tests and removes it after them.
type withProgram struct{ tests ring.Runner }

func (w withProgram) Run() int {
	dir, err := os.MkdirTemp("", "icarus-e2e-")
	if err == nil {
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "icarus")
		var said []byte
		build := exec.CommandContext(context.Background(), "go", "build", "-race", "-o", program, "github.com/icarus-sidecar/icarus/cmd/sidecar")
		if said, err = build.CombinedOutput(); err != nil {
			err = fmt.Errorf("building the sidecar: %w\n%s", err, said)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return w.tests.Run()
}
