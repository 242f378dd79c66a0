package rest

// Types of operations on the backups that a bucket holds.
const (
	TypeList         = "list"
	TypeRemoveBackup = "remove-backup"
)

// ListRequest tells the backups of one node or, with GlobalRequest, of all nodes
// in the bucket.
type ListRequest struct {
	Header `doc:"Tells the backups of one node or, with globalRequest, of all nodes in the bucket."`
	Store
	ResolveNodes  bool        `json:"resolveNodes" doc:"Put this node in the place of the one that the location names."`
	FromTimestamp int64       `json:"fromTimestamp" validate:"gte=0" doc:"Leave out backups before that many milliseconds since 1970. 0 leaves out none, and so does the largest number, which the original has by default."`
	LastN         int         `json:"lastN" validate:"gte=0" doc:"Leave out all but so many of the newest of each node; 0 leaves out none."`
	ToRequest     bool        `json:"toRequest" doc:"Put the result into response, too, where the original has it."`
	Response      *ListResult `json:"response,omitempty" doc:"The result, where toRequest asks for it. What is sent here is not read."`

	// These say how the original prints, and where it keeps copies of manifests.
	// They change nothing in an answer.
	JSON         bool   `json:"json" doc:"Taken for the sake of old clients; it changes nothing."`
	HumanUnits   bool   `json:"humanUnits" doc:"Taken for the sake of old clients; it changes nothing."`
	SimpleFormat bool   `json:"simpleFormat" doc:"Taken for the sake of old clients; it changes nothing."`
	ToFile       string `json:"toFile,omitempty" doc:"Taken for the sake of old clients; nothing is written, and a warning says so."`
	SkipDownload bool   `json:"skipDownload" doc:"Taken for the sake of old clients; it changes nothing."`
	CacheDir     string `json:"cacheDir,omitempty" doc:"Taken for the sake of old clients; it changes nothing."`

	GlobalRequest bool   `json:"globalRequest" doc:"All nodes that have backups in the bucket. Cassandra is not asked."`
	DC            string `json:"dc,omitempty" doc:"Datacenters that a global request is limited to, parted by commas."`
}

// ListResult is the Result of a completed list.
type ListResult struct {
	TotalSize      int64          `json:"totalSize" doc:"Bytes of the objects that the backups name, each counted once."`
	TotalFiles     int            `json:"totalFiles" doc:"Number of the objects that the backups name, each counted once."`
	TotalManifests int            `json:"totalManifests" doc:"Number of backups."`
	Reports        []BackupReport `json:"reports" doc:"The backups, the newest first."`
}

// BackupReport is one backup of one node.
type BackupReport struct {
	Files            int            `json:"files" doc:"Number of the objects that the backup names."`
	Size             int64          `json:"size" doc:"Bytes of the objects that the backup names."`
	Name             string         `json:"name" doc:"Tag of the backup."`
	ReclaimableSpace int64          `json:"reclaimableSpace" doc:"Bytes of the objects that no other backup of the node names."`
	RemovableEntries []string       `json:"removableEntries" doc:"Keys of the objects that no other backup of the node names; of all reports together at most 1,000."`
	ReclaimableFiles int            `json:"reclaimableFiles" doc:"Number of the objects that no other backup of the node names."`
	Timestamp        string         `json:"timestamp" doc:"When the backup was made, in UTC, to the millisecond."`
	Manifest         ManifestObject `json:"manifest" doc:"The manifest of the backup."`
	UnixTimestamp    int64          `json:"unixtimestamp" doc:"When the backup was made, in milliseconds since 1970."`
	Node             string         `json:"node" doc:"Whose backup it is: cluster/datacenter/host id."`
}

// MaxRemovableEntries keeps an answer small: it stays among the operations, which
// are listed together, until it expires.
const MaxRemovableEntries = 1000

// ManifestObject is the manifest of a backup.
type ManifestObject struct {
	ObjectKey string `json:"objectKey" doc:"Key of the manifest."`
	Type      string `json:"type" doc:"FILE, always."`
	Size      int64  `json:"size" doc:"Bytes of the manifest."`
}

// RemoveBackupRequest removes backups of one node or, with GlobalRequest, of all
// nodes in the bucket. BackupName, OlderThan and RemoveOldest exclude each other.
type RemoveBackupRequest struct {
	Header `doc:"Removes backups of one node or, with globalRequest, of all nodes in the bucket. backupName, olderThan and removeOldest exclude each other; one of them or collectOrphans is needed."`
	Store
	BackupName    string    `json:"backupName,omitempty" doc:"The backup with exactly this name, as list tells it." example:"friday-6f5e9841-4f97-3198-9398-161b445b3954-1769946556811"`
	OlderThan     *Duration `json:"olderThan,omitempty" doc:"Backups of at least this age."`
	RemoveOldest  bool      `json:"removeOldest" doc:"The oldest backup."`
	Dry           bool      `json:"dry" doc:"Only tell what would be removed."`
	ResolveNodes  bool      `json:"resolveNodes" doc:"Put this node in the place of the one that the location names."`
	CacheDir      string    `json:"cacheDir,omitempty" doc:"Taken for the sake of old clients; it changes nothing."`
	GlobalRequest bool      `json:"globalRequest" doc:"All nodes that have backups in the bucket."`

	// The fields below are ours.

	DC             string `json:"dc,omitempty" doc:"Datacenters that a global request is limited to, parted by commas."`
	KeepAtLeast    int    `json:"keepAtLeast" validate:"gte=0" doc:"How many of the newest backups of each node stay in any case."`
	CollectOrphans bool   `json:"collectOrphans" doc:"Remove, too, objects older than a day that no backup names: what broken backups and removals left."`
}

// RemoveBackupResult is the Result of a removal.
type RemoveBackupResult struct {
	Dry        bool            `json:"dry" doc:"Nothing was removed; the rest is what would have been."`
	Removed    []RemovedBackup `json:"removed" doc:"The backups that are gone, the oldest of each node first."`
	Spared     []RemovedBackup `json:"spared,omitempty" doc:"The backups that only keepAtLeast has kept."`
	Files      int             `json:"files" doc:"Number of the objects that only those backups named."`
	Size       int64           `json:"size" doc:"Bytes of the objects that only those backups named."`
	Orphans    ObjectCount     `json:"orphans" doc:"Objects that no backup named."`
	Left       ObjectCount     `json:"left" doc:"Objects that no backup names any more and that stay, because a backup had begun. collectOrphans removes them another time."`
	Topologies []string        `json:"topologies,omitempty" doc:"Tags of which no node has a backup any more; their topologies are gone."`
}

// RemovedBackup is one backup of one node.
type RemovedBackup struct {
	Node          string `json:"node" doc:"Whose backup it was: cluster/datacenter/host id."`
	Name          string `json:"name" doc:"Tag of the backup."`
	UnixTimestamp int64  `json:"unixtimestamp" doc:"When it was made, in milliseconds since 1970."`
}

// ObjectCount is a number of objects and their bytes.
type ObjectCount struct {
	Files int   `json:"files" doc:"Number of objects."`
	Size  int64 `json:"size" doc:"Their bytes."`
}

func (r *ListRequest) complete() []string {
	r.Response = nil // an answer, which some send back
	warnings := r.Store.complete()
	if r.ToFile != "" {
		warnings = append(warnings, "toFile is not written: the answer has the result")
	}
	return warnings
}

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
