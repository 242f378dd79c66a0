package manifest

import (
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"
)

// check holds a manifest to what the package promises.
func (m *Manifest) check() error {
	if err := m.checkNames(); err != nil {
		return err
	}
	var bytes int64
	for name, t := range m.Tables() {
		if err := t.check(name, &bytes); err != nil {
			return fmt.Errorf("table %.500q: %w", name, err)
		}
	}
	return nil
}

// checkNames checks what is outside of the tables.
func (m *Manifest) checkNames() error {
	if !isSegment(m.Snapshot.Name) {
		return corrupt("a snapshot cannot be called %.300q", m.Snapshot.Name)
	}
	for keyspace := range m.Snapshot.Keyspaces {
		if !nameForm.MatchString(keyspace) {
			return corrupt("a keyspace cannot be called %.300q", keyspace)
		}
	}
	return nil
}

// check checks a table, and adds its size to bytes.
func (t Table) check(name TableName, bytes *int64) error {
	switch {
	case !nameForm.MatchString(name.Table):
		return corrupt("a table cannot be called so")
	case !idForm.MatchString(t.ID) && (t.ID != "" || len(t.SSTables) > 0 || len(t.Others) > 0):
		return corrupt("%.300q is not a table id", t.ID)
	}
	local := map[string]string{}
	for base, list := range t.SSTables {
		if base == "" || len(list) == 0 {
			return corrupt("SSTable %.300q has no name or no file", base)
		}
		for _, e := range list {
			if err := t.checkFile(name, base, e, local); err != nil {
				return err
			}
			if *bytes > math.MaxInt64-e.Size {
				return corrupt("the sum of the sizes is beyond all measure")
			}
			*bytes += e.Size
		}
	}
	for _, e := range t.Others {
		if err := t.checkOther(name, e); err != nil {
			return err
		}
	}
	return nil
}

// checkFile checks a file of an SSTable, that it is where its key says, and that
// its place is not taken. Local has the keys of those before by their places.
func (t Table) checkFile(name TableName, base string, e Entry, local map[string]string) error {
	if e.Type != File {
		return corrupt("%.300q has type %.100q among the files of SSTable %.300q", e.ObjectKey, e.Type, base)
	}
	k, err := e.DataKey()
	if err != nil {
		return err
	}
	other, twice := local[k.LocalPath()]
	local[k.LocalPath()] = e.ObjectKey
	switch {
	case k.Keyspace != name.Keyspace || k.Table != name.Table || k.TableID != t.ID:
		return corrupt("key %q is that of another table", e.ObjectKey)
	case !strings.Contains(k.File, base+"-"):
		return corrupt("key %q is that of another SSTable than %.300q", e.ObjectKey, base)
	case twice:
		return corrupt("keys %q and %q are of one and the same file", other, e.ObjectKey)
	}
	return e.check()
}

// checkOther checks an object that is none of an SSTable.
func (t Table) checkOther(name TableName, e Entry) error {
	switch e.Type {
	case CQLSchema, ManifestFile:
		dir, file := path.Split(e.ObjectKey)
		if dir != path.Join(DataPrefix, name.Keyspace, name.Table+"-"+t.ID)+"/" || !fileForm.MatchString(file) {
			return corrupt("key %.300q is not in the directory of its table", e.ObjectKey)
		}
	case CommitLog:
		if file, ok := strings.CutPrefix(e.ObjectKey, "commitlog/"); !ok || !isSegment(file) {
			return corrupt("key %.300q is not that of a commit log", e.ObjectKey)
		}
	default:
		return corrupt("%.300q has type %.100q, which is not known", e.ObjectKey, e.Type)
	}
	return e.check()
}

// check checks size and hash.
func (e Entry) check() error {
	if e.Size < 0 {
		return corrupt("size %d of %q is negative", e.Size, e.ObjectKey)
	}
	if e.HashKind() != CRC32 {
		return nil
	}
	if _, err := strconv.ParseUint(e.Hash, 10, 32); err != nil {
		return corrupt("hash %.100q of %q is neither a SHA-256 nor a CRC-32", e.Hash, e.ObjectKey)
	}
	return nil
}
