// Package rest is the REST contract of the sidecar: the requests that
// POST /operations takes, the operation that every answer carries, the errors,
// and the small documents of /version, /status and /topology.
//
// The field names, their types and their defaults are those of Instaclustr
// Icarus 1.1 to 3.0, so that its clients work unchanged; what is ours beyond
// them is marked so. The package imports nothing heavy: a client may import it
// alone.
package rest
