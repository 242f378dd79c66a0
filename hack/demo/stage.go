package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/icarus-sidecar/icarus/hack/cache"
	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
	"github.com/icarus-sidecar/icarus/hack/kubernetes"
	"github.com/icarus-sidecar/icarus/hack/kubernetes/apiserver"
	"github.com/icarus-sidecar/icarus/hack/stores"
)

const (
	nodes      = 3
	cluster    = "demo"
	bucket     = "cassandra-backups" // as config/samples call it
	recordFile = "demo.json"
)

// stage is all that a demo starts: the nodes, their sidecars, with STORE=s3 a
// server of buckets, and with Kubernetes an API server and a controller. The ring
// and the servers keep records of their own in the directory; that of the rest is
// written as each of them starts, so that what runs can be found whatever happened.
type stage struct {
	dir      string
	ring     *ring.Ring
	s3       *stores.S3 // nil where the bucket is a directory
	sidecars []*sidecar

	// These are nil without Kubernetes, the last also where others than up load it.
	apiServer  *apiserver.Server
	controller *kubernetes.Controller
	cluster    *kubernetes.Cluster
}

type record struct {
	Sidecars   []*sidecar             `json:"sidecars"`
	Controller *kubernetes.Controller `json:"controller,omitempty"`
}

func stageDir() (string, error) { return cache.Dir("run", "demo") }

func (s *stage) downloads() string { return filepath.Join(s.dir, "downloads") }

func (s *stage) buckets() string { return filepath.Join(s.dir, "buckets") }

// location is where backups go. Each node has its own place in the bucket; that of
// a file stands in for it, because a directory cannot be told from a bucket.
func (s *stage) location() string {
	if s.s3 != nil {
		return "s3://" + bucket
	}
	return "file://" + filepath.Join(s.buckets(), bucket, cluster, "dc1", "node")
}

// load is the stage of a directory, whether it runs or not.
func load(dir string) (*stage, error) {
	s := &stage{dir: dir}
	var err error
	if s.ring, err = ring.Load(filepath.Join(dir, "cassandra")); err != nil && !errors.Is(err, ring.ErrNoRing) {
		return nil, err
	}
	if s.s3, err = stores.LoadS3(filepath.Join(dir, "s3")); err != nil && !errors.Is(err, stores.ErrNoServer) {
		return nil, err
	}
	if s.apiServer, err = apiserver.Load(s.kubernetes()); err != nil && !errors.Is(err, apiserver.ErrNoServer) {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, recordFile))
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the record of the demo: %w", err)
	}
	var rec record
	if err := json.Unmarshal(text, &rec); err != nil {
		return nil, fmt.Errorf("reading the record of the demo, %s: %w", filepath.Join(dir, recordFile), err)
	}
	s.sidecars = rec.Sidecars
	for _, one := range s.sidecars {
		one.attach()
	}
	if s.controller = rec.Controller; s.controller != nil {
		s.controller.Attach()
	}
	return s, nil
}

// running lists what of the stage runs.
func (s *stage) running() []string {
	list := s.runningKubernetes()
	for _, one := range s.sidecars {
		if one.process.Running() {
			list = append(list, fmt.Sprintf("sidecar of %s at %s", one.name(), one.url()))
		}
	}
	if s.s3 != nil && s.s3.Running() {
		list = append(list, "S3 server at "+s.s3.Endpoint)
	}
	if s.ring != nil {
		for _, n := range s.ring.Nodes {
			if n.Running() {
				list = append(list, fmt.Sprintf("node %d, Cassandra at %s", n.Index, n.CQL))
			}
		}
	}
	return list
}

