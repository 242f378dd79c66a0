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
	Type string `json:"type" doc:"Kind of the operation."`
	ID   string `json:"id,omitempty" validate:"omitempty,uuid" doc:"Id of the operation, a UUID that the client chooses. To post the same request again under its id starts nothing and answers the operation that exists. The sidecar chooses one where it is left out."`
}

// RequestType is the "type" of the request.
func (h Header) RequestType() string { return h.Type }

// RequestID is the id that the client chose, or "".
func (h Header) RequestID() string { return h.ID }

// Store is what a request says about the bucket and the way to it.
type Store struct {
	StorageLocation        string         `json:"storageLocation" validate:"required" doc:"Where the bucket is, and whose part of it: provider://bucket or provider://bucket/cluster/datacenter/node, or file:///directory/bucket/cluster/datacenter/node. What is left out is the node's own." example:"s3://backups"`
	ConcurrentConnections  int            `json:"concurrentConnections" validate:"gte=1,lte=1000" doc:"How many transfers run at a time."`
	Insecure               bool           `json:"insecure" doc:"Speak plain HTTP to the store."`
	SkipBucketVerification bool           `json:"skipBucketVerification" doc:"Do not look first whether the bucket is there."`
	ProxySettings          *ProxySettings `json:"proxySettings,omitempty" doc:"HTTP proxy on the way to the store."`
	Retry                  Retry          `json:"retry" doc:"How calls to the store are repeated."`
	KMSKeyID               string         `json:"kmsKeyId,omitempty" doc:"Key that encrypts objects. Refused: not supported yet."`
	K8sNamespace           string         `json:"k8sNamespace,omitempty" doc:"Namespace of k8sSecretName; that of the sidecar's pod by default."`
	K8sSecretName          string         `json:"k8sSecretName,omitempty" doc:"Kubernetes Secret with the keys to the bucket, which the sidecar reads. It must be one that --allow-secret names. Credentials go before it."`
	// The next five are ours: how the store keeps what is written, and where.
	Region               string            `json:"region,omitempty" validate:"omitempty,max=64" doc:"Of S3: where the bucket lies; the sidecar's by default. That of credentials goes before it." example:"eu-west-1"`
	StorageClass         string            `json:"storageClass,omitempty" doc:"Storage class of the data, as STANDARD_IA of S3, NEARLINE of Google, COOL of Azure. Manifests and other documents stay in the default one. One whose objects have to be thawed is refused." example:"STANDARD_IA"`
	ServerSideEncryption string            `json:"serverSideEncryption,omitempty" doc:"Of S3: what the store encrypts with, AES256, aws:kms or aws:kms:dsse; as the bucket says by default." example:"aws:kms"`
	EncryptionKeyName    string            `json:"encryptionKeyName,omitempty" doc:"Name of the key that the store encrypts with: id or ARN of a key of KMS, resource name of one of Google's Cloud KMS, encryption scope of Azure." example:"alias/backups"`
	ObjectTags           map[string]string `json:"objectTags,omitempty" doc:"Tags that every object gets; Google calls them metadata. 10 at the most." example:"{\"team\":\"data\"}"`
	// Credentials are ours: the keys to the bucket, for a sidecar that has none.
	Credentials *Credentials `json:"credentials,omitempty" doc:"Keys to the bucket, for a sidecar that has none. They are used for this one operation and kept nowhere."`
}

// Credentials are an account at the store of the location. The sidecar uses them
// for this one operation and keeps them nowhere: one that is restarted gets them
// again when the request is posted again under its id.
type Credentials struct {
	AccessKeyID     Secret `json:"accessKeyId,omitempty" doc:"Of S3: name of the account's key."`
	SecretAccessKey Secret `json:"secretAccessKey,omitempty" doc:"Of S3: the account's key."`
	SessionToken    Secret `json:"sessionToken,omitempty" doc:"Of S3: token of a session, where the keys are temporary."`
	Region          string `json:"region,omitempty" doc:"Of S3: where the bucket lies; the sidecar's by default."`
	Endpoint        string `json:"endpoint,omitempty" doc:"Address of another server than that of Amazon, Google or Azure (there with the account where it is part of the path); the sidecar's by default."`
	PathStyle       *bool  `json:"pathStyle,omitempty" doc:"Of S3: endpoint/bucket/key instead of bucket.endpoint/key; true by default where there is an endpoint."`
	CABundle        string `json:"caBundle,omitempty" doc:"Certificates in PEM to trust at the endpoint, besides those of the sidecar."`
	GCPKey          Secret `json:"gcpKey,omitempty" doc:"Of Google Cloud: the JSON document that is the key of a service account."`
	AzureAccount    string `json:"azureAccount,omitempty" doc:"Of Azure: name of the account."`
	AzureKey        Secret `json:"azureKey,omitempty" doc:"Of Azure: the account's key."`
}

