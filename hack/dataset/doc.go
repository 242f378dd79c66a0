// Package dataset is the data that the demo and the integration tests back up,
// damage, restore and compare: small tables of the shapes that hurt (collections,
// a user type, static columns, expiring cells, a secondary index, a quoted name,
// no rows at all, many SSTables), in keyspaces of different replication.
//
// All values follow from the row's number, so that every run writes the same.
// What a table holds is told by a Print: its rows and a checksum over all of
// their columns that does not depend on the order they come in.
//
// Load makes data of a given size and number of SSTables instead, for benchmarks.
package dataset
