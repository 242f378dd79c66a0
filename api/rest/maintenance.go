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
	Header                `doc:"Rewrites SSTables, and leaves out what cannot be read if that is asked for."`
	DisableSnapshot       bool     `json:"disableSnapshot" doc:"Take no snapshot first."`
	SkipCorrupted         bool     `json:"skipCorrupted" doc:"Leave out rows that cannot be read. Not with a local system keyspace."`
	NoValidate            bool     `json:"noValidate" doc:"Do not check the values of columns."`
	ReinsertOverflowedTTL bool     `json:"reinsertOverflowedTTL" doc:"Write rows anew whose time to live had overflowed."`
	Jobs                  int      `json:"jobs" validate:"gte=0" doc:"How many SSTables are worked on at once; 0 lets Cassandra choose."`
	Keyspace              string   `json:"keyspace" validate:"required" doc:"Keyspace to scrub." example:"ks1"`
	Tables                []string `json:"tables,omitempty" doc:"Tables of it; all where none is named."`
}

// UpgradeSSTablesRequest rewrites the SSTables that are of an older format.
type UpgradeSSTablesRequest struct {
	Header   `doc:"Rewrites the SSTables of older formats."`
	Keyspace string   `json:"keyspace" validate:"required" doc:"Keyspace to upgrade." example:"ks1"`
	Tables   []string `json:"tables,omitempty" doc:"Tables of it; all where none is named."`
	// IncludeAllSSTables rewrites those of the current format, too. The name on
	// the wire is spelt as the original spells it.
	IncludeAllSSTables bool `json:"includeAllSStables" doc:"Rewrite those of the current format, too. The name is spelt as the original spells it."`
	Jobs               int  `json:"jobs" validate:"gte=0" doc:"How many SSTables are worked on at once; 0 lets Cassandra choose."`
}

// RefreshRequest takes up the SSTables that were put into a table's directory.
type RefreshRequest struct {
	Header   `doc:"Takes up the SSTables that were put into a table's directory."`
	Keyspace string `json:"keyspace" validate:"required" doc:"Keyspace of the table; no local system keyspace." example:"ks1"`
	Table    string `json:"table" validate:"required" doc:"Table whose directory is looked into." example:"t1"`
}

// TokenRange is the tokens above Start, up to End.
type TokenRange struct {
	Start string `json:"start" doc:"Token above which the range begins."`
	End   string `json:"end" doc:"Token with which it ends."`
}

// RebuildRequest streams the node's data from other nodes.
type RebuildRequest struct {
	Header          `doc:"Streams the node's data from other nodes."`
	SourceDC        string       `json:"sourceDC,omitempty" doc:"Datacenter to stream from; any where none is given." example:"dc1"`
	Keyspace        string       `json:"keyspace,omitempty" doc:"Keyspace to rebuild; all where none is given."`
	SpecificTokens  []TokenRange `json:"specificTokens,omitempty" doc:"Ranges of tokens to rebuild. They need a keyspace."`
	SpecificSources []string     `json:"specificSources,omitempty" doc:"IP addresses of the nodes to stream from."`
}

// DecommissionRequest makes the node leave the ring.
type DecommissionRequest struct {
	Header `doc:"Gives the node's data to other nodes and leaves the ring."`
	// Force leaves even if fewer nodes remain than keyspaces want replicas. As
	// in the original, one that is not there is true.
	Force *bool `json:"force,omitempty" doc:"Leave although fewer nodes remain than keyspaces want replicas. True where it is left out, as in the original. Before Cassandra 4.0 it has no meaning."`
}

// DrainRequest makes the node flush everything and take no more requests.
type DrainRequest struct {
	Header `doc:"Flushes everything and takes no more requests of clients."`
}

// StopRequest ends the sidecar when nothing else is at work.
type StopRequest struct {
	Header `doc:"Ends the sidecar when no other operation waits or runs."`
}

// RestartRequest ends Cassandra and waits until whoever watches over it has
// started it again.
type RestartRequest struct {
	Header `doc:"Drains and ends Cassandra, and waits until whoever watches over it has started it again."`
}

// SnapshotRequest takes a snapshot, which stays on the node.
type SnapshotRequest struct {
	Header      `doc:"Takes a snapshot that stays on the node."`
	SnapshotTag string `json:"snapshotTag" validate:"required" doc:"Name of the snapshot." example:"before-upgrade"`
	Entities    string `json:"entities" doc:"Keyspaces, as ks1,ks2, or tables, as ks1.t1,ks2.t2, never both. Empty is all keyspaces."`
}

// ClearSnapshotRequest removes a snapshot from the node.
type ClearSnapshotRequest struct {
	Header      `doc:"Removes a snapshot from the node. One that is not there is no error."`
	SnapshotTag string   `json:"snapshotTag" validate:"required" doc:"Name of the snapshot." example:"before-upgrade"`
	Keyspaces   []string `json:"keyspaces,omitempty" doc:"Keyspaces to remove it from; all where none is named."`
}

