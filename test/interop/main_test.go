package interop_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
)

// patience is for one command on a machine that does ten other things.
const patience = 5 * time.Minute

// programs is where the program is that is built for the tests.
var programs string

// program is the sidecar's, with the race detector, built where a test first needs it.
var program = sync.OnceValues(func() (string, error) {
	into := filepath.Join(programs, "icarus")
	said, err := exec.CommandContext(context.Background(), "go", "build", "-race", "-o", into, "github.com/icarus-sidecar/icarus/cmd/sidecar").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building icarus: %w\n%s", err, said)
	}
	return into, nil
})

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(ring.Around(withProgram{m}))
}

// withProgram removes the program after the tests.
type withProgram struct{ tests ring.Runner }

func (w withProgram) Run() int {
	var err error
	if programs, err = os.MkdirTemp("", "icarus-interop-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(programs)
	return w.tests.Run()
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
