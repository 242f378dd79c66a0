// Command cassandra runs a real Cassandra ring on this machine's loopback
// addresses. See its help.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
)

const help = `Run a real Cassandra ring on this machine.

  go run ./hack/cassandra COMMAND [flags]

  up            start a new ring (what the directory held before goes)
  down          stop it; logs and data stay until the next up
  status        list its nodes
  logs [NODE]   show where the logs are and how they end
  start NODE    start a node that was stopped, on its data
  stop NODE     stop one node as an operator would
  kill NODE     end one node as a broken machine would
  fetch         only bring Java, Maven and Cassandra into place

Node i listens at 127.0.0.i: CQL 9042, JMX 7199, storage 7000. Cassandra comes
from its Maven artifacts into $ICARUS_CACHE (~/.cache/icarus), once a version.
A JDK 17 and Maven are needed; where there is apt and root they are installed.

  go run ./hack/cassandra up -n 3
  go run ./hack/cassandra up -version 5.0 -jmx password -data-dirs 2 -dir /tmp/ring
  go run ./hack/cassandra kill 2

`

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	cancel()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "cassandra:", err)
		os.Exit(1)
	}
}

// request is a parsed command line.
type request struct {
	command string
	node    int // 0 when none is named
	options ring.Options
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	q, err := parse(args, progress)
	if err != nil {
		return err
	}
	q.options.Output = progress
	switch q.command {
	case "fetch":
		return ring.Fetch(ctx, q.options)
	case "up":
		r, err := ring.Up(ctx, q.options)
		if err != nil {
			return err
		}
		return show(out, r)
	}
	r, err := ring.Load(q.options.Dir)
	if errors.Is(err, ring.ErrNoRing) && q.command == "down" {
		fmt.Fprintln(progress, err)
		return nil
	}
	if err != nil {
		return err
	}
	r.Options.Output = progress
	switch q.command {
	case "down":
		return r.Down(ctx)
	case "status":
		return show(out, r)
	case "logs":
		return logs(out, r, q.node)
	case "start":
		return r.Start(ctx, q.node)
	case "stop":
		return r.Stop(ctx, q.node)
	default:
		return r.Kill(ctx, q.node)
	}
}

// takesNode are the commands that are about one node, and whether they must be.
var takesNode = map[string]bool{"logs": false, "start": true, "stop": true, "kill": true}

func parse(args []string, progress io.Writer) (request, error) {
	q := request{}
	var places string
	flags := flags(&q.options, &places, progress)
	if len(args) == 0 || strings.HasPrefix(args[0], "-") || args[0] == "help" {
		flags.Usage()
		return q, flag.ErrHelp
	}
	q.command, args = args[0], args[1:]
	switch q.command {
	case "fetch", "up", "down", "status", "logs", "start", "stop", "kill":
	default:
		return q, fmt.Errorf("there is no command %q; see go run ./hack/cassandra help", q.command)
	}
	// The node may stand before the flags or behind them.
	must, takes := takesNode[q.command]
	var err error
	if takes && len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		if q.node, err = strconv.Atoi(args[0]); err != nil {
			return q, fmt.Errorf("%s: %q is not the number of a node", q.command, args[0])
		}
		args = args[1:]
	}
	if err := flags.Parse(args); err != nil {
		return q, err
	}
	if rest := flags.Args(); takes && q.node == 0 && len(rest) == 1 {
		if q.node, err = strconv.Atoi(rest[0]); err != nil {
			return q, fmt.Errorf("%s: %q is not the number of a node", q.command, rest[0])
		}
	} else if len(rest) > 0 {
		return q, fmt.Errorf("%s does not take %q", q.command, rest)
	}
	if must && q.node == 0 {
		return q, fmt.Errorf("%s which node? go run ./hack/cassandra %s 1", q.command, q.command)
	}
	q.options.Places, err = parsePlaces(places)
	return q, err
}

func flags(o *ring.Options, places *string, progress io.Writer) *flag.FlagSet {
	dir, err := ring.DefaultDir()
	if err != nil {
		dir = ""
	}
	f := flag.NewFlagSet("cassandra", flag.ContinueOnError)
	f.SetOutput(progress)
	f.Usage = func() {
		fmt.Fprint(progress, help)
		f.PrintDefaults()
	}
	f.StringVar(&o.Dir, "dir", dir, "run directory, which says what ring a command is about")
	f.IntVar(&o.Nodes, "n", 1, "number of nodes")
	f.StringVar(&o.Version, "version", ring.DefaultVersion, "release, or 3.11, 4.0, 4.1, 5.0 for the pinned one")
	f.Func("jmx", "guard of JMX: none, password (jmxuser/jmxpass; jmxro/jmxropass reads), tls, mtls", func(s string) error {
		o.JMX = ring.JMXMode(s)
		return nil
	})
	f.BoolVar(&o.Authentication, "auth", false, "CQL asks for cassandra/cassandra")
	f.IntVar(&o.DataDirs, "data-dirs", 1, "data directories of each node")
	f.StringVar(places, "places", "", "dc:rack of the nodes in order, for instance dc1:r1,dc1:r2,dc2:r1")
	f.StringVar(&o.Subnet, "subnet", "127.0.0", "first three numbers of the addresses")
	f.IntVar(&o.JMXPort, "jmx-port", 7199, "JMX port of every node")
	f.IntVar(&o.CQLPort, "cql-port", 9042, "CQL port of every node")
	f.IntVar(&o.StoragePort, "storage-port", 7000, "port between the nodes")
	f.IntVar(&o.HeapMB, "heap", 384, "heap of each node, MB")
	f.IntVar(&o.Tokens, "tokens", 16, "tokens of each node")
	f.StringVar(&o.Cluster, "cluster", "icarus", "name of the cluster")
	f.DurationVar(&o.ReadyTimeout, "timeout", 0, "how long the ring may take to be up (10m)")
	f.Func("set", "further setting of cassandra.yaml, key=value (repeat it)", func(s string) error {
		key, value, ok := strings.Cut(s, "=")
		if !ok {
			return fmt.Errorf("%q is not key=value", s)
		}
		if o.Settings == nil {
			o.Settings = map[string]string{}
		}
		o.Settings[key] = value
		return nil
	})
	return f
}

func parsePlaces(s string) ([]ring.Place, error) {
	if s == "" {
		return nil, nil
	}
	var places []ring.Place
	for one := range strings.SplitSeq(s, ",") {
		dc, rack, ok := strings.Cut(one, ":")
		if !ok || dc == "" || rack == "" {
			return nil, fmt.Errorf("places: %q is not dc:rack", one)
		}
		places = append(places, ring.Place{DC: dc, Rack: rack})
	}
	return places, nil
}
