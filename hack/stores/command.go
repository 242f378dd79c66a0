package stores

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// Running is a server as the command line sees it.
type Running interface {
	Running() bool
	Stop(ctx context.Context) error
	Status() string
	Environment() []string
}

// Command is a command that starts and stops one kind of server.
type Command struct {
	Name string // of its directory here
	What string // the server
	// Start starts one with a directory, a port and buckets; Load is the one of a
	// directory.
	Start func(ctx context.Context, dir string, port int, buckets []string, out io.Writer) (Running, error)
	Load  func(dir string) (Running, error)
}

const help = `Run a real %[2]s on this machine.

  go run ./hack/stores/%[1]s up|down|status [flags]

  up       start it, and print the environment of the tools for it:
           eval "$(go run ./hack/stores/%[1]s up -port 7070)"
  down     stop it; its objects stay
  status   tell where it listens

It is built or fetched once into $ICARUS_CACHE (~/.cache/icarus).

`

// Main runs the command and returns its exit status.
func (c Command) Main() int {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := c.run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "%s: %v\n", c.Name, err)
		return 1
	}
	return 0
}

func (c Command) run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintf(os.Stderr, help, c.Name, c.What)
		flags.PrintDefaults()
	}
	dir := flags.String("dir", "", "directory of the server ($ICARUS_CACHE/run/"+c.Name+")")
	port := flags.Int("port", 0, "port at 127.0.0.1 (a free one)")
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
	switch command {
	case "up":
		s, err := c.Start(ctx, *dir, *port, strings.FieldsFunc(*buckets, func(r rune) bool { return r == ',' }), os.Stderr)
		if err != nil {
			return err
		}
		for _, e := range s.Environment() {
			fmt.Println("export", e)
		}
		return nil
	case "down":
		s, err := c.Load(*dir)
		if errors.Is(err, ErrNoServer) {
			return nil
		}
		if err != nil {
			return err
		}
		return s.Stop(ctx)
	case "status":
		s, err := c.Load(*dir)
		if err != nil {
			return err
		}
		fmt.Println(s.Status())
		return nil
	}
	return fmt.Errorf("there is no command %q; see go run ./hack/stores/%s -h", command, c.Name)
}
