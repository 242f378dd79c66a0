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

// job is what a backup and a restore do differently.
type job interface {
	object() client.Object
	status() *v1alpha1.OperationStatus
	// summary is the phase for people, setSummary sets it.
	summary() string
	setSummary(phase string)
	// milestones are the conditions between discovery and the end.
	milestones() []milestone
	// settings are what the spec comes down to; those of a restore are known once
	// its source is.
	settings() settings
	// begin notes what is decided once and for all when work begins.
	begin(schemaVersion string, now time.Time)
	plan(id uuid.UUID, ring cluster.Ring, credentials *rest.Credentials) (cluster.Plan, error)
	// result is what a finished operation of a step is known to have found out
	// without asking its sidecar again, or nil.
	result(step string) (json.RawMessage, error)
	// remember copies the object, for comparing and patching.
	remember() job
}

// milestone is one barrier and the condition that it makes True.
type milestone struct {
	condition string
	// step is the cluster's phase.
	step string
	// summary is the phase for people while nodes work at it.
	summary string
	// doing says what nodes do meanwhile.
	doing string
	// failure is the reason where every node did its part and the parts do not
	// make a whole.
	failure string
}

// settings are what the coordinator needs of a spec.
type settings struct {
	cluster      v1alpha1.ClusterReference
	location     v1alpha1.StorageLocation
	secret       *v1alpha1.SecretReference
	timeout      time.Duration
	allowMissing bool
	// alone is set where nothing else may work on the cluster meanwhile.
	alone bool
}

// The phases for people that both kinds have.
const (
	summaryPending     = "Pending"
	summaryDiscovering = "Discovering"
	summaryStopping    = "Stopping"
	summaryCompleted   = "Completed"
	summaryFailed      = "Failed"
	summaryCancelled   = "Cancelled"
)

// parentID is the UID of an object, which is a UUID wherever an API server gave it.
func parentID(o client.Object) uuid.UUID {
	id, err := uuid.Parse(string(o.GetUID()))
	if err != nil {
		return uuid.NewSHA1(uuid.Nil, []byte(o.GetUID()))
	}
	return id
}

// hoursOf is a time in the unit of a request's timeout, rounded up.
func hoursOf(d time.Duration) int { return int((d + time.Hour - 1) / time.Hour) }