// ProxySettings name the HTTP proxy on the way to the bucket.
type ProxySettings struct {
	UseProxy      bool   `json:"useProxy" doc:"Whether the proxy is used at all."`
	ProxyHost     string `json:"proxyHost,omitempty" doc:"Host of the proxy."`
	ProxyPort     int    `json:"proxyPort,omitempty" validate:"gte=0,lte=65535" doc:"Port of the proxy; 3128 where it is left out."`
	ProxyUsername string `json:"proxyUsername,omitempty" doc:"User at the proxy."`
	ProxyPassword Secret `json:"proxyPassword,omitempty" doc:"Password at the proxy."`
	ProxyProtocol string `json:"proxyProtocol,omitempty" validate:"omitempty,oneof=http https" doc:"How the proxy itself is spoken to; by https where it is left out."`
}

// Retry says how calls to the bucket are repeated.
type Retry struct {
	Interval    int    `json:"interval" validate:"gte=0" doc:"Seconds before a call is repeated."`
	Strategy    string `json:"strategy" validate:"oneof=LINEAR EXPONENTIAL" doc:"LINEAR waits the interval each time, EXPONENTIAL twice as long each time."`
	MaxAttempts int    `json:"maxAttempts" validate:"gte=0,lte=100" doc:"How often a call that failed is repeated."`
	Enabled     bool   `json:"enabled" doc:"Whether these settings replace the sidecar's own."`
}

// BackupRequest backs up one node or, with GlobalRequest, the whole ring.
type BackupRequest struct {
	Header `doc:"Backs this node up or, with globalRequest, the whole ring."`
	Store
	Duration              *Duration  `json:"duration,omitempty" doc:"Spread the upload over this time."`
	Bandwidth             *Bandwidth `json:"bandwidth,omitempty" doc:"Upload no faster than this."`
	MetadataDirective     string     `json:"metadataDirective" validate:"oneof=COPY REPLACE" doc:"What becomes of the metadata of objects that are there already. Taken for the sake of old clients; it changes nothing."`
	Entities              string     `json:"entities" doc:"Keyspaces, as ks1,ks2, or tables, as ks1.t1,ks2.t2, never both. Empty is all keyspaces, the system's too." example:"ks1"`
	SnapshotTag           string     `json:"snapshotTag,omitempty" doc:"Name of the backup. The final one is <snapshotTag>-<schema version>-<milliseconds since 1970>, the same on all nodes. It is autosnap-<seconds> where none is given." example:"friday"`
	DC                    string     `json:"dc,omitempty" doc:"Datacenters that a global request is limited to, parted by commas."`
	GlobalRequest         bool       `json:"globalRequest" doc:"Back up the whole ring: this sidecar coordinates the others."`
	Timeout               int        `json:"timeout" validate:"gte=1" doc:"Hours that a global request may take."`
	CreateMissingBucket   bool       `json:"createMissingBucket" doc:"Make the bucket where it is not there."`
	SchemaVersion         string     `json:"schemaVersion,omitempty" doc:"Schema version that the tag is made with; Cassandra's by default. Coordinators send it."`
	UploadClusterTopology bool       `json:"uploadClusterTopology" doc:"Write the topology beside a backup of one node, too. A global one always does."`
	SkipRefreshing        bool       `json:"skipRefreshing" doc:"Taken for the sake of old clients; it changes nothing."`
	CassandraDirectory    Path       `json:"cassandraDirectory,omitempty" doc:"Taken for the sake of old clients; Cassandra is asked for its directories."`
	DataDirs              []Path     `json:"dataDirs,omitempty" doc:"Cassandra's data directories. Cassandra is asked where they are left out."`
	Dedup                 string     `json:"dedup,omitempty" validate:"omitempty,oneof=listing manifest" doc:"How files are found that are in the bucket already: listing, as by default, believes manifests where the bucket's list agrees, and manifest believes the newest ones alone, which saves a request for each thousand objects." example:"listing"`
}

