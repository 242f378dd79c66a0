// Package controller reconciles CassandraBackup and CassandraRestore: it is the
// coordinator on Kubernetes. It finds the sidecars of a cluster by the labels of
// their pods, sends each its part, and drives the phases with the same
// cluster.Step that a sidecar coordinates with.
//
// A pass over an object is a list of phases on a scope, which hold what this pass
// has found out, and one write of the status at its end. Its invariants:
//
//   - The status is the only memory. What was decided is written before it is acted
//     upon, and a pass that acts has checked that it read the newest object. So a
//     controller that is killed anywhere, or two that believe to lead, start
//     nothing twice: the id of each node's operation is made of the object's UID,
//     the step and the node.
//   - A finished object is never worked on again: nothing is sent, nothing written.
//   - No request goes to a node that the ring does not place at the address of a
//     pod which exists now. Addresses are used again, host ids are not.
//   - One restore, or one backup, works on a cluster at a time.
//   - Secrets are read when a request is sent, and are nowhere else. They
//     travel in plain HTTP only where a flag allows it.
//   - Whatever stands in the way is a condition with a reason and what to do
//     about it, and is looked at again at a steady, slow pace.
//
// What a process remembers beside the status (see memory and claims) only saves
// requests and writes, or bridges the moment until the cache has caught up.
package controller

// The rights of the controller. They are bound in each namespace that is watched, and
// the one of the lease, by a RoleBinding; no right is cluster-wide.
//
// +kubebuilder:rbac:groups=icarus.io,resources=cassandrabackups;cassandrarestores,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=icarus.io,resources=cassandrabackups/status;cassandrarestores/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get
// +kubebuilder:rbac:groups="";events.k8s.io,resources=events,verbs=create;patch
// +kubebuilder:rbac:groups=coordination.k8s.io,resources=leases,verbs=get;create;update
