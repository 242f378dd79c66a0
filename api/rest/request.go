package rest

// Types of operations.
const (
	TypeBackup         = "backup"
	TypeRestore        = "restore"
	TypeImport         = "import"
	TypeTruncate       = "truncate"
	TypeFlush          = "flush"
	TypeCleanup        = "cleanup"
	TypeUploadTopology = "upload-topology"
)

// Request is the body of POST /operations, decoded by its type.
type Request interface {
	// RequestType is the "type" that names this kind of request.
	RequestType() string
	// RequestID is the id that the client chose, or "".
	RequestID() string
}

// Header is what every request may carry.
type Header struct {
	// Type chooses the kind of operation.
	Type string `json:"type"`
	// ID is ours: a UUID that the client chose. Posting the same id again
	// returns the operation that exists and starts nothing.
	ID string `json:"id,omitempty" validate:"omitempty,uuid"`
}

// RequestType is the "type" of the request.
func (h Header) RequestType() string { return h.Type }

// RequestID is the id that the client chose, or "".
func (h Header) RequestID() string { return h.ID }

// Store is what a request says about the bucket and the way to it.
type Store struct {
	// StorageLocation is provider://bucket[/cluster/dc/node], or
	// file:///dir/bucket/cluster/dc/node.
	StorageLocation       string `json:"storageLocation" validate:"required"`
	ConcurrentConnections int    `json:"concurrentConnections" validate:"gte=1,lte=1000"`
	// Insecure asks for plain HTTP.
	Insecure               bool           `json:"insecure"`
	SkipBucketVerification bool           `json:"skipBucketVerification"`
	ProxySettings          *ProxySettings `json:"proxySettings,omitempty"`
	Retry                  Retry          `json:"retry"`
	KMSKeyID               string         `json:"kmsKeyId,omitempty"`
	K8sNamespace           string         `json:"k8sNamespace,omitempty"`
	K8sSecretName          string         `json:"k8sSecretName,omitempty"`
	// Credentials are ours: the keys to the bucket, for a sidecar that has none.
	Credentials *Credentials `json:"credentials,omitempty"`
}

// Credentials are an account at a store of the S3 kind. The sidecar uses them for
// this one operation and keeps them nowhere: one that is restarted gets them
// again when the request is posted again under its id.
type Credentials struct {
	AccessKeyID     Secret `json:"accessKeyId,omitempty"`
	SecretAccessKey Secret `json:"secretAccessKey,omitempty"`
	SessionToken    Secret `json:"sessionToken,omitempty"`
	// Region is where the bucket lies; the sidecar's by default.
	Region string `json:"region,omitempty"`
	// Endpoint is the address of another server than Amazon's; the sidecar's by
	// default.
	Endpoint string `json:"endpoint,omitempty"`
}

// ProxySettings name the HTTP proxy on the way to the bucket.
type ProxySettings struct {
	UseProxy      bool   `json:"useProxy"`
	ProxyHost     string `json:"proxyHost,omitempty"`
	ProxyPort     int    `json:"proxyPort,omitempty" validate:"gte=0,lte=65535"`
	ProxyUsername string `json:"proxyUsername,omitempty"`
	ProxyPassword Secret `json:"proxyPassword,omitempty"`
	ProxyProtocol string `json:"proxyProtocol,omitempty" validate:"omitempty,oneof=http https"`
}

// Retry says how calls to the bucket are repeated.
type Retry struct {
	// Interval is in seconds.
	Interval    int    `json:"interval" validate:"gte=0"`
	Strategy    string `json:"strategy" validate:"oneof=LINEAR EXPONENTIAL"`
	MaxAttempts int    `json:"maxAttempts" validate:"gte=0,lte=100"`
	Enabled     bool   `json:"enabled"`
}

// BackupRequest backs up one node or, with GlobalRequest, the whole ring.
type BackupRequest struct {
	Header
	Store
	Duration          *Duration  `json:"duration,omitempty"`
	Bandwidth         *Bandwidth `json:"bandwidth,omitempty"`
	MetadataDirective string     `json:"metadataDirective" validate:"oneof=COPY REPLACE"`
	// Entities are "ks1,ks2" or "ks1.t1,ks2.t2", never mixed; empty means all keyspaces.
	Entities    string `json:"entities"`
	SnapshotTag string `json:"snapshotTag,omitempty"`
	// DC is a comma list of datacenters that a global request is limited to.
	DC            string `json:"dc,omitempty"`
	GlobalRequest bool   `json:"globalRequest"`
	// Timeout is the coordinator's patience in hours.
	Timeout               int    `json:"timeout" validate:"gte=1"`
	CreateMissingBucket   bool   `json:"createMissingBucket"`
	SchemaVersion         string `json:"schemaVersion,omitempty"`
	UploadClusterTopology bool   `json:"uploadClusterTopology"`
	SkipRefreshing        bool   `json:"skipRefreshing"`
	CassandraDirectory    Path   `json:"cassandraDirectory,omitempty"`
	DataDirs              []Path `json:"dataDirs,omitempty"`
}

