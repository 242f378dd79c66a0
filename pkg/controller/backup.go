package controller

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/api/v1alpha1"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
)

// backupJob is a CassandraBackup in the hands of its reconciler.
type backupJob struct{ v1alpha1.CassandraBackup }

func (b *backupJob) object() client.Object             { return &b.CassandraBackup }
func (b *backupJob) status() *v1alpha1.OperationStatus { return &b.Status.OperationStatus }
func (b *backupJob) summary() string                   { return string(b.Status.Phase) }
func (b *backupJob) setSummary(phase string)           { b.Status.Phase = v1alpha1.BackupPhase(phase) }
func (b *backupJob) remember() job                     { return &backupJob{*b.DeepCopy()} }

func (b *backupJob) milestones() []milestone {
	return []milestone{
		{
			condition: v1alpha1.ConditionSnapshotsUploaded, step: cluster.PhaseUpload, summary: string(v1alpha1.BackupUploading),
			doing: "the nodes take snapshots and upload them", failure: v1alpha1.ReasonSchemaChanged,
		},
		{
			condition: v1alpha1.ConditionTopologyUploaded, step: cluster.PhaseTopology, summary: string(v1alpha1.BackupSealing),
			doing: "the description of the ring is uploaded", failure: v1alpha1.ReasonNodeFailed,
		},
	}
}

func (b *backupJob) settings() settings {
	s := settings{
		cluster: b.Spec.Cluster, location: b.Spec.StorageLocation, secret: b.Spec.CredentialsSecretRef,
		allowMissing: b.Spec.MissingNodes == v1alpha1.MissingNodesAllow,
	}
	if b.Spec.Timeout != nil {
		s.timeout = b.Spec.Timeout.Duration
	}
	return s
}

// begin completes the tag: the same on every node, and that of no other backup.
func (b *backupJob) begin(schemaVersion string, now time.Time) {
	b.Status.SchemaVersion = schemaVersion
	b.Status.SnapshotTag = fmt.Sprintf("%s-%s-%d", b.SnapshotTag(), schemaVersion, now.UnixMilli())
}

func (b *backupJob) plan(id uuid.UUID, ring cluster.Ring, credentials *rest.Credentials) (cluster.Plan, error) {
	req, err := b.request()
	if err != nil {
		return cluster.Plan{}, err
	}
	req.Credentials = credentials
	plan, err := cluster.BackupPlan(id, req, ring)
	plan.Timeout = b.settings().timeout
	return plan, err
}

func (b *backupJob) request() (*rest.BackupRequest, error) {
	made, _ := rest.NewRequest(rest.TypeBackup)
	req := made.(*rest.BackupRequest) //nolint:forcetypeassert // the contract's own type
	req.StorageLocation = string(b.Spec.StorageLocation)
	req.Entities = joined(b.Spec.Entities)
	req.SnapshotTag = b.Status.SnapshotTag
	if b.Spec.ConcurrentConnections > 0 {
		req.ConcurrentConnections = int(b.Spec.ConcurrentConnections)
	}
	if timeout := b.settings().timeout; timeout > 0 {
		req.Timeout = hoursOf(timeout)
	}
	if d := b.Spec.Duration; d != nil {
		req.Duration = &rest.Duration{Value: int64(d.Duration / time.Second), Unit: "SECONDS"}
	}
	if b.Spec.Bandwidth != "" {
		req.Bandwidth = new(rest.Bandwidth)
		if err := req.Bandwidth.UnmarshalJSON([]byte(strconv.Quote(b.Spec.Bandwidth))); err != nil {
			return nil, fmt.Errorf("reading bandwidth %q: %w", b.Spec.Bandwidth, err)
		}
	}
	return req, nil
}

// result of an upload is known: a node that reports another is not COMPLETED.
func (b *backupJob) result(step string) (json.RawMessage, error) {
	if step != cluster.PhaseUpload {
		return nil, nil
	}
	return json.Marshal(rest.BackupResult{SnapshotTag: b.Status.SnapshotTag, SchemaVersion: b.Status.SchemaVersion})
}

func joined(entities v1alpha1.Entities) string {
	names := make([]string, len(entities))
	for i, e := range entities {
		names[i] = string(e)
	}
	return strings.Join(names, ",")
}
