package rest

import "strings"

// Types of operations on one node that are not about backups. Those below
// TypeRestart are ours.
const (
	TypeScrub           = "scrub"
	TypeUpgradeSSTables = "upgradesstables"
	TypeRefresh         = "refresh"
	TypeRebuild         = "rebuild"
	TypeDecommission    = "decommission"
	TypeDrain           = "drain"
	TypeStop            = "stop"
	TypeRestart         = "restart"
	TypeSnapshot        = "snapshot"
	TypeClearSnapshot   = "clear-snapshot"
	TypeCompact         = "compact"
	TypeGarbageCollect  = "garbagecollect"
	TypeVerifySSTables  = "verify-sstables"
	TypeRepair          = "repair"
	TypeAssassinate     = "assassinate"
	TypeRemoveNode      = "removenode"
)

// ScrubRequest rewrites SSTables, and leaves out what cannot be read.
type ScrubRequest struct {
	Header
	DisableSnapshot       bool     `json:"disableSnapshot"`
	SkipCorrupted         bool     `json:"skipCorrupted"`
	NoValidate            bool     `json:"noValidate"`
	ReinsertOverflowedTTL bool     `json:"reinsertOverflowedTTL"`
	Jobs                  int      `json:"jobs" validate:"gte=0"`
	Keyspace              string   `json:"keyspace" validate:"required"`
	Tables                []string `json:"tables,omitempty"`
}

// UpgradeSSTablesRequest rewrites the SSTables that are of an older format.
type UpgradeSSTablesRequest struct {
	Header
	Keyspace string   `json:"keyspace" validate:"required"`
	Tables   []string `json:"tables,omitempty"`
	// IncludeAllSSTables rewrites those of the current format, too. The name on
	// the wire is spelt as the original spells it.
	IncludeAllSSTables bool `json:"includeAllSStables"`
	Jobs               int  `json:"jobs" validate:"gte=0"`
}

// RefreshRequest takes up the SSTables that were put into a table's directory.
type RefreshRequest struct {
	Header
	Keyspace string `json:"keyspace" validate:"required"`
	Table    string `json:"table" validate:"required"`
}

// TokenRange is the tokens above Start, up to End.
type TokenRange struct {
	Start string `json:"start"`
	End   string `json:"end"`
}

// RebuildRequest streams the node's data from other nodes.
type RebuildRequest struct {
	Header
	SourceDC string `json:"sourceDC,omitempty"`
	// Keyspace is all of them where it is empty.
	Keyspace       string       `json:"keyspace,omitempty"`
	SpecificTokens []TokenRange `json:"specificTokens,omitempty"`
	// SpecificSources are addresses of nodes.
	SpecificSources []string `json:"specificSources,omitempty"`
}

// DecommissionRequest makes the node leave the ring.
type DecommissionRequest struct {
	Header
	// Force leaves even if fewer nodes remain than keyspaces want replicas. As
	// in the original, one that is not there is true.
	Force *bool `json:"force,omitempty"`
}

// DrainRequest makes the node flush everything and take no more requests.
type DrainRequest struct {
	Header
}

// StopRequest ends the sidecar when nothing else is at work.
type StopRequest struct {
	Header
}

// RestartRequest ends Cassandra and waits until whoever watches over it has
// started it again.
type RestartRequest struct {
	Header
}

// SnapshotRequest takes a snapshot, which stays on the node.
type SnapshotRequest struct {
	Header
	SnapshotTag string `json:"snapshotTag" validate:"required"`
	// Entities are "ks1,ks2" or "ks1.t1,ks2.t2", never mixed; empty means all keyspaces.
	Entities string `json:"entities"`
}

// ClearSnapshotRequest removes a snapshot from the node.
type ClearSnapshotRequest struct {
	Header
	SnapshotTag string `json:"snapshotTag" validate:"required"`
	// Keyspaces are all where none is named.
	Keyspaces []string `json:"keyspaces,omitempty"`
}

// CompactRequest makes as few SSTables of a table as its strategy allows.
type CompactRequest struct {
	Header
	Keyspace    string   `json:"keyspace" validate:"required"`
	Tables      []string `json:"tables,omitempty"`
	SplitOutput bool     `json:"splitOutput"`
	// StartToken and EndToken limit it to the SSTables with tokens between them.
	StartToken string `json:"startToken,omitempty"`
	EndToken   string `json:"endToken,omitempty"`
}

// GarbageCollectRequest drops data that newer data has deleted or replaced.
type GarbageCollectRequest struct {
	Header
	Keyspace string   `json:"keyspace" validate:"required"`
	Tables   []string `json:"tables,omitempty"`
	// Granularity is of what is dropped: whole rows, or cells too.
	Granularity string `json:"granularity" validate:"oneof=ROW CELL"`
	Jobs        int    `json:"jobs" validate:"gte=0"`
}

// VerifySSTablesRequest checks the SSTables that the node has.
type VerifySSTablesRequest struct {
	Header
	Keyspace string   `json:"keyspace" validate:"required"`
	Tables   []string `json:"tables,omitempty"`
	// ExtendedVerify reads every cell.
	ExtendedVerify bool `json:"extendedVerify"`
	// Quick looks at the files and reads none of their data.
	Quick bool `json:"quick"`
	// CheckVersion finds fault with SSTables of an older format.
	CheckVersion bool `json:"checkVersion"`
	// CheckTokens finds fault with data that the node does not own.
	CheckTokens bool `json:"checkTokens"`
	// MutateRepairStatus makes what is damaged count as unrepaired.
	MutateRepairStatus bool `json:"mutateRepairStatus"`
	// DiskFailurePolicy does with damage what the node is configured to do.
	DiskFailurePolicy bool `json:"diskFailurePolicy"`
}

// RepairRequest makes the replicas of a keyspace agree.
type RepairRequest struct {
	Header
	Keyspace string   `json:"keyspace" validate:"required"`
	Tables   []string `json:"tables,omitempty"`
	// Incremental leaves out what was repaired before. It is off by default,
	// since nobody should begin with incremental repairs unawares.
	Incremental bool `json:"incremental"`
	// PrimaryRange repairs only the ranges of which this node is the first
	// replica, so that each range is repaired once where every node is asked.
	PrimaryRange bool `json:"primaryRange"`
	// Parallelism is sequential, parallel or dc_parallel.
	Parallelism string `json:"parallelism" validate:"oneof=sequential parallel dc_parallel"`
	// JobThreads is how many tables are repaired at once.
	JobThreads  int          `json:"jobThreads" validate:"gte=1,lte=4"`
	TokenRanges []TokenRange `json:"tokenRanges,omitempty"`
	// DC is a comma list of datacenters; this node's must be among them.
	DC string `json:"dc,omitempty"`
	// Hosts are addresses of nodes; this one must be among them.
	Hosts []string `json:"hosts,omitempty"`
}

// AssassinateRequest makes the ring forget a node that is gone, without moving
// what it had.
type AssassinateRequest struct {
	Header
	// Address is the IP address of the node in the ring.
	Address string `json:"address" validate:"required"`
}

// RemoveNodeRequest makes the ring take a node for gone, and the others stream
// what it had among each other.
type RemoveNodeRequest struct {
	Header
	HostID string `json:"hostId" validate:"required,uuid"`
}

func (r *GarbageCollectRequest) complete() []string { //nolint:unparam // other requests warn
	r.Granularity = strings.ToUpper(r.Granularity)
	return nil
}

func (r *RepairRequest) complete() []string { //nolint:unparam // other requests warn
	r.Parallelism = strings.ToLower(r.Parallelism)
	return nil
}
