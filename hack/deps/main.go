// Command deps brings what the integration tests and the demo need into place,
// before their time is measured: a JDK and Maven (from Debian where there is apt
// and root), the Cassandra of the tests, the servers of S3, GCS and Azure (its
// needs Node.js, from Debian too), and kube-apiserver with its etcd.
//
//	go run ./hack/deps [VERSION...]
//
// The versions of Cassandra are 4.1 and 5.0 if none is named.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
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
	if len(versions) == 0 {
		versions = []string{"4.1", "5.0"}
	}
	var errs []error
	for _, v := range versions {
		errs = append(errs, ring.Fetch(ctx, ring.Options{Version: v, Output: os.Stderr}))
	}
	errs = append(errs, stores.Fetch(ctx, os.Stderr))
	_, err := apiserver.Build(ctx, os.Stderr)
	return errors.Join(append(errs, err)...)
}
