// Command demo shows Icarus at work on a real ring: it backs three nodes up with
// one request, damages their data, restores it with one request, and compares
// every row; or does the same by objects of a real kube-apiserver. See its help.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const help = `Back up, damage and restore a real ring of three nodes on this machine.

  make demo              go run ./hack/demo up
  make demo-kubernetes   go run ./hack/demo kubernetes up
  make demo-down         go run ./hack/demo down

The second does it with kubectl apply: beside the ring it runs a kube-apiserver
and the controller.

  CASSANDRA=4.1    version of Cassandra: 4.1, 5.0, or a release such as 4.1.10
  STORE=file       bucket: a directory (file) or a real S3 server (s3, which it is
                   with Kubernetes unless told otherwise)
  KEEP=1           leave everything running, for curl and kubectl; make demo-down
                   stops it

It needs 127.0.0.1 to 127.0.0.3 with the ports 4567 (sidecars), 7000, 7199 and
9042 (Cassandra), and about 3 GB of memory, with Kubernetes 4.
`

// errUsage is for a command line that asks for nothing known.
var errUsage = errors.New("up or down?")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait for what the first one stops
	err := run(ctx, os.Args[1:], os.LookupEnv, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, env func(string) (string, bool), out io.Writer) error {
	kubernetes := len(args) > 0 && args[0] == "kubernetes"
	if kubernetes {
		args = args[1:]
	}
	if len(args) != 1 {
		fmt.Fprint(out, help)
		return errUsage
	}
	switch args[0] {
	case "up":
		s, err := settingsFrom(env, kubernetes)
		if err != nil {
			return err
		}
		return up(ctx, s, out)
	case "down":
		return down(ctx, out)
	case "help", "-h", "-help", "--help":
		fmt.Fprint(out, help)
		return nil
	default:
		fmt.Fprint(out, help)
		return errUsage
	}
}
