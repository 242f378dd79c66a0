// Package contract holds the sidecar to docs/contract.md, row by row: each row of
// that page has a test of its number and name, and there is no other test.
//
// The sidecar is asked over HTTP, as its clients ask it, beside nodes of package
// cassandratest. What needs a real Cassandra is tested in test/e2e and pkg/nodeops.
package contract
