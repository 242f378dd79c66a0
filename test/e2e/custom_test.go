package e2e_test

import (
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
	"github.com/icarus-sidecar/icarus/hack/process"
	"github.com/icarus-sidecar/icarus/pkg/client"
	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

// own is a request of the kind that examples/custom-operation adds, as a client of
// its own writes it.
type own struct {
	rest.Header
	Keyspace string   `json:"keyspace"`
	Tables   []string `json:"tables,omitempty"`
	Enabled  bool     `json:"enabled"`
}

// The example of docs/custom-operations.md does what it says, on a node, beside the
// kinds that every sidecar has.
func TestAnOperationOfOnesOwn(t *testing.T) {
	r := ring.ForTest(t, ring41)
	node := r.Nodes[0]
	session, err := r.CQL().CreateSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	for _, statement := range []string{
		"CREATE KEYSPACE own WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
		"CREATE TABLE own.t1 (k int PRIMARY KEY)", "CREATE TABLE own.t2 (k int PRIMARY KEY)",
	} {
		if err := session.Query(statement).WithContext(t.Context()).Exec(); err != nil {
			t.Fatal(err)
		}
	}
	s := customSidecar(t, node)
	request := func(enabled bool, tables ...string) *own {
		return &own{Header: rest.Header{Type: "autocompaction"}, Keyspace: "own", Tables: tables, Enabled: enabled}
	}

	s.succeed(t, request(false))
	if off := withoutCompaction(t, node); !slices.Equal(off, []string{"t1", "t2"}) {
		t.Errorf("off for %q, not for all tables", off)
	}
	s.succeed(t, request(true, "t2"))
	if off := withoutCompaction(t, node); !slices.Equal(off, []string{"t1"}) {
		t.Errorf("off for %q, not for t1", off)
	}
	s.fail(t, request(true, "nosuch"), "", "own.nosuch")
	s.succeed(t, &rest.FlushRequest{Header: rest.Header{Type: rest.TypeFlush}, Keyspace: "own"})
}

// customSidecar builds the example and starts it beside a node.
func customSidecar(t *testing.T, node *ring.Node) *sidecar {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "custom-operation")
	build := exec.CommandContext(t.Context(), "go", "build", "-race", "-o", program, "github.com/icarus-sidecar/icarus/examples/custom-operation")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the example: %v\n%s", err, said)
	}
	address := node.Address + ":4568"
	c, err := client.New("http://" + address)
	if err != nil {
		t.Fatal(err)
	}
	s := &sidecar{Client: c, node: node, command: process.Command{
		Path: program, Args: []string{"-listen", address, "-jmx-address", node.JMX, "-state-dir", filepath.Join(dir, "state")},
		Mark: filepath.Join(dir, "state"), Log: filepath.Join(dir, "icarus.log"), DieWithParent: true,
	}}
	t.Cleanup(func() {
		s.kill(t)
		c.Close()
	})
	s.start(t)
	return s
}

// withoutCompaction are the tables that Cassandra does not compact by itself, as
// the node has it.
func withoutCompaction(t *testing.T, node *ring.Node) []string {
	t.Helper()
	conn, err := jmx.Dial(t.Context(), jmx.Options{Address: node.JMX})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var off []string
	for _, table := range []string{"t1", "t2"} {
		disabled, err := autoCompactionDisabled(t.Context(), conn, table)
		if err != nil {
			t.Fatal(err)
		}
		if disabled {
			off = append(off, table)
		}
	}
	return off
}

func autoCompactionDisabled(ctx context.Context, conn *jmx.Client, table string) (bool, error) {
	bean := jmx.ObjectName("org.apache.cassandra.db:type=Tables,keyspace=own,table=" + table)
	v, err := conn.Attribute(ctx, bean, "AutoCompactionDisabled")
	disabled, _ := v.(bool)
	return disabled, err
}
