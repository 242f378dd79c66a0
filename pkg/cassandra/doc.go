// Package cassandra is one Cassandra node as we see it: its place in the ring,
// its schema and data directories, and what a backup or a restore asks it to do.
// Everything goes over JMX; nothing here reads an SSTable or knows a bucket.
//
// Invariants:
//
//   - Every method opens a connection, uses it and closes it. A long call has
//     one of its own, and no call depends on what an earlier one left behind.
//   - What differs between releases is found by asking the MBean for its
//     operations and attributes, never by comparing version numbers.
//   - Names are checked before they become part of an MBean's name, and exist
//     before something is done to them: a typing error is ErrUnknownKeyspace or
//     ErrUnknownTable, not whatever that release of Cassandra makes of it.
//   - An exception of Cassandra becomes an error that names what was asked, of
//     which keyspace and table, and tells the exception's root cause.
//
// Node is for the use cases (backup, restore) and for the operations on one
// node; each of them names the few methods that it needs in an interface of its
// own. cassandratest has a fake that has all of them, and the suite that holds
// the fake to a real node.
package cassandra
