package mover

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sync/errgroup"
)

// Region is what the server calls its own.
const Region = "us-east-1"

// The account of the server, which the harness tells in the environment.
var (
	AccessKey = os.Getenv("AWS_ACCESS_KEY_ID")
	SecretKey = os.Getenv("AWS_SECRET_ACCESS_KEY")
)

// Job is what a mover has to do: move a directory to or from a prefix of a bucket.
type Job struct {
	// Up is from the directory to the bucket.
	Up bool
	// Dir is the directory. That of a download is empty.
	Dir string
	// Source is the directory that a download must give again: it names the
	// objects and their sizes, as a manifest would.
	Source string
	// Endpoint is the address of an S3 server, host:port, or "" for a bucket that
	// is a directory at Root.
	Endpoint, Root string
	Bucket, Prefix string
	// Parallel is how many files are moved at once.
	Parallel int
	// Sync asks the floor to bring what it writes to the disk.
	Sync bool
}

// File is one of a job's files.
type File struct {
	Path string
	Key  string
	// Name is the path within the directory.
	Name string
	Size int64
}

// Main reads the job from the command line and has it done.
func Main(do func(ctx context.Context, j Job) error) {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	j, err := parse(os.Args[1:])
	if err == nil {
		err = do(ctx, j)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func parse(args []string) (Job, error) {
	var j Job
	set := flag.NewFlagSet("mover", flag.ContinueOnError)
	set.BoolVar(&j.Up, "up", false, "move to the bucket")
	set.StringVar(&j.Dir, "dir", "", "directory of the files")
	set.StringVar(&j.Source, "source", "", "directory that a download must give again")
	set.StringVar(&j.Endpoint, "endpoint", "", "host:port of the S3 server")
	set.StringVar(&j.Root, "root", "", "directory of the bucket, without an endpoint")
	set.StringVar(&j.Bucket, "bucket", "", "bucket")
	set.StringVar(&j.Prefix, "prefix", "", "prefix of the keys, without a slash at its end")
	set.IntVar(&j.Parallel, "parallel", 10, "files at once")
	set.BoolVar(&j.Sync, "sync", false, "sync each file (of the floor)")
	return j, set.Parse(args)
}

// Args is the command line of the job.
func (j Job) Args() []string {
	return []string{
		fmt.Sprintf("-up=%t", j.Up), "-dir", j.Dir, "-source", j.Source, "-endpoint", j.Endpoint, "-root", j.Root,
		"-bucket", j.Bucket, "-prefix", j.Prefix, fmt.Sprintf("-parallel=%d", j.Parallel),
		fmt.Sprintf("-sync=%t", j.Sync),
	}
}

// from is the directory that has the files already.
func (j Job) from() string {
	if j.Up {
		return j.Dir
	}
	return j.Source
}

// Files are what there is to move, the largest first.
func (j Job) Files() ([]File, error) {
	from := j.from()
	var files []File
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		files = append(files, File{
			Path: filepath.Join(j.Dir, name), Key: j.Prefix + "/" + filepath.ToSlash(name), Name: name, Size: info.Size(),
		})
		return nil
	})
	if err == nil && len(files) == 0 {
		err = errors.New("there is nothing in " + from)
	}
	slices.SortStableFunc(files, func(a, b File) int { return cmp.Compare(b.Size, a.Size) })
	return files, err
}

// SumsOf is the file of a directory's digests, beside it.
func SumsOf(dir string) string { return dir + ".sums" }

// Sums are the SHA-256 of the files by their names, in hexadecimal.
func (j Job) Sums() (map[string]string, error) {
	text, err := os.ReadFile(SumsOf(j.from()))
	if err != nil {
		return nil, err
	}
	sums := map[string]string{}
	return sums, json.Unmarshal(text, &sums)
}

// Each moves every file, as many at once as the job says, for clients that know
// only one file. Directories are made before.
func (j Job) Each(ctx context.Context, move func(ctx context.Context, f File) error) error {
	files, err := j.Files()
	if err != nil {
		return err
	}
	if !j.Up {
		made := map[string]bool{}
		for _, f := range files {
			if dir := filepath.Dir(f.Path); !made[dir] {
				if err := os.MkdirAll(dir, 0o755); err != nil {
					return err
				}
				made[dir] = true
			}
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(j.Parallel)
	for _, f := range files {
		group.Go(func() error {
			if err := move(ctx, f); err != nil {
				return fmt.Errorf("moving %s: %w", f.Key, err)
			}
			return nil
		})
	}
	return group.Wait()
}
