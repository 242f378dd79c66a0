// Command custom-operation is a sidecar with one kind of operation more than
// Icarus has: autocompaction.go has the kind, and this file the wiring. See
// docs/custom-operations.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/jmx"
	"github.com/icarus-sidecar/icarus/pkg/logging"
	"github.com/icarus-sidecar/icarus/pkg/nodeops"
	"github.com/icarus-sidecar/icarus/pkg/operation"
	"github.com/icarus-sidecar/icarus/pkg/server"
	"github.com/icarus-sidecar/icarus/pkg/store"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:4567", "address to listen on; nobody is asked who he is")
	jmxAddress := flag.String("jmx-address", "127.0.0.1:7199", "address of the node's JMX")
	stateDir := flag.String("state-dir", "/var/lib/icarus", "directory of the journal of operations")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *listen, *jmxAddress, *stateDir)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "custom-operation:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, listen, jmxAddress, stateDir string) (err error) {
	log, err := logging.New(os.Stderr, logging.JSON, 0)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	registry, err := kinds(listen, jmxAddress, stop)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	// Not ctx: stopping the sidecar must not look to operations like a cancellation.
	manager, err := operation.New(context.WithoutCancel(ctx), operation.Config{Dir: stateDir, Registry: registry.Registry, Log: log})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, closeManager(ctx, manager)) }()
	handler := server.Handler(server.Config{ //nolint:contextcheck // a handler gets its contexts with the requests
		Operations: manager, Node: nodeops.Info{Node: registry.node, Clock: clock.RealClock{}},
		Version: rest.SidecarVersion{Version: "custom", BuildTime: "unknown", GitCommit: "unknown"}, Log: log,
	})
	return server.Serve(ctx, listener, handler, log)
}

// wired is a node and what can be done with it.
type wired struct {
	operation.Registry

	node *cassandra.Node
}

// kinds are those of Icarus and ours.
func kinds(listen, jmxAddress string, stop func()) (*wired, error) {
	dial := func(ctx context.Context) (*jmx.Client, error) { return jmx.Dial(ctx, jmx.Options{Address: jmxAddress}) }
	node := cassandra.New(dial)
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, fmt.Errorf("-listen %q is not of the form address:port: %w", listen, err)
	}
	buckets, err := store.OptionsFromEnv(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	theirs, err := nodeops.Kinds(&nodeops.Deps{
		Node: node, Store: buckets, Peer: nodeops.Peers("http", port), Clock: clock.RealClock{}, Stop: stop,
	}, nil)
	if err != nil {
		return nil, err
	}
	ours := AutoCompaction(node, func(ctx context.Context) (mbeans, error) {
		conn, err := dial(ctx)
		if err != nil {
			return nil, err // not a nil client in an interface that is not nil
		}
		return conn, nil
	})
	registry, err := operation.NewRegistry(append(slices.Collect(maps.Values(theirs)), ours)...)
	return &wired{registry, node}, err
}

func closeManager(ctx context.Context, m *operation.Manager) error {
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	return m.Close(logr.NewContext(ctx, logr.Discard()))
}
