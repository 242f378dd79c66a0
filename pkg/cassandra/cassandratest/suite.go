package cassandratest

import (
	"testing"
)

// Subject is what the suite works on: a node, and a way to change its data.
// What fails there fails the test that it was made for.
type Subject interface {
	Node
	CreateKeyspace(keyspace string)
	// MakeTable makes a table whose rows are known by a text.
	MakeTable(keyspace, table string)
	CreateIndex(keyspace, table, index string)
	DropTable(keyspace, table string)
	// Write writes rows, and does not flush them.
	Write(keyspace, table string, rows ...string)
	// Rows are sorted.
	Rows(keyspace, table string) []string
}

// MakeTable is CreateTable, for the suite.
func (f *Fake) MakeTable(keyspace, table string) {
	f.tb.Helper()
	f.CreateTable(keyspace, table)
}

var _ Subject = (*Fake)(nil)

// Run holds a node to what package cassandra promises and what its users rely on.
// open returns a subject for one test: a new node, or the one that all share. It
// is the only node of its ring, its directories are to be seen under their paths,
// and nobody else works on the keyspaces that are called conform_*.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	t.Helper()
	for name, test := range map[string]func(t *testing.T, s Subject){
		"the node knows itself and its ring":                  knowsItself,
		"tables are listed with their directories":            listsTables,
		"a table that was made anew has another id":           madeAnew,
		"what is not in the schema is unknown":                unknown,
		"what could be no name is refused":                    invalid,
		"a call ends with its context":                        cancelled,
		"a snapshot links what was written":                   snapshotLinks,
		"a snapshot has the indexes":                          snapshotIndexes,
		"a snapshot of an empty table is there":               snapshotEmpty,
		"a snapshot of tables has them alone":                 snapshotTables,
		"a tag is taken once":                                 tagTaken,
		"a tag is free in another keyspace":                   tagElsewhere,
		"a snapshot is cleared where it is said":              clears,
		"a snapshot of a dropped table can be cleared":        clearsDropped,
		"a snapshot of everything has the system's keyspaces": snapshotAll,
		"Flush writes to disk, if there is something":         flushes,
		"Cleanup is done, but not on a system keyspace":       cleansUp,
		"Truncate empties and leaves a snapshot":              truncates,
		"Truncate leaves files that are not in use":           truncatesLive,
		"LoadNewSSTables takes up what lies there":            loads,
		"LoadNewSSTables builds indexes":                      loadsIndexes,
		"LoadNewSSTables takes up the rest later":             loadsTwice,
		"SSTables of foreign formats are overlooked":          withImport(overlooksForeign),
		"Import takes up copies":                              withImport(imports),
		"Import takes up all or refuses the directory":        withImport(importsAnywhere),
		"Import refuses what is damaged":                      withImport(importsDamaged),
		"Import refuses a directory that is not there":        withImport(importsNothing),
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}