// RestoreRequest restores one phase on one node or, with GlobalRequest, all
// phases on the whole ring.
type RestoreRequest struct {
	Header `doc:"Runs one phase of a restore on this node or, with globalRequest, all phases on the whole ring."`
	Store
	CassandraDirectory        Path              `json:"cassandraDirectory,omitempty" doc:"Directory of Cassandra, whose directory data no downloads may go into. Cassandra is asked for its data directories."`
	CassandraConfigDirectory  Path              `json:"cassandraConfigDirectory,omitempty" doc:"Directory of cassandra.yaml. For IN_PLACE."`
	RestoreSystemKeyspace     bool              `json:"restoreSystemKeyspace" doc:"Bring back the keyspace system as well. For IN_PLACE."`
	RestoreSystemAuth         bool              `json:"restoreSystemAuth" doc:"Bring back users and their rights as well. For IN_PLACE."`
	SnapshotTag               string            `json:"snapshotTag" validate:"required" doc:"Which backup: exactly the tag, or the tag before schema version and time. Of several, the newest that every node holds." example:"friday"`
	Entities                  string            `json:"entities" doc:"Keyspaces, as ks1,ks2, or tables, as ks1.t1,ks2.t2, never both. Empty is all that the backup has but the system's keyspaces." example:"ks1"`
	UpdateCassandraYaml       bool              `json:"updateCassandraYaml" doc:"Write the node's tokens into cassandra.yaml. For IN_PLACE."`
	RestorationStrategyType   Strategy          `json:"restorationStrategyType" doc:"How SSTables are brought into Cassandra: by links and a refresh, by an import (from Cassandra 4.0 on), or into the directories of a node that is stopped." example:"HARDLINKS"`
	RestorationPhase          RestorePhase      `json:"restorationPhase,omitempty" doc:"The phase to run on this node, or INIT in a global request, which runs them all. Not with IN_PLACE." example:"INIT"`
	Import                    *ImportRequest    `json:"import,omitempty" doc:"Where downloads go, in sourceDir, and how they are imported." example:"{\"sourceDir\":\"/var/lib/cassandra/downloads\"}"`
	NoDeleteTruncates         bool              `json:"noDeleteTruncates" doc:"Keep the snapshots that a truncation made."`
	NoDeleteDownloads         bool              `json:"noDeleteDownloads" doc:"Keep the downloads."`
	NoDownloadData            bool              `json:"noDownloadData" doc:"Import what was downloaded before."`
	ExactSchemaVersion        bool              `json:"exactSchemaVersion" doc:"The backup must be of the schema version that schemaVersion names, or else of the one that the cluster has."`
	SchemaVersion             string            `json:"schemaVersion,omitempty" validate:"omitempty,uuid" doc:"Schema version that the backup must be of, with exactSchemaVersion."`
	GlobalRequest             bool              `json:"globalRequest" doc:"Restore the whole ring: this sidecar coordinates the others." example:"true"`
	DC                        string            `json:"dc,omitempty" doc:"Datacenters that a global request is limited to, parted by commas. Cassandra truncates a table in all of them at once."`
	Timeout                   int               `json:"timeout" validate:"gte=1" doc:"Hours that a global request may take."`
	ResolveHostIDFromTopology bool              `json:"resolveHostIdFromTopology" doc:"Find whose data this node restores by its name in the backup's topology. For IN_PLACE."`
	NewCluster                bool              `json:"newCluster" doc:"The data goes into a cluster of other nodes. For IN_PLACE."`
	Rename                    map[string]string `json:"rename" doc:"Tables that are restored into another: keyspace.table to keyspace.other."`
	SinglePhase               bool              `json:"singlePhase" doc:"In a global request, run only the phase of restorationPhase on all nodes, after those before it that decide what it is about and change nothing."`
	Bandwidth                 *Bandwidth        `json:"bandwidth,omitempty" doc:"Download no faster than this."`
	DataDirs                  []Path            `json:"dataDirs,omitempty" doc:"Cassandra's data directories. Cassandra is asked where they are left out; with IN_PLACE it is the directory data of cassandraDirectory."`
	IfAbsent                  string            `json:"ifAbsent,omitempty" validate:"omitempty,oneof=fail skip" doc:"Whether a backup that is not there is an error, or leaves nothing to do: fail, as by default, or skip. For IN_PLACE." example:"skip"`
	Force                     bool              `json:"force" doc:"Do a restore again that is done already. Without, it does nothing and says so in a warning. For IN_PLACE."`
}

