// Package v1alpha1 is the Kubernetes contract: the kinds CassandraBackup and
// CassandraRestore of the group icarus.io, their conditions and the reasons of
// these. The names in a spec are those of the REST contract.
//
// Its invariants:
//
//   - A spec says one thing for ever: but for the deletionPolicy of a backup it
//     is immutable. Another backup is another object.
//   - A status holds all that the controller must remember, so that one which is
//     killed goes on from it. What sidecars can tell again is not in it.
//   - Every list and every string has a bound. An object of a thousand nodes stays
//     below a megabyte, which etcd takes; details are asked of the sidecars.
//   - Finished is for ever: once Complete or Failed is True the controller
//     never works on the object again, but to delete a backup's data with it.
//
// It imports apimachinery alone, so that a client may import it alone.
//
// +kubebuilder:object:generate=true
// +groupName=icarus.io
package v1alpha1
