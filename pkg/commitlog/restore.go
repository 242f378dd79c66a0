package commitlog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// RestoreRequest is what is to be replayed, and where.
type RestoreRequest struct {
	// Start and End are times of last changes of segments; nothing later than End
	// is replayed. Neither is rounded, but Cassandra counts End in seconds.
	Start, End time.Time
	// CommitLogDir is Cassandra's, ConfigDir has its configuration, and DownloadDir
	// is where it finds what it is to replay.
	CommitLogDir, ConfigDir, DownloadDir string
	// Tables ("ks.t") are the only ones to replay; none is all.
	Tables []string
	// Aside is the name, beside CommitLogDir, of the directory that the files of
	// the commit log are moved to. A run that is begun again has the same.
	Aside string
	// Resumed says that a run before this one may have left downloads.
	Resumed bool
	// Idle fails while Cassandra writes to its commit log. It is asked before
	// anything is done, and again before files are moved. Nil asks nobody.
	Idle func(ctx context.Context) error
	// Limits and Parallel bound the download; see transfer.Options.
	Limits []*transfer.Limiter
	// Parallel is how many segments are downloaded at once.
	Parallel int
	// Clock is the real one if nil.
	Clock clock.Clock
}

// RestoreResult is what a restore came to.
type RestoreResult struct {
	// Segments is how many will be replayed, First and Last when the first and the
	// last of them were changed.
	Segments    int
	First, Last time.Time
	// PointInTime is End as Cassandra understands it.
	PointInTime time.Time
	// MovedTo is the directory that has Moved files of the former commit log; ""
	// where there was none.
	MovedTo string
	Moved   int
	// Warnings are what the restore was made in spite of.
	Warnings []string
}

// recovery is one restore at work.
type recovery struct {
	RestoreRequest
	bucket store.Bucket
	report func(Progress)
	result RestoreResult
}

// Restore makes the node replay, when it is started the next time, what was
// written until a point in time. Report may be nil.
func Restore(ctx context.Context, bucket store.Bucket, r RestoreRequest, report func(Progress)) (RestoreResult, error) {
	if report == nil {
		report = func(Progress) {}
	}
	if r.Idle == nil {
		r.Idle = func(context.Context) error { return nil }
	}
	j := &recovery{RestoreRequest: r, bucket: bucket, report: report}
	if err := j.run(ctx); err != nil {
		return RestoreResult{}, fmt.Errorf("restoring the commit log: %w", err)
	}
	return j.result, nil
}

