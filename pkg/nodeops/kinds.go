package nodeops

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/backup"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
	"github.com/icarus-sidecar/icarus/pkg/operation"
	"github.com/icarus-sidecar/icarus/pkg/restore"
	"github.com/icarus-sidecar/icarus/pkg/store"
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
	Flush(ctx context.Context, keyspace string, tables ...string) error
	Cleanup(ctx context.Context, keyspace string, jobs int, tables ...string) error
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
	Clock              clock.WithTicker
	// Patience is that of coordinated operations.
	Patience cluster.Patience
}

// kinds are all there are. Those that destroy what no backup brings back by
// itself are off until they are enabled.
var kinds = []struct {
	name     string
	make     func(d *Deps) operation.Kind
	onDemand bool
}{
	{rest.TypeBackup, backupNodes, false},
	{rest.TypeRestore, restoreNodes, false},
	{rest.TypeUploadTopology, uploadTopology, false},
	{rest.TypeImport, importTables, false},
	{rest.TypeFlush, flush, false},
	{rest.TypeCleanup, cleanup, false},
	{rest.TypeTruncate, truncate, true},
}

// Kinds are the types of operations of a sidecar: those that are on by
// themselves, and those of enabled that exist.
func Kinds(d *Deps, enabled []string) (operation.Registry, error) {
	names := make([]string, 0, len(kinds))
	var chosen []operation.Kind
	for _, k := range kinds {
		names = append(names, k.name)
		if !k.onDemand || slices.Contains(enabled, k.name) {
			chosen = append(chosen, k.make(d))
		}
	}
	for _, name := range enabled {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("enabling operation %q: there is none of that name; there are %s", name, strings.Join(names, ", "))
		}
	}
	return operation.NewRegistry(chosen...)
}
