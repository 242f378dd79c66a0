// Plain opens a bucket of each provider with the drivers of gocloud.dev.
package main

import (
	"context"
	"os"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/azureblob"
	_ "gocloud.dev/blob/fileblob"
	_ "gocloud.dev/blob/gcsblob"
	_ "gocloud.dev/blob/s3blob"

	"github.com/icarus-sidecar/icarus/test/gocloud/internal/atrest"
)

func main() {
	for _, url := range os.Args[1:] {
		b, err := blob.OpenBucket(context.Background(), url)
		if err != nil {
			panic(err)
		}
		defer b.Close()
	}
	atrest.Print()
}
