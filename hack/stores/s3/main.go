// Command s3 runs a real S3 server on this machine's loopback. See its help.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/icarus-sidecar/icarus/hack/stores"
)

const help = `Run a real S3 server (versitygw) on this machine.

  go run ./hack/stores/s3 up|down|status [flags]

  up       start it, and print the environment of the AWS tools for it:
           eval "$(go run ./hack/stores/s3 up -port 7070)"
  down     stop it; its objects stay
  status   tell where it listens

The server is built once from its Go module into $ICARUS_CACHE (~/.cache/icarus).

`

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	cancel()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "s3:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	o := stores.S3Options{Output: os.Stderr}
	flags := flag.NewFlagSet("s3", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(os.Stderr, help)
		flags.PrintDefaults()
	}
	flags.StringVar(&o.Dir, "dir", "", "directory of the server ($ICARUS_CACHE/run/s3)")
	flags.IntVar(&o.Port, "port", 0, "port at 127.0.0.1 (a free one)")
	buckets := flags.String("buckets", "backups", "buckets to make, separated by commas")
	if len(args) == 0 {
		flags.Usage()
		return flag.ErrHelp
	}
	command := args[0]
	if strings.HasPrefix(command, "-") {
		return flags.Parse(args)
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	o.Buckets = strings.FieldsFunc(*buckets, func(r rune) bool { return r == ',' })
	switch command {
	case "up":
		s, err := stores.StartS3(ctx, o)
		if err != nil {
			return err
		}
		for _, e := range s.Environment() {
			fmt.Println("export", e)
		}
		return nil
	case "down":
		s, err := stores.LoadS3(o.Dir)
		if errors.Is(err, stores.ErrNoServer) {
			return nil
		}
		if err != nil {
			return err
		}
		return s.Stop(ctx)
	case "status":
		return status(o.Dir)
	default:
		return fmt.Errorf("there is no command %q; see go run ./hack/stores/s3 -h", command)
	}
}

func status(dir string) error {
	s, err := stores.LoadS3(dir)
	if err != nil {
		return err
	}
	state := "down"
	if s.Running() {
		state = "up"
	}
	fmt.Printf("%s  %s  process %d  objects and log in %s\n", state, s.Endpoint, s.PID, s.Dir)
	return nil
}
