package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
)

// snapshot has Cassandra take one. If it fails, nothing of it stays behind.
//
// Cassandra goes on with a snapshot when its caller is gone. So a cancel waits
// for it, or what comes late would not be cleared; and the snapshot that an
// earlier life asked for, which may still grow, is not touched but to clear it,
// now and at the end: this one gets another name.
func (j *job) snapshot(ctx context.Context) error {
	j.name = j.Tag
	if j.again {
		if err := j.clear(ctx); err != nil {
			return err
		}
		j.name = againPrefix(j.Tag) + strconv.FormatInt(j.Clock.Now().UnixMilli(), 36)
	}
	call, done := outlive(ctx, cleanupPatience)
	defer done()
	err := j.node.Snapshot(call, j.name, j.entities())
	if err == nil || errors.Is(err, cassandra.ErrSnapshotExists) {
		return err // one that was there before is not ours to clear
	}
	return j.end(ctx, err, j.clear)
}

// againPrefix begins the names of snapshots that are taken anew for a tag,
// which may itself be as long as a name can be.
func againPrefix(tag string) string {
	sum := sha256.Sum256([]byte(tag))
	return "icarus-again-" + hex.EncodeToString(sum[:8]) + "-"
}

// clear clears the snapshot in all keyspaces: one may have been dropped since.
func (j *job) clear(ctx context.Context) error {
	names := []string{j.Tag}
	if j.again {
		tags, err := j.node.SnapshotTags(ctx)
		if err != nil {
			return fmt.Errorf("looking for former snapshots: %w", err)
		}
		names = slices.DeleteFunc(tags, func(tag string) bool {
			return tag != j.Tag && !strings.HasPrefix(tag, againPrefix(j.Tag))
		})
	}
	for _, name := range names {
		if err := j.node.ClearSnapshot(ctx, name); err != nil {
			return fmt.Errorf("clearing the snapshot: %w", err)
		}
	}
	return nil
}

// outlive is a context that ends some time after ctx does.
func outlive(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		limit, release := context.WithTimeout(longer, by)
		defer release()
		<-limit.Done()
		cancel()
	})
	return longer, func() {
		stop()
		cancel()
	}
}
