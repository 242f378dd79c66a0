package rest

import "strings"

// TypeVerify is the type of a verification of backups.
const TypeVerify = "verify"

// Levels of a verification. Each does what those before it do.
const (
	VerifyList   = "list"
	VerifySize   = "size"
	VerifyDigest = "digest"
	// verifyRows is to come.
	verifyRows = "rows"
)

// VerifyRequest verifies backups of one node or, with GlobalRequest, of all nodes
// in the bucket. It is ours.
type VerifyRequest struct {
	Header `doc:"Verifies that the backups of one node or, with globalRequest, of all nodes in the bucket can still be restored. It is FAILED where an object is not what its manifest says, and result tells which."`
	Store
	SnapshotTag   string     `json:"snapshotTag,omitempty" doc:"Backups with exactly this tag, or this one before schema version and time; all where it is left out." example:"friday"`
	Level         string     `json:"level" validate:"oneof=list size digest" doc:"How much is looked at: list compares keys and sizes with a listing, size asks of each object by itself, digest reads each object and compares its hash."`
	Bandwidth     *Bandwidth `json:"bandwidth,omitempty" doc:"Read no faster than this."`
	ResolveNodes  bool       `json:"resolveNodes" doc:"Put this node in the place of the one that the location names."`
	GlobalRequest bool       `json:"globalRequest" doc:"All nodes that have backups in the bucket. Cassandra is not asked."`
	DC            string     `json:"dc,omitempty" doc:"Datacenters that a global request is limited to, parted by commas."`
}

// VerifyResult is the Result of a verification, also of one that is FAILED.
type VerifyResult struct {
	Level      string          `json:"level" doc:"How much was looked at."`
	Backups    int             `json:"backups" doc:"Number of backups that were verified; that of each node is one."`
	Files      int             `json:"files" doc:"Number of the objects that they name, each counted once."`
	Size       int64           `json:"size" doc:"Bytes of those objects, as the manifests have it."`
	Bad        int             `json:"bad" doc:"Number of objects that are not what they should be."`
	BadObjects []BadObject     `json:"badObjects" doc:"Those objects; at most 1,000."`
	Damaged    []DamagedBackup `json:"damaged" doc:"The backups that need one of them; at most 1,000."`
	Unhashed   int             `json:"unhashed" doc:"Number of objects without a hash in the manifests: of those nothing but the size can be verified."`
	Cost       VerifyCost      `json:"cost" doc:"What the verification took."`
}

// BadObject is an object that is not what it should be.
type BadObject struct {
	Node      string `json:"node" doc:"Whose it is: cluster/datacenter/host id. Empty for a topology, which is of all nodes."`
	ObjectKey string `json:"objectKey" doc:"Key of the object, relative to the node."`
	Problem   string `json:"problem" doc:"missing, size, hash, unreadable (the store has it and does not give it), or manifest (a manifest that is none, or that of another backup)."`
	Expected  string `json:"expected" doc:"What it should be."`
	Found     string `json:"found" doc:"What it is."`
	Backups   int    `json:"backups" doc:"Number of backups that need it."`
}

// DamagedBackup is a backup of one node that lacks something.
type DamagedBackup struct {
	Node string `json:"node" doc:"Whose backup it is: cluster/datacenter/host id."`
	Name string `json:"name" doc:"Tag of the backup."`
	Bad  int    `json:"bad" doc:"How many of its objects are bad."`
}

// VerifyCost is what a verification took.
type VerifyCost struct {
	Requests  int64   `json:"requests" doc:"Requests to the store. What failed and was tried again is not counted, and of a listing each thousand objects are one."`
	BytesRead int64   `json:"bytesRead" doc:"Bytes of objects and manifests that were read."`
	Seconds   float64 `json:"seconds" doc:"How long it took."`
}

// MaxBadObjects keeps an answer small, as MaxRemovableEntries does.
const MaxBadObjects = 1000

func (r *VerifyRequest) complete() []string {
	if r.Level = strings.ToLower(r.Level); r.Level == "" {
		r.Level = VerifyList
	}
	return r.Store.complete()
}

// Violations of a verification.
func (r *VerifyRequest) Violations() []Violation {
	var v violations
	v.store(r.Store)
	v.tag(r.SnapshotTag)
	v.limits(nil, r.Bandwidth)
	v.place(r.GlobalRequest, r.ResolveNodes, r.DC)
	if r.Level == verifyRows {
		v.add("level", "rows is not supported yet: digest reads every byte, and a restore into another table (rename) reads rows")
	}
	return v
}
