package cassandra

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

const commitLog jmx.ObjectName = "org.apache.cassandra.db:type=Commitlog"

// CommitLogDirectory is where the node writes its commit log.
func (n *Node) CommitLogDirectory(ctx context.Context) (string, error) {
	dir, err := n.text(ctx, "CommitLogLocation")
	if err != nil {
		return "", err
	}
	if !filepath.IsAbs(dir) {
		return "", fmt.Errorf("reading the directory of the commit log: %q is no absolute path", dir)
	}
	return filepath.Clean(dir), nil
}

// ActiveCommitLogs are the names of the segments that the node may still need, in
// the order of their making: the last is the one that it writes, the others are
// full. One that it has made in advance is not among them.
func (n *Node) ActiveCommitLogs(ctx context.Context) (names []string, err error) {
	err = n.with(ctx, func(c Conn) error {
		a, err := read(ctx, c, commitLog, "ActiveSegmentNames")
		if err != nil {
			return err
		}
		names, err = a.list("ActiveSegmentNames")
		return err
	})
	return names, err
}