// CompactRequest makes as few SSTables of a table as its strategy allows.
type CompactRequest struct {
	Header      `doc:"Makes as few SSTables as the table's strategy allows."`
	Keyspace    string   `json:"keyspace" validate:"required" doc:"Keyspace to compact." example:"ks1"`
	Tables      []string `json:"tables,omitempty" doc:"Tables of it; all where none is named."`
	SplitOutput bool     `json:"splitOutput" doc:"Make several SSTables of falling size instead of one. Not with a range of tokens."`
	StartToken  string   `json:"startToken,omitempty" doc:"Compact only SSTables with tokens from this one on."`
	EndToken    string   `json:"endToken,omitempty" doc:"Compact only SSTables with tokens up to this one."`
}

// GarbageCollectRequest drops data that newer data has deleted or replaced.
type GarbageCollectRequest struct {
	Header      `doc:"Drops data that newer data has deleted or replaced."`
	Keyspace    string   `json:"keyspace" validate:"required" doc:"Keyspace to collect garbage in." example:"ks1"`
	Tables      []string `json:"tables,omitempty" doc:"Tables of it; all where none is named."`
	Granularity string   `json:"granularity" validate:"oneof=ROW CELL" doc:"What is dropped: whole rows, or cells too."`
	Jobs        int      `json:"jobs" validate:"gte=0" doc:"How many SSTables are worked on at once; 0 lets Cassandra choose."`
}

// VerifySSTablesRequest checks the SSTables that the node has.
type VerifySSTablesRequest struct {
	Header             `doc:"Checks the SSTables of the node."`
	Keyspace           string   `json:"keyspace" validate:"required" doc:"Keyspace to check." example:"ks1"`
	Tables             []string `json:"tables,omitempty" doc:"Tables of it; all where none is named."`
	ExtendedVerify     bool     `json:"extendedVerify" doc:"Read every cell."`
	Quick              bool     `json:"quick" doc:"Look at the files, and read none of their data. From Cassandra 4.0 on."`
	CheckVersion       bool     `json:"checkVersion" doc:"Find fault with SSTables of an older format. From Cassandra 4.0 on."`
	CheckTokens        bool     `json:"checkTokens" doc:"Find fault with data that the node does not own. From Cassandra 4.0 on."`
	MutateRepairStatus bool     `json:"mutateRepairStatus" doc:"Make what is damaged count as not repaired. From Cassandra 4.0 on."`
	DiskFailurePolicy  bool     `json:"diskFailurePolicy" doc:"Do with damage what the node is configured to do. From Cassandra 4.0 on."`
}

// RepairRequest makes the replicas of a keyspace agree.
type RepairRequest struct {
	Header   `doc:"Makes the replicas of a keyspace agree."`
	Keyspace string   `json:"keyspace" validate:"required" doc:"Keyspace to repair." example:"ks1"`
	Tables   []string `json:"tables,omitempty" doc:"Tables of it; all where none is named."`
	// Incremental leaves out what was repaired before. It is off by default,
	// since nobody should begin with incremental repairs unawares.
	Incremental  bool         `json:"incremental" doc:"Leave out what was repaired before."`
	PrimaryRange bool         `json:"primaryRange" doc:"Repair only the ranges of which this node is the first replica, so that each is repaired once where every node is asked."`
	Parallelism  string       `json:"parallelism" validate:"oneof=sequential parallel dc_parallel" doc:"Which replicas work at the same time: one, all, or one in each datacenter."`
	JobThreads   int          `json:"jobThreads" validate:"gte=1,lte=4" doc:"How many tables are repaired at once."`
	TokenRanges  []TokenRange `json:"tokenRanges,omitempty" doc:"Repair only these ranges. Not with primaryRange or incremental."`
	DC           string       `json:"dc,omitempty" doc:"Repair only among these datacenters, parted by commas; this node's must be among them."`
	Hosts        []string     `json:"hosts,omitempty" doc:"Repair only among nodes with these IP addresses; this one must be among them. Not with dc."`
}

// AssassinateRequest makes the ring forget a node that is gone, without moving
// what it had.
type AssassinateRequest struct {
	Header  `doc:"Makes the ring forget a node that is gone, without moving what it had."`
	Address string `json:"address" validate:"required" doc:"IP address of the node in the ring; it must be down." example:"10.0.0.3"`
}

// RemoveNodeRequest makes the ring take a node for gone, and the others stream
// what it had among each other.
type RemoveNodeRequest struct {
	Header `doc:"Takes a node that is gone out of the ring; the others stream what it had among each other."`
	HostID string `json:"hostId" validate:"required,uuid" doc:"Host id of the node; it must be down." example:"bf96d50b-bb7b-4493-9a2b-048f0fd354da"`
}

func (r *GarbageCollectRequest) complete() []string { //nolint:unparam // other requests warn
	r.Granularity = strings.ToUpper(r.Granularity)
	return nil
}

func (r *RepairRequest) complete() []string { //nolint:unparam // other requests warn
	r.Parallelism = strings.ToLower(r.Parallelism)
	return nil
}
