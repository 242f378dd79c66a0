package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NodeState is where the operation of one node is in its life.
// +kubebuilder:validation:Enum=PENDING;RUNNING;COMPLETED;FAILED;CANCELLED
type NodeState string

// The states of a node's operation, as its sidecar tells them.
const (
	NodePending   NodeState = "PENDING"
	NodeRunning   NodeState = "RUNNING"
	NodeCompleted NodeState = "COMPLETED"
	NodeFailed    NodeState = "FAILED"
	NodeCancelled NodeState = "CANCELLED"
)

// IsTerminal reports whether an operation in this state will never change again.
func (s NodeState) IsTerminal() bool {
	return s == NodeCompleted || s == NodeFailed || s == NodeCancelled
}

// Submission is what is known of a request that was sent to a node.
// +kubebuilder:validation:Enum=Unsure;Accepted;Lost
type Submission string

// The submissions. Where there is none, nothing was ever sent.
const (
	// SubmissionUnsure is for a request without an answer: it may have arrived.
	SubmissionUnsure Submission = "Unsure"
	// SubmissionAccepted is for one that the sidecar has answered for.
	SubmissionAccepted Submission = "Accepted"
	// SubmissionLost is for one that the sidecar does not know any more, for
	// example because its disk was lost. It is sent again, under the same id.
	SubmissionLost Submission = "Lost"
)

// Cancellation is how far the cancelling of a node's operation is.
// +kubebuilder:validation:Enum=Tried;Accepted
type Cancellation string

// The cancellations. Where there is none, the operation was not asked to stop.
const (
	// CancellationTried is for one that the sidecar has not answered yet.
	CancellationTried Cancellation = "Tried"
	// CancellationAccepted is for one that the sidecar has taken.
	CancellationAccepted Cancellation = "Accepted"
)

// NodeStatus is one member of the ring and its part in the operation.
type NodeStatus struct {
	// hostId of the node in the ring.
	// +required
	// +kubebuilder:validation:MaxLength=36
	HostID string `json:"hostId"`

	// pod in which the node runs now. It is empty where none is known.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Pod string `json:"pod,omitempty"`

	// address of the node in the ring.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Address string `json:"address,omitempty"`

	// dc is the node's datacenter.
	// +optional
	// +kubebuilder:validation:MaxLength=100
	Datacenter string `json:"dc,omitempty"`

	// rack of the node.
	// +optional
	// +kubebuilder:validation:MaxLength=100
	Rack string `json:"rack,omitempty"`

	// instance of the sidecar that answered last: it is new at each start of the
	// sidecar.
	// +optional
	// +kubebuilder:validation:MaxLength=36
	Instance string `json:"instance,omitempty"`

	// phase that operationId is about, by its name in the REST contract.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Phase string `json:"phase,omitempty"`

	// operationId is the id under which the sidecar has it.
	// +optional
	// +kubebuilder:validation:MaxLength=36
	OperationID string `json:"operationId,omitempty"`

	// submission tells what is known of the request, where one was sent.
	// +optional
	Submission Submission `json:"submission,omitempty"`

	// cancellation tells how far cancelling it is, where it is to be cancelled.
	// +optional
	Cancellation Cancellation `json:"cancellation,omitempty"`

	// losses counts how often the sidecar has lost it.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Losses int32 `json:"losses,omitempty"`

	// state is the last that the sidecar told.
	// +optional
	State NodeState `json:"state,omitempty"`

	// progressPercent of the node's operation. It never goes back.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	ProgressPercent int32 `json:"progressPercent,omitempty"`

	// transfer counts the bytes and files of the node. It outlives the phase
	// that moved them.
	// +optional
	Transfer *Transfer `json:"transfer,omitempty"`

	// trouble is set while the sidecar does not answer as it should.
	// +optional
	Trouble *NodeTrouble `json:"trouble,omitempty"`

	// error is why the node's operation failed, or what the trouble with its
	// sidecar is.
	// +optional
	// +kubebuilder:validation:MaxLength=200
	Error string `json:"error,omitempty"`
}

// TroubleReason is what kind of trouble there is in talking to a sidecar.
// +kubebuilder:validation:Enum=Refused;Unreachable;Busy;Conflict;Final
type TroubleReason string

// The reasons, by what they say about a request.
const (
	// TroubleRefused is for a connection that did not come about: nothing was started.
	TroubleRefused TroubleReason = "Refused"
	// TroubleUnreachable is for a call without an answer: it may have arrived.
	TroubleUnreachable TroubleReason = "Unreachable"
	// TroubleBusy is for a sidecar that does not take it now.
	TroubleBusy TroubleReason = "Busy"
	// TroubleConflict is for another operation in the way: nothing was started.
	TroubleConflict TroubleReason = "Conflict"
	// TroubleFinal is for an answer that stays the same: nothing was started.
	TroubleFinal TroubleReason = "Final"
)

// NodeTrouble is trouble in talking to one sidecar that has not passed yet.
type NodeTrouble struct {
	// reason sorts it.
	// +required
	Reason TroubleReason `json:"reason"`
	// since is when it began.
	// +required
	Since metav1.Time `json:"since"`
	// failures counts the calls since then, and stops counting where more make no
	// difference.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Failures int32 `json:"failures,omitempty"`
}
