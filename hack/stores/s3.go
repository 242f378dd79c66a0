package stores

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sys/unix"

	"github.com/icarus-sidecar/icarus/hack/process"
)

// The account and region of the server.
const (
	AccessKey = "icarusaccess"
	SecretKey = "icarussecret123"
	Region    = "us-east-1"
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
type S3 struct{ server }

// s3Kind is what tells it from the other servers.
var s3Kind = kind{name: "S3", record: "s3.json", log: "versitygw.log", health: "/health"}

// StartS3 starts a server on the objects that the directory holds.
func StartS3(ctx context.Context, o S3Options) (*S3, error) {
	if o.Output == nil {
		o.Output = io.Discard
	}
	s := &S3{}
	err := s.prepare(s3Kind, o.Dir)
	if err != nil {
		return nil, err
	}
	program, err := Build(ctx, o.Output)
	if err != nil {
		return nil, err
	}
	if err := s.start(ctx, o.Port, func(address string) (process.Command, error) { return s.command(program, address, o) }); err != nil {
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
	s := &S3{}
	if err := s.load(s3Kind, dir); err != nil {
		return nil, err
	}
	return s, nil
}

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

func (s *S3) command(program, address string, o S3Options) (process.Command, error) {
	accounts, meta := filepath.Join(s.Dir, "accounts"), filepath.Join(s.Dir, "metadata")
	for _, d := range []string{accounts, meta} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return process.Command{}, fmt.Errorf("making the directories of the S3 server: %w", err)
		}
	}
	args := []string{
		// Without --keep-alive it closes the connection after every answer.
		"--port", address, "--region", Region, "--keep-alive", "--quiet", "--health", "/health", "--iam-dir", accounts, "posix",
	}
	if !extendedAttributes(s.objects()) {
		args = append(args, "--sidecar", meta)
	}
	return process.Command{
		Path: program, Args: append(args, s.objects()), DieWithParent: o.DieWithParent,
		Env: []string{"ROOT_ACCESS_KEY=" + AccessKey, "ROOT_SECRET_KEY=" + SecretKey},
	}, nil
}

// extendedAttributes is whether the file system of dir keeps them: there the
// server puts an object's metadata, and otherwise into files.
func extendedAttributes(dir string) bool {
	return unix.Setxattr(dir, "user.icarus", []byte("probe"), 0) == nil && unix.Removexattr(dir, "user.icarus") == nil
}
