package e2e_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
)

// programs is where those are that are built for the tests.
var programs string

// The programs are built where a test first needs them: the sidecar and the
// controller with the race detector, and the controller as it is shipped.
var (
	sidecarProgram = sync.OnceValues(func() (string, error) { return build("icarus", "cmd/sidecar", "-race") })
	racing         = sync.OnceValues(func() (string, error) { return build("icarus-controller-race", "cmd/controller", "-race") })
	lean           = sync.OnceValues(func() (string, error) { return build("icarus-controller", "cmd/controller") })
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(ring.Around(withPrograms{m}))
}

// withPrograms removes the programs after the tests.
type withPrograms struct{ tests ring.Runner }

func (w withPrograms) Run() int {
	var err error
	if programs, err = os.MkdirTemp("", "icarus-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(programs)
	return w.tests.Run()
}

func build(name, command string, flags ...string) (string, error) {
	into := filepath.Join(programs, name)
	args := append([]string{"build", "-o", into}, flags...)
	said, err := exec.CommandContext(context.Background(), "go", append(args, "github.com/icarus-sidecar/icarus/"+command)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", name, err, said)
	}
	return into, nil
}
