package stores

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sys/unix"

	"github.com/icarus-sidecar/icarus/hack/cache"
	"github.com/icarus-sidecar/icarus/hack/process"
)

// The account and region of the server.
const (
	AccessKey = "icarusaccess"
	SecretKey = "icarussecret123"
	Region    = "us-east-1"
)

// readyTimeout limits how long a server may take to answer; a quiet one takes a
// tenth of a second.
const readyTimeout = 2 * time.Minute

var (
	// ErrNoServer means that no server was started in a directory.
	ErrNoServer = errors.New("no S3 server was started there")
	// ErrRunning means that a server runs in a directory already.
	ErrRunning = errors.New("an S3 server is running there")

	errEnded = errors.New("it ended")
)

// S3Options describe a server.
type S3Options struct {
	// Dir holds its objects, accounts and log; $ICARUS_CACHE/run/s3 by default.
	Dir string
	// Port is where it listens at 127.0.0.1; a free one if 0.
	Port int
	// Buckets are made at the start, if they are not there.
	Buckets []string
	// DieWithParent ends the server with this process.
	DieWithParent bool
	// Output is where progress is told. Nil is nowhere.
	Output io.Writer
}

// S3 is a server that runs, or ran.
type S3 struct {
	Endpoint string `json:"endpoint"` // http://127.0.0.1:port
	Dir      string `json:"dir"`
	PID      int    `json:"pid"`

	process *process.Process
}

const recordFile = "s3.json"

// StartS3 starts a server on the objects that the directory holds.
func StartS3(ctx context.Context, o S3Options) (*S3, error) {
	if o.Output == nil {
		o.Output = io.Discard
	}
	dir, err := absolute(o.Dir)
	if err != nil {
		return nil, err
	}
	if old, err := LoadS3(dir); err == nil && old.Running() {
		return nil, fmt.Errorf("%w: %s is process %d at %s", ErrRunning, dir, old.PID, old.Endpoint)
	}
	program, err := Build(ctx, o.Output)
	if err != nil {
		return nil, err
	}
	s := &S3{Dir: dir}
	// A free port can be taken before the server listens: then there is another.
	for attempt := 0; ; attempt++ {
		err = s.start(ctx, program, o)
		if err == nil || o.Port != 0 || attempt == 2 || !errors.Is(err, errEnded) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	for _, b := range o.Buckets {
		if err := s.CreateBucket(ctx, b); err != nil {
			return nil, errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
		}
	}
	return s, nil
}

// LoadS3 returns the server of a directory, whether it runs or not.
func LoadS3(dir string) (*S3, error) {
	dir, err := absolute(dir)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, recordFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("looking into %s: %w", dir, ErrNoServer)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the record of an S3 server: %w", err)
	}
	s := &S3{}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("reading the record of an S3 server in %s: %w", dir, err)
	}
	s.Dir = dir
	s.process = process.Attach(s.PID, s.objects())
	return s, nil
}

// Running is whether the server lives.
func (s *S3) Running() bool { return s.process.Running() }

// Stop ends the server. Its objects stay.
func (s *S3) Stop(ctx context.Context) error {
	if err := s.process.Kill(ctx); err != nil {
		return fmt.Errorf("stopping the S3 server: %w", err)
	}
	return nil
}

// Log is the file of what the server said.
func (s *S3) Log() string { return filepath.Join(s.Dir, "versitygw.log") }

// Environment is what the AWS tools and SDKs read, as KEY=value.
func (s *S3) Environment() []string {
	return []string{
		"AWS_ACCESS_KEY_ID=" + AccessKey, "AWS_SECRET_ACCESS_KEY=" + SecretKey,
		"AWS_REGION=" + Region, "AWS_ENDPOINT_URL=" + s.Endpoint,
	}
}

// Client is a client of the server, for what a test does behind our back.
func (s *S3) Client() *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(s.Endpoint), Region: Region, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(AccessKey, SecretKey, ""),
	})
}

// CreateBucket makes a bucket, if it is not there.
func (s *S3) CreateBucket(ctx context.Context, name string) error {
	_, err := s.Client().CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(name)})
	var owned *types.BucketAlreadyOwnedByYou
	if err != nil && !errors.As(err, &owned) {
		return fmt.Errorf("creating bucket %s: %w", name, err)
	}
	return nil
}

// objects is the directory whose subdirectories are the buckets.
func (s *S3) objects() string { return filepath.Join(s.Dir, "objects") }

func (s *S3) start(ctx context.Context, program string, o S3Options) error {
	accounts, meta := filepath.Join(s.Dir, "accounts"), filepath.Join(s.Dir, "metadata")
	for _, d := range []string{s.objects(), accounts, meta} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return fmt.Errorf("making the directories of the S3 server: %w", err)
		}
	}
	address, err := freeAddress(ctx, o.Port)
	if err != nil {
		return err
	}
	s.Endpoint = "http://" + address
	args := []string{
		// Without --keep-alive it closes the connection after every answer.
		"--port", address, "--region", Region, "--keep-alive", "--quiet", "--health", "/health", "--iam-dir", accounts, "posix",
	}
	if !extendedAttributes(s.objects()) {
		args = append(args, "--sidecar", meta)
	}
	s.process, err = process.Start(process.Command{
		Path: program, Args: append(args, s.objects()), Mark: s.objects(), Dir: s.Dir, Log: s.Log(),
		DieWithParent: o.DieWithParent,
		Env:           []string{"ROOT_ACCESS_KEY=" + AccessKey, "ROOT_SECRET_KEY=" + SecretKey},
	})
	if err != nil {
		return err
	}
	s.PID = s.process.PID()
	if err := s.awaitReady(ctx); err != nil {
		text, _ := os.ReadFile(s.Log()) // the reason stands without it
		return errors.Join(fmt.Errorf("starting the S3 server at %s: %w\n%s", address, err, text), s.Stop(context.WithoutCancel(ctx)))
	}
	return s.write()
}

func (s *S3) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("it does not answer after %s", readyTimeout))
	defer cancel()
	for {
		if s.healthy(ctx) {
			return nil
		}
		if !s.Running() {
			return errEnded
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *S3) healthy(ctx context.Context) bool {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint+"/health", http.NoBody)
	if err != nil {
		return false
	}
	q.Close = true // no idle connection outlives the question
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		return false
	}
	_ = a.Body.Close()
	return a.StatusCode == http.StatusOK
}

func (s *S3) write() error {
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encoding the record of the S3 server: %w", err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir, recordFile), text, 0o644); err != nil {
		return fmt.Errorf("writing the record of the S3 server: %w", err)
	}
	return nil
}

func absolute(dir string) (string, error) {
	if dir == "" {
		return cache.Dir("run", "s3")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("finding the directory of the S3 server: %w", err)
	}
	return dir, nil
}

// extendedAttributes is whether the file system of dir keeps them: there the
// server puts an object's metadata, and otherwise into files.
func extendedAttributes(dir string) bool {
	return unix.Setxattr(dir, "user.icarus", []byte("probe"), 0) == nil && unix.Removexattr(dir, "user.icarus") == nil
}

// freeAddress is an address of 127.0.0.1 that nobody listens at.
func freeAddress(ctx context.Context, port int) (string, error) {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return "", fmt.Errorf("finding a port for the S3 server: %w", err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return "", fmt.Errorf("finding a port for the S3 server: %w", err)
	}
	return address, nil
}
