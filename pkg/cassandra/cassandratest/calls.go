package cassandratest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
)

// Node is all that a *cassandra.Node can do.
type Node interface {
	Identity(ctx context.Context) (cassandra.Identity, error)
	Version(ctx context.Context) (cassandra.Version, error)
	OperationMode(ctx context.Context) (string, error)
	Ring(ctx context.Context) ([]cassandra.Member, error)
	SchemaVersion(ctx context.Context) (string, error)
	SchemaAgreement(ctx context.Context) (map[string][]string, error)
	CheckHealth(ctx context.Context) error
	Keyspaces(ctx context.Context) ([]string, error)
	Tables(ctx context.Context, keyspaces ...string) ([]cassandra.Table, error)
	DataDirectories(ctx context.Context) ([]string, error)
	ConfigurationFiles(ctx context.Context) ([]string, error)
	CommitLogDirectory(ctx context.Context) (string, error)
	ActiveCommitLogs(ctx context.Context) ([]string, error)
	Snapshot(ctx context.Context, tag string, entities []string) error
	ClearSnapshot(ctx context.Context, tag string, keyspaces ...string) error
	SnapshotTags(ctx context.Context) ([]string, error)
	Truncate(ctx context.Context, keyspace, table string) error
	Flush(ctx context.Context, keyspace string, tables ...string) error
	Cleanup(ctx context.Context, keyspace string, jobs int, tables ...string) error
	LoadNewSSTables(ctx context.Context, keyspace, table string) error
	Import(ctx context.Context, keyspace, table string, dirs []string, o cassandra.ImportOptions) error
	CanImport(ctx context.Context) (bool, error)
	Scrub(ctx context.Context, keyspace string, o cassandra.ScrubOptions, tables ...string) error
	UpgradeSSTables(ctx context.Context, keyspace string, all bool, jobs int, tables ...string) error
	Verify(ctx context.Context, keyspace string, o cassandra.VerifyOptions, tables ...string) error
	GarbageCollect(ctx context.Context, keyspace, granularity string, jobs int, tables ...string) error
	MajorCompact(ctx context.Context, keyspace string, o cassandra.MajorOptions, tables ...string) error
	Compactions(ctx context.Context) ([]cassandra.Compaction, error)
	CompactionsQueued(ctx context.Context) (int64, error)
	StopCompaction(ctx context.Context, id string) error
	Streams(ctx context.Context) ([]cassandra.Stream, error)
	Started(ctx context.Context) (time.Time, error)
	Repair(ctx context.Context, keyspace string, o cassandra.RepairOptions, begun func(number int), report func(done, of int)) error
	RepairStatus(ctx context.Context, number int) (state cassandra.RepairState, reason string, err error)
	StopRepairs(ctx context.Context) error
	Drain(ctx context.Context) error
	Decommission(ctx context.Context, force bool) error
	Rebuild(ctx context.Context, o cassandra.RebuildOptions) error
	RemoveNode(ctx context.Context, hostID string) error
	Removing(ctx context.Context) (bool, error)
	Assassinate(ctx context.Context, address string) error
	StopDaemon(ctx context.Context) error
}

var (
	_ Node = (*cassandra.Node)(nil)
	_ Node = (*Fake)(nil)
)

// Identity is the method of a node.
func (f *Fake) Identity(ctx context.Context) (cassandra.Identity, error) {
	return answer(ctx, f, f.node.Identity, "Identity")
}

// Version is the method of a node.
func (f *Fake) Version(ctx context.Context) (cassandra.Version, error) {
	return answer(ctx, f, f.node.Version, "Version")
}

// OperationMode is the method of a node.
func (f *Fake) OperationMode(ctx context.Context) (string, error) {
	return answer(ctx, f, f.node.OperationMode, "OperationMode")
}

// Ring is the method of a node.
func (f *Fake) Ring(ctx context.Context) ([]cassandra.Member, error) {
	return answer(ctx, f, f.node.Ring, "Ring")
}

// SchemaVersion is the method of a node.
func (f *Fake) SchemaVersion(ctx context.Context) (string, error) {
	return answer(ctx, f, f.node.SchemaVersion, "SchemaVersion")
}

// SchemaAgreement is the method of a node.
func (f *Fake) SchemaAgreement(ctx context.Context) (map[string][]string, error) {
	return answer(ctx, f, f.node.SchemaAgreement, "SchemaAgreement")
}

// CheckHealth is the method of a node.
func (f *Fake) CheckHealth(ctx context.Context) error {
	return done(ctx, f, f.node.CheckHealth, "CheckHealth")
}

// Keyspaces is the method of a node.
func (f *Fake) Keyspaces(ctx context.Context) ([]string, error) {
	return answer(ctx, f, f.node.Keyspaces, "Keyspaces")
}

