package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RestoreStrategy is how a restore brings SSTables into a running Cassandra.
// +kubebuilder:validation:Enum=Hardlinks;Import
type RestoreStrategy string

// The strategies.
const (
	// StrategyHardlinks links the files into the tables' directories and refreshes
	// the tables: every version of Cassandra can.
	StrategyHardlinks RestoreStrategy = "Hardlinks"
	// StrategyImport lets Cassandra import the files, which it verifies: from 4.0 on.
	StrategyImport RestoreStrategy = "Import"
)

// CassandraRestoreSpec says what to restore, and where to.
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="is immutable; create another CassandraRestore"
// +kubebuilder:validation:XValidation:rule="has(self.backupRef) ? (!has(self.storageLocation) && !has(self.snapshotTag)) : (has(self.storageLocation) && has(self.snapshotTag))",message="must have either backupRef, or storageLocation and snapshotTag"
// +kubebuilder:validation:XValidation:rule="has(self.cluster) || has(self.backupRef)",message="must have cluster where there is no backupRef"
// +kubebuilder:validation:XValidation:rule="!has(self.schemaVersion) || (has(self.exactSchemaVersion) && self.exactSchemaVersion)",message="must have exactSchemaVersion where it has schemaVersion"
type CassandraRestoreSpec struct {
	// cluster is the one to restore into. The one that was backed up by default,
	// where there is a backupRef.
	// +optional
	Cluster *ClusterReference `json:"cluster,omitempty"`

	// backupRef names the CassandraBackup to restore. It must be complete.
	// +optional
	BackupRef *BackupReference `json:"backupRef,omitempty"`

	// storageLocation is the bucket that holds the backup, as in a CassandraBackup;
	// no CassandraBackup need exist.
	// +optional
	StorageLocation StorageLocation `json:"storageLocation,omitempty"`

	// snapshotTag is the backup in the bucket: a final tag, or one that the
	// newest backup which every node holds begins with.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=250
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_][A-Za-z0-9_.:+@=-]*$`
	// +kubebuilder:validation:XValidation:rule="!self.contains('..')",message="must not contain '..'"
	SnapshotTag string `json:"snapshotTag,omitempty"`

	// credentialsSecretRef names the Secret that holds the keys to the bucket. That
	// of the CassandraBackup by default, where there is a backupRef.
	// +optional
	CredentialsSecretRef *SecretReference `json:"credentialsSecretRef,omitempty"`

	// entities are the keyspaces, as ks, or the tables, as ks.table, to restore, by
	// their names in the backup. All that the backup holds by default. The
	// tables must exist; they are truncated before the data of the backup is put in.
	// +optional
	Entities Entities `json:"entities,omitempty"`

	// rename puts the data of one table into another: the key is ks.table in the
	// backup, the value the ks.table to restore into, which is truncated.
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(from, from.matches('^[A-Za-z0-9_]{1,222}[.][A-Za-z0-9_]{1,222}$'))",message="must rename tables, written ks.table"
	// +kubebuilder:validation:XValidation:rule="self.all(from, !(self[from] in self))",message="must not rename a table to one that is renamed too, nor to itself"
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, self[b] == self[a]))",message="must not rename two tables to one"
	Rename map[string]TableName `json:"rename,omitempty"`

	// strategy is how the files are brought into Cassandra. Hardlinks links them into
	// the tables' directories and refreshes; Import lets Cassandra 4.0 or later
	// import and verify them.
	// +optional
	// +kubebuilder:default=Hardlinks
	Strategy RestoreStrategy `json:"strategy,omitempty"`

	// downloadDirectory is where each sidecar puts what it downloads. It must lie on
	// the file system of Cassandra's data directories, and not in one of them.
	// +optional
	// +kubebuilder:default="/var/lib/cassandra/downloadedsstables"
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^(/[^/]+)+$`
	// +kubebuilder:validation:XValidation:rule="!self.contains('/../') && !self.endsWith('/..')",message="must not contain '..'"
	DownloadDirectory string `json:"downloadDirectory,omitempty"`

	// keepDownloads leaves what was downloaded where it is when the restore is
	// complete, so that the next one of the same backup need not download it. A
	// restore that failed always keeps it.
	// +optional
	KeepDownloads bool `json:"keepDownloads,omitempty"`

	// keepTruncated leaves the snapshots that Cassandra makes of tables before it
	// truncates them.
	// +optional
	KeepTruncated bool `json:"keepTruncated,omitempty"`

	// schemaVersion is the one that the backup must be of. It needs exactSchemaVersion.
	// +optional
	// +kubebuilder:validation:MaxLength=36
	// +kubebuilder:validation:Pattern=`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`
	SchemaVersion string `json:"schemaVersion,omitempty"`

	// exactSchemaVersion passes over backups that are not of schemaVersion, or
	// where that is left out not of the cluster's schema as it is now.
	// +optional
	ExactSchemaVersion bool `json:"exactSchemaVersion,omitempty"`

	// concurrentConnections is how many connections to the bucket each node uses.
	// +optional
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	ConcurrentConnections int32 `json:"concurrentConnections,omitempty"`

	// timeout fails the restore when that much time has passed since work began.
	// +optional
	// +kubebuilder:default="5h"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=18
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(h|m|s)){1,3}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m')",message="must be at least 1m"
	Timeout *metav1.Duration `json:"timeout,omitempty"`
}

