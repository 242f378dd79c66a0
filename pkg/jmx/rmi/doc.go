// Package rmi calls methods of remote Java objects: the wire protocol of RMI
// (JRMP), from the client's side.
//
// Invariants:
//
//   - A call is sent once. It is never repeated, not even after the loss of a
//     connection that may not have carried it.
//   - Only the configured host is ever dialled. Of a stub the port counts, never
//     the host: neither a wrong java.rmi.server.hostname nor a registry in other
//     hands leads us elsewhere.
//   - With TLS set, a stub that wants none is refused, so that nobody between us
//     and the registry can have the password sent in the clear; and the other way
//     around.
//   - When a context ends, the call returns at once and its connection is closed:
//     RMI cannot cancel. What it asked for may go on.
//   - Connections are bounded, at most one call is on each, and one that rested
//     is asked whether it lives before it is used again.
//
// There is no distributed garbage collection: no lease is taken. The objects of a
// JMX server live as long as they are used or shown to be alive, while a lease
// that is not renewed would end the session.
package rmi
