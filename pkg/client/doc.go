// Package client is the typed client of a sidecar's REST API. The coordinator
// of global requests, the controller and the command line talk through it.
//
// Every call is bounded in time and in the bytes it reads. Nothing is retried
// here but what HTTP itself allows: a GET, and a POST that carries an id, on a
// connection that the other side had closed. Whoever calls decides about more.
package client
