// Package atrest tells how much memory a program takes that has buckets open and
// uses none of them.
package atrest

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
)

// Print prints the resident memory of this process in KiB.
func Print() {
	debug.FreeOSMemory()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			fmt.Println(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
		}
	}
}
