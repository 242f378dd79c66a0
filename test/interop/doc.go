// Package interop proves that backups go both ways between Icarus and what it
// takes the place of. A bucket that the original wrote, and backups that a real Esop
// makes, are restored into a real node by our command line; Esop restores ours; and
// the rows are compared.
//
// The tests share one node, which they kill and wipe: no two of them run at a time.
package interop
