package backup

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/logging"
	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

var (
	// ErrInvalid is for a request that no node could fulfil.
	ErrInvalid = errors.New("invalid backup")
	// ErrTaken is for a tag that another backup has, or is about to have.
	ErrTaken = errors.New("the snapshot tag is taken")
	// ErrIncomplete is for a snapshot that has not all that the schema has.
	ErrIncomplete = errors.New("the snapshot is not complete")
)

// Node is what a backup needs of Cassandra. A *cassandra.Node is one.
type Node interface {
	Identity(ctx context.Context) (cassandra.Identity, error)
	SchemaVersion(ctx context.Context) (string, error)
	Tables(ctx context.Context, keyspaces ...string) ([]cassandra.Table, error)
	Snapshot(ctx context.Context, tag string, entities []string) error
	ClearSnapshot(ctx context.Context, tag string, keyspaces ...string) error
	SnapshotTags(ctx context.Context) ([]string, error)
}

// Request is what is to be backed up, and how.
type Request struct {
	// Tag is the final one. The snapshot and the manifest are called so.
	Tag string
	// Owner is who runs this, such as the id of an operation. The same owner may
	// go on with what it began; another may not have the same tag.
	Owner string
	// Resumed says that the owner began this before, and so that a manifest that
	// is there already is its own.
	Resumed bool
	// Keyspaces or Tables ("ks.t") to back up; neither is everything, the
	// system's keyspaces too, as the original does.
	Keyspaces, Tables []string
	// DataDirs replace the data directories that Cassandra names, for a sidecar
	// that sees them under other paths.
	DataDirs []string
	// Parallel is how many files are uploaded at once; see transfer.Options.
	Parallel int
	// BytesPerSecond and Duration limit the rate, the first as it says and the
	// second to what is needed to be done in time; the higher of both holds.
	BytesPerSecond int64
	Duration       time.Duration
	// Rate is set to what these two come to, and can be changed by whoever has it;
	// nil is one that nobody has. Limits are those of others, such as of all
	// operations of this node together. See transfer.Options.
	Rate   *transfer.Limiter
	Limits []*transfer.Limiter
	// Dedup says how what is in the bucket already is found; listing if "".
	Dedup Dedup
	// CacheDir is a directory for what this node's backups to this place are made
	// of, so that the next one reads only what changed; "" keeps nothing.
	CacheDir string
	// Clock is the real one if nil.
	Clock clock.Clock
}

// Dedup is how what is in the bucket already is found.
type Dedup string

// The ways to find it.
const (
	// DedupListing believes a committed manifest where the bucket's list shows the
	// object with its size.
	DedupListing Dedup = "listing"
	// DedupManifest believes the newest manifests, and asks for no list. An object
	// that somebody removed behind their back is not noticed.
	DedupManifest Dedup = "manifest"
)

// Phase is what a backup is at.
type Phase string

// The phases, in their order.
const (
	PhaseTables   Phase = "TABLES"
	PhaseSnapshot Phase = "SNAPSHOT"
	PhaseHash     Phase = "HASH"
	PhaseUpload   Phase = "UPLOAD"
	PhaseCommit   Phase = "COMMIT"
)

// Progress is how far a backup is. Counts are of everything that it consists of.
type Progress struct {
	Phase  Phase
	Counts transfer.Counts
}

// Result is what a backup came to.
type Result struct {
	Tag, SchemaVersion string
	// ManifestKey is relative to the node.
	ManifestKey string
	Tables      int
	Counts      transfer.Counts
	// Warnings are what the backup was made in spite of.
	Warnings []string
}

// cleanupPatience is how long the end may take that follows a cancel.
const cleanupPatience = 30 * time.Second

// job is one backup at work.
type job struct {
	Request
	node   Node
	bucket store.Bucket
	report func(Progress)
	// name is what the snapshot is called, and again says that it is not the
	// first one for the tag.
	name  string
	again bool
	begun time.Time
	// known are the committed manifests when they were listed, and touched the ids
	// of tables of which something was put into the bucket since.
	known   []committed
	touched map[string]bool

	mu       sync.Mutex
	warnings []string
}

