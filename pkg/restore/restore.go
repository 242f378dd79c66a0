package restore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

var (
	// ErrInvalid is for a request that cannot be carried out on any node.
	ErrInvalid = errors.New("invalid request")
	// ErrNoBackup is for a tag that no backup of this node has.
	ErrNoBackup = errors.New("no such backup")
	// ErrNotInBackup is for keyspaces or tables that the backup does not hold.
	ErrNotInBackup = errors.New("not in the backup")
	// ErrNoTable is for tables that do not exist here.
	ErrNoTable = errors.New("no table to restore into")
	// ErrTokens is for a backup of a node with other tokens.
	ErrTokens = errors.New("the backup is of a node with other tokens")
	// ErrNotDownloaded is for a phase that needs what DOWNLOAD did not complete.
	ErrNotDownloaded = errors.New("not downloaded")
)

// Strategy is how SSTables are brought into Cassandra.
type Strategy string

const (
	// StrategyHardlinks links them into the tables' own directories.
	StrategyHardlinks Strategy = "HARDLINKS"
	// StrategyImport has Cassandra, from 4.0 on, copy and check them.
	StrategyImport Strategy = "IMPORT"
)

// Request is what is to be restored on one node, and how.
type Request struct {
	// ID names one run of a phase. IMPORT goes on with a run of the same ID that
	// did not come to its end; with another ID, or with none, it begins anew.
	ID string
	// SnapshotTag is a final tag, or the part of it that a user chose: then the
	// newest backup is meant.
	SnapshotTag string
	// SchemaVersion has a say only with ExactSchemaVersion, and is the node's own
	// then if it is empty.
	SchemaVersion      string
	ExactSchemaVersion bool
	// Location names the bucket in errors.
	Location string
	// Entities are keyspaces ("ks") or tables ("ks.t") of the backup. Without
	// any, all tables are meant that are not Cassandra's own.
	Entities []string
	// Rename says which table takes the data of a table of the backup, where it
	// is not the one of that name.
	Rename   map[string]string
	Strategy Strategy
	// SourceDir is where downloads lie; many nodes may share it.
	SourceDir string
	// DataDirs replace the data directories that Cassandra names, for a sidecar
	// that sees them under other paths.
	DataDirs []string
	// NoDownloadData takes what lies in SourceDir, after it was verified.
	NoDownloadData    bool
	NoDeleteTruncates bool
	NoDeleteDownloads bool
	Import            cassandra.ImportOptions
	// Parallel, BytesPerSecond and Limits bound DOWNLOAD; see transfer.Options.
	Parallel       int
	BytesPerSecond int64
	Limits         []*transfer.Limiter

	disk disk
}

// Node is what a restore needs of Cassandra. A *cassandra.Node is one.
type Node interface {
	Identity(ctx context.Context) (cassandra.Identity, error)
	SchemaVersion(ctx context.Context) (string, error)
	CheckHealth(ctx context.Context) error
	Tables(ctx context.Context, keyspaces ...string) ([]cassandra.Table, error)
	DataDirectories(ctx context.Context) ([]string, error)
	CanImport(ctx context.Context) (bool, error)
	Truncate(ctx context.Context, keyspace, table string) error
	LoadNewSSTables(ctx context.Context, keyspace, table string) error
	Import(ctx context.Context, keyspace, table string, dirs []string, o cassandra.ImportOptions) error
}

// Progress is how far a phase is.
type Progress struct {
	// Transfer is what DOWNLOAD has moved.
	Transfer transfer.Counts
	// Done and Total count the tables of TRUNCATE, IMPORT and CLEANUP.
	Done, Total int
}

// Result is what a phase found out.
type Result struct {
	// Manifests are the final tags that the request may mean, newest first (INIT).
	Manifests []string
	// SnapshotTag is the backup that the phase worked on.
	SnapshotTag string
	// Tables are the "keyspace.table" of the backup that the phase is done with,
	// sorted.
	Tables []string
	// Counts are what was downloaded (DOWNLOAD).
	Counts transfer.Counts
	// Warnings are what the phase went on in spite of.
	Warnings []string
}

// job is a phase at work.
type job struct {
	Request
	node   Node
	bucket store.Bucket
	report func(Progress)
	// hostID is the node's, safe as the name of a directory.
	hostID string
	tokens []string
}

var hostForm = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z-]{0,99}$`)

// begin checks the request and asks the node who it is.
func begin(ctx context.Context, node Node, bucket store.Bucket, r Request, report func(Progress)) (*job, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	id, err := node.Identity(ctx)
	if err != nil {
		return nil, err
	}
	if !hostForm.MatchString(id.HostID) {
		return nil, fmt.Errorf("%w: the node's host id %q cannot be the name of a directory", ErrInvalid, id.HostID)
	}
	if report == nil {
		report = func(Progress) {}
	}
	return &job{Request: r, node: node, bucket: bucket, report: report, hostID: id.HostID, tokens: id.Tokens}, nil
}

// beginHealthy is begin for the phases that go near Cassandra's data.
func beginHealthy(ctx context.Context, node Node, bucket store.Bucket, r Request, report func(Progress)) (*job, error) {
	j, err := begin(ctx, node, bucket, r, report)
	if err != nil {
		return nil, err
	}
	return j, node.CheckHealth(ctx)
}

func (r Request) check() error {
	if err := manifest.ValidateTag(r.SnapshotTag); err != nil {
		return fmt.Errorf("%w: snapshot tag: %w", ErrInvalid, err)
	}
	if !filepath.IsAbs(r.SourceDir) {
		return fmt.Errorf("%w: the directory for downloads, %q, is not an absolute path", ErrInvalid, r.SourceDir)
	}
	switch r.Strategy {
	case StrategyHardlinks, StrategyImport:
		return nil
	default:
		return fmt.Errorf("%w: %q is no strategy of a restore by phases: HARDLINKS and IMPORT are", ErrInvalid, r.Strategy)
	}
}

// wantSchema is the schema version that a backup must have, or "".
func (j *job) wantSchema(ctx context.Context) (string, error) {
	switch {
	case !j.ExactSchemaVersion:
		return "", nil
	case j.SchemaVersion != "":
		return j.SchemaVersion, nil
	}
	return j.node.SchemaVersion(ctx)
}

// meant names the backup of the request in an error.
func (j *job) meant(schema string) string {
	text := j.SnapshotTag
	if schema != "" {
		text += " of schema version " + schema
	}
	if j.Location != "" {
		text += " in " + j.Location
	}
	return text
}
