// Package cli is what the command line does beyond its wiring: it makes requests
// of flags, runs them, and shows operations to people and to programs.
//
// Its invariants:
//
//   - A flag is a field of the request, and is read by the decoder that reads
//     requests: the command line takes what the REST API takes. What is wrong
//     with a field is said of its flag.
//   - An interrupted command cancels its operation and returns when that has
//     stopped.
//   - What a program reads goes to standard output, and what a person watches to
//     standard error.
//
// Only cmd may import this package.
package cli
