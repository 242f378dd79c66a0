// Command azure runs a real server of Azure blobs (Azurite) on this machine's loopback. See its help.
package main

import (
	"context"
	"io"
	"os"

	"github.com/icarus-sidecar/icarus/hack/stores"
)

func main() {
	os.Exit(stores.Command{
		Name: "azure", What: "server of Azure blobs (Azurite)",
		Start: func(ctx context.Context, dir string, port int, buckets []string, out io.Writer) (stores.Running, error) {
			return stores.StartAzure(ctx, stores.AzureOptions{Dir: dir, Port: port, Containers: buckets, Output: out})
		},
		Load: func(dir string) (stores.Running, error) { return stores.LoadAzure(dir) },
	}.Main())
}
