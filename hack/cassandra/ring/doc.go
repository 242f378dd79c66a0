// Package ring runs real Cassandra rings on this machine: for development, for
// the demo and for integration tests. It is the workshop's, never the product's.
//
// Cassandra comes from its Maven artifacts and runs as plain java processes with
// small heaps, each node on a loopback address of its own and all with the same
// ports. A ring is up when facts say so: every node answers CQL, knows every
// other one as up and owner of tokens, and all agree on the schema.
//
// What a ring started it writes down in its run directory; what it stops, it
// stops by process id after reading from the process itself that it is the node
// of that directory. Logs stay until the next ring takes the directory.
//
// Tests call ForTest, and their TestMain calls Main or wraps itself in Around.
package ring
