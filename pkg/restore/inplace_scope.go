package restore

import (
	"fmt"
	"slices"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/sstable"
)

const (
	keyspaceSystem = "system"
	keyspaceSchema = "system_schema"
	keyspaceAuth   = "system_auth"
)

// inPlaceTable is a table of the backup that is restored.
type inPlaceTable struct {
	manifest.TableName
	// id is "" of a table without files that another tool wrote.
	id string
}

// dir is the table's directory in a data directory.
func (t inPlaceTable) dir() string { return t.Keyspace + "/" + t.Table + "-" + t.id }

// inPlaceScope is which tables are restored, and of which others the data goes.
type inPlaceScope struct {
	tables []inPlaceTable // by name
	dirs   map[string]bool
	// schema says that the schema is restored, too.
	schema bool
	// whole says that the backup is of the whole node and that all of it was
	// asked for: tables that it lacks were not there at that time.
	whole bool
	// cleared reports whether all of a keyspace is, if whole.
	cleared func(keyspace string) bool
}

// scopeOf finds the tables of a manifest that the request means.
func (r InPlaceRequest) scopeOf(m *manifest.Manifest) (inPlaceScope, error) {
	holds := func(keyspace string) bool { _, ok := m.Snapshot.Keyspaces[keyspace]; return ok }
	if err := r.checkScope(m, holds); err != nil {
		return inPlaceScope{}, err
	}
	s := inPlaceScope{
		dirs: map[string]bool{}, schema: r.addsSystem(keyspaceSchema),
		// A backup of everything has the schema; one of some keyspaces knows
		// nothing of the others, and leaves them alone.
		whole: len(r.Entities) == 0 && holds(keyspaceSchema),
		cleared: func(keyspace string) bool {
			return !cassandra.IsSystem(keyspace) || r.addsSystem(keyspace) && holds(keyspace)
		},
	}
	for name, t := range m.Tables() {
		if !r.wants(name) {
			continue
		}
		table := inPlaceTable{name, t.ID}
		s.tables = append(s.tables, table)
		s.dirs[table.dir()] = true
	}
	if len(s.tables) == 0 {
		return inPlaceScope{}, fmt.Errorf("%w: backup %s holds no table that is to be restored", ErrNotInBackup, m.Snapshot.Name)
	}
	return s, nil
}

// checkScope refuses what the backup lacks, and what is not restored unless it is
// asked for in another way.
func (r InPlaceRequest) checkScope(m *manifest.Manifest, holds func(keyspace string) bool) error {
	var missing []string
	for _, entity := range r.Entities {
		keyspace, table, isTable := strings.Cut(entity, ".")
		if cassandra.IsLocal(keyspace) && !r.addsSystem(keyspace) {
			return fmt.Errorf("%w: %s holds what a node knows about itself; ask for it with restoreSystemKeyspace", ErrInvalid, entity)
		}
		if _, ok := m.Table(keyspace, table); isTable && !ok || !isTable && !holds(keyspace) {
			missing = append(missing, entity)
		}
	}
	for _, need := range []struct {
		keyspace string
		asked    bool
	}{{keyspaceSystem, r.System}, {keyspaceSchema, r.addsSystem(keyspaceSchema)}, {keyspaceAuth, r.SystemAuth}} {
		if need.asked && !holds(need.keyspace) {
			missing = append(missing, need.keyspace)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: %s", ErrNotInBackup, strings.Join(missing, ", "))
	}
	return nil
}

// wants reports whether a table of the backup is restored.
func (r InPlaceRequest) wants(name manifest.TableName) bool {
	switch {
	case r.addsSystem(name.Keyspace):
		return true
	case len(r.Entities) == 0:
		return !cassandra.IsSystem(name.Keyspace)
	}
	return slices.Contains(r.Entities, name.Keyspace) || slices.Contains(r.Entities, name.String())
}

// addsSystem reports whether a keyspace is Cassandra's own and asked for.
func (r InPlaceRequest) addsSystem(keyspace string) bool {
	switch {
	case !cassandra.IsSystem(keyspace):
		return false
	case keyspace == keyspaceSchema:
		return r.NewCluster || r.System
	case keyspace == keyspaceAuth:
		return r.SystemAuth || r.System
	}
	return r.System
}

// clears reports whether a directory holds nothing but the backup's in the end.
func (s inPlaceScope) clears(t tableDir) bool {
	return s.dirs[t.path()] || s.whole && s.cleared(t.keyspace)
}

// touches reports whether something is to be changed below a directory.
func (s inPlaceScope) touches(t tableDir) bool {
	return s.clears(t) || t.table == "" && slices.ContainsFunc(s.tables, func(other inPlaceTable) bool { return other.Keyspace == t.keyspace })
}

// part is an SSTable of the backup, of a table or of an index.
type part struct {
	keyspace string
	// dir is the directory in a data directory, by a slash path.
	dir   string
	base  string
	files []file // Data.db is the last
	disk  *dataDir
}

// parts are the SSTables of the tables in scope. Decode has checked the keys.
func (s inPlaceScope) parts(m *manifest.Manifest) ([]*part, error) {
	var parts []*part
	for _, table := range s.tables {
		held, _ := m.Table(table.Keyspace, table.Table) // the scope has it from there
		byPlace := map[string]*part{}
		for e := range held.Entries() {
			key, err := e.DataKey()
			if err != nil {
				return nil, err
			}
			name, ok := sstable.ParseName(key.File)
			if !ok || !isFileName(key.File) {
				return nil, fmt.Errorf("%w: %s is no file of an SSTable", manifest.ErrCorrupt, e.ObjectKey)
			}
			place := key.Index + "/" + name.Base
			p := byPlace[place]
			if p == nil {
				p = &part{keyspace: key.Keyspace, dir: table.dir(), base: name.Base}
				if key.Index != "" {
					p.dir += "/" + key.Index
				}
				byPlace[place] = p
				parts = append(parts, p)
			}
			p.files = append(p.files, file{Name: key.File, Size: e.Size, Hash: e.Hash, key: e.ObjectKey})
		}
	}
	for _, p := range parts {
		slices.SortFunc(p.files, func(a, b file) int { return dataLast(a.Name, b.Name) })
		if !isData(p.files[len(p.files)-1].Name) {
			return nil, fmt.Errorf("%w: SSTable %s/%s has no %s", manifest.ErrCorrupt, p.dir, p.base, dataComponent)
		}
	}
	return parts, nil
}

func isData(name string) bool { return strings.HasSuffix(name, "-"+dataComponent) }

// dataLast compares names so that Data.db comes after all others: without it the
// others are no SSTable.
func dataLast(a, b string) int {
	if isData(a) != isData(b) {
		if isData(a) {
			return 1
		}
		return -1
	}
	return strings.Compare(a, b)
}
