package cli

import (
	"slices"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// location is of every command.
var location = Flag{
	Name: "storage-location", Aliases: []string{"sl"}, Field: "storageLocation",
	Usage: "the bucket: provider://bucket, provider://bucket/cluster/dc/node or file:///directory/bucket/cluster/dc/node; required",
}

// way says how the bucket is reached.
var way = []Flag{
	{
		Name: "concurrent-connections", Aliases: []string{"cc"}, Field: "concurrentConnections", Default: "10",
		Usage: "objects that are moved, read or deleted at a time",
	},
	{Name: "insecure-http", Aliases: []string{"insecure"}, Field: "insecure", Kind: Switch, Usage: "reach the bucket over plain HTTP"},
	{
		Name: "skip-bucket-verification", Field: "skipBucketVerification", Kind: Switch,
		Usage: "do not look whether the bucket is there",
	},
	{Name: "use-proxy", Field: "proxySettings.useProxy", Kind: Switch, Usage: "reach the bucket through a proxy"},
	{Name: "proxy-host", Field: "proxySettings.proxyHost", Usage: "host of the proxy"},
	{Name: "proxy-port", Field: "proxySettings.proxyPort", Default: "3128", Usage: "port of the proxy"},
	{Name: "proxy-username", Field: "proxySettings.proxyUsername", Usage: "user at the proxy"},
	{
		Name: "proxy-password", Field: "proxySettings.proxyPassword", Secret: true,
		Usage: "password at the proxy; give it in the environment (ICARUS_PROXY_PASSWORD), where others do not see it",
	},
	{Name: "proxy-protocol", Field: "proxySettings.proxyProtocol", Default: "https", Usage: "http or https"},
	{Name: "retry-enabled", Field: "retry.enabled", Kind: Switch, Usage: "repeat failed calls as the next three say"},
	{Name: "retry-interval", Field: "retry.interval", Default: "10", Usage: "seconds between two attempts"},
	{Name: "retry-strategy", Field: "retry.strategy", Default: "LINEAR", Usage: "LINEAR or EXPONENTIAL"},
	{Name: "retry-max-attempts", Field: "retry.maxAttempts", Default: "3", Usage: "attempts after the first"},
	{Name: "region", Field: "region", Usage: "region of the bucket (S3)"},
	{Name: "storage-class", Field: "storageClass", Usage: "storage class of the data, as STANDARD_IA (S3), NEARLINE (Google), COOL (Azure)"},
	{Name: "server-side-encryption", Field: "serverSideEncryption", Usage: "what S3 encrypts with: AES256, aws:kms or aws:kms:dsse"},
	{Name: "encryption-key-name", Field: "encryptionKeyName", Usage: "name of the key that the store encrypts with; of Azure the encryption scope"},
	{Name: "object-tag", Field: "objectTags", Kind: Pairs, Usage: "tag of every object: name=value (may be repeated)"},
	{Name: "kms-key-id", Aliases: []string{"kmsKeyId"}, Field: "kmsKeyId", Usage: "refused: not supported yet", Hidden: true},
	{Name: "k8s-namespace", Field: "k8sNamespace", Usage: "namespace of --k8s-secret-name; the pod's own by default"},
	{Name: "k8s-secret-name", Aliases: []string{"k8s-backup-secret-name"}, Field: "k8sSecretName", Usage: "Kubernetes Secret with the keys to the bucket"},
}

var (
	tagFlag = Flag{
		Name: "snapshot-tag", Short: "s", Aliases: []string{"st"}, Field: "snapshotTag", Usage: "name of the backup",
	}
	entitiesFlag = Flag{
		Name: "entities", Aliases: []string{"e"}, Field: "entities",
		Usage: `keyspaces ("ks1,ks2") or tables ("ks1.t1,ks2.t2"); all by default`,
	}
	dataDirFlag = Flag{
		Name: "data-dir", Field: "dataDirs", Kind: Words,
		Usage: "data directory, instead of those that Cassandra names (may be repeated)",
	}
	globalFlag = Flag{
		Name: "global-request", Aliases: []string{"globalRequest"}, Field: "globalRequest", Kind: Switch,
		Usage: "the whole ring, which a sidecar coordinates: needs --server",
	}
	allNodesFlag = Flag{
		Name: "global-request", Aliases: []string{"globalRequest"}, Field: "globalRequest", Kind: Switch,
		Usage: "all nodes that have backups in the bucket",
	}
	datacenterFlag = Flag{
		Name: "datacenter", Aliases: []string{"dc"}, Field: "dc", Kind: Joined,
		Usage: "datacenter that a global request is limited to (may be repeated)",
	}
	timeoutFlag = Flag{Name: "timeout", Field: "timeout", Default: "5", Usage: "hours that a global request may take"}
	resolveFlag = Flag{
		Name: "resolve-nodes", Field: "resolveNodes", Kind: Switch,
		Usage: "put this node, which Cassandra names, in the place of the one in --storage-location",
	}
	durationFlag  = Flag{Name: "duration", Short: "d", Field: "duration", Usage: `spread the upload over that time, such as "1h"`}
	bandwidthFlag = Flag{Name: "bandwidth", Short: "b", Field: "bandwidth", Usage: `bytes per second at most, such as "10mbps"`}
	createFlag    = Flag{
		Name: "create-missing-bucket", Aliases: []string{"cmb"}, Field: "createMissingBucket", Kind: Switch, Usage: "make the bucket if it is not there",
	}
	directiveFlag = Flag{
		Name: "metadata-directive", Aliases: []string{"md"}, Field: "metadataDirective", Default: "COPY", Usage: "COPY or REPLACE; has no effect", Hidden: true,
	}
	refreshFlag = Flag{
		Name: "skip-refreshing", Field: "skipRefreshing", Kind: Switch, Usage: "has no effect: nothing is refreshed", Hidden: true,
	}
	cacheFlag = Flag{Name: "cache-dir", Field: "cacheDir", Usage: "not used: nothing is cached", Hidden: true}
)

// Backup is the command line of a backup.
var Backup = Command{rest.TypeBackup, slices.Concat([]Flag{
	location, tagFlag, entitiesFlag, dataDirFlag,
	durationFlag, bandwidthFlag, createFlag,
	{
		Name: "upload-cluster-topology", Aliases: []string{"uploadClusterTopology"}, Field: "uploadClusterTopology", Kind: Switch,
		Usage: "write the ring into the bucket, too",
	},
	globalFlag, datacenterFlag, timeoutFlag,
	{Name: "dedup", Field: "dedup", Default: "listing", Usage: "how files are found that are in the bucket already: listing, or manifest, which trusts the newest manifests alone"},
	{Name: "schema-version", Field: "schemaVersion", Usage: "set by the sidecar", Hidden: true},
	directiveFlag, refreshFlag,
}, way)}

// Restore is the command line of a restore.
var Restore = Command{rest.TypeRestore, slices.Concat([]Flag{
	location, tagFlag, entitiesFlag, dataDirFlag,
	{
		Name: "restoration-strategy-type", Aliases: []string{"strategy"}, Field: "restorationStrategyType",
		Usage: "HARDLINKS, IMPORT (from Cassandra 4.0 on) or IN_PLACE (a node that is stopped); required",
	},
	{
		Name: "restoration-phase-type", Aliases: []string{"phase"}, Field: "restorationPhase",
		Usage: "INIT, DOWNLOAD, TRUNCATE, IMPORT or CLEANUP; all of them, one after another, by default",
	},
	{
		Name: "import-source-dir", Field: "import.sourceDir",
		Usage: "where downloads go, on the file system of the data directories; required for HARDLINKS and IMPORT",
	},
	{Name: "rename", Field: "rename", Kind: Pairs, Usage: "restore a table into another: ks.table=ks.other (may be repeated)"},
	{Name: "restoration-no-download-data", Field: "noDownloadData", Kind: Switch, Usage: "import what was downloaded before"},
	{Name: "restoration-no-delete-truncates", Field: "noDeleteTruncates", Kind: Switch, Usage: "keep the snapshots that the truncation made"},
	{Name: "restoration-no-delete-downloads", Field: "noDeleteDownloads", Kind: Switch, Usage: "keep the downloads"},
	{Name: "schema-version", Field: "schemaVersion", Usage: "schema version of the backup"},
	{Name: "exact-schema-version", Field: "exactSchemaVersion", Kind: Switch, Usage: "the backup must be of that, or of the node's, schema version"},
	bandwidthFlag,
	globalFlag, datacenterFlag, timeoutFlag,
	{Name: "single-phase", Field: "singlePhase", Kind: Switch, Usage: "do only the phase that is named, on all nodes"},
	{Name: "import-keep-level", Field: "import.keepLevel", Kind: Switch, Usage: "keep the level of SSTables (IMPORT)"},
	{Name: "import-keep-repaired", Field: "import.keepRepaired", Kind: Switch, Usage: "keep that they were repaired (IMPORT)"},
	{Name: "import-no-verify", Field: "import.noVerify", Kind: Switch, Usage: "do not verify them (IMPORT)"},
	{Name: "import-no-verify-tokens", Field: "import.noVerifyTokens", Kind: Switch, Usage: "do not verify that the node owns what is in them (IMPORT)"},
	{Name: "import-no-invalidate-caches", Field: "import.noInvalidateCaches", Kind: Switch, Usage: "leave the caches as they are (IMPORT)"},
	{Name: "import-quick", Field: "import.quick", Kind: Switch, Usage: "the three before this, at once (IMPORT)"},
	{Name: "import-extended-verify", Field: "import.extendedVerify", Kind: Switch, Usage: "read every cell (IMPORT)"},
	{Name: "import-keyspace", Field: "import.keyspace", Usage: "not used by a restore", Hidden: true},
	{Name: "import-table", Field: "import.table", Usage: "not used by a restore", Hidden: true},
	{Name: "table-path", Field: "import.tablePath", Usage: "not used by a restore", Hidden: true},
	{
		Name: "data-directory", Aliases: []string{"dd", "cassandra-dir"}, Field: "cassandraDirectory", Default: "/var/lib/cassandra",
		Usage: "Cassandra's directory (IN_PLACE)",
	},
	{
		Name: "config-directory", Aliases: []string{"cd"}, Field: "cassandraConfigDirectory", Default: "/etc/cassandra",
		Usage: "where cassandra.yaml is (IN_PLACE)",
	},
	{Name: "restore-system-keyspace", Aliases: []string{"rs"}, Field: "restoreSystemKeyspace", Kind: Switch, Usage: "the system's keyspaces, too (IN_PLACE)"},
	{Name: "restore-system-auth", Aliases: []string{"ra"}, Field: "restoreSystemAuth", Kind: Switch, Usage: "system_auth, too (IN_PLACE)"},
	{Name: "update-cassandra-yaml", Field: "updateCassandraYaml", Kind: Switch, Usage: "put the tokens of the backup into cassandra.yaml (IN_PLACE)"},
	{
		Name: "resolve-host-id-from-topology", Field: "resolveHostIdFromTopology", Kind: Switch,
		Usage: "find the node by its hostname in the topology of the backup (IN_PLACE)",
	},
	{Name: "restore-into-new-cluster", Field: "newCluster", Kind: Switch, Usage: "the node begins a new cluster: the schema, too (IN_PLACE)"},
	{Name: "if-absent", Field: "ifAbsent", Default: "fail", Usage: "what a backup that is not there is: fail is an error, skip is nothing to do (IN_PLACE)"},
	{Name: "force", Field: "force", Kind: Switch, Usage: "restore again what is restored already; what was written since is lost (IN_PLACE)"},
}, way)}

// CommitLogBackup is the command line of a backup of the commit log.
var CommitLogBackup = Command{rest.TypeCommitLogBackup, slices.Concat([]Flag{
	location,
	{
		Name: "commit-log-dir", Field: "cassandraCommitLogDirectory",
		Usage: "directory of the commit log, instead of the one that Cassandra names",
	},
	{
		Name: "commit-log-archive", Aliases: []string{"cl-archive"}, Field: "commitLogArchiveOverride",
		Usage: "directory that an archive_command fills, instead of the commit log's",
	},
	{Name: "commit-log", Field: "commitLog", Usage: "one segment, as in archive_command=icarus commitlog-backup ... --commit-log=%path"},
	{
		Name: "online", Field: "online", Kind: Switch,
		Usage: "put this node, which Cassandra names, in the place of the one in --storage-location; Cassandra has to answer",
	},
	durationFlag, bandwidthFlag, createFlag, directiveFlag, refreshFlag,
}, way)}

// CommitLogRestore is the command line of a restore of the commit log.
var CommitLogRestore = Command{rest.TypeCommitLogRestore, slices.Concat([]Flag{
	location,
	{
		Name: "commitlog-download-dir", Field: "commitlogDownloadDir",
		Usage: "an empty directory, from which Cassandra replays; required",
	},
	{
		Name: "timestamp-end", Aliases: []string{"te"}, Field: "timestampEnd",
		Usage: "the point in time, in milliseconds since 1970; required",
	},
	{
		Name: "timestamp-start", Aliases: []string{"ts"}, Field: "timestampStart", Default: "0",
		Usage: "leave out segments that were not written to since, in milliseconds since 1970",
	},
	{
		Name: "keyspace-tables", Aliases: []string{"kt"}, Field: "keyspaceTables", Kind: Joined,
		Usage: `tables that alone are replayed: "ks1.t1,ks2.t2"; all by default`,
	},
	{
		Name: "commit-log-dir", Field: "cassandraCommitLogDirectory", Default: rest.DefaultCommitLogDirectory,
		Usage: "directory of the commit log; what is in it is moved beside it",
	},
	{
		Name: "config-directory", Aliases: []string{"cd"}, Field: "cassandraConfigDirectory", Default: "/etc/cassandra",
		Usage: "where cassandra-env.sh is, and where commitlog_archiving.properties is written",
	},
	{Name: "shared-path", Short: "p", Field: "sharedContainerPath", Usage: "not used", Hidden: true},
}, way)}

// List is the command line of a list.
var List = Command{rest.TypeList, slices.Concat([]Flag{
	location, resolveFlag, allNodesFlag, datacenterFlag,
	{Name: "from-timestamp", Field: "fromTimestamp", Usage: "leave out backups before that many milliseconds since 1970"},
	{Name: "last-n", Field: "lastN", Usage: "leave out all but so many of the newest of each node"},
	{Name: "skip-download", Field: "skipDownload", Kind: Switch, Usage: "has no effect: nothing is cached", Hidden: true},
	cacheFlag,
}, way)}

// Verify is the command line of a verification.
var Verify = Command{rest.TypeVerify, slices.Concat([]Flag{
	location,
	{
		Name: "snapshot-tag", Short: "s", Aliases: []string{"st"}, Field: "snapshotTag",
		Usage: "name of the backup, with or without schema version and time; all by default",
	},
	{
		Name: "level", Field: "level", Default: rest.VerifyList,
		Usage: "list (keys and sizes by a listing), size (each object is asked for) or digest (each object is read)",
	},
	bandwidthFlag, resolveFlag, allNodesFlag, datacenterFlag,
}, way)}

// RemoveBackup is the command line of a removal.
var RemoveBackup = Command{rest.TypeRemoveBackup, slices.Concat([]Flag{
	location, resolveFlag, allNodesFlag,
	{Name: "datacenter", Aliases: []string{"dcs", "dc"}, Field: "dc", Kind: Joined, Usage: "datacenter that a global request is limited to (may be repeated)"},
	{Name: "backup-name", Short: "n", Aliases: []string{"name"}, Field: "backupName", Usage: "the backup with exactly that name, as list shows it"},
	{Name: "older-than", Field: "olderThan", Usage: `the backups of that age, such as "14d"`},
	{Name: "oldest", Short: "o", Field: "removeOldest", Kind: Switch, Usage: "the oldest backup"},
	{Name: "keep-at-least", Field: "keepAtLeast", Default: "0", Usage: "how many of the newest stay in any case"},
	{
		Name: "collect-orphans", Field: "collectOrphans", Kind: Switch,
		Usage: "also objects older than a day that no backup names, which broken backups and removals leave",
	},
	{Name: "dry", Short: "d", Field: "dry", Kind: Switch, Usage: "only say what would be removed"},
	cacheFlag,
}, way)}
