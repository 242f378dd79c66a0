package v1alpha1

// Reasons of any condition.
const (
	// ReasonNotStarted is for what another condition must become True for first.
	ReasonNotStarted = "NotStarted"
	// ReasonInProgress is for what nodes are at work at.
	ReasonInProgress = "InProgress"
	// ReasonSucceeded is for what is done on every node.
	ReasonSucceeded = "Succeeded"
	// ReasonSkipped is for what no node had anything to do for.
	ReasonSkipped = "Skipped"
	// ReasonNotFailed is that of Failed while nothing has.
	ReasonNotFailed = "NotFailed"
	// ReasonStopping is for an operation that will not succeed, and waits for what
	// is at work on its nodes.
	ReasonStopping = "Stopping"
)

// Reasons to wait: what they tell of is looked at again, and the operation goes
// on when it has passed. Nothing was started.
const (
	// ReasonQueued is for a backup that waits for another of the same cluster, and
	// for a restore that waits for one.
	ReasonQueued = "Queued"
	// ReasonRestoreInProgress is for an operation that waits for a restore of the
	// same cluster.
	ReasonRestoreInProgress = "RestoreInProgress"
	// ReasonBackupInProgress is for a restore whose backupRef is not complete yet.
	ReasonBackupInProgress = "BackupInProgress"
	// ReasonBackupNotFound is for a backupRef that names no CassandraBackup.
	ReasonBackupNotFound = "BackupNotFound"
	// ReasonPodsNotFound is for a podSelector that chooses no pod.
	ReasonPodsNotFound = "PodsNotFound"
	// ReasonPodsNotReady is for pods that are not ready, or have no address.
	ReasonPodsNotReady = "PodsNotReady"
	// ReasonPortNotFound is for a pod without a container port of that name.
	ReasonPortNotFound = "PortNotFound"
	// ReasonSidecarUnreachable is for a sidecar that cannot be connected to, or
	// gives no answer.
	ReasonSidecarUnreachable = "SidecarUnreachable"
	// ReasonSidecarUnauthorized is for a sidecar that does not accept the controller.
	ReasonSidecarUnauthorized = "SidecarUnauthorized"
	// ReasonSidecarAnswerInvalid is for an answer that makes no sense: something
	// other than a sidecar, or an old one, listens there.
	ReasonSidecarAnswerInvalid = "SidecarAnswerInvalid"
	// ReasonRingInconsistent is for sidecars that see different rings or schemas, or
	// two pods with one host id.
	ReasonRingInconsistent = "RingInconsistent"
	// ReasonSecretNotFound is for a credentialsSecretRef that names no Secret.
	ReasonSecretNotFound = "SecretNotFound"
	// ReasonSecretKeyMissing is for a Secret that lacks a key, which the message names.
	ReasonSecretKeyMissing = "SecretKeyMissing"
	// ReasonInsecureTransport is for credentials that would travel in plain HTTP.
	ReasonInsecureTransport = "InsecureTransport"
)

// Reasons that end an operation: Failed is True. Another object must be created
// when what they tell of is put right.
const (
	// ReasonInvalidSpec is for a spec that the schema lets pass and which still
	// makes no sense.
	ReasonInvalidSpec = "InvalidSpec"
	// ReasonDatacenterNotFound is for datacenters without a node.
	ReasonDatacenterNotFound = "DatacenterNotFound"
	// ReasonNodesMissing is for members of the ring that have no pod.
	ReasonNodesMissing = "NodesMissing"
	// ReasonTooManyNodes is for more than MaxNodes nodes.
	ReasonTooManyNodes = "TooManyNodes"
	// ReasonTooManyTables is for a restore of more than MaxTables tables.
	ReasonTooManyTables = "TooManyTables"
	// ReasonBackupFailed is for a backupRef that names a backup that failed.
	ReasonBackupFailed = "BackupFailed"
	// ReasonBackupIncomplete is for a backupRef that names a backup without the
	// missing nodes that it allowed.
	ReasonBackupIncomplete = "BackupIncomplete"
	// ReasonSnapshotNotFound is for a tag that some node, or every node, has no backup of
	// in the bucket; also for a location of another cluster.
	ReasonSnapshotNotFound = "SnapshotNotFound"
	// ReasonEntitiesNotFound is for entities that the backup lacks on some node.
	ReasonEntitiesNotFound = "EntitiesNotFound"
	// ReasonSchemaChanged is for a schema that changed during a backup.
	ReasonSchemaChanged = "SchemaChanged"
	// ReasonRingChanged is for nodes that joined or left during the operation.
	ReasonRingChanged = "RingChanged"
	// ReasonSidecarRefused is for a sidecar that refuses the request.
	ReasonSidecarRefused = "SidecarRefused"
	// ReasonNodeFailed is for a node whose operation failed.
	ReasonNodeFailed = "NodeFailed"
	// ReasonNodeLost is for a node whose sidecar was away for too long, or kept
	// losing its operation.
	ReasonNodeLost = "NodeLost"
	// ReasonTimedOut is for an operation that had not ended after spec.timeout.
	ReasonTimedOut = "TimedOut"
	// ReasonCancelled is for an operation whose object was deleted while it was
	// at work.
	ReasonCancelled = "Cancelled"
)

// Reasons about the data of a backup that is deleted with its object. They are
// those of events.
const (
	// ReasonDataDeleted is for data that was removed from the bucket.
	ReasonDataDeleted = "DataDeleted"
	// ReasonDataLeft is for data that could not be removed; the object is let go, and
	// the message names what is left.
	ReasonDataLeft = "DataLeft"
)
