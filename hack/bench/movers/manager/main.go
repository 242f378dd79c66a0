// Command manager moves with the transfer manager of the AWS SDK for Go.
package main

import (
	"context"
	"net/http"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/icarus-sidecar/icarus/hack/bench/mover"
)

func main() { mover.Main(move) }

func move(ctx context.Context, j mover.Job) error {
	client := s3.New(s3.Options{
		BaseEndpoint: aws.String("http://" + j.Endpoint), Region: mover.Region, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(mover.AccessKey, mover.SecretKey, ""),
		// Without this most connections are opened anew for each request.
		HTTPClient: awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = 4 * j.Parallel }),
	})
	manager := transfermanager.New(client)
	return j.Each(ctx, func(ctx context.Context, f mover.File) error {
		if j.Up {
			return upload(ctx, manager, j, f)
		}
		return download(ctx, manager, j, f)
	})
}

func upload(ctx context.Context, manager *transfermanager.Client, j mover.Job, f mover.File) error {
	file, err := os.Open(f.Path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = manager.UploadObject(ctx, &transfermanager.UploadObjectInput{Bucket: &j.Bucket, Key: &f.Key, Body: file})
	return err
}

func download(ctx context.Context, manager *transfermanager.Client, j mover.Job, f mover.File) error {
	file, err := os.Create(f.Path)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := manager.DownloadObject(ctx, &transfermanager.DownloadObjectInput{Bucket: &j.Bucket, Key: &f.Key, WriterAt: file}); err != nil {
		return err
	}
	return file.Close()
}
