package rest

// Types of operations on the backups that a bucket holds.
const (
	TypeList         = "list"
	TypeRemoveBackup = "remove-backup"
)

// ListRequest tells the backups of one node or, with GlobalRequest, of all nodes
// in the bucket.
type ListRequest struct {
	Header
	Store
	// ResolveNodes puts this node in the place of the one that the location names.
	ResolveNodes bool `json:"resolveNodes"`
	// FromTimestamp leaves out backups before that many milliseconds since 1970; 0,
	// and the largest number, which the original has by default, leave out none.
	FromTimestamp int64 `json:"fromTimestamp" validate:"gte=0"`
	// LastN leaves out all but so many of the newest of each node; 0 leaves out none.
	LastN int `json:"lastN" validate:"gte=0"`
	// ToRequest puts the result into Response, too, where the original has it.
	ToRequest bool        `json:"toRequest"`
	Response  *ListResult `json:"response,omitempty"`

	// These say how the original prints, and where it keeps copies of manifests.
	// They change nothing in an answer.
	JSON         bool   `json:"json"`
	HumanUnits   bool   `json:"humanUnits"`
	SimpleFormat bool   `json:"simpleFormat"`
	ToFile       string `json:"toFile,omitempty"`
	SkipDownload bool   `json:"skipDownload"`
	CacheDir     string `json:"cacheDir,omitempty"`

	// GlobalRequest is ours: all nodes that have backups in the bucket.
	GlobalRequest bool `json:"globalRequest"`
	// DC is ours: a comma list of datacenters that a global request is limited to.
	DC string `json:"dc,omitempty"`
}

// ListResult is the Result of a completed list.
type ListResult struct {
	// TotalSize and TotalFiles are of the objects that the backups name, each
	// counted once.
	TotalSize      int64 `json:"totalSize"`
	TotalFiles     int   `json:"totalFiles"`
	TotalManifests int   `json:"totalManifests"`
	// Reports are the newest first.
	Reports []BackupReport `json:"reports"`
}

// BackupReport is one backup of one node.
type BackupReport struct {
	// Files and Size are of the objects that the backup names.
	Files int    `json:"files"`
	Size  int64  `json:"size"`
	Name  string `json:"name"`
	// ReclaimableSpace is of those that no other backup names, and RemovableEntries
	// are their keys, of all reports together at most MaxRemovableEntries.
	ReclaimableSpace int64    `json:"reclaimableSpace"`
	RemovableEntries []string `json:"removableEntries"`
	// ReclaimableFiles is ours: their number.
	ReclaimableFiles int `json:"reclaimableFiles"`
	// Timestamp is RFC 3339 in UTC, to the millisecond.
	Timestamp     string         `json:"timestamp"`
	Manifest      ManifestObject `json:"manifest"`
	UnixTimestamp int64          `json:"unixtimestamp"`
	// Node is ours: cluster/datacenter/host id of the node.
	Node string `json:"node"`
}

// MaxRemovableEntries keeps an answer small: it stays among the operations, which
// are listed together, until it expires.
const MaxRemovableEntries = 1000

// ManifestObject is the manifest of a backup.
type ManifestObject struct {
	ObjectKey string `json:"objectKey"`
	Type      string `json:"type"`
	Size      int64  `json:"size"`
}

// RemoveBackupRequest removes backups of one node or, with GlobalRequest, of all
// nodes in the bucket. BackupName, OlderThan and RemoveOldest exclude each other.
type RemoveBackupRequest struct {
	Header
	Store
	// BackupName is the whole name: that of the manifest without ".json".
	BackupName   string    `json:"backupName,omitempty"`
	OlderThan    *Duration `json:"olderThan,omitempty"`
	RemoveOldest bool      `json:"removeOldest"`
	// Dry tells what would be removed, and removes nothing.
	Dry bool `json:"dry"`
	// ResolveNodes puts this node in the place of the one that the location names.
	ResolveNodes bool `json:"resolveNodes"`
	// CacheDir is where the original keeps copies of manifests; it is not used.
	CacheDir      string `json:"cacheDir,omitempty"`
	GlobalRequest bool   `json:"globalRequest"`

	// The fields below are ours.

	// DC is a comma list of datacenters that a global request is limited to.
	DC string `json:"dc,omitempty"`
	// KeepAtLeast is how many of the newest backups of each node stay in any case.
	KeepAtLeast int `json:"keepAtLeast" validate:"gte=0"`
	// CollectOrphans removes, too, objects that no backup names and that are older
	// than a day: what broken backups and removals left.
	CollectOrphans bool `json:"collectOrphans"`
}

// RemoveBackupResult is the Result of a removal.
type RemoveBackupResult struct {
	// Dry says that nothing was removed, and the rest what would have been.
	Dry bool `json:"dry"`
	// Removed are the backups that are gone, the oldest of each node first.
	Removed []RemovedBackup `json:"removed"`
	// Spared are those that only keepAtLeast has kept.
	Spared []RemovedBackup `json:"spared,omitempty"`
	// Files and Size are of the objects that only those backups named.
	Files int   `json:"files"`
	Size  int64 `json:"size"`
	// Orphans are objects that no backup named.
	Orphans ObjectCount `json:"orphans"`
	// Left are objects that no backup names any more and that were not removed,
	// because a backup had begun; collectOrphans removes them another time.
	Left ObjectCount `json:"left"`
	// Topologies are the tags of which no node has a backup any more.
	Topologies []string `json:"topologies,omitempty"`
}

// RemovedBackup is one backup of one node.
type RemovedBackup struct {
	Node          string `json:"node"`
	Name          string `json:"name"`
	UnixTimestamp int64  `json:"unixtimestamp"`
}

// ObjectCount is a number of objects and their bytes.
type ObjectCount struct {
	Files int   `json:"files"`
	Size  int64 `json:"size"`
}

func (r *ListRequest) complete() []string {
	r.Response = nil // an answer, which some send back
	warnings := r.Store.complete()
	if r.ToFile != "" {
		warnings = append(warnings, "toFile is not written: the answer has the result")
	}
	return warnings
}

func (r *RemoveBackupRequest) complete() []string { return r.Store.complete() }

// Violations of a list.
func (r *ListRequest) Violations() []Violation {
	var v violations
	v.store(r.Store)
	v.place(r.GlobalRequest, r.ResolveNodes, r.DC)
	return v
}

// Violations of a removal.
func (r *RemoveBackupRequest) Violations() []Violation {
	var v violations
	v.store(r.Store)
	v.place(r.GlobalRequest, r.ResolveNodes, r.DC)
	byAge := r.OlderThan != nil && r.OlderThan.Value != 0
	switch {
	case r.BackupName != "" && byAge:
		v.add("olderThan", "must not be set with backupName")
	case r.BackupName != "" && r.RemoveOldest:
		v.add("removeOldest", "must not be set with backupName")
	case r.RemoveOldest && byAge:
		v.add("olderThan", "must not be set with removeOldest")
	case r.BackupName == "" && !r.RemoveOldest && !byAge && !r.CollectOrphans:
		v.add("backupName", "is missing: say which backups to remove, by backupName, olderThan or removeOldest")
	}
	if r.OlderThan != nil && r.OlderThan.Value < 0 {
		v.add("olderThan", "must not be negative")
	}
	return v
}

// place judges whose backups a request is about.
func (v *violations) place(global, resolve bool, datacenters string) {
	v.datacenters(datacenters)
	if datacenters != "" && !global {
		v.add("dc", "is for a globalRequest only")
	}
	if global && resolve {
		v.add("resolveNodes", "must not be set with globalRequest, which is about all nodes")
	}
}
