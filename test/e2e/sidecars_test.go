package e2e_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gocql/gocql"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
	"github.com/icarus-sidecar/icarus/hack/dataset"
	"github.com/icarus-sidecar/icarus/hack/process"
	"github.com/icarus-sidecar/icarus/pkg/client"
)

// patience is for a whole backup or restore on a busy machine.
const patience = 10 * time.Minute

// bench is a ring with a sidecar beside each node.
type bench struct {
	ring     *ring.Ring
	sidecars []*sidecar
	session  *gocql.Session
	// downloads is where restores may put what they download: all sidecars see
	// the same directory.
	downloads string
}

type sidecar struct {
	*client.Client
	node    *ring.Node
	process *process.Process
	command process.Command
}

// setUp starts sidecars beside the nodes of a ring, with further arguments and
// environment.
func setUp(t *testing.T, r *ring.Ring, env []string, args ...string) *bench {
	t.Helper()
	b := &bench{ring: r, downloads: filepath.Join(t.TempDir(), "downloads")}
	session, err := r.CQL().CreateSession()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(session.Close)
	b.session = session
	for _, n := range r.Nodes {
		s := newSidecar(t, n, b.downloads, env, args...)
		b.sidecars = append(b.sidecars, s)
		s.start(t)
	}
	return b
}

func newSidecar(t *testing.T, n *ring.Node, downloads string, env []string, args ...string) *sidecar {
	t.Helper()
	program, err := sidecarProgram()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	address := n.Address + ":4567"
	s := &sidecar{node: n, command: process.Command{
		Path: program,
		Args: append([]string{
			"server", "--listen", address, "--jmx-address", n.JMX, "--state-dir", filepath.Join(dir, "state"),
			"--allow-directory", filepath.Dir(downloads), "--enable-operations", rest.TypeTruncate, "--verbosity", "1",
		}, args...),
		Mark: filepath.Join(dir, "state"), Env: env, Log: filepath.Join(dir, "icarus.log"), DieWithParent: true,
	}}
	c, err := client.New("http://" + address)
	if err != nil {
		t.Fatal(err)
	}
	s.Client = c
	t.Cleanup(func() {
		s.kill(t)
		if t.Failed() {
			log, _ := os.ReadFile(s.command.Log)
			t.Logf("the log of %s ends in\n%s", address, log[max(0, len(log)-4000):])
		}
		c.Close()
	})
	return s
}

// start starts the process and waits until it answers.
func (s *sidecar) start(t *testing.T) {
	t.Helper()
	p, err := process.Start(s.command)
	if err != nil {
		t.Fatal(err)
	}
	s.process = p
	eventually(t, time.Minute, func() error {
		_, err := s.Version(t.Context())
		return err
	})
}

func (s *sidecar) kill(t *testing.T) {
	t.Helper()
	if err := s.process.Kill(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

// eventually tries until there is no error.
func eventually(t *testing.T, limit time.Duration, try func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %s: %v", limit, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// run submits a request and returns the operation when it is finished.
func (s *sidecar) run(t *testing.T, req rest.Request) *rest.Operation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	op, err := s.Submit(ctx, req)
	if err != nil {
		t.Fatalf("submitting a %s: %v", req.RequestType(), err)
	}
	op, err = s.Watch(ctx, op.ID, func(rest.Operation) {})
	if err != nil {
		t.Fatal(err)
	}
	return op
}

// succeed is run for what must not fail.
func (s *sidecar) succeed(t *testing.T, req rest.Request) *rest.Operation {
	t.Helper()
	op := s.run(t, req)
	if op.State != rest.StateCompleted || len(op.Errors) != 0 {
		t.Fatalf("%s %s is %s: %+v", op.Type, op.ID, op.State, op.Errors)
	}
	return op
}

// fail is run for what must fail, with an error of a source that has these words.
func (s *sidecar) fail(t *testing.T, req rest.Request, source string, words ...string) *rest.Operation {
	t.Helper()
	op := s.run(t, req)
	if op.State != rest.StateFailed {
		t.Fatalf("%s %s is %s, not FAILED", op.Type, op.ID, op.State)
	}
	said := func(e rest.OperationError) bool {
		return (source == "" || e.Source == source) &&
			!slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(e.Message, w) })
	}
	if !slices.ContainsFunc(op.Errors, said) {
		t.Errorf("no error of %q has %q: %+v", source, words, op.Errors)
	}
	return op
}

// backup is a request for the whole ring.
func backup(location, tag, entities string) *rest.BackupRequest {
	req, _ := rest.NewRequest(rest.TypeBackup)
	r := req.(*rest.BackupRequest)
	r.StorageLocation, r.SnapshotTag, r.Entities, r.GlobalRequest = location, tag, entities, true
	return r
}

// restore is a request for the whole ring.
func (b *bench) restore(location, tag, entities string, strategy rest.Strategy) *rest.RestoreRequest {
	req, _ := rest.NewRequest(rest.TypeRestore)
	r := req.(*rest.RestoreRequest)
	r.StorageLocation, r.SnapshotTag, r.Entities, r.GlobalRequest = location, tag, entities, true
	r.RestorationStrategyType, r.RestorationPhase = strategy, rest.PhaseInit
	r.Import = &rest.ImportRequest{Header: rest.Header{Type: rest.TypeImport}, SourceDir: rest.URI(b.downloads)}
	return r
}

// fileLocation is a bucket in a directory; the coordinator replaces its end.
func fileLocation(dir string) string { return fmt.Sprintf("file://%s/bucket/cluster/dc/node", dir) }

// flush flushes a table on every node.
func (b *bench) flush(ctx context.Context, keyspace, table string) error {
	for _, s := range b.sidecars {
		op, err := s.Submit(ctx, &rest.FlushRequest{Header: rest.Header{Type: rest.TypeFlush}, Keyspace: keyspace, Tables: []string{table}})
		if err != nil {
			return err
		}
		if op, err = s.Watch(ctx, op.ID, func(rest.Operation) {}); err != nil {
			return err
		}
		if op.State != rest.StateCompleted {
			return fmt.Errorf("flushing %s.%s on %s: %+v", keyspace, table, s.node.Address, op.Errors)
		}
	}
	return nil
}

// populate writes the data of a test, and takes their prints.
func (b *bench) populate(t *testing.T, prefix string, rows int) (*dataset.Set, dataset.Prints) {
	t.Helper()
	data := dataset.New(b.session, dataset.Options{Prefix: prefix, Rows: rows})
	if err := data.Populate(t.Context(), b.flush); err != nil {
		t.Fatal(err)
	}
	return data, prints(t, data)
}

func prints(t *testing.T, data *dataset.Set) dataset.Prints {
	t.Helper()
	p, err := data.Prints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// same looks that the data are what they were.
func same(t *testing.T, data *dataset.Set, before dataset.Prints) {
	t.Helper()
	for _, d := range dataset.Compare(before, prints(t, data)) {
		t.Error(d)
	}
}

// snapshots are the snapshot directories that tables of the keyspaces have.
func (b *bench) snapshots(t *testing.T, keyspaces ...string) []string {
	t.Helper()
	var found []string
	for _, n := range b.ring.Nodes {
		for _, dir := range n.DataDirs {
			for _, keyspace := range keyspaces {
				some, err := filepath.Glob(filepath.Join(dir, keyspace, "*", "snapshots", "*"))
				if err != nil {
					t.Fatal(err)
				}
				found = append(found, some...)
			}
		}
	}
	return found
}

// filesIn lists the files below a directory.
func filesIn(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		if os.IsNotExist(err) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
