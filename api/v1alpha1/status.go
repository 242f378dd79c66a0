package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The bounds of a status. A writer cuts at them; what does not fit is not written.
const (
	// MaxNodes is the largest ring that one object can be about.
	MaxNodes = 1000
	// MaxTables is how many tables one restore can be of.
	MaxTables = 1000
	// MaxErrors and MaxWarnings bound the lists of a status.
	MaxErrors   = 20
	MaxWarnings = 20
	// MaxMessage is the length of one of their messages.
	MaxMessage = 1024
	// MaxNodeError is the length of the error of one node, of which there may be
	// a thousand.
	MaxNodeError = 200
)

// OperationStatus is what a backup and a restore both tell.
type OperationStatus struct {
	// observedGeneration is the generation of the spec that this status is about.
	// +optional
	// +kubebuilder:validation:Minimum=0
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions tell what is reached, and why what is not is not. Each is set
	// from the beginning.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// startTime is when work began: when the nodes were known and the first
	// request was about to be sent.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// completionTime is when it ended, one way or the other.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`

	// clusterName is the cluster's own name for itself.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	ClusterName string `json:"clusterName,omitempty"`

	// snapshotTag is the final tag, <tag>-<schema version>-<milliseconds>: the name
	// of the backup in the bucket. It is what a restore without a backupRef names.
	// +optional
	// +kubebuilder:validation:MaxLength=250
	SnapshotTag string `json:"snapshotTag,omitempty"`

	// schemaVersion is that of the backup.
	// +optional
	// +kubebuilder:validation:MaxLength=36
	SchemaVersion string `json:"schemaVersion,omitempty"`

	// progress of the whole, such as 42%. It never goes back.
	// +optional
	// +kubebuilder:validation:MaxLength=4
	Progress string `json:"progress,omitempty"`

	// progressPercent is progress as a number.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	ProgressPercent int32 `json:"progressPercent,omitempty"`

	// nodeSummary is nodesDone/nodesTotal, such as 2/3.
	// +optional
	// +kubebuilder:validation:MaxLength=11
	NodeSummary string `json:"nodeSummary,omitempty"`

	// nodesTotal is how many nodes take part.
	// +optional
	// +kubebuilder:validation:Minimum=0
	NodesTotal int32 `json:"nodesTotal,omitempty"`

	// nodesDone is how many of them are done with the present phase.
	// +optional
	// +kubebuilder:validation:Minimum=0
	NodesDone int32 `json:"nodesDone,omitempty"`

	// size is bytesTotal for people, such as 1.4 GiB.
	// +optional
	// +kubebuilder:validation:MaxLength=16
	Size string `json:"size,omitempty"`

	// transfer counts the bytes and files of all nodes.
	// +optional
	Transfer *Transfer `json:"transfer,omitempty"`

	// errors are why it will not succeed. There are none before that is certain.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	Errors []OperationError `json:"errors,omitempty"`

	// warnings are what it went on in spite of.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MaxLength=1024
	Warnings []string `json:"warnings,omitempty"`

	// coordination is what the controller has decided and must not decide again.
	// It is for machines.
	// +optional
	Coordination *Coordination `json:"coordination,omitempty"`

	// nodes are the members of the ring that take part, in the order in which they
	// were when work began. They stay the same, even where pods are replaced.
	// The list is replaced as a whole: to track the owner of each field of a
	// thousand nodes would take more room than the nodes.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	Nodes []NodeStatus `json:"nodes,omitempty"`
}

// Transfer counts what moves between nodes and bucket.
type Transfer struct {
	// bytesTotal is the size of all that the backup or restore consists of.
	// +optional
	BytesTotal int64 `json:"bytesTotal,omitempty"`
	// filesTotal is the number of files of all that the backup or restore consists of.
	// +optional
	FilesTotal int64 `json:"filesTotal,omitempty"`
	// bytesDone counts what was moved or found already in place.
	// +optional
	BytesDone int64 `json:"bytesDone,omitempty"`
	// filesDone counts those moved or found already in place.
	// +optional
	FilesDone int64 `json:"filesDone,omitempty"`
	// bytesReused counts what was found already in place.
	// +optional
	BytesReused int64 `json:"bytesReused,omitempty"`
	// filesReused counts those found already in place.
	// +optional
	FilesReused int64 `json:"filesReused,omitempty"`
}

// OperationError is one reason of a failure.
type OperationError struct {
	// source is the address of the node that it comes from. It is empty where
	// it is not one node's.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Source string `json:"source,omitempty"`
	// message says what failed and, where there is one, the way out.
	// +required
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message"`
}

// Verdict is how an operation that is being wound up will have ended.
// +kubebuilder:validation:Enum=Failed;Cancelled
type Verdict string

// The verdicts.
const (
	VerdictFailed    Verdict = "Failed"
	VerdictCancelled Verdict = "Cancelled"
)

// Coordination is the memory of the controller about one operation.
type Coordination struct {
	// attempt tells apart repetitions: the ids of the nodes' operations are made of
	// the UID of this object, the step, the node and the attempt.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Attempt int32 `json:"attempt,omitempty"`

	// step is the barrier reached, by its name in the REST contract. All nodes
	// are through with those before it.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Step string `json:"step,omitempty"`

	// deadline is when the operation fails unless it has ended.
	// +optional
	Deadline *metav1.Time `json:"deadline,omitempty"`

	// tables are those that every node has downloaded, sorted: the ones that
	// are truncated and imported.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MaxLength=445
	Tables []string `json:"tables,omitempty"`

	// skipped are the steps in which no node had anything to do.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MaxLength=32
	Skipped []string `json:"skipped,omitempty"`

	// verdict is set when it is certain that the operation will not succeed, and
	// what is at work is waited for. The errors say why.
	// +optional
	Verdict Verdict `json:"verdict,omitempty"`

	// cancelSince is when the operations of the nodes began to be cancelled. It is
	// not set where they are let finish.
	// +optional
	CancelSince *metav1.Time `json:"cancelSince,omitempty"`
}

// IsFinished reports whether the operation has ended, for ever.
func (s *OperationStatus) IsFinished() bool {
	return meta.IsStatusConditionTrue(s.Conditions, ConditionComplete) || meta.IsStatusConditionTrue(s.Conditions, ConditionFailed)
}
