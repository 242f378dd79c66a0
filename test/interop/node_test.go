package interop_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gocql/gocql"

	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

// node is the node that all tests share.
type node struct {
	*cassandra.Node
	*ring.Ring
	t *testing.T
	// settings are its cassandra.yaml before a restore put tokens there.
	settings []byte
}

func theNode(t *testing.T) *node {
	t.Helper()
	n := &node{t: t, Ring: ring.ForTest(t, ring.Options{Version: "4.1"})}
	n.Node = cassandra.New(func(ctx context.Context) (*jmx.Client, error) {
		return jmx.Dial(ctx, jmx.Options{Address: n.at().JMX})
	})
	var err error
	n.settings, err = os.ReadFile(n.yaml())
	noError(t, err)
	t.Cleanup(func() { // whatever happened, the next test finds a node
		noError(t, os.WriteFile(n.yaml(), n.settings, 0o600))
		if !n.at().Running() {
			n.wipe()
			noError(t, n.Start(context.WithoutCancel(t.Context()), 1))
		}
	})
	return n
}

// in is the node for a subtest.
func (n *node) in(t *testing.T) *node {
	t.Helper()
	sub := *n
	sub.t = t
	return &sub
}

func (n *node) at() *ring.Node { return n.Nodes[0] }

func (n *node) config() string { return filepath.Join(n.at().Dir, "conf") }

func (n *node) yaml() string { return filepath.Join(n.config(), "cassandra.yaml") }

// lose ends the node, if it runs, and loses its disk.
func (n *node) lose() {
	n.t.Helper()
	if n.at().Running() {
		noError(n.t, n.Kill(n.t.Context(), 1))
	}
	n.wipe()
}

func (n *node) wipe() {
	n.t.Helper()
	for _, dir := range append(n.at().DataDirs, filepath.Join(n.at().Dir, "commitlog"), filepath.Join(n.at().Dir, "saved_caches")) {
		noError(n.t, os.RemoveAll(dir))
	}
	noError(n.t, os.WriteFile(n.yaml(), n.settings, 0o600))
}

func (n *node) start() {
	n.t.Helper()
	noError(n.t, n.Start(n.t.Context(), 1))
}

// icarus runs our command line.
func (n *node) icarus(args ...string) {
	n.t.Helper()
	path, err := program()
	noError(n.t, err)
	ctx, cancel := context.WithTimeout(n.t.Context(), patience)
	defer cancel()
	args = append(args, "--jmx-address", n.at().JMX)
	if said, err := exec.CommandContext(ctx, path, args...).CombinedOutput(); err != nil {
		n.t.Fatalf("icarus %q: %v\n%s", args, err, said)
	}
}

// session lasts as long as do, since the node comes and goes.
func (n *node) session(do func(*gocql.Session)) {
	n.t.Helper()
	s, err := n.CQL().CreateSession()
	noError(n.t, err)
	defer s.Close()
	do(s)
}

// directories are the flags that name what a restore in place writes to.
func (n *node) directories() []string {
	flags := []string{"--data-directory", n.at().Dir, "--config-directory", n.config()}
	for _, dir := range n.at().DataDirs {
		flags = append(flags, "--data-dir", dir)
	}
	return flags
}
