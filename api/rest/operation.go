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
	Source  string `json:"source" doc:"Host that the error comes from: a node's address, or the name of the sidecar's host."`
	Message string `json:"message" doc:"What failed and, where there is one, the way out."`
}

// Operation is what the sidecar answers about one operation. On the wire the
// fields of its request are flattened into it, as in the original: MarshalJSON
// merges Request's fields with the envelope's, UnmarshalJSON keeps everything
// that is not the envelope's in Request.
type Operation struct {
	ID             string           `json:"id" doc:"Id of the operation."`
	CreationTime   time.Time        `json:"creationTime" doc:"When it was accepted."`
	State          State            `json:"state" doc:"Where it is in its life; after COMPLETED, FAILED and CANCELLED it never changes."`
	Errors         []OperationError `json:"errors" doc:"What went wrong."`
	Progress       float64          `json:"progress" doc:"From 0 to 1."`
	StartTime      *time.Time       `json:"startTime,omitempty" doc:"When its work began."`
	Type           string           `json:"type" doc:"Kind of the operation."`
	CompletionTime *time.Time       `json:"completionTime,omitempty" doc:"When it was finished."`

	// The fields below are ours; the original does not have them.

	Instance     string         `json:"instance,omitempty" doc:"Names one life of the sidecar: it is new at each start, so that a client sees that the sidecar was restarted."`
	Warnings     []string       `json:"warnings,omitempty" doc:"What the sidecar noticed and went on in spite of, such as unknown fields of the request."`
	CurrentPhase string         `json:"currentPhase,omitempty" doc:"The phase that a global request, or a long operation, is in."`
	Transfer     *Transfer      `json:"transfer,omitempty" doc:"Bytes and files that a backup or restore moves."`
	Nodes        []NodeProgress `json:"nodes,omitempty" doc:"How each node of a global request is doing."`
	// Result is what a finished operation found out, one shape per type: see
	// BackupResult and RestoreResult.
	Result json.RawMessage `json:"result,omitempty" doc:"What a finished operation found out."`

	// Request is the request as the sidecar runs it: a JSON object with the
	// defaults filled in, secrets left out.
	Request json.RawMessage `json:"-"`
}

// Transfer counts what an operation moves between node and bucket.
type Transfer struct {
	BytesTotal  int64 `json:"bytesTotal" doc:"Bytes of all that the backup or restore consists of."`
	FilesTotal  int64 `json:"filesTotal" doc:"Files of all that the backup or restore consists of."`
	BytesDone   int64 `json:"bytesDone" doc:"Bytes moved or found already in place."`
	FilesDone   int64 `json:"filesDone" doc:"Files moved or found already in place."`
	BytesReused int64 `json:"bytesReused" doc:"Bytes found already in place."`
	FilesReused int64 `json:"filesReused" doc:"Files found already in place."`

	BytesPerSecond int64 `json:"bytesPerSecond,omitempty" doc:"How fast bytes move now; left out while that is not known."`
	SecondsLeft    int64 `json:"secondsLeft,omitempty" doc:"How long it takes at this rate; left out while that is not known."`
}

// NodeProgress is one node's part in a global request.
type NodeProgress struct {
	HostID      string           `json:"hostId" doc:"Host id of the node."`
	Hostname    string           `json:"hostname" doc:"Name of the node, or its address."`
	Datacenter  string           `json:"dc,omitempty" doc:"Its datacenter."`
	Rack        string           `json:"rack,omitempty" doc:"Its rack."`
	OperationID string           `json:"operationId,omitempty" doc:"The operation of its own sidecar."`
	Phase       string           `json:"phase,omitempty" doc:"The phase that it is in."`
	State       State            `json:"state,omitempty" doc:"State of that operation."`
	Progress    float64          `json:"progress" doc:"From 0 to 1."`
	Transfer    *Transfer        `json:"transfer,omitempty" doc:"Bytes and files that it moves."`
	Errors      []OperationError `json:"errors,omitempty" doc:"What went wrong on it."`
}

// BackupResult is the Result of a completed node backup.
type BackupResult struct {
	SnapshotTag   string `json:"snapshotTag" doc:"The final tag, which is the name of the manifest."`
	SchemaVersion string `json:"schemaVersion,omitempty" doc:"Schema version of the backup."`
	ManifestKey   string `json:"manifestKey" doc:"Key of the manifest in the bucket."`
	Tables        int    `json:"tables" doc:"How many tables were backed up."`
}

// RestoreResult is the Result of the INIT and DOWNLOAD phases of a restore.
type RestoreResult struct {
	Manifests   []string `json:"manifests,omitempty" doc:"Final tags in the bucket that match the request, the newest first, at most 100 (INIT)."`
	SnapshotTag string   `json:"snapshotTag,omitempty" doc:"The backup that was used (DOWNLOAD)."`
	Tables      []string `json:"tables,omitempty" doc:"Every table that was downloaded, as keyspace.table, sorted (DOWNLOAD)."`
}

// MaxManifests bounds RestoreResult.Manifests.
const MaxManifests = 100
