package controller

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/api/v1alpha1"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
)

// restoreJob is a CassandraRestore in the hands of its reconciler.
type restoreJob struct{ v1alpha1.CassandraRestore }

func (r *restoreJob) object() client.Object             { return &r.CassandraRestore }
func (r *restoreJob) status() *v1alpha1.OperationStatus { return &r.Status.OperationStatus }
func (r *restoreJob) summary() string                   { return string(r.Status.Phase) }
func (r *restoreJob) setSummary(phase string)           { r.Status.Phase = v1alpha1.RestorePhase(phase) }
func (r *restoreJob) remember() job                     { return &restoreJob{*r.DeepCopy()} }
func (r *restoreJob) begin(string, time.Time)           {}

func (r *restoreJob) milestones() []milestone {
	of := func(condition string, step rest.RestorePhase, summary v1alpha1.RestorePhase, doing, failure string) milestone {
		return milestone{condition: condition, step: string(step), summary: string(summary), doing: doing, failure: failure}
	}
	return []milestone{
		of(v1alpha1.ConditionInitialized, rest.PhaseInit, v1alpha1.RestoreInitializing,
			"the nodes look for the backup", v1alpha1.ReasonSnapshotNotFound),
		of(v1alpha1.ConditionDownloaded, rest.PhaseDownload, v1alpha1.RestoreDownloading,
			"the nodes download the backup and verify it", v1alpha1.ReasonEntitiesNotFound),
		of(v1alpha1.ConditionTruncated, rest.PhaseTruncate, v1alpha1.RestoreTruncating,
			"the tables are truncated", v1alpha1.ReasonNodeFailed),
		of(v1alpha1.ConditionImported, rest.PhaseImport, v1alpha1.RestoreImporting,
			"the nodes put in the data", v1alpha1.ReasonNodeFailed),
		of(v1alpha1.ConditionCleanedUp, rest.PhaseCleanup, v1alpha1.RestoreCleaning,
			"the nodes delete what is not needed any more", v1alpha1.ReasonNodeFailed),
	}
}

func (r *restoreJob) settings() settings {
	s := settings{alone: true}
	if r.Spec.Timeout != nil {
		s.timeout = r.Spec.Timeout.Duration
	}
	if source := r.Status.Source; source != nil {
		s.cluster, s.location, s.secret = source.Cluster, source.StorageLocation, source.CredentialsSecretRef
	}
	return s
}

func (r *restoreJob) plan(id uuid.UUID, ring cluster.Ring, credentials *rest.Credentials) (cluster.Plan, error) {
	req := r.request()
	req.Credentials = credentials
	plan, err := cluster.RestorePlan(id, req, ring)
	plan.Timeout = r.settings().timeout
	return plan, err
}

func (r *restoreJob) request() *rest.RestoreRequest {
	made, _ := rest.NewRequest(rest.TypeRestore)
	req := made.(*rest.RestoreRequest) //nolint:forcetypeassert // the contract's own type
	if source := r.Status.Source; source != nil {
		req.StorageLocation, req.SnapshotTag = string(source.StorageLocation), source.SnapshotTag
	}
	req.Entities = joined(r.Spec.Entities)
	req.RestorationStrategyType = rest.StrategyHardlinks
	if r.Spec.Strategy == v1alpha1.StrategyImport {
		req.RestorationStrategyType = rest.StrategyImport
	}
	req.Import = &rest.ImportRequest{
		Header: rest.Header{Type: rest.TypeImport}, SourceDir: rest.URI(r.Spec.DownloadDirectory),
	}
	req.NoDeleteDownloads, req.NoDeleteTruncates = r.Spec.KeepDownloads, r.Spec.KeepTruncated
	req.SchemaVersion, req.ExactSchemaVersion = r.Spec.SchemaVersion, r.Spec.ExactSchemaVersion
	if r.Spec.ConcurrentConnections > 0 {
		req.ConcurrentConnections = int(r.Spec.ConcurrentConnections)
	}
	if timeout := r.settings().timeout; timeout > 0 {
		req.Timeout = hoursOf(timeout)
	}
	req.Rename = make(map[string]string, len(r.Spec.Rename))
	for from, to := range r.Spec.Rename {
		req.Rename[from] = string(to)
	}
	return req
}

// result is too much for the status; the sidecars are asked again.
func (r *restoreJob) result(string) (json.RawMessage, error) { return nil, nil }
