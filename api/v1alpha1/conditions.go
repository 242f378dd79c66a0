package v1alpha1

// The conditions. All are set from the beginning, and on every pass. One that
// is True stays True. Complete tells, while it is False, the reason and message
// of the first condition of the kind that is not True.
const (
	// ConditionPeersDiscovered is True when every node that takes part is known,
	// with its pod and a sidecar that answers.
	ConditionPeersDiscovered = "PeersDiscovered"
	// ConditionComplete is True when the operation has succeeded on every node.
	ConditionComplete = "Complete"
	// ConditionFailed is True when the operation has ended in any other way.
	ConditionFailed = "Failed"

	// ConditionSnapshotsUploaded is True when every node has committed its manifest.
	// Backups only, as the next.
	ConditionSnapshotsUploaded = "SnapshotsUploaded"
	// ConditionTopologyUploaded is True when the ring is described in the bucket.
	ConditionTopologyUploaded = "TopologyUploaded"

	// ConditionInitialized is True when one backup is found that every node holds.
	// Restores only, as all below.
	ConditionInitialized = "Initialized"
	// ConditionDownloaded is True when every node has downloaded and verified it.
	ConditionDownloaded = "Downloaded"
	// ConditionTruncated is True when the tables are truncated, and Unknown when they
	// may be.
	ConditionTruncated = "Truncated"
	// ConditionImported is True when the data is in Cassandra on every node.
	ConditionImported = "Imported"
	// ConditionCleanedUp is True when what was downloaded, and the snapshots that
	// truncating makes, are deleted or are to be kept.
	ConditionCleanedUp = "CleanedUp"
)

// BackupConditions are the conditions of a CassandraBackup, in the order in which
// they become True.
func BackupConditions() []string {
	return []string{
		ConditionPeersDiscovered, ConditionSnapshotsUploaded, ConditionTopologyUploaded,
		ConditionComplete, ConditionFailed,
	}
}

// RestoreConditions are the conditions of a CassandraRestore, in the order in which
// they become True.
func RestoreConditions() []string {
	return []string{
		ConditionPeersDiscovered, ConditionInitialized, ConditionDownloaded, ConditionTruncated,
		ConditionImported, ConditionCleanedUp, ConditionComplete, ConditionFailed,
	}
}
