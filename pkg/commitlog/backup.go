package commitlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// BackupRequest is what is to be backed up, and how.
type BackupRequest struct {
	// File is one segment, as Cassandra names it to an archive_command. It goes
	// before Dir, of which every segment is meant.
	File, Dir string
	// Active tells the segments that Cassandra may still need, as
	// cassandra.Node.ActiveCommitLogs does; nil where nobody writes to them: in an
	// archive, or while Cassandra is stopped.
	Active func(ctx context.Context) ([]string, error)
	// Parallel is how many segments are uploaded at once; see transfer.Options.
	Parallel int
	// BytesPerSecond and Duration limit the rate, the first as it says and the
	// second to what is needed to be done in time; the higher of both holds.
	BytesPerSecond int64
	Duration       time.Duration
	// Limits are those of others, besides; see transfer.Options.
	Limits []*transfer.Limiter
	// Clock is the real one if nil.
	Clock clock.Clock
}

// Phase is what the work is at.
type Phase string

// The phases of a backup, then of a restore, in their order.
const (
	PhaseHash      Phase = "HASH"
	PhaseUpload    Phase = "UPLOAD"
	PhaseDownload  Phase = "DOWNLOAD"
	PhaseMove      Phase = "MOVE"
	PhaseConfigure Phase = "CONFIGURE"
)

// Progress is how far the work is.
type Progress struct {
	Phase  Phase
	Counts transfer.Counts
}

// BackupResult is what a backup came to.
type BackupResult struct {
	// Counts are of all segments that are in the bucket now.
	Counts transfer.Counts
	// Written are the names of those that Cassandra still writes, or has made in
	// advance, and that were left for another backup.
	Written []string
	// Warnings are what the backup was made in spite of.
	Warnings []string
}

// backup is one backup at work.
type backup struct {
	BackupRequest
	bucket store.Bucket
	report func(Progress)
	result BackupResult
}

// Backup brings segments to the bucket. Report may be nil.
func Backup(ctx context.Context, bucket store.Bucket, r BackupRequest, report func(Progress)) (BackupResult, error) {
	if report == nil {
		report = func(Progress) {}
	}
	b := &backup{BackupRequest: r, bucket: bucket, report: report}
	if err := b.run(ctx); err != nil {
		return BackupResult{}, fmt.Errorf("backing up the commit log: %w", err)
	}
	return b.result, nil
}

func (r BackupRequest) check() error {
	switch {
	case r.File == "" && r.Dir == "":
		return fmt.Errorf("%w: neither a segment nor a directory is named", ErrInvalid)
	case r.Parallel < 0 || r.BytesPerSecond < 0 || r.Duration < 0:
		return fmt.Errorf("%w: a limit is negative", ErrInvalid)
	}
	return nil
}

func (b *backup) run(ctx context.Context) error {
	if err := b.check(); err != nil {
		return err
	}
	segments, err := b.find(ctx)
	if err != nil {
		return err
	}
	for {
		counts, err := b.move(ctx, segments)
		if err == nil {
			b.result.Counts = counts
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
		// Where what failed is a segment that is not what it was, the others are
		// brought there without it.
		same, changed := b.unchanged(segments)
		switch {
		case changed != nil:
			return errors.Join(changed, err)
		case len(same) == len(segments):
			return err
		}
		segments = same
	}
}

// unchanged are the segments that are as they were found. The error is of one
// that should not have changed.
func (b *backup) unchanged(segments []local) (same []local, err error) {
	for _, s := range segments {
		info, err := os.Lstat(s.path)
		switch {
		case err != nil && b.tolerates(err):
			b.warnGone(s.path)
		case err != nil:
			return nil, fmt.Errorf("%s vanished: %w", s.path, err)
		case info.Size() == s.size && info.ModTime().Equal(s.changed):
			same = append(same, s)
		case b.File != "":
			return nil, fmt.Errorf("%s has changed while it was read: %w", s.path, ErrInUse)
		default:
			b.warn("%s has changed while it was read; the next backup takes it", s.path)
		}
	}
	return same, nil
}

// move uploads the segments that are not in the bucket.
func (b *backup) move(ctx context.Context, segments []local) (transfer.Counts, error) {
	b.report(Progress{Phase: PhaseHash})
	pending, reused, err := b.pending(ctx, segments)
	if err != nil {
		return transfer.Counts{}, err
	}
	files := make([]transfer.File, len(pending))
	for i, p := range pending {
		files[i] = transfer.File{Path: p.Path, Size: p.Size}
	}
	o := transfer.Options{Parallel: b.Parallel, Clock: b.Clock, Limits: b.Limits, Stall: transfer.DefaultStall}
	sums, err := transfer.Hash(ctx, files, o)
	if err != nil {
		return transfer.Counts{}, err
	}
	for i := range pending {
		pending[i].SHA256 = sums[i]
	}
	counts := reused // of the last report
	o.Counted, o.BytesPerSecond = reused, transfer.RateWithin(b.Duration, pending, b.BytesPerSecond)
	o.Report = func(c transfer.Counts) {
		counts = c
		b.report(Progress{PhaseUpload, c})
	}
	if _, err := transfer.Upload(ctx, b.bucket, pending, o); err != nil {
		return transfer.Counts{}, err
	}
	return counts, nil
}

// otherPlaces is how many more times a segment may have in the bucket. The
// original can leave half a segment under the right one, and an object is not
// overwritten: the whole one goes a millisecond later, which a restore prefers.
const otherPlaces = 3

// pending are the segments that are not in the bucket, and the counts of those
// that are.
func (b *backup) pending(ctx context.Context, segments []local) (pending []transfer.Outgoing, reused transfer.Counts, err error) {
	sizes, err := b.list(ctx, segments)
	if err != nil {
		return nil, transfer.Counts{}, err
	}
	for _, s := range segments {
		if size, there := sizes[keyOf(s.name, s.changed)]; there && size == s.size {
			reused = reused.Plus(transfer.Reused(s.size))
			continue
		}
		item := transfer.Outgoing{Path: s.path, Size: s.size}
		for later := range 1 + otherPlaces {
			key := keyOf(s.name, s.changed.Add(time.Duration(later)*time.Millisecond))
			_, taken := sizes[key]
			item.Places = append(item.Places, transfer.Place{Key: key, Taken: taken})
		}
		pending = append(pending, item)
	}
	return pending, reused, nil
}

// list tells the sizes of the objects that have keys like those of the segments:
// a bucket has the segments of years, and the names of those at hand begin alike.
func (b *backup) list(ctx context.Context, segments []local) (map[string]int64, error) {
	sizes := map[string]int64{}
	if len(segments) == 0 {
		return sizes, nil
	}
	alike := segments[0].name
	for _, s := range segments[1:] {
		for !strings.HasPrefix(s.name, alike) {
			alike = alike[:len(alike)-1]
		}
	}
	for object, err := range b.bucket.List(ctx, prefix+alike) {
		if err != nil {
			return nil, fmt.Errorf("listing %s: %w", prefix, err)
		}
		sizes[object.Key] = object.Size
	}
	return sizes, nil
}

func (b *backup) warn(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(b.result.Warnings, text) {
		b.result.Warnings = append(b.result.Warnings, text)
	}
}
