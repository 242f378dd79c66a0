package restore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/manifest"
)

// move is a table of the backup and the table that takes its data; both are
// "keyspace.table".
type move struct {
	from, to string
}

// scope finds the tables of a manifest that the request means, by name.
func (r Request) scope(m *manifest.Manifest) ([]move, error) {
	names := m.TableNames()
	holds := func(entity string) bool {
		if strings.Contains(entity, ".") {
			return slices.Contains(names, entity)
		}
		_, holds := m.Snapshot.Keyspaces[entity] // perhaps without a table
		return holds
	}
	if err := r.checkEntities(holds); err != nil {
		return nil, err
	}
	var moves []move
	for _, name := range names {
		if r.includes(name) {
			moves = append(moves, move{name, r.target(name)})
		}
	}
	if len(moves) == 0 {
		return nil, fmt.Errorf("%w: backup %s holds no table that is to be restored", ErrNotInBackup, m.Snapshot.Name)
	}
	return moves, r.checkTargets(moves)
}

// checkEntities refuses what no restore can bring back, and what holds does not
// report to be there.
func (r Request) checkEntities(holds func(entity string) bool) error {
	var local, missing []string
	for _, entity := range r.Entities {
		switch {
		case cassandra.IsLocal(keyspaceOf(entity)):
			local = append(local, entity)
		case !holds(entity):
			missing = append(missing, entity)
		}
	}
	switch {
	case len(local) > 0:
		return fmt.Errorf("%w: %s: such a keyspace holds what each node knows about itself, and cannot be restored into a running one",
			ErrInvalid, strings.Join(local, ", "))
	case len(missing) > 0:
		return fmt.Errorf("%w: %s", ErrNotInBackup, strings.Join(missing, ", "))
	}
	return nil
}

// includes reports whether a table of the backup is meant.
func (r Request) includes(name string) bool {
	if len(r.Entities) == 0 {
		return !cassandra.IsSystem(keyspaceOf(name))
	}
	return slices.Contains(r.Entities, name) || slices.Contains(r.Entities, keyspaceOf(name))
}

// target is the table that takes the data of a table of the backup.
func (r Request) target(name string) string {
	if to, renamed := r.Rename[name]; renamed {
		return to
	}
	return name
}

// checkTargets refuses two tables that would become one, and names that rename
// nothing.
func (r Request) checkTargets(moves []move) error {
	sources := map[string]string{}
	for _, m := range moves {
		keyspace, table, _ := strings.Cut(m.to, ".")
		if err := checkNames(keyspace, table); err != nil {
			return err
		}
		if cassandra.IsLocal(keyspace) {
			return fmt.Errorf("%w: %s cannot take the data of %s: it is Cassandra's own", ErrInvalid, m.to, m.from)
		}
		if other, twice := sources[m.to]; twice {
			return fmt.Errorf("%w: %s would take the data of both %s and %s", ErrInvalid, m.to, other, m.from)
		}
		sources[m.to] = m.from
	}
	for _, from := range slices.Sorted(maps.Keys(r.Rename)) {
		if !slices.ContainsFunc(moves, func(m move) bool { return m.from == from }) {
			return fmt.Errorf("%w: %s is to be renamed, but is not among the tables to restore", ErrInvalid, from)
		}
	}
	return nil
}

// checkNames is for names that are to become directories.
func checkNames(names ...string) error {
	for _, name := range names {
		if !nameForm.MatchString(name) {
			return fmt.Errorf("%w: %.300q is not a name of a keyspace or table", ErrInvalid, name)
		}
	}
	return nil
}

func keyspaceOf(entity string) string {
	keyspace, _, _ := strings.Cut(entity, ".")
	return keyspace
}

// local finds the tables of this node that take the data, by "keyspace.table".
// Where some are missing, it is ErrNoTable, and the others are returned. The data
// directories of the request, if any, are already in their paths.
func (j *job) local(ctx context.Context, targets []string) (map[string]cassandra.Table, error) {
	found := map[string]cassandra.Table{}
	keyspaces := make([]string, len(targets))
	for i, target := range targets {
		keyspaces[i] = keyspaceOf(target)
	}
	for _, keyspace := range sorted(keyspaces) {
		tables, err := j.node.Tables(ctx, keyspace)
		if errors.Is(err, cassandra.ErrUnknownKeyspace) {
			continue // its tables are told below
		}
		if err != nil {
			return nil, err
		}
		for _, t := range tables {
			if slices.Contains(targets, t.String()) {
				found[t.String()] = j.seen(t)
			}
		}
	}
	var missing []string
	for _, target := range targets {
		if _, ok := found[target]; !ok {
			missing = append(missing, target)
		}
	}
	if len(missing) > 0 {
		return found, fmt.Errorf("%w: %s; create them first, with the schema that they had in the backup",
			ErrNoTable, strings.Join(missing, ", "))
	}
	return found, nil
}

// seen is a table with the paths under which the sidecar sees it.
func (j *job) seen(t cassandra.Table) cassandra.Table {
	if len(j.DataDirs) == 0 {
		return t
	}
	t.DataPaths = nil
	for _, dir := range j.DataDirs {
		t.DataPaths = append(t.DataPaths, filepath.Join(dir, t.Keyspace, t.Name+"-"+t.ID))
	}
	return t
}
