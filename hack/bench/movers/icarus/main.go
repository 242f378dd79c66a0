// Command icarus moves with pkg/transfer and pkg/store, as an operation of the
// sidecar does: created only if absent, hashed on the way, verified and synced.
package main

import (
	"context"
	"path/filepath"

	"github.com/icarus-sidecar/icarus/hack/bench/mover"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

func main() { mover.Main(move) }

func move(ctx context.Context, j mover.Job) error {
	location := store.Location{Provider: store.File, Dir: j.Root, Bucket: j.Bucket}
	options := store.Options{Connections: j.Parallel}
	if j.Endpoint != "" {
		location = store.Location{Provider: store.S3, Bucket: j.Bucket}
		options.Endpoint, options.Insecure, options.PathStyle, options.Region = j.Endpoint, true, true, mover.Region
		options.Credentials = store.Credentials{AccessKeyID: mover.AccessKey, SecretAccessKey: store.Secret(mover.SecretKey)}
	}
	bucket, err := store.Open(ctx, location, options)
	if err != nil {
		return err
	}
	defer bucket.Close()
	files, err := j.Files()
	if err != nil {
		return err
	}
	if j.Up {
		return upload(ctx, bucket, files, j)
	}
	return download(ctx, bucket, files, j)
}

func upload(ctx context.Context, bucket store.Bucket, files []mover.File, j mover.Job) error {
	items := make([]transfer.Outgoing, len(files))
	for i, f := range files {
		items[i] = transfer.Outgoing{Path: f.Path, Size: f.Size, Places: []transfer.Place{{Key: f.Key}}}
	}
	_, err := transfer.Upload(ctx, bucket, items, transfer.Options{Parallel: j.Parallel})
	return err
}

// download verifies against the digests that the harness wrote beside the files,
// as a restore does against those of its manifest.
func download(ctx context.Context, bucket store.Bucket, files []mover.File, j mover.Job) error {
	sums, err := j.Sums()
	if err != nil {
		return err
	}
	items := make([]transfer.Incoming, len(files))
	for i, f := range files {
		items[i] = transfer.Incoming{Key: f.Key, Path: filepath.ToSlash(f.Name), Size: f.Size, Hash: sums[f.Name]}
	}
	return transfer.Download(ctx, bucket, j.Dir, items, transfer.Options{Parallel: j.Parallel})
}
