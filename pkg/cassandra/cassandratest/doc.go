// Package cassandratest has a Cassandra for the tests of others: Fake, a node
// with real directories and no database, and Run, the suite that holds a fake and
// a real node to the same behaviour.
//
// A Fake is a *cassandra.Node over MBeans of its own, so that what is checked
// before Cassandra is asked, and how its answers are read, is the real thing. Its
// SSTables are files with the names that Cassandra gives them; what is in their
// Data.db are rows, one a line, which a test writes and reads. Several fakes are
// one ring, with one schema.
//
//	node := cassandratest.New(t, cassandratest.Options{})
//	node.CreateTable("shop", "items")
//	node.Write("shop", "items", "apple", "pear")
//	node.Fail("ClearSnapshot", errors.New("no answer"))
package cassandratest
