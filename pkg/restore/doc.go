// Package restore brings one node's part of a backup back: its phases INIT,
// DOWNLOAD, TRUNCATE, IMPORT and CLEANUP, one file and one function a phase.
// Between them lies a barrier over all nodes, which the caller keeps. InPlace is
// all of a restore of a node that is stopped.
//
// Downloads lie in <source directory>/<host id>/<tag>/<keyspace>/<table>-<id>/,
// where keyspace, table and id are those of the table here that takes the data.
// DOWNLOAD ends with a record of them, and the later phases go by that record
// alone: what it does not name is neither truncated nor imported.
//
// Invariants:
//
//   - Every phase can be repeated, after a crash at any point. DOWNLOAD keeps
//     what is there with the right digest; IMPORT keeps, for each table, how far
//     it came, and goes on there if it is called with the same Request.ID.
//   - A file has its final name only when all of it is there, on disk and with
//     the size and digest that the manifest says.
//   - A table is truncated only where this node has downloaded its data.
//   - The files of an SSTable are linked into a table's directory with Data.db
//     last, under a name that Cassandra does not come to use. Cassandra takes an
//     SSTable without Data.db for remains, so a crash leaves whole SSTables only.
//   - What lies in a directory that others may write to is reached through an
//     os.Root; names of manifests and records are checked before they become paths.
//   - Nothing is deleted but what this restore made: its own directory below the
//     source directory, its links, and snapshots of its own truncation.
//
// The phases do not download the SSTables of secondary indexes: Cassandra builds
// them of the data when it takes that up, and reads none that were put beside it.
//
// Invariants of InPlace:
//
//   - Nothing of the node is changed before all of the backup lies on its disks,
//     verified. From the first change to the end there is a record of it, with
//     which only the same restore goes on, and with the same backup.
//   - A crash leaves whole SSTables only, of the backup or of before.
//   - Of a keyspace that is Cassandra's own nothing is touched unless it was asked for.
package restore
