package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// DefaultPort is the port of a sidecar where none is named.
const DefaultPort = 4567

// ClusterReference finds the sidecars of one Cassandra cluster.
type ClusterReference struct {
	// podSelector chooses the Cassandra pods of one cluster by their labels, in
	// the namespace of this object. Each of these pods has a sidecar. An empty
	// selector would choose every pod and is refused.
	// +required
	// +kubebuilder:validation:XValidation:rule="(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)",message="must name a label, since an empty selector chooses every pod of the namespace"
	// +kubebuilder:validation:XValidation:rule="(!has(self.matchLabels) || size(self.matchLabels) <= 20) && (!has(self.matchExpressions) || size(self.matchExpressions) <= 20)",message="must have at most 20 labels and 20 expressions"
	PodSelector metav1.LabelSelector `json:"podSelector"`

	// port is where the sidecars listen: a number, or the name of a port of a
	// container of the pod. A name must be found in every pod.
	// +optional
	// +kubebuilder:default=4567
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? (int(self) >= 1 && int(self) <= 65535) : string(self).matches('^[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?$')",message="must be a number from 1 to 65535, or the name of a container's port: at most 15 of a-z, 0-9 and -"
	Port *intstr.IntOrString `json:"port,omitempty"`

	// datacenters limit the operation to the nodes in these datacenters of the
	// ring. All are meant where none is named. Cassandra truncates tables
	// in every datacenter at once, whatever a restore is limited to.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=100
	// +kubebuilder:validation:items:Pattern=`^[^\s,/\\]+$`
	Datacenters []string `json:"datacenters,omitempty"`
}

// SecretReference names a Secret in the namespace of the object.
type SecretReference struct {
	// name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`
	Name string `json:"name"`
}

// BackupReference names a CassandraBackup in the namespace of the object.
type BackupReference struct {
	// name of the CassandraBackup.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`
	Name string `json:"name"`
}

// StorageLocation is where backups lie.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=1024
// +kubebuilder:validation:Pattern=`^[a-z][a-z0-9]{1,19}://[^@\s?#/]*(/[^\s?#/]+)*/?$`
// +kubebuilder:validation:XValidation:rule="!self.contains('/../') && !self.endsWith('/..')",message="must not contain '..'"
type StorageLocation string

// Entity is a keyspace, "ks", or a table, "ks.table".
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=445
// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_]{1,222}(\.[A-Za-z0-9_]{1,222})?$`
type Entity string

// Entities are keyspaces, or tables.
// +listType=set
// +kubebuilder:validation:MaxItems=256
// +kubebuilder:validation:XValidation:rule="self.all(e, e.contains('.')) || self.all(e, !e.contains('.'))",message="must be all keyspaces (ks) or all tables (ks.table), never mixed"
type Entities []Entity