// Run makes a backup. When it returns, the snapshot is cleared; without an
// error, the backup is committed. Report may be nil.
func Run(ctx context.Context, node Node, bucket store.Bucket, r Request, report func(Progress)) (Result, error) {
	if err := r.check(); err != nil {
		return Result{}, err
	}
	if r.Clock == nil {
		r.Clock = clock.RealClock{}
	}
	if report == nil {
		report = func(Progress) {}
	}
	if r.Rate == nil {
		r.Rate = transfer.NewLimiter(0, r.Clock)
	}
	j := &job{Request: r, node: node, bucket: bucket, report: report, begun: r.Clock.Now(), touched: map[string]bool{}}
	result, err := j.run(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("backing up to %s: %w", r.Tag, err)
	}
	result.Tag, result.ManifestKey, result.Warnings = r.Tag, manifest.ManifestKey(r.Tag), j.warnings
	return result, nil
}

func (r Request) check() error {
	if err := manifest.ValidateTag(r.Tag); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	switch {
	case r.Owner == "":
		return fmt.Errorf("%w: it has no owner", ErrInvalid)
	case len(r.Keyspaces) > 0 && len(r.Tables) > 0:
		return fmt.Errorf("%w: keyspaces and tables are mixed", ErrInvalid)
	case r.Parallel < 0 || r.BytesPerSecond < 0 || r.Duration < 0:
		return fmt.Errorf("%w: a limit is negative", ErrInvalid)
	case r.Dedup != "" && r.Dedup != DedupListing && r.Dedup != DedupManifest:
		return fmt.Errorf("%w: %.100q is no way to find what is there", ErrInvalid, r.Dedup)
	}
	return nil
}

func (j *job) run(ctx context.Context) (result Result, err error) {
	j.report(Progress{Phase: PhaseTables})
	tables, err := j.tables(ctx)
	if err != nil && j.Resumed {
		j.again = true
		return Result{}, j.end(ctx, err, j.abandon)
	}
	if err != nil {
		return Result{}, err
	}
	claim, err := j.claim(ctx)
	if err != nil {
		return Result{}, err
	}
	j.again = claim.again
	defer func() { err = j.end(ctx, err, claim.release) }()
	if j.known, err = j.manifests(ctx); err != nil {
		return Result{}, err
	}
	switch former, err := j.former(ctx, claim.own); {
	case err != nil:
		return Result{}, err
	case former != nil:
		return j.adopt(ctx, former)
	}
	j.report(Progress{Phase: PhaseSnapshot})
	if err := j.snapshot(ctx); err != nil {
		return Result{}, err
	}
	defer func() { err = j.end(ctx, err, j.clear) }()
	m, files, err := j.scan(ctx, tables)
	if err != nil {
		return Result{}, err
	}
	if err := j.hash(ctx, files); err != nil {
		return Result{}, err
	}
	counts, err := j.upload(ctx, files)
	if err != nil {
		return Result{}, err
	}
	j.report(Progress{PhaseCommit, counts})
	if err := j.commit(ctx, m, files); err != nil {
		return Result{}, err
	}
	if err := j.memorize(ctx, files); err != nil {
		j.warn("the next backup has to read everything again: %v", err)
	}
	logr.FromContextOrDiscard(ctx).Info("Committing backup", logging.KeySnapshot, j.Tag,
		logging.KeyBytes, counts.BytesTotal, "reused", counts.BytesReused)
	return Result{SchemaVersion: m.SchemaVersion, Tables: m.Totals().Tables, Counts: counts}, nil
}

// end cleans up, also after a cancel. What cannot be cleaned up does not undo a
// backup that is committed, so that it is only a warning there.
func (j *job) end(ctx context.Context, err error, clean func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupPatience)
	defer cancel()
	left := clean(ctx)
	if left == nil || err != nil {
		return errors.Join(err, left)
	}
	j.warn("%v", left)
	return nil
}

func (j *job) warn(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.warnings = append(j.warnings, fmt.Sprintf(format, args...))
}

func (j *job) options() transfer.Options {
	return transfer.Options{
		Parallel: j.Parallel, Clock: j.Clock, Stall: transfer.DefaultStall,
		Limits: append(j.Limits[:len(j.Limits):len(j.Limits)], j.Rate),
	}
}
