// Package esop runs the command line of Esop, the program inside the original
// Icarus that backs up and restores, for the tests that exchange backups with it.
//
// It comes from Maven's repository by pinned version into the cache outside the
// tree, as Cassandra does, and runs on the same Java.
package esop