func (j *recovery) run(ctx context.Context) (err error) {
	if err := j.check(); err != nil {
		return err
	}
	if err := j.Idle(ctx); err != nil {
		return err
	}
	config, err := openConfig(j.ConfigDir, j.Tables)
	if err != nil {
		return err
	}
	defer config.close()
	segments, err := j.choose(ctx)
	if err != nil {
		return err
	}
	if err := j.prepare(segments); err != nil {
		return err
	}
	defer func() {
		if err != nil { // the next attempt finds an empty directory again
			err = errors.Join(err, j.discard(segments))
		}
	}()
	if err := j.download(ctx, segments); err != nil {
		return err
	}
	if err := j.Idle(ctx); err != nil {
		return err
	}
	j.report(Progress{Phase: PhaseMove})
	if err := j.moveAside(ctx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	j.report(Progress{Phase: PhaseConfigure})
	j.result.PointInTime = j.End.Truncate(time.Second)
	if !j.result.PointInTime.Equal(j.End) {
		j.warn("Cassandra replays to the second: nothing after %s", j.result.PointInTime.UTC().Format(time.RFC3339))
	}
	// The properties last: with them alone Cassandra would replay every table.
	changed, err := config.setReplayList(j.Tables)
	if err != nil {
		return err
	}
	if changed && len(j.Tables) == 0 {
		j.warn("%s limited replays to some tables, and does so no more", envFile)
	}
	return config.setArchiving(j.DownloadDir, j.result.PointInTime)
}

// checkDownloadDir refuses a path that Cassandra would not understand: it takes a
// list of directories, and splits its command at blanks.
func checkDownloadDir(dir string) error {
	if !filepath.IsAbs(dir) || strings.ContainsAny(dir, ", \t\r\n\f\\$%\x00") {
		return fmt.Errorf("%w: %q cannot be a directory to restore from: it has to be absolute, without blanks, commas, \\, $ and %%", ErrInvalid, dir)
	}
	return nil
}

func (j *recovery) check() error {
	if err := checkDownloadDir(j.DownloadDir); err != nil {
		return err
	}
	for _, dir := range []string{j.CommitLogDir, j.ConfigDir} {
		if !filepath.IsAbs(dir) {
			return fmt.Errorf("%w: directory %q is not absolute", ErrInvalid, dir)
		}
	}
	switch {
	case j.End.Before(j.Start):
		return fmt.Errorf("%w: it ends before it starts", ErrInvalid)
	case j.Aside == "" || filepath.Base(j.Aside) != j.Aside || j.Aside == filepath.Base(j.CommitLogDir):
		return fmt.Errorf("%w: %q is no name of a directory beside the commit log", ErrInvalid, j.Aside)
	case within(j.DownloadDir, j.CommitLogDir) || within(j.CommitLogDir, j.DownloadDir):
		return fmt.Errorf("%w: downloads do not go into the directory of the commit log, %s", ErrInvalid, j.CommitLogDir)
	}
	return nil
}

// within reports whether path is dir or lies in it.
func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// choose lists the segments and picks those that are needed.
func (j *recovery) choose(ctx context.Context) ([]archived, error) {
	newest := map[string]archived{}
	for object, err := range j.bucket.List(ctx, prefix) {
		if err != nil {
			return nil, fmt.Errorf("listing %s: %w", prefix, err)
		}
		a, ok := parseKey(object.Key, object.Size)
		if !ok {
			continue // not ours to judge
		}
		// A segment only grows: the latest is all that the others are, and more.
		if other, there := newest[a.name]; !there || other.modified.Before(a.modified) {
			newest[a.name] = a
		}
	}
	all := make([]archived, 0, len(newest))
	for _, a := range newest {
		all = append(all, a)
	}
	chosen, reaches := needed(all, j.Start, j.End)
	if len(chosen) == 0 {
		return nil, fmt.Errorf("%w between %s and %s, among %d segments in the bucket", ErrNone, format(j.Start), format(j.End), len(all))
	}
	j.result.Segments, j.result.First, j.result.Last = len(chosen), chosen[0].modified, chosen[len(chosen)-1].modified
	if !reaches {
		j.warn("the last segment in the bucket ends at %s: what was written from then to %s is not restored", format(j.result.Last), format(j.End))
	}
	return chosen, nil
}

// needed are the segments that were last changed from start to end and the first
// after it, which holds what was written around end. Reaches is whether there is
// one at or after end.
func needed(all []archived, start, end time.Time) (chosen []archived, reaches bool) {
	slices.SortFunc(all, byTime)
	for _, a := range all {
		if a.modified.Before(start) {
			continue
		}
		chosen = append(chosen, a)
		if a.modified.After(end) {
			return chosen, true
		}
		reaches = a.modified.Equal(end)
	}
	return chosen, reaches
}

func format(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// prepare refuses a directory that is not empty: Cassandra would replay what is
// there, or not start over it. Nothing tells a segment that was downloaded before
// from one that has grown since, as all are made with their full size; so what a
// former run left is downloaded again.
func (j *recovery) prepare(segments []archived) error {
	if j.Resumed {
		if err := j.discard(segments); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(j.DownloadDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the directory of downloads: %w", err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), transfer.Hidden) {
			return fmt.Errorf("%s holds %s, and Cassandra would replay all that is there; name another directory, or empty it: %w",
				j.DownloadDir, e.Name(), ErrInUse)
		}
	}
	return nil
}

// discard removes downloads.
func (j *recovery) discard(segments []archived) error {
	for _, s := range segments {
		if err := removeIfThere(filepath.Join(j.DownloadDir, s.name)); err != nil {
			return fmt.Errorf("removing a download: %w", err)
		}
	}
	return nil
}

// download brings the segments to the node.
func (j *recovery) download(ctx context.Context, segments []archived) error {
	j.report(Progress{Phase: PhaseDownload})
	items := make([]transfer.Incoming, len(segments))
	for i, s := range segments {
		items[i] = transfer.Incoming{Key: s.key, Path: s.name, Size: s.size}
	}
	err := transfer.Download(ctx, j.bucket, j.DownloadDir, items, transfer.Options{
		Parallel: j.Parallel, Clock: j.Clock, Limits: j.Limits, Stall: transfer.DefaultStall,
		Report: func(c transfer.Counts) { j.report(Progress{PhaseDownload, c}) },
	})
	if err != nil {
		return err
	}
	for _, s := range segments {
		if _, err := look(filepath.Join(j.DownloadDir, s.name), s.segment); err != nil {
			return fmt.Errorf("looking at the download of %s: %w", s.key, err)
		}
	}
	return nil
}

func (j *recovery) warn(format string, args ...any) {
	j.result.Warnings = append(j.result.Warnings, fmt.Sprintf(format, args...))
}
