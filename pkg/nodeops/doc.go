// Package nodeops holds every type of operation that a sidecar runs, one file a
// type: what of its request is checked before anything starts, and how it runs.
//
// A kind is one function that returns an operation.Kind and one line in Kinds.
// The work itself is in the use cases below (backup, restore) or in Cassandra;
// here it is bound to requests, and global requests are bound to the phases of
// package cluster.
//
// Its invariants:
//
//   - A directory that a request names lies in a data directory, in the parent of
//     one, or in a directory that the administrator allowed, symbolic links
//     resolved. A file:// location is a bucket, and is not held to that.
//   - What a request leaves open, such as the tag's schema version and time, is
//     decided once and journaled before it is acted upon, so that a resumed
//     operation goes on with the same.
//   - A global request asks nothing of a node before all of the ring that it is
//     about was found to be up.
//   - What Cassandra goes on with when we hang up is stopped there before the
//     operation is CANCELLED; where Cassandra cannot stop, cancelling is refused.
//     The next life of the sidecar watches it to its end, and asks for no second
//     one beside it.
//
// Only programs may import this package: cmd, and those of whoever adds kinds.
package nodeops
