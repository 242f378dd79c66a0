// Command rclone moves with rclone as a library: its copy of a directory, with
// the backends for files and S3 and nothing else of it.
package main

import (
	"context"
	"fmt"

	_ "github.com/rclone/rclone/backend/local" // the directory
	_ "github.com/rclone/rclone/backend/s3"    // the bucket
	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/sync"

	"github.com/icarus-sidecar/icarus/hack/bench/mover"
)

func main() { mover.Main(move) }

func move(ctx context.Context, j mover.Job) error {
	ctx, config := fs.AddConfig(ctx)
	config.Transfers, config.Checkers = j.Parallel, j.Parallel
	config.LogLevel = fs.LogLevelError
	remote := j.Root + "/" + j.Bucket + "/" + j.Prefix
	if j.Endpoint != "" {
		remote = fmt.Sprintf(":s3,provider=Other,access_key_id=%s,secret_access_key=%s,region=%s,endpoint='http://%s',force_path_style=true:%s/%s",
			mover.AccessKey, mover.SecretKey, mover.Region, j.Endpoint, j.Bucket, j.Prefix)
	}
	bucket, err := fs.NewFs(ctx, remote)
	if err != nil {
		return err
	}
	dir, err := fs.NewFs(ctx, j.Dir)
	if err != nil {
		return err
	}
	if j.Up {
		return sync.CopyDir(ctx, bucket, dir, false)
	}
	return sync.CopyDir(ctx, dir, bucket, false)
}
