package rest

import (
	"encoding/json"
	"time"
)

// State is where an operation is in its life.
type State string

// The states of an operation, in the order of its life.
const (
	StatePending   State = "PENDING"
	StateRunning   State = "RUNNING"
	StateCompleted State = "COMPLETED"
	StateFailed    State = "FAILED"
	StateCancelled State = "CANCELLED"
)

// IsTerminal reports whether an operation in this state will never change again.
func (s State) IsTerminal() bool {
	return s == StateCompleted || s == StateFailed || s == StateCancelled
}

// OperationError is one thing that went wrong in an operation.
type OperationError struct {
	// Source is the host that the error comes from: a node's address, or the
	// name of the host the sidecar runs on.
	Source string `json:"source"`
	// Message says what failed and, where there is one, the way out.
	Message string `json:"message"`
}

// Operation is what the sidecar answers about one operation. On the wire the
// fields of its request are flattened into it, as in the original: MarshalJSON
// merges Request's fields with the envelope's, UnmarshalJSON keeps everything
// that is not the envelope's in Request.
type Operation struct {
	ID           string           `json:"id"`
	CreationTime time.Time        `json:"creationTime"`
	State        State            `json:"state"`
	Errors       []OperationError `json:"errors"`
	// Progress goes from 0 to 1.
	Progress       float64    `json:"progress"`
	StartTime      *time.Time `json:"startTime,omitempty"`
	Type           string     `json:"type"`
	CompletionTime *time.Time `json:"completionTime,omitempty"`

	// The fields below are ours; the original does not have them.

	// Instance names one life of one sidecar process: it is new at each start,
	// so a client sees at its next poll that the sidecar was restarted.
	Instance string `json:"instance,omitempty"`
	// Warnings are what the sidecar noticed and went on in spite of, such as
	// unknown fields of the request.
	Warnings []string `json:"warnings,omitempty"`
	// CurrentPhase is the phase that a global request, or a long operation, is in.
	CurrentPhase string `json:"currentPhase,omitempty"`
	// Transfer counts the bytes and files moved by backup and restore.
	Transfer *Transfer `json:"transfer,omitempty"`
	// Nodes tells how each node of a global request is doing.
	Nodes []NodeProgress `json:"nodes,omitempty"`
	// Result is what a finished operation found out, one shape per type: see
	// BackupResult and RestoreResult.
	Result json.RawMessage `json:"result,omitempty"`

	// Request is the request as the sidecar runs it: a JSON object with the
	// defaults filled in, secrets left out.
	Request json.RawMessage `json:"-"`
}

// Transfer counts what an operation moves between node and bucket.
type Transfer struct {
	// BytesTotal and FilesTotal are all that the backup or restore consists of.
	BytesTotal int64 `json:"bytesTotal"`
	FilesTotal int64 `json:"filesTotal"`
	// BytesDone and FilesDone count those moved or found already in place.
	BytesDone int64 `json:"bytesDone"`
	FilesDone int64 `json:"filesDone"`
	// BytesReused and FilesReused count those found already in place.
	BytesReused int64 `json:"bytesReused"`
	FilesReused int64 `json:"filesReused"`
}

// NodeProgress is one node's part in a global request.
type NodeProgress struct {
	HostID      string           `json:"hostId"`
	Hostname    string           `json:"hostname"`
	Datacenter  string           `json:"dc,omitempty"`
	Rack        string           `json:"rack,omitempty"`
	OperationID string           `json:"operationId,omitempty"`
	Phase       string           `json:"phase,omitempty"`
	State       State            `json:"state,omitempty"`
	Progress    float64          `json:"progress"`
	Transfer    *Transfer        `json:"transfer,omitempty"`
	Errors      []OperationError `json:"errors,omitempty"`
}

// BackupResult is the Result of a completed node backup.
type BackupResult struct {
	// SnapshotTag is the final tag, the name of the manifest.
	SnapshotTag   string `json:"snapshotTag"`
	SchemaVersion string `json:"schemaVersion,omitempty"`
	// ManifestKey is relative to the bucket.
	ManifestKey string `json:"manifestKey"`
	Tables      int    `json:"tables"`
}

// RestoreResult is the Result of the INIT and DOWNLOAD phases of a restore.
type RestoreResult struct {
	// Manifests are the final tags in the bucket that match the request, newest
	// first, at most MaxManifests of them (INIT).
	Manifests []string `json:"manifests,omitempty"`
	// SnapshotTag is the manifest that was used (DOWNLOAD).
	SnapshotTag string `json:"snapshotTag,omitempty"`
	// Tables are "keyspace.table" of every table that was downloaded, sorted (DOWNLOAD).
	Tables []string `json:"tables,omitempty"`
}

// MaxManifests bounds RestoreResult.Manifests.
const MaxManifests = 100
