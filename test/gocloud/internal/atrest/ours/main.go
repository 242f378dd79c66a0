// Ours opens a bucket of each provider with package store.
package main

import (
	"context"
	"os"

	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/test/gocloud/internal/atrest"
)

func main() {
	o, err := store.OptionsFromEnv(os.LookupEnv)
	if err != nil {
		panic(err)
	}
	for _, location := range os.Args[1:] {
		l, err := store.ParseLocation(location)
		if err != nil {
			panic(err)
		}
		b, err := store.Open(context.Background(), l, o)
		if err != nil {
			panic(err)
		}
		defer b.Close()
	}
	atrest.Print()
}
