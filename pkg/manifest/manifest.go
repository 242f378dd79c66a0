package manifest

import (
	"errors"
	"iter"
	"maps"
	"slices"
)

// ErrCorrupt is for a document or a key that cannot be what it should be.
var ErrCorrupt = errors.New("corrupt")

// Manifest is the list of everything that a backup of one node consists of. That
// it is in the bucket means that the backup is complete.
type Manifest struct {
	Snapshot Snapshot `json:"snapshot"`
	// Tokens are the node's.
	Tokens []string `json:"tokens"`
	// SchemaVersion is "" where the original was given a tag that it took for complete.
	SchemaVersion string `json:"schemaVersion,omitempty"`
	// Size is the sum of all files. Encode computes it; a foreign one can be wrong.
	Size int64 `json:"size"`
}

// Snapshot is the snapshot that was backed up.
type Snapshot struct {
	// Name is the final tag.
	Name      string              `json:"name"`
	Keyspaces map[string]Keyspace `json:"keyspaces"`
}

// Keyspace is a keyspace in a snapshot.
type Keyspace struct {
	Tables map[string]Table `json:"tables"`
}

// Table is a table in a snapshot. One without data is there, too.
type Table struct {
	// SSTables are the files by the name of their SSTable ("nb-1-big"). An SSTable of
	// the table and one of an index that have the same name share a list.
	SSTables map[string][]Entry `json:"sstables"`
	// ID is 32 hexadecimal digits. Only a foreign table without files lacks it.
	ID string `json:"id,omitempty"`
	// SchemaContent is the CQL that makes the table; system tables have none.
	SchemaContent string `json:"schemaContent,omitempty"`
	// Others are the objects that Esop 1.x keeps beside the SSTables: schema.cql.
	// They are read only, never written.
	Others []Entry `json:"-"`
}

// EntryType is what kind of object an entry names.
type EntryType string

// The types of entries. An SSTable consists of those of type File.
const (
	File         EntryType = "FILE"
	ManifestFile EntryType = "MANIFEST_FILE"
	CQLSchema    EntryType = "CQL_SCHEMA"
	CommitLog    EntryType = "COMMIT_LOG"
)

// Entry is one object.
type Entry struct {
	// ObjectKey is relative to the node.
	ObjectKey string    `json:"objectKey"`
	Type      EntryType `json:"type"`
	Size      int64     `json:"size"`
	// Hash is as HashKind tells.
	Hash string `json:"hash,omitempty"`
}

// DataKey is the key taken apart. It is no error for an entry of an SSTable that
// Decode returned.
func (e Entry) DataKey() (DataKey, error) { return ParseDataKey(e.ObjectKey) }

// HashKind is how a hash was made.
type HashKind string

// The kinds of hashes. We write SHA256; the original wrote any, as it was told.
const (
	SHA256 HashKind = "SHA-256" // 64 hexadecimal digits
	CRC32  HashKind = "CRC"     // decimal
	NoHash HashKind = "NONE"
)

// HashKind tells how the hash was made.
func (e Entry) HashKind() HashKind {
	switch {
	case e.Hash == "":
		return NoHash
	case hashForm.MatchString(e.Hash):
		return SHA256
	}
	return CRC32
}

// TableName names a table of a manifest.
type TableName struct{ Keyspace, Table string }

// String is "keyspace.table".
func (n TableName) String() string { return n.Keyspace + "." + n.Table }

// Tables are the tables by name: by keyspace, then by table.
func (m *Manifest) Tables() iter.Seq2[TableName, Table] {
	return func(yield func(TableName, Table) bool) {
		for _, keyspace := range slices.Sorted(maps.Keys(m.Snapshot.Keyspaces)) {
			tables := m.Snapshot.Keyspaces[keyspace].Tables
			for _, table := range slices.Sorted(maps.Keys(tables)) {
				if !yield(TableName{keyspace, table}, tables[table]) {
					return
				}
			}
		}
	}
}

// Entries are the files of a table, SSTable by SSTable.
func (t Table) Entries() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for _, base := range slices.Sorted(maps.Keys(t.SSTables)) {
			for _, e := range t.SSTables[base] {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// Table is a table of the manifest, if it is there.
func (m *Manifest) Table(keyspace, table string) (Table, bool) {
	t, ok := m.Snapshot.Keyspaces[keyspace].Tables[table]
	return t, ok
}

// TableNames are the tables as "keyspace.table", sorted.
func (m *Manifest) TableNames() []string {
	var names []string
	for name := range m.Tables() {
		names = append(names, name.String())
	}
	slices.Sort(names)
	return names
}

// Add puts a table into the manifest.
func (m *Manifest) Add(name TableName, t Table) {
	if m.Snapshot.Keyspaces == nil {
		m.Snapshot.Keyspaces = map[string]Keyspace{}
	}
	k := m.Snapshot.Keyspaces[name.Keyspace]
	if k.Tables == nil {
		k.Tables = map[string]Table{}
	}
	k.Tables[name.Table] = t
	m.Snapshot.Keyspaces[name.Keyspace] = k
}

// Totals are the sums over tables.
type Totals struct {
	Tables, Files int
	Bytes         int64
}

// Totals sums up all tables.
func (m *Manifest) Totals() Totals {
	var sum Totals
	for _, table := range m.Tables() {
		t := table.Totals()
		sum.Tables++
		sum.Files += t.Files
		sum.Bytes += t.Bytes
	}
	return sum
}

// Totals sums up the files of one table.
func (t Table) Totals() Totals {
	sum := Totals{Tables: 1}
	for e := range t.Entries() {
		sum.Files++
		sum.Bytes += e.Size
	}
	return sum
}
