package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"path"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

const (
	// gcPercent lets garbage be half of what is in use. What a backup uses is
	// buffers, which make none, so that a tenth more work saves a quarter of the
	// memory: measured with a hundred thousand files.
	gcPercent = 50
	// memoryShare of the container's memory, in percent, is for Go's heap; the rest
	// is for the page tables and the kernel's buffers of connections.
	memoryShare = 90
)

// limitMemory tells the runtime what memory there is, unless the environment does.
// How many cores there are it finds out by itself.
func limitMemory(root fs.FS, lookup func(string) (string, bool)) {
	if _, set := lookup("GOGC"); !set {
		debug.SetGCPercent(gcPercent)
	}
	if _, set := lookup("GOMEMLIMIT"); set {
		return
	}
	if limit, ok := containerMemory(root); ok {
		debug.SetMemoryLimit(limit / 100 * memoryShare)
	}
}

// containerMemory is the least limit of the cgroups that this process is in.
func containerMemory(root fs.FS) (limit int64, ok bool) {
	text, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0, false // not on Linux
	}
	limit = math.MaxInt64
	for line := range strings.Lines(string(text)) {
		// 0::/path in version 2, and 5:memory:/path in version 1.
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, at, _ := strings.Cut(rest, ":")
		switch {
		case controllers == "":
			limit = min(limit, leastLimit(root, "sys/fs/cgroup", at, "memory.max"))
		case strings.Contains(","+controllers+",", ",memory,"):
			limit = min(limit, leastLimit(root, "sys/fs/cgroup/memory", at, "memory.limit_in_bytes"))
		}
	}
	const none = 1 << 50 // version 1 says "as much as can be counted, in pages"
	return limit, limit < none
}

// leastLimit looks into a group and those above it. In a container the path may
// be the one that the host sees, and then only the root of the mount is there.
func leastLimit(root fs.FS, mount, at, file string) int64 {
	least := int64(math.MaxInt64)
	for at = path.Join("/", at); ; at = path.Dir(at) {
		if text, err := fs.ReadFile(root, path.Join(mount, at, file)); err == nil {
			if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil { // "max" is none
				least = min(least, n)
			}
		}
		if at == "/" {
			return least
		}
	}
}

// newLimit is that of all transfers of this node, nil where there is none.
func newLimit(bandwidth string) (*transfer.Limiter, error) {
	if bandwidth == "" {
		return nil, nil //nolint:nilnil // no limit is nil
	}
	text, err := json.Marshal(bandwidth)
	if err != nil {
		return nil, err
	}
	var b rest.Bandwidth
	if err := b.UnmarshalJSON(text); err != nil {
		return nil, fmt.Errorf("--bandwidth %q: %w", bandwidth, err)
	}
	if b.BytesPerSecond() < 1 {
		return nil, fmt.Errorf("--bandwidth %q is not at least one byte per second", bandwidth)
	}
	return transfer.NewLimiter(b.BytesPerSecond(), nil), nil
}

// cacheDir is where the command line leaves what the next backup may use: with
// other programs' caches, or nowhere if there is no such place.
func cacheDir(lookup func(string) (string, bool)) string {
	if dir, ok := lookup("XDG_CACHE_HOME"); ok && filepath.IsAbs(dir) {
		return filepath.Join(dir, "icarus", "backups")
	}
	if home, ok := lookup("HOME"); ok && filepath.IsAbs(home) {
		return filepath.Join(home, ".cache", "icarus", "backups")
	}
	return ""
}