// RestoreRequest restores one phase on one node or, with GlobalRequest, all
// phases on the whole ring.
type RestoreRequest struct {
	Header
	Store
	CassandraDirectory        Path              `json:"cassandraDirectory,omitempty"`
	CassandraConfigDirectory  Path              `json:"cassandraConfigDirectory,omitempty"`
	RestoreSystemKeyspace     bool              `json:"restoreSystemKeyspace"`
	RestoreSystemAuth         bool              `json:"restoreSystemAuth"`
	SnapshotTag               string            `json:"snapshotTag" validate:"required"`
	Entities                  string            `json:"entities"`
	UpdateCassandraYaml       bool              `json:"updateCassandraYaml"`
	RestorationStrategyType   Strategy          `json:"restorationStrategyType"`
	RestorationPhase          RestorePhase      `json:"restorationPhase,omitempty"`
	Import                    *ImportRequest    `json:"import,omitempty"`
	NoDeleteTruncates         bool              `json:"noDeleteTruncates"`
	NoDeleteDownloads         bool              `json:"noDeleteDownloads"`
	NoDownloadData            bool              `json:"noDownloadData"`
	ExactSchemaVersion        bool              `json:"exactSchemaVersion"`
	SchemaVersion             string            `json:"schemaVersion,omitempty" validate:"omitempty,uuid"`
	GlobalRequest             bool              `json:"globalRequest"`
	DC                        string            `json:"dc,omitempty"`
	Timeout                   int               `json:"timeout" validate:"gte=1"`
	ResolveHostIDFromTopology bool              `json:"resolveHostIdFromTopology"`
	NewCluster                bool              `json:"newCluster"`
	Rename                    map[string]string `json:"rename"`
	SinglePhase               bool              `json:"singlePhase"`
	DataDirs                  []Path            `json:"dataDirs,omitempty"`
}

// Strategy is how a restore brings SSTables into Cassandra.
type Strategy string

// The strategies of a restore.
const (
	StrategyInPlace   Strategy = "IN_PLACE"
	StrategyHardlinks Strategy = "HARDLINKS"
	StrategyImport    Strategy = "IMPORT"
)

// RestorePhase is one phase of a restore.
type RestorePhase string

// The phases of a restore, in their order.
const (
	PhaseInit     RestorePhase = "INIT"
	PhaseDownload RestorePhase = "DOWNLOAD"
	PhaseTruncate RestorePhase = "TRUNCATE"
	PhaseImport   RestorePhase = "IMPORT"
	PhaseCleanup  RestorePhase = "CLEANUP"
)

// ImportRequest imports the SSTables of a directory into a table; inside a
// restore it says where the downloads go and how they are imported.
type ImportRequest struct {
	Header
	Keyspace string `json:"keyspace,omitempty"`
	Table    string `json:"table,omitempty"`
	// TablePath holds the SSTables to import.
	TablePath URI `json:"tablePath,omitempty"`
	// SourceDir is where a restore puts its downloads.
	SourceDir          URI  `json:"sourceDir,omitempty"`
	KeepLevel          bool `json:"keepLevel"`
	KeepRepaired       bool `json:"keepRepaired"`
	NoVerify           bool `json:"noVerify"`
	NoVerifyTokens     bool `json:"noVerifyTokens"`
	NoInvalidateCaches bool `json:"noInvalidateCaches"`
	Quick              bool `json:"quick"`
	ExtendedVerify     bool `json:"extendedVerify"`
}

// TruncateRequest truncates one table on the whole cluster.
type TruncateRequest struct {
	Header
	Keyspace string `json:"keyspace" validate:"required"`
	Table    string `json:"table" validate:"required"`
}

// FlushRequest flushes the memtables of a keyspace, or of some of its tables.
type FlushRequest struct {
	Header
	Keyspace string   `json:"keyspace" validate:"required"`
	Tables   []string `json:"tables,omitempty"`
}

// CleanupRequest drops the data that the node no longer owns.
type CleanupRequest struct {
	Header
	Keyspace string   `json:"keyspace" validate:"required"`
	Tables   []string `json:"tables,omitempty"`
	// Jobs is how many SSTables are worked on at once; 0 lets Cassandra choose.
	Jobs int `json:"jobs" validate:"gte=0"`
}

// UploadTopologyRequest is ours: it puts the ring as this node sees it into the
// bucket, as topology/<snapshotTag>.json. A coordinator sends it to one node
// when every node has committed its manifest.
type UploadTopologyRequest struct {
	Header
	Store
	SnapshotTag string `json:"snapshotTag" validate:"required"`
}
