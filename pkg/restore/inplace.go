package restore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

var (
	// ErrRunning is for a node that runs, or of which nobody can tell that it does not.
	ErrRunning = errors.New("a restore in place is for a node that is stopped")
	// ErrUnfinished is for a node on which another restore in place stopped halfway.
	ErrUnfinished = errors.New("a restore in place did not come to its end")
)

// Probe tells whether Cassandra runs. An error is that nobody can tell.
type Probe interface {
	Up(ctx context.Context) (bool, error)
}

// InPlaceRequest is what is to be restored into a node that is stopped.
type InPlaceRequest struct {
	// SnapshotTag is as in Request. With SchemaVersion, only a backup of that
	// schema version is meant.
	SnapshotTag   string
	SchemaVersion string
	// Location names the node in the bucket. With ResolveHost, its last part may
	// be a hostname, which the topology of the backup translates.
	Location    store.Location
	ResolveHost bool
	// Entities are keyspaces ("ks") or tables ("ks.t") of the backup. Without any,
	// all are meant that are not Cassandra's own. The next three add to them.
	Entities []string
	// NewCluster adds the schema.
	NewCluster bool
	// System adds all of Cassandra's own keyspaces, and with them who the node is.
	System bool
	// SystemAuth adds the roles and their rights.
	SystemAuth bool
	// DataDirs are the node's data directories, in the order of cassandra.yaml.
	DataDirs []string
	// CassandraDir holds hints, saved_caches and commitlog, where cassandra.yaml
	// does not say otherwise.
	CassandraDir string
	// ConfigDir holds cassandra.yaml; "" is nowhere.
	ConfigDir string
	// UpdateYAML writes the tokens of the backup into cassandra.yaml.
	UpdateYAML bool
	// Allow refuses a directory that is none for this restore to empty. Nil allows all.
	Allow func(dir string) error
	// Parallel, BytesPerSecond and Limits bound the download; see transfer.Options.
	Parallel       int
	BytesPerSecond int64
	Limits         []*transfer.Limiter

	disk disk
}

// InPlace puts the SSTables of a backup into the directories of a node that is
// stopped, and removes what the backup does not have:
//
//	STAGE    everything, verified, into a hidden directory of each data directory
//	REPLACE  what is not of the backup goes, what was staged is moved in
//	EMPTY    saved caches, and where all was restored commit logs and hints
//	YAML     tokens
//
// Until all is staged nothing is changed. After that a record says so until the
// end, and to call InPlace again with the same request comes to that end. Once it
// is done Repeated tells so; InPlace itself would do it again.
//
// The bucket begins at its root: the topology lies there.
func InPlace(ctx context.Context, probe Probe, bucket store.Bucket, r InPlaceRequest, report func(Progress)) (Result, error) {
	if report == nil {
		report = func(Progress) {}
	}
	if err := r.check(); err != nil {
		return Result{}, err
	}
	j := &inPlace{InPlaceRequest: r, probe: probe, root: bucket, report: report}
	if err := j.refuseRunning(ctx); err != nil {
		return Result{}, err
	}
	m, err := j.choose(ctx)
	if err != nil {
		return Result{}, err
	}
	defer j.close()
	if err := j.prepare(ctx, m); err != nil {
		return Result{}, err
	}
	result := Result{SnapshotTag: j.tag, Tables: j.names(), Warnings: j.warnings}
	if result.Counts, err = j.stage(ctx); err != nil {
		return result, err
	}
	// A download takes hours, in which somebody may have started it.
	if err := j.refuseRunning(ctx); err != nil {
		return result, err
	}
	for _, step := range []func(context.Context) error{j.replace, j.empty, j.writeYAML, j.finish} {
		if err := step(ctx); err != nil {
			return result, fmt.Errorf("%w; the node must not be started before the same restore was run again and is done", err)
		}
	}
	return result, nil
}

// inPlace is a restore in place at work.
type inPlace struct {
	InPlaceRequest
	probe Probe
	// root is the whole bucket, and node the node's part of it.
	root, node store.Bucket
	report     func(Progress)
	tag        string
	nodeID     string
	tokens     []string
	// begun is the record of an earlier run, nil if there is none.
	begun *inPlaceRecord
	scope inPlaceScope
	disks []*dataDir
	parts []*part
	// others are the directories to empty.
	others   []string
	yaml     *yamlEdit
	warnings []string
}

func (r InPlaceRequest) check() error {
	if err := manifest.ValidateTag(r.SnapshotTag); err != nil {
		return fmt.Errorf("%w: snapshot tag: %w", ErrInvalid, err)
	}
	if !r.Location.HasNode() {
		return fmt.Errorf("%w: %s names no node, and a node that is stopped cannot be asked which one it is", ErrInvalid, r.Location)
	}
	if len(r.DataDirs) == 0 {
		return fmt.Errorf("%w: there is no data directory", ErrInvalid)
	}
	for _, dir := range append(slices.Clone(r.DataDirs), r.CassandraDir) {
		if !filepath.IsAbs(dir) {
			return fmt.Errorf("%w: %q is not an absolute path", ErrInvalid, dir)
		}
	}
	for i, dir := range r.DataDirs {
		for k, other := range r.DataDirs {
			if i != k && within(filepath.Clean(dir), filepath.Clean(other)) {
				return fmt.Errorf("%w: data directory %s lies in data directory %s", ErrInvalid, dir, other)
			}
		}
	}
	if r.UpdateYAML && !filepath.IsAbs(r.ConfigDir) {
		return fmt.Errorf("%w: the directory of cassandra.yaml, %q, is not an absolute path", ErrInvalid, r.ConfigDir)
	}
	return nil
}

// within reports whether a clean path is another or lies in it.
func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

func (j *inPlace) refuseRunning(ctx context.Context) error {
	up, err := j.probe.Up(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("%w: looking whether it runs: %w", ErrRunning, err)
	case up:
		return fmt.Errorf("%w: Cassandra answers; stop it, or use %s or %s", ErrRunning, StrategyHardlinks, StrategyImport)
	}
	return nil
}

// prepare finds out everything that is to be done, and whatever would keep it
// from being done. It makes data directories that are not there, nothing else.
func (j *inPlace) prepare(ctx context.Context, m *manifest.Manifest) error {
	var err error
	j.tokens = m.Tokens
	if j.scope, err = j.scopeOf(m); err != nil {
		return err
	}
	if j.parts, err = j.scope.parts(m); err != nil {
		return err
	}
	settings, err := j.readSettings()
	if err != nil {
		return err
	}
	if j.yaml, err = j.planYAML(settings, m.Tokens); err != nil {
		return err
	}
	if err := j.planEmptying(settings); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := j.openDisks(); err != nil {
		return err
	}
	if err := j.checkTables(settings); err != nil {
		return err
	}
	return j.place()
}

func (j *inPlace) warn(format string, args ...any) {
	j.warnings = append(j.warnings, fmt.Sprintf(format, args...))
}

// names are the tables in scope.
func (j *inPlace) names() []string {
	names := make([]string, len(j.scope.tables))
	for i, t := range j.scope.tables {
		names[i] = t.String()
	}
	return names
}

// do makes one change of the disk, unless ctx is done.
func (j *inPlace) do(ctx context.Context, act, path string, change func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if j.disk.before != nil {
		j.disk.before(act + " " + path)
	}
	if err := change(); err != nil {
		return fmt.Errorf("%s %s: %w", act, path, err)
	}
	return nil
}