// setUp starts everything in an emptied directory.
func (s *stage) setUp(ctx context.Context, o settings, out io.Writer) error {
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("emptying the directory of the demo: %w", err)
	}
	for _, dir := range []string{s.downloads(), filepath.Join(s.buckets(), bucket)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("making the directories of the demo: %w", err)
		}
	}
	var env []string
	if o.s3 {
		var err error
		s.s3, err = stores.StartS3(ctx, stores.S3Options{
			Dir: filepath.Join(s.dir, "s3"), Buckets: []string{bucket}, DieWithParent: !o.keep, Output: out,
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "An S3 server listens at %s\n", s.s3.Endpoint)
		env = append(s.s3.Environment(), "AWS_ENDPOINT="+s.s3.Endpoint)
	}
	var err error
	s.ring, err = ring.Up(ctx, ring.Options{
		Version: o.cassandra, Nodes: nodes, Cluster: cluster, Dir: filepath.Join(s.dir, "cassandra"),
		DieWithParent: !o.keep, Output: out,
	})
	if err != nil {
		return err
	}
	if err := s.startSidecars(ctx, env, !o.keep); err != nil || !o.kubernetes {
		return err
	}
	return s.startKubernetes(ctx, out, !o.keep)
}

func (s *stage) startSidecars(ctx context.Context, env []string, dieWithParent bool) error {
	for _, n := range s.ring.Nodes {
		one := &sidecar{Index: n.Index, Address: n.Address, Dir: filepath.Join(s.dir, fmt.Sprintf("sidecar%d", n.Index))}
		if err := one.start(n, s.downloads(), env, dieWithParent); err != nil {
			return err
		}
		s.sidecars = append(s.sidecars, one)
		if err := s.write(); err != nil {
			return err
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, one := range s.sidecars {
		g.Go(func() error { return one.ready(ctx) })
	}
	return g.Wait()
}

func (s *stage) write() error {
	text, err := json.MarshalIndent(record{s.sidecars, s.controller}, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the record of the demo: %w", err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, recordFile), text, 0o644); err != nil {
		return fmt.Errorf("writing the record of the demo: %w", err)
	}
	return nil
}

// strike stops everything that was started, and only that.
func (s *stage) strike(ctx context.Context) error {
	errs := []error{s.strikeKubernetes(ctx)}
	g := errgroup.Group{}
	for _, one := range s.sidecars {
		g.Go(func() error { return one.stop(ctx) })
	}
	errs = append(errs, g.Wait())
	if s.s3 != nil {
		errs = append(errs, s.s3.Stop(ctx))
	}
	if s.ring != nil {
		errs = append(errs, s.ring.Down(ctx))
	}
	return errors.Join(errs...)
}

// errAtWork means that another process starts, shows or stops a demo.
var errAtWork = errors.New("another make demo is at work; let it end, or end it with Ctrl-C")

// alone makes this the only demo that starts or stops something.
func alone(ctx context.Context, dir string) (unlock func(), err error) {
	const patience = time.Second // for one that is just leaving
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errAtWork)
	defer cancel()
	if unlock, err = cache.Lock(ctx, dir); errors.Is(err, errAtWork) {
		return nil, errAtWork
	}
	return unlock, err
}

// vacant refuses to start over a demo that was left running, or beside others
// who have the addresses of the sidecars. The ring looks after its own.
func vacant(ctx context.Context, dir string) error {
	old, err := load(dir)
	if err != nil {
		return err
	}
	if list := old.running(); len(list) > 0 {
		return fmt.Errorf("a demo was left running (%s, ...); stop it with: make demo-down", list[0])
	}
	var errs []error
	for i := range nodes {
		one := sidecar{Address: fmt.Sprintf("127.0.0.%d", i+1)}
		errs = append(errs, free(ctx, one.listen()))
	}
	return errors.Join(errs...)
}

// down stops what a demo left running.
func down(ctx context.Context, out io.Writer) error {
	dir, err := stageDir()
	if err != nil {
		return err
	}
	unlock, err := alone(ctx, dir)
	if err != nil {
		return err
	}
	defer unlock()
	s, err := load(dir)
	if err != nil {
		return err
	}
	list := s.running()
	if len(list) == 0 {
		fmt.Fprintln(out, "No demo is running.")
		return nil
	}
	for _, what := range list {
		fmt.Fprintln(out, "Stopping", what)
	}
	return s.strike(ctx)
}