// IfAbsentSkip has a restore of a node that is stopped do nothing where there is
// no backup.
const IfAbsentSkip = "skip"

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
	Header             `doc:"Loads the SSTables of a directory into a table. In a restore it says where downloads go and how they are imported."`
	Keyspace           string `json:"keyspace,omitempty" doc:"Keyspace of the table. Required, but in a restore." example:"ks1"`
	Table              string `json:"table,omitempty" doc:"Table that the SSTables are of. Required, but in a restore." example:"t1"`
	TablePath          URI    `json:"tablePath,omitempty" doc:"Directory that holds the SSTables. Required, but in a restore." example:"/var/lib/cassandra/imports/ks1/t1"`
	SourceDir          URI    `json:"sourceDir,omitempty" doc:"Where a restore puts its downloads: on the file system of the data directories, and not in one of them."`
	KeepLevel          bool   `json:"keepLevel" doc:"Keep the levels of the SSTables."`
	KeepRepaired       bool   `json:"keepRepaired" doc:"Keep what the SSTables say about repairs."`
	NoVerify           bool   `json:"noVerify" doc:"Do not check the SSTables."`
	NoVerifyTokens     bool   `json:"noVerifyTokens" doc:"Do not check that the node owns their tokens."`
	NoInvalidateCaches bool   `json:"noInvalidateCaches" doc:"Leave the row cache as it is."`
	Quick              bool   `json:"quick" doc:"noVerify, noVerifyTokens and noInvalidateCaches together."`
	ExtendedVerify     bool   `json:"extendedVerify" doc:"Read every cell to check the SSTables."`
}

// TruncateRequest truncates one table on the whole cluster.
type TruncateRequest struct {
	Header   `doc:"Empties one table on the whole cluster."`
	Keyspace string `json:"keyspace" validate:"required" doc:"Keyspace of the table; none of the system's." example:"ks1"`
	Table    string `json:"table" validate:"required" doc:"Table to empty." example:"t1"`
}

// FlushRequest flushes the memtables of a keyspace, or of some of its tables.
type FlushRequest struct {
	Header   `doc:"Writes memtables to disk."`
	Keyspace string   `json:"keyspace" validate:"required" doc:"Keyspace to flush." example:"ks1"`
	Tables   []string `json:"tables,omitempty" doc:"Tables of it; all where none is named."`
}

// CleanupRequest drops the data that the node no longer owns.
type CleanupRequest struct {
	Header   `doc:"Drops the data that the node no longer owns."`
	Keyspace string   `json:"keyspace" validate:"required" doc:"Keyspace to clean up." example:"ks1"`
	Tables   []string `json:"tables,omitempty" doc:"Tables of it; all where none is named."`
	Jobs     int      `json:"jobs" validate:"gte=0" doc:"How many SSTables are worked on at once; 0 lets Cassandra choose."`
}

// UploadTopologyRequest is ours: it puts the ring as this node sees it into the
// bucket, as topology/<snapshotTag>.json. A coordinator sends it to one node
// when every node has committed its manifest.
type UploadTopologyRequest struct {
	Header `doc:"Writes the ring, as this node sees it, into the bucket. Coordinators send it."`
	Store
	SnapshotTag string `json:"snapshotTag" validate:"required" doc:"Tag of the backup that the topology belongs to." example:"friday"`
}
