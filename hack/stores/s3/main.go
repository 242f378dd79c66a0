// Command s3 runs a real S3 server (versitygw) on this machine's loopback. See its help.
package main

import (
	"context"
	"io"
	"os"

	"github.com/icarus-sidecar/icarus/hack/stores"
)

func main() {
	os.Exit(stores.Command{
		Name: "s3", What: "S3 server (versitygw)",
		Start: func(ctx context.Context, dir string, port int, buckets []string, out io.Writer) (stores.Running, error) {
			return stores.StartS3(ctx, stores.S3Options{Dir: dir, Port: port, Buckets: buckets, Output: out})
		},
		Load: func(dir string) (stores.Running, error) { return stores.LoadS3(dir) },
	}.Main())
}
