package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/icarus-sidecar/icarus/hack/bench/mover"
	"github.com/icarus-sidecar/icarus/hack/bench/proxy"
	"github.com/icarus-sidecar/icarus/hack/stores"
)

const (
	ours   = "icarus"
	synced = "floor-sync" // the floor with files that survive a crash

	onFile    = "file"
	onS3      = "s3"
	onLatency = "s3+latency"

	bucket = "bench"
)

var (
	moverNames = []string{ours, "floor", synced, "minio", "manager", "rclone"}
	storeNames = []string{onFile, onS3, onLatency}
)

// local are the movers that know more than S3.
var local = []string{ours, "floor", synced, "rclone"}

// bench is one run.
type bench struct {
	settings
	work   string
	server *stores.S3
	proxy  *proxy.Proxy
}

func newBench(ctx context.Context, s settings) (*bench, error) {
	work, err := os.MkdirTemp(s.dir, "icarus-bench-")
	if err != nil {
		return nil, fmt.Errorf("making the directory of the files: %w", err)
	}
	b := &bench{settings: s, work: work}
	b.server, err = stores.StartS3(ctx, stores.S3Options{
		Dir: filepath.Join(work, "s3"), Buckets: []string{bucket}, DieWithParent: true, Output: os.Stderr,
	})
	if err == nil {
		b.proxy, err = proxy.Start(ctx, strings.TrimPrefix(b.server.Endpoint, "http://"))
	}
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

func (b *bench) close() error {
	var err error
	if b.proxy != nil {
		err = b.proxy.Close()
	}
	if b.server != nil {
		err = errors.Join(err, b.server.Stop(context.Background()))
	}
	return errors.Join(err, os.RemoveAll(b.work))
}

// result is all that one mover did with one shape, store and direction.
type result struct {
	shape, store, mover string
	up                  bool

	files, bytes int64
	samples      []sample
}

// sample is what one process took.
type sample struct {
	wall, cpu time.Duration
	rss       int64
	requests  int64
}

// compare lets the movers move in turns.
func (b *bench) compare(ctx context.Context) ([]*result, error) {
	var all []*result
	for _, sh := range shapes {
		if !slices.Contains(b.shapes, sh.name) {
			continue
		}
		files := sh.files(b.scale)
		source := filepath.Join(b.work, "source-"+sh.name)
		if err := write(source, files); err != nil {
			return nil, err
		}
		for _, st := range b.stores {
			results, err := b.round(ctx, sh, st, source, files)
			if err != nil {
				return nil, err
			}
			all = append(all, results...)
		}
		if err := os.RemoveAll(source); err != nil {
			return nil, fmt.Errorf("removing the files of a shape: %w", err)
		}
	}
	return all, nil
}

func (b *bench) round(ctx context.Context, sh shape, st, source string, files map[string]int64) ([]*result, error) {
	movers := slices.DeleteFunc(slices.Clone(b.movers), func(m string) bool { return st == onFile && !slices.Contains(local, m) })
	var results []*result
	for _, m := range movers {
		for _, up := range []bool{true, false} {
			results = append(results, &result{shape: sh.name, store: st, mover: m, up: up, files: int64(len(files)), bytes: total(files)})
		}
	}
	for i := range b.rounds {
		for at := range movers {
			at = (at + i) % len(movers) // none is always the first
			if err := b.there(ctx, source, results[2*at], results[2*at+1]); err != nil {
				return nil, fmt.Errorf("moving shape %s to and from %s with %s: %w", sh.name, st, movers[at], err)
			}
		}
	}
	return results, nil
}

// there moves the files to the store and back, and takes them away.
func (b *bench) there(ctx context.Context, source string, up, down *result) error {
	j := mover.Job{Up: true, Dir: source, Bucket: bucket, Prefix: "run", Parallel: b.parallel, Sync: up.mover == synced}
	objects := filepath.Join(b.work, "s3", "objects", bucket)
	b.proxy.SetDelay(0)
	switch up.store {
	case onFile:
		j.Root = filepath.Join(b.work, "file")
		objects = filepath.Join(j.Root, bucket)
		if err := os.MkdirAll(objects, 0o755); err != nil {
			return err
		}
	case onLatency:
		b.proxy.SetDelay(b.latency)
		fallthrough
	default:
		j.Endpoint = b.proxy.Address()
	}
	if err := b.measure(ctx, j, up); err != nil {
		return err
	}
	j.Up, j.Source, j.Dir = false, source, filepath.Join(b.work, "back")
	if err := os.MkdirAll(j.Dir, 0o755); err != nil {
		return err
	}
	if err := b.measure(ctx, j, down); err != nil {
		return err
	}
	if err := same(source, j.Dir); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(filepath.Join(objects, "run")), os.RemoveAll(j.Dir))
}

// measure runs a mover.
func (b *bench) measure(ctx context.Context, j mover.Job, r *result) error {
	syscall.Sync() // what others wrote is not this one's to wait for
	said := &strings.Builder{}
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, strings.TrimSuffix(r.mover, "-sync")), j.Args()...)
	cmd.Stdout, cmd.Stderr = said, said
	cmd.Env = append(os.Environ(), b.server.Environment()...)
	before, begin := b.proxy.Requests(), time.Now()
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w: %.2000s", err, said)
	}
	wall := time.Since(begin)
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return errors.New("the system tells nothing of a process that ended")
	}
	s := sample{
		wall: wall, cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		rss: usage.Maxrss << 10, requests: b.proxy.Requests() - before,
	}
	r.samples = append(r.samples, s)
	fmt.Fprintf(os.Stderr, "%s %-10s up=%-5t %-10s %8.3fs wall %8.3fs cpu %6d MiB %7d requests\n",
		r.shape, r.store, r.up, r.mover, s.wall.Seconds(), s.cpu.Seconds(), s.rss>>20, s.requests)
	return nil
}

// same is whether two directories have files of the same names and sizes. What is
// in them ours and the floors verify, and the others do not.
func same(want, got string) error {
	files, err := mover.Job{Up: true, Dir: want}.Files()
	if err != nil {
		return err
	}
	for _, f := range files {
		info, err := os.Stat(filepath.Join(got, f.Name))
		if err != nil {
			return fmt.Errorf("looking at what came back: %w", err)
		}
		if info.Size() != f.Size {
			return fmt.Errorf("%s came back with %d bytes of %d", f.Name, info.Size(), f.Size)
		}
	}
	return nil
}
