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

var (
	// programs is where those are that were built for all tests.
	programs string
	// program is the sidecar.
	program string

	// racing and lean build the controller where a test needs it: with the race
	// detector, and as it is shipped.
	racing = sync.OnceValues(func() (string, error) { return build("icarus-controller-race", "cmd/controller", "-race") })
	lean   = sync.OnceValues(func() (string, error) { return build("icarus-controller", "cmd/controller") })
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(ring.Around(withPrograms{m}))
}

// withPrograms builds the sidecar before the tests, and removes all programs after
// them.
type withPrograms struct{ tests ring.Runner }

func (w withPrograms) Run() int {
	var err error
	if programs, err = os.MkdirTemp("", "icarus-e2e-"); err == nil {
		defer os.RemoveAll(programs)
		program, err = build("icarus", "cmd/sidecar", "-race")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
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