// TableName is a table, "ks.table".
// +kubebuilder:validation:MinLength=3
// +kubebuilder:validation:MaxLength=445
// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_]{1,222}\.[A-Za-z0-9_]{1,222}$`
type TableName string

// RestorePhase sums up for people where a restore is. Programs read conditions.
// +kubebuilder:validation:Enum=Pending;Discovering;Initializing;Downloading;Truncating;Importing;Cleaning;Stopping;Completed;Failed;Cancelled
type RestorePhase string

// The phases of a restore, in their order.
const (
	// RestorePending is for one that waits its turn.
	RestorePending RestorePhase = "Pending"
	// RestoreDiscovering is for one that looks for its nodes and their sidecars.
	RestoreDiscovering RestorePhase = "Discovering"
	// RestoreInitializing is for one whose nodes look for the backup.
	RestoreInitializing RestorePhase = "Initializing"
	// RestoreDownloading is for one whose nodes download and verify.
	RestoreDownloading RestorePhase = "Downloading"
	// RestoreTruncating is for one whose tables are truncated.
	RestoreTruncating RestorePhase = "Truncating"
	// RestoreImporting is for one whose nodes put in the data.
	RestoreImporting RestorePhase = "Importing"
	// RestoreCleaning is for one that is done but for downloads and snapshots to delete.
	RestoreCleaning RestorePhase = "Cleaning"
	// RestoreStopping is for one that will not succeed, and waits for what is at work.
	RestoreStopping RestorePhase = "Stopping"
	// RestoreCompleted is for one that is on every node.
	RestoreCompleted RestorePhase = "Completed"
	// RestoreFailed is for one that is not; Truncated tells whether data was lost.
	RestoreFailed RestorePhase = "Failed"
	// RestoreCancelled is for one that was deleted while it was at work.
	RestoreCancelled RestorePhase = "Cancelled"
)

// IsTerminal reports whether a restore in this phase has ended.
func (p RestorePhase) IsTerminal() bool {
	return p == RestoreCompleted || p == RestoreFailed || p == RestoreCancelled
}

// RestoreSource is what a restore was resolved to when work began, so that it goes on
// where the CassandraBackup is deleted.
type RestoreSource struct {
	// cluster that is restored into.
	// +required
	Cluster ClusterReference `json:"cluster"`
	// storageLocation of the backup.
	// +required
	StorageLocation StorageLocation `json:"storageLocation"`
	// snapshotTag that was asked for.
	// +required
	// +kubebuilder:validation:MaxLength=250
	SnapshotTag string `json:"snapshotTag"`
	// credentialsSecretRef names the Secret with the keys to the bucket, where
	// there is one.
	// +optional
	CredentialsSecretRef *SecretReference `json:"credentialsSecretRef,omitempty"`
}

// CassandraRestoreStatus tells how a restore is doing.
type CassandraRestoreStatus struct {
	// phase sums up where the restore is. Programs read conditions instead.
	// +optional
	Phase RestorePhase `json:"phase,omitempty"`

	// source is what backupRef, or storageLocation and snapshotTag, were resolved to.
	// +optional
	Source *RestoreSource `json:"source,omitempty"`

	OperationStatus `json:",inline"`
}

// CassandraRestore is one restore into a running Cassandra cluster. To create
// it starts the restore; to delete it while it is at work cancels it.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=cassandrarestores,scope=Namespaced,shortName=crestore;crst,categories=icarus
// +kubebuilder:printcolumn:name="Cluster",type=string,JSONPath=`.status.clusterName`,description="The cluster's name for itself"
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`,description="Where it is"
// +kubebuilder:printcolumn:name="Progress",type=string,JSONPath=`.status.progress`,description="How much of it is done"
// +kubebuilder:printcolumn:name="Nodes",type=string,JSONPath=`.status.nodeSummary`,description="Nodes that are done with the present phase, of all"
// +kubebuilder:printcolumn:name="Size",type=string,JSONPath=`.status.size`,description="What is restored"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Tag",type=string,priority=1,JSONPath=`.status.snapshotTag`,description="The backup's name in the bucket"
// +kubebuilder:printcolumn:name="Location",type=string,priority=1,JSONPath=`.status.source.storageLocation`,description="The bucket"
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Complete")].message`,description="What it waits for, or why it failed"
type CassandraRestore struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says what to restore, and where to.
	// +required
	Spec CassandraRestoreSpec `json:"spec"`
	// status tells how the restore is doing.
	// +optional
	Status CassandraRestoreStatus `json:"status,omitzero"`
}

// CassandraRestoreList is a list of restores.
// +kubebuilder:object:root=true
type CassandraRestoreList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []CassandraRestore `json:"items"`
}

// IsFinished reports whether the restore has ended, for ever.
func (r *CassandraRestore) IsFinished() bool { return r.Status.IsFinished() }

// GetConditions returns the conditions.
func (r *CassandraRestore) GetConditions() []metav1.Condition { return r.Status.Conditions }

// SetConditions replaces the conditions.
func (r *CassandraRestore) SetConditions(conditions []metav1.Condition) {
	r.Status.Conditions = conditions
}
