package nodeops

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/backup"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
	"github.com/icarus-sidecar/icarus/pkg/operation"
	"github.com/icarus-sidecar/icarus/pkg/restore"
	"github.com/icarus-sidecar/icarus/pkg/secret"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// Node is the Cassandra node beside the sidecar; a *cassandra.Node is one.
type Node interface {
	backup.Node
	restore.Node
	Version(ctx context.Context) (cassandra.Version, error)
	OperationMode(ctx context.Context) (string, error)
	Ring(ctx context.Context) ([]cassandra.Member, error)
	SchemaAgreement(ctx context.Context) (map[string][]string, error)
	Keyspaces(ctx context.Context) ([]string, error)
	ConfigurationFiles(ctx context.Context) ([]string, error)
	Flush(ctx context.Context, keyspace string, tables ...string) error
	commitLogger
	compacter
	watcher
	mover
}

// commitLogger tells of the commit log.
type commitLogger interface {
	CommitLogDirectory(ctx context.Context) (string, error)
	ActiveCommitLogs(ctx context.Context) ([]string, error)
}

// compacter is what works on the SSTables of a node.
type compacter interface {
	Cleanup(ctx context.Context, keyspace string, jobs int, tables ...string) error
	Scrub(ctx context.Context, keyspace string, o cassandra.ScrubOptions, tables ...string) error
	UpgradeSSTables(ctx context.Context, keyspace string, all bool, jobs int, tables ...string) error
	Verify(ctx context.Context, keyspace string, o cassandra.VerifyOptions, tables ...string) error
	GarbageCollect(ctx context.Context, keyspace, granularity string, jobs int, tables ...string) error
	MajorCompact(ctx context.Context, keyspace string, o cassandra.MajorOptions, tables ...string) error
	Repair(ctx context.Context, keyspace string, o cassandra.RepairOptions, begun func(number int), report func(done, of int)) error
}

// watcher is what tells how far that is, and stops it.
type watcher interface {
	Started(ctx context.Context) (time.Time, error)
	Compactions(ctx context.Context) ([]cassandra.Compaction, error)
	CompactionsQueued(ctx context.Context) (int64, error)
	StopCompaction(ctx context.Context, id string) error
	Streams(ctx context.Context) ([]cassandra.Stream, error)
	RepairStatus(ctx context.Context, number int) (state cassandra.RepairState, reason string, err error)
	StopRepairs(ctx context.Context) error
}

// mover is what changes a node's place in the ring.
type mover interface {
	Drain(ctx context.Context) error
	Decommission(ctx context.Context, force bool) error
	Rebuild(ctx context.Context, o cassandra.RebuildOptions) error
	RemoveNode(ctx context.Context, hostID string) error
	Removing(ctx context.Context) (bool, error)
	Assassinate(ctx context.Context, address string) error
	StopDaemon(ctx context.Context) error
}

// Deps is what operations work with.
type Deps struct {
	Node Node
	// Store is how buckets are opened; requests add to it.
	Store store.Options
	// Peer is the sidecar beside a member of the ring.
	Peer func(n cluster.Node) (cluster.Peer, error)
	// AllowedDirectories may be named by requests, beside the parents of the
	// data directories.
	AllowedDirectories []string
	// Secrets reads those of Kubernetes that requests may name.
	Secrets secret.Reader
	// Limit is that of all transfers of this node together; nil is none.
	Limit *transfer.Limiter
	// CacheDir is where backups leave what they were made of for the next one; ""
	// leaves nothing.
	CacheDir string
	Clock    clock.WithTicker
	// Patience is that of coordinated operations.
	Patience cluster.Patience
	// Stop begins to stop the sidecar, and returns. Nil refuses to.
	Stop func()

	rates rates
}

// kinds are all there are. Those that destroy what no backup brings back by
// itself, or that need someone to pick up the pieces, are off until they are
// enabled; decommission and drain are on, as in the original.
var kinds = []struct {
	name     string
	make     func(d *Deps) operation.Kind
	onDemand bool
}{
	{rest.TypeBackup, backupNodes, false},
	{rest.TypeRestore, restoreNodes, false},
	{rest.TypeUploadTopology, uploadTopology, false},
	{rest.TypeList, listBackups, false},
	{rest.TypeRemoveBackup, removeBackup, false},
	{rest.TypeVerify, verifyBackups, false},
	{rest.TypeCommitLogBackup, commitLogBackup, false},
	{rest.TypeCommitLogRestore, commitLogRestore, false},
	{rest.TypeImport, importTables, false},
	{rest.TypeFlush, flush, false},
	{rest.TypeCleanup, cleanup, false},
	{rest.TypeTruncate, truncate, true},
	{rest.TypeScrub, scrub, false},
	{rest.TypeUpgradeSSTables, upgradeSSTables, false},
	{rest.TypeCompact, compact, false},
	{rest.TypeGarbageCollect, garbageCollect, false},
	{rest.TypeVerifySSTables, verifySSTables, false},
	{rest.TypeRepair, repair, false},
	{rest.TypeRefresh, refresh, false},
	{rest.TypeSnapshot, snapshot, false},
	{rest.TypeClearSnapshot, clearSnapshot, false},
	{rest.TypeDrain, drain, false},
	{rest.TypeDecommission, decommission, false},
	{rest.TypeRebuild, rebuild, false},
	{rest.TypeRemoveNode, removeNode, true},
	{rest.TypeAssassinate, assassinate, true},
	{rest.TypeStop, stop, false},
	{rest.TypeRestart, restart, true},
}

// Kinds are the types of operations of a sidecar: those that are on by
// themselves and those of enabled, without those of disabled.
func Kinds(d *Deps, enabled []string, disabled ...string) (operation.Registry, error) {
	names := make([]string, 0, len(kinds))
	var chosen []operation.Kind
	for _, k := range kinds {
		names = append(names, k.name)
		if on := !k.onDemand || slices.Contains(enabled, k.name); on && !slices.Contains(disabled, k.name) {
			chosen = append(chosen, k.make(d))
		}
	}
	for _, name := range slices.Concat(enabled, disabled) {
		switch {
		case !slices.Contains(names, name):
			return nil, fmt.Errorf("enabling or disabling operation %q: there is none of that name; there are %s", name, strings.Join(names, ", "))
		case slices.Contains(enabled, name) && slices.Contains(disabled, name):
			return nil, fmt.Errorf("operation %q is both enabled and disabled", name)
		}
	}
	return operation.NewRegistry(chosen...)
}
