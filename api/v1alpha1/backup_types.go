package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DeletionPolicy is what becomes of the data of a backup when its object is deleted.
// +kubebuilder:validation:Enum=Retain;Delete
type DeletionPolicy string

// The deletion policies.
const (
	// DeletionPolicyRetain leaves the backup in the bucket.
	DeletionPolicyRetain DeletionPolicy = "Retain"
	// DeletionPolicyDelete removes the backup from the bucket.
	DeletionPolicyDelete DeletionPolicy = "Delete"
)

// MissingNodesPolicy is what a backup does about members of the ring that have no pod.
// +kubebuilder:validation:Enum=Fail;Allow
type MissingNodesPolicy string

// The policies about missing nodes.
const (
	// MissingNodesFail fails the backup before anything is sent.
	MissingNodesFail MissingNodesPolicy = "Fail"
	// MissingNodesAllow backs up the others, and says which are missing.
	MissingNodesAllow MissingNodesPolicy = "Allow"
)

// CassandraBackupSpec says what to back up, and where to.
// +kubebuilder:validation:XValidation:rule="has(self.credentialsSecretRef) == has(oldSelf.credentialsSecretRef) && has(self.snapshotTag) == has(oldSelf.snapshotTag) && has(self.entities) == has(oldSelf.entities) && has(self.bandwidth) == has(oldSelf.bandwidth) && has(self.duration) == has(oldSelf.duration)",message="is immutable but for deletionPolicy; create another CassandraBackup"
type CassandraBackupSpec struct {
	// cluster is the one to back up.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="is immutable; create another CassandraBackup"
	Cluster ClusterReference `json:"cluster"`

	// storageLocation is the bucket to back up to: provider://bucket, such as
	// s3://backups, or for a directory that every sidecar has mounted
	// file:///directory/bucket/cluster/dc/node. What follows the bucket is
	// replaced with each node's own cluster, datacenter and host id.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="is immutable; create another CassandraBackup"
	StorageLocation StorageLocation `json:"storageLocation"`

	// credentialsSecretRef names the Secret that holds the keys to the bucket. It is
	// read when it is needed and handed to the sidecars. Sidecars that have an
	// identity of their own need none.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="is immutable; create another CassandraBackup"
	CredentialsSecretRef *SecretReference `json:"credentialsSecretRef,omitempty"`

	// snapshotTag begins the name of the backup in the bucket; the version of
	// the schema and the time are appended. The name of this object by default.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=190
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_][A-Za-z0-9_.:+@=-]*$`
	// +kubebuilder:validation:XValidation:rule="!self.contains('..')",message="must not contain '..'"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="is immutable; create another CassandraBackup"
	SnapshotTag string `json:"snapshotTag,omitempty"`

	// entities are the keyspaces, as ks, or the tables, as ks.table, to back up. All
	// keyspaces by default.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="is immutable; create another CassandraBackup"
	Entities Entities `json:"entities,omitempty"`

	// concurrentConnections is how many connections to the bucket each node uses.
	// +optional
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="is immutable; create another CassandraBackup"
	ConcurrentConnections int32 `json:"concurrentConnections,omitempty"`

	// bandwidth bounds what each node uploads in a second, in bytes: 500K, 10M, 1G
	// (thousands), or a plain number. No bound by default.
	// +optional
	// +kubebuilder:validation:MaxLength=18
	// +kubebuilder:validation:Pattern=`^([1-9][0-9]{0,14}([bB][pP][sS])?|[1-9][0-9]{0,5}[kKmMgG]([bB][pP][sS])?)$`
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="is immutable; create another CassandraBackup"
	Bandwidth string `json:"bandwidth,omitempty"`

	// duration is the time over which each node spreads its upload, such as 2h30m.
	// As fast as it goes by default.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=18
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(h|m|s)){1,3}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s')",message="must be at least 1s"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="is immutable; create another CassandraBackup"
	Duration *metav1.Duration `json:"duration,omitempty"`

	// timeout fails the backup when that much time has passed since work began.
	// +optional
	// +kubebuilder:default="5h"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=18
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(h|m|s)){1,3}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m')",message="must be at least 1m"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="is immutable; create another CassandraBackup"
	Timeout *metav1.Duration `json:"timeout,omitempty"`

	// missingNodes says what to do about members of the ring that have no pod. Fail
	// fails before anything is sent. Allow backs up the others and names those
	// that are missing in the warnings; a restore of all nodes will refuse
	// such a backup.
	// +optional
	// +kubebuilder:default=Fail
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="is immutable; create another CassandraBackup"
	MissingNodes MissingNodesPolicy `json:"missingNodes,omitempty"`

	// deletionPolicy says what becomes of the data when this object is deleted.
	// Retain leaves it in the bucket. Delete removes it, but for what other
	// backups share. It alone can be changed later.
	// +optional
	// +kubebuilder:default=Retain
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// BackupPhase sums up for people where a backup is. Programs read conditions.
// +kubebuilder:validation:Enum=Pending;Discovering;Uploading;Sealing;Stopping;Completed;Failed;Cancelled;Deleting
type BackupPhase string

// The phases of a backup, in their order.
const (
	// BackupPending is for one that waits its turn.
	BackupPending BackupPhase = "Pending"
	// BackupDiscovering is for one that looks for its nodes and their sidecars.
	BackupDiscovering BackupPhase = "Discovering"
	// BackupUploading is for one whose nodes snapshot and upload.
	BackupUploading BackupPhase = "Uploading"
	// BackupSealing is for one whose nodes are done and whose topology is uploaded.
	BackupSealing BackupPhase = "Sealing"
	// BackupStopping is for one that will not succeed, and waits for what is at work.
	BackupStopping BackupPhase = "Stopping"
	// BackupCompleted is for one that every node holds.
	BackupCompleted BackupPhase = "Completed"
	// BackupFailed is for one that can not be restored.
	BackupFailed BackupPhase = "Failed"
	// BackupCancelled is for one that was deleted while it was at work.
	BackupCancelled BackupPhase = "Cancelled"
	// BackupDeleting is for one whose data is removed before its object is.
	BackupDeleting BackupPhase = "Deleting"
)

// IsTerminal reports whether a backup in this phase has ended.
func (p BackupPhase) IsTerminal() bool {
	return p == BackupCompleted || p == BackupFailed || p == BackupCancelled
}

// CassandraBackupStatus tells how a backup is doing.
type CassandraBackupStatus struct {
	// phase sums up where the backup is. Programs read conditions instead.
	// +optional
	Phase BackupPhase `json:"phase,omitempty"`

	OperationStatus `json:",inline"`
}

// CassandraBackup is one backup of a Cassandra cluster. To create it starts the
// backup; to delete it while it is at work cancels it.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=cassandrabackups,scope=Namespaced,shortName=cbackup;cbk,categories=icarus
// +kubebuilder:printcolumn:name="Cluster",type=string,JSONPath=`.status.clusterName`,description="The cluster's name for itself"
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`,description="Where it is"
// +kubebuilder:printcolumn:name="Progress",type=string,JSONPath=`.status.progress`,description="How much of it is done"
// +kubebuilder:printcolumn:name="Nodes",type=string,JSONPath=`.status.nodeSummary`,description="Nodes that are done with the present phase, of all"
// +kubebuilder:printcolumn:name="Size",type=string,JSONPath=`.status.size`,description="What the backup consists of"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Tag",type=string,priority=1,JSONPath=`.status.snapshotTag`,description="Its name in the bucket"
// +kubebuilder:printcolumn:name="Location",type=string,priority=1,JSONPath=`.spec.storageLocation`,description="The bucket"
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Complete")].message`,description="What it waits for, or why it failed"
// +kubebuilder:validation:XValidation:rule="has(self.spec.snapshotTag) || (size(self.metadata.name) <= 190 && !self.metadata.name.contains('..'))",message="spec.snapshotTag must be set where the name of the object is longer than 190 characters"
type CassandraBackup struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says what to back up, and where to.
	// +required
	Spec CassandraBackupSpec `json:"spec"`
	// status tells how the backup is doing.
	// +optional
	Status CassandraBackupStatus `json:"status,omitzero"`
}

// CassandraBackupList is a list of backups.
// +kubebuilder:object:root=true
type CassandraBackupList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []CassandraBackup `json:"items"`
}

// IsFinished reports whether the backup has ended, for ever.
func (b *CassandraBackup) IsFinished() bool { return b.Status.IsFinished() }

// SnapshotTag is the tag that was asked for: spec.snapshotTag, or the object's name.
func (b *CassandraBackup) SnapshotTag() string {
	if b.Spec.SnapshotTag != "" {
		return b.Spec.SnapshotTag
	}
	return b.Name
}

// GetConditions returns the conditions.
func (b *CassandraBackup) GetConditions() []metav1.Condition { return b.Status.Conditions }

// SetConditions replaces the conditions.
func (b *CassandraBackup) SetConditions(conditions []metav1.Condition) {
	b.Status.Conditions = conditions
}
