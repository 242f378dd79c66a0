// Command minio moves with minio-go, its way for a file on each side.
package main

import (
	"context"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/icarus-sidecar/icarus/hack/bench/mover"
)

func main() { mover.Main(move) }

func move(ctx context.Context, j mover.Job) error {
	transport, err := minio.DefaultTransport(false)
	if err != nil {
		return err
	}
	transport.MaxIdleConnsPerHost = 4 * j.Parallel // of all parts of all files
	client, err := minio.New(j.Endpoint, &minio.Options{
		Creds: credentials.NewStaticV4(mover.AccessKey, mover.SecretKey, ""), Region: mover.Region, Transport: transport,
		BucketLookup: minio.BucketLookupPath,
	})
	if err != nil {
		return err
	}
	return j.Each(ctx, func(ctx context.Context, f mover.File) error {
		if j.Up {
			_, err := client.FPutObject(ctx, j.Bucket, f.Key, f.Path, minio.PutObjectOptions{})
			return err
		}
		return client.FGetObject(ctx, j.Bucket, f.Key, f.Path, minio.GetObjectOptions{})
	})
}
