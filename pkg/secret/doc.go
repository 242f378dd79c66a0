// Package secret reads a Kubernetes Secret from within a pod, with the pod's own
// service account: what a request to a sidecar may name in place of the keys to
// its bucket.
//
// Invariants:
//   - A Secret is read only if its name was allowed when the program started.
//   - One GET of that one object is all that is ever asked of the API server: the
//     service account needs the right to get it, not to list or to watch.
//   - Nothing is kept: token, authority and Secret are read each time, so that
//     each can be replaced without a restart.
//   - Values are in no error, no log and no text of a Values.
//
// It is net/http and no client-go, which alone would take what the idle sidecar may
// use of memory.
package secret
