package esop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
)

// Versions are those that the tests run: of Icarus 3.0.0, and of Icarus 2.0.4.
var Versions = []string{"3.0.1", "2.0.4"}

// opened are packages of the JDK that are opened for Esop, which was made for
// Java 8: version 2.0.4 does not start without the first.
var opened = []string{"java.base/java.lang", "java.base/java.util", "java.base/java.nio", "java.base/sun.nio.ch", "java.rmi/sun.rmi.transport"}

// Esop is one version of it.
type Esop struct {
	Version   string
	java, jar string
}

// Fetch brings all of Versions, and what runs them, into place.
func Fetch(ctx context.Context, out io.Writer) error {
	var errs []error
	for _, v := range Versions {
		_, err := New(ctx, out, v)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// New is a version of Esop, which is fetched if it is not there.
func New(ctx context.Context, out io.Writer, version string) (*Esop, error) {
	java, jar, err := ring.Program(ctx, out, "com.instaclustr", "esop", version)
	if err != nil {
		return nil, err
	}
	return &Esop{Version: version, java: java, jar: jar}, nil
}

// Run runs a command, such as backup with its flags, and returns all that it
// said. The end of that is in an error, too.
func (e *Esop) Run(ctx context.Context, args ...string) (string, error) {
	line := []string{"-Xmx256M", "-XX:TieredStopAtLevel=1", "-Duser.timezone=UTC"}
	for _, p := range opened {
		line = append(line, "--add-opens", p+"=ALL-UNNAMED")
	}
	line = append(append(line, "-jar", e.jar), args...)
	said, err := exec.CommandContext(ctx, e.java, line...).CombinedOutput()
	if err != nil {
		return string(said), fmt.Errorf("running esop %s of version %s: %w\n%s", strings.Join(args, " "), e.Version, err, said[max(0, len(said)-6000):])
	}
	return string(said), nil
}
