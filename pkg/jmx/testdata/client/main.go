// Command client is the client and nothing else, to see what it costs: it connects
// to the JMX at the address given, calls, leaves, and prints its memory at the most.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

const calls = 1000

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	err := run(ctx, os.Args[1])
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, address string) error {
	c, err := jmx.Dial(ctx, jmx.Options{Address: address})
	if err != nil {
		return err
	}
	for range calls {
		if _, err := c.Attribute(ctx, "org.apache.cassandra.db:type=StorageService", "ReleaseVersion"); err != nil {
			return err
		}
	}
	// The largest answer that anybody asks for: the names of all MBeans.
	if _, err := c.Query(ctx, "*:*"); err != nil {
		return err
	}
	if err := c.Close(); err != nil {
		return err
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "VmHWM:") {
			fmt.Print(line)
		}
	}
	return nil
}
