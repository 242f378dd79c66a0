// Package sstable knows what lies in the directory of a table: which files make
// up one SSTable, and by which name a backup keeps it. It reads over io/fs and
// never opens more than a digest, a table of contents, and the end of a Data.db.
//
// Invariants:
//
//   - Nothing that looks like an SSTable is passed over. A Data.db of an unknown
//     form, or an SSTable that lacks a part, is an error: a backup without it
//     would not be one.
//   - The name of the directory in a bucket, "<generation>-<digest>", is the one
//     that Esop gives.
//
// It is for backup, which scans snapshots, and for manifest, which groups files
// by SSTable.
package sstable
