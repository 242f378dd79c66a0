// Command deps brings what the integration tests and the demo need into place,
// before their time is measured: a JDK and Maven (from Debian where there is apt
// and root), the four Cassandras of the tests with a Java 11 for the oldest, the two
// versions of Esop that backups are exchanged with, the servers of S3, GCS and Azure (its
// needs Node.js, from Debian too), kube-apiserver with its etcd, and a C compiler for
// the race detector.
//
//	go run ./hack/deps [VERSION...]
//	go run ./hack/deps python
//
// The versions of Cassandra are 3.11, 4.0, 4.1 and 5.0 if none is named. The second
// form brings a Python that can make environments, which is all that make
// test-openapi lacks.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
	"github.com/icarus-sidecar/icarus/hack/debian"
	"github.com/icarus-sidecar/icarus/hack/esop"
	"github.com/icarus-sidecar/icarus/hack/kubernetes/apiserver"
	"github.com/icarus-sidecar/icarus/hack/stores"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "deps:", err)
		os.Exit(1)
	}
}

// run tries everything, so that one look shows all that is missing.
func run(ctx context.Context, versions []string) error {
	if slices.Equal(versions, []string{"python"}) {
		return python(ctx)
	}
	if len(versions) == 0 {
		// 3.11 is the last: the JDK that the others want brings Maven a Java.
		versions = []string{"4.1", "5.0", "4.0", "3.11"}
	}
	// What is fetched waits for others, and what is built for the processor.
	var fetched, built []error
	var both sync.WaitGroup
	both.Go(func() {
		for _, v := range versions {
			fetched = append(fetched, ring.Fetch(ctx, ring.Options{Version: v, Output: os.Stderr}))
		}
		fetched = append(fetched, esop.Fetch(ctx, os.Stderr))
	})
	both.Go(func() {
		_, err := apiserver.Build(ctx, os.Stderr)
		built = append(built, compiler(ctx), stores.Fetch(ctx, os.Stderr), err)
	})
	both.Wait()
	return errors.Join(append(fetched, built...)...)
}

// compiler finds the C compiler that Go links the race detector with, or gets one.
func compiler(ctx context.Context) error {
	said, err := exec.CommandContext(ctx, "go", "env", "CC").Output()
	if err != nil {
		return fmt.Errorf("asking Go for its C compiler: %w", err)
	}
	if cc := strings.Fields(string(said)); len(cc) > 0 {
		if _, err := exec.LookPath(cc[0]); err == nil {
			return nil
		}
	}
	return debian.Install(ctx, os.Stderr, "a C compiler, for the race detector", "xcode-select --install", "gcc", "libc6-dev")
}

// python finds a Python that makes environments with pip in them, or gets one.
func python(ctx context.Context) error {
	if exec.CommandContext(ctx, "python3", "-c", "import ensurepip, venv").Run() == nil {
		return nil
	}
	return debian.Install(ctx, os.Stderr, "Python 3 with venv", "brew install python", "python3", "python3-venv")
}
