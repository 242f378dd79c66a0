// Command gcs runs a real GCS server (fake-gcs-server) on this machine's loopback. See its help.
package main

import (
	"context"
	"io"
	"os"

	"github.com/icarus-sidecar/icarus/hack/stores"
)

func main() {
	os.Exit(stores.Command{
		Name: "gcs", What: "GCS server (fake-gcs-server)",
		Start: func(ctx context.Context, dir string, port int, buckets []string, out io.Writer) (stores.Running, error) {
			return stores.StartGCS(ctx, stores.GCSOptions{Dir: dir, Port: port, Buckets: buckets, Output: out})
		},
		Load: func(dir string) (stores.Running, error) { return stores.LoadGCS(dir) },
	}.Main())
}