// Tables is the method of a node.
func (f *Fake) Tables(ctx context.Context, keyspaces ...string) ([]cassandra.Table, error) {
	return answer(ctx, f, func(ctx context.Context) ([]cassandra.Table, error) {
		return f.node.Tables(ctx, keyspaces...)
	}, "Tables", keyspaces...)
}

// DataDirectories is the method of a node.
func (f *Fake) DataDirectories(ctx context.Context) ([]string, error) {
	return answer(ctx, f, f.node.DataDirectories, "DataDirectories")
}

// ConfigurationFiles is the method of a node.
func (f *Fake) ConfigurationFiles(ctx context.Context) ([]string, error) {
	return answer(ctx, f, f.node.ConfigurationFiles, "ConfigurationFiles")
}

// CommitLogDirectory is the method of a node.
func (f *Fake) CommitLogDirectory(ctx context.Context) (string, error) {
	return answer(ctx, f, f.node.CommitLogDirectory, "CommitLogDirectory")
}

// ActiveCommitLogs is the method of a node.
func (f *Fake) ActiveCommitLogs(ctx context.Context) ([]string, error) {
	return answer(ctx, f, f.node.ActiveCommitLogs, "ActiveCommitLogs")
}

// Snapshot is the method of a node.
func (f *Fake) Snapshot(ctx context.Context, tag string, entities []string) error {
	return done(ctx, f, func(ctx context.Context) error {
		return f.node.Snapshot(ctx, tag, entities)
	}, "Snapshot", append([]string{tag}, entities...)...)
}

// ClearSnapshot is the method of a node.
func (f *Fake) ClearSnapshot(ctx context.Context, tag string, keyspaces ...string) error {
	return done(ctx, f, func(ctx context.Context) error {
		return f.node.ClearSnapshot(ctx, tag, keyspaces...)
	}, "ClearSnapshot", append([]string{tag}, keyspaces...)...)
}

// SnapshotTags is the method of a node.
func (f *Fake) SnapshotTags(ctx context.Context) ([]string, error) {
	return answer(ctx, f, f.node.SnapshotTags, "SnapshotTags")
}

// Truncate is the method of a node.
func (f *Fake) Truncate(ctx context.Context, keyspace, table string) error {
	return done(ctx, f, func(ctx context.Context) error {
		return f.node.Truncate(ctx, keyspace, table)
	}, "Truncate", keyspace, table)
}

// Flush is the method of a node.
func (f *Fake) Flush(ctx context.Context, keyspace string, tables ...string) error {
	return done(ctx, f, func(ctx context.Context) error {
		return f.node.Flush(ctx, keyspace, tables...)
	}, "Flush", append([]string{keyspace}, tables...)...)
}

// Cleanup is the method of a node.
func (f *Fake) Cleanup(ctx context.Context, keyspace string, jobs int, tables ...string) error {
	return done(ctx, f, func(ctx context.Context) error {
		return f.node.Cleanup(ctx, keyspace, jobs, tables...)
	}, "Cleanup", append([]string{keyspace, fmt.Sprint(jobs)}, tables...)...)
}

// LoadNewSSTables is the method of a node.
func (f *Fake) LoadNewSSTables(ctx context.Context, keyspace, table string) error {
	return done(ctx, f, func(ctx context.Context) error {
		return f.node.LoadNewSSTables(ctx, keyspace, table)
	}, "LoadNewSSTables", keyspace, table)
}

// Import is the method of a node.
func (f *Fake) Import(ctx context.Context, keyspace, table string, dirs []string, o cassandra.ImportOptions) error {
	return done(ctx, f, func(ctx context.Context) error {
		return f.node.Import(ctx, keyspace, table, dirs, o)
	}, "Import", append([]string{keyspace, table}, dirs...)...)
}

// CanImport is the method of a node.
func (f *Fake) CanImport(ctx context.Context) (bool, error) {
	return answer(ctx, f, f.node.CanImport, "CanImport")
}

// Call is a call of a method, with its arguments as texts.
type Call struct {
	Method string
	Args   []string
}

// String is method and arguments: "Truncate shop items".
func (c Call) String() string { return strings.Join(append([]string{c.Method}, c.Args...), " ") }

// answer makes a call between the hooks.
func answer[T any](ctx context.Context, f *Fake, do func(context.Context) (T, error), method string, args ...string) (T, error) {
	var none T
	c := Call{method, args}
	f.hooks.log(c)
	if err := f.hooks.meet(ctx, method); err != nil {
		return none, err
	}
	if f.Before != nil {
		if err := f.Before(ctx, c); err != nil {
			return none, err
		}
	}
	v, err := do(ctx)
	if err != nil {
		return none, err
	}
	if f.After != nil {
		if err := f.After(ctx, c); err != nil {
			return none, err
		}
	}
	return v, nil
}

func done(ctx context.Context, f *Fake, do func(context.Context) error, method string, args ...string) error {
	_, err := answer(ctx, f, func(ctx context.Context) (struct{}, error) { return struct{}{}, do(ctx) }, method, args...)
	return err
}
