package openapi_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"go.uber.org/goleak"
	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra/cassandratest"
	"github.com/icarus-sidecar/icarus/pkg/nodeops"
	"github.com/icarus-sidecar/icarus/pkg/operation"
	"github.com/icarus-sidecar/icarus/pkg/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// program is the environment's name of the program, which `make test-openapi`
// installs; without it there is nothing to test with.
const program = "ICARUS_SCHEMATHESIS"

// checks are all that hold for an API that takes more than it documents: a number
// for a string, a field that it does not know.
const checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance"

// passed is how it sums up.
var passed = regexp.MustCompile(`([1-9]\d{3,}) generated, (\d+) passed`)

func TestNoRequestIsAnsweredOtherwiseThanDescribed(t *testing.T) {
	path := os.Getenv(program)
	if path == "" {
		t.Skipf("%s does not name schemathesis: run make test-openapi", program)
	}
	address, begun := serve(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "run", "http://"+address+"/openapi.json",
		"--checks", checks, "--continue-on-failure", "--generation-deterministic", "--max-examples", "100",
		"--request-timeout", "10", "--no-color", "--output-sanitize", "false")
	cmd.Dir = t.TempDir() // it reads settings and writes reports where it stands
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	t.Logf("%s", said)
	// It also warns, of ids that nobody has and bodies that are mostly refused.
	if sums := passed.FindSubmatch(said); sums == nil || string(sums[1]) != string(sums[2]) {
		t.Error("it does not say that all that it generated passed")
	}
	begun.Range(func(kind, times any) bool {
		if times.(*atomic.Int64).Load() == 0 {
			t.Errorf("none of its requests began a %s", kind)
		}
		return true
	})
}

// serve answers as a sidecar with every kind of operation, none of which does
// anything. It returns the address, and counts how often each was begun.
func serve(t *testing.T) (address string, begun *sync.Map) {
	t.Helper()
	node := cassandratest.New(t, cassandratest.Options{})
	onDemand := []string{rest.TypeTruncate, rest.TypeRemoveNode, rest.TypeAssassinate, rest.TypeRestart}
	registry, err := nodeops.Kinds(&nodeops.Deps{Node: node, Clock: clock.RealClock{}}, onDemand)
	if err != nil {
		t.Fatal(err)
	}
	begun = new(sync.Map)
	for name, kind := range registry {
		times := new(atomic.Int64)
		begun.Store(name, times)
		kind.Run = func(context.Context, rest.Request, *operation.Handle) error {
			times.Add(1)
			return nil
		}
		registry[name] = kind
	}
	manager, err := operation.New(context.WithoutCancel(t.Context()), operation.Config{
		Dir: t.TempDir(), Registry: registry, Expiration: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	go func() {
		served <- server.Serve(ctx, listener, server.Handler(server.Config{
			Operations: manager, Node: nodeops.Info{Node: node, Clock: clock.RealClock{}}, Log: logr.Discard(),
			Version: rest.SidecarVersion{Version: "1.0.0", BuildTime: "unknown", GitCommit: "unknown"},
		}), logr.Discard())
	}()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-served, manager.Close(context.WithoutCancel(ctx))); err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String(), begun
}
