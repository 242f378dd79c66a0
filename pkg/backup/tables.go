package backup

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
)

// tables are those that the request means. What it names must exist.
func (j *job) tables(ctx context.Context) ([]cassandra.Table, error) {
	keyspaces := slices.Clone(j.Keyspaces)
	for _, name := range j.Tables {
		keyspace, table, ok := strings.Cut(name, ".")
		if !ok || keyspace == "" || table == "" {
			return nil, fmt.Errorf("%w: %.300q is not keyspace.table", ErrInvalid, name)
		}
		keyspaces = append(keyspaces, keyspace)
	}
	slices.Sort(keyspaces)
	found, err := j.node.Tables(ctx, slices.Compact(keyspaces)...)
	if err != nil {
		return nil, err
	}
	if len(j.Tables) > 0 {
		if found, err = only(found, j.Tables); err != nil {
			return nil, err
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%w: keyspaces %q have no table", ErrInvalid, keyspaces)
	}
	for i := range found {
		j.relocate(&found[i])
	}
	return found, nil
}

// only are the tables with these names, each of which must be there.
func only(tables []cassandra.Table, names []string) ([]cassandra.Table, error) {
	var some []cassandra.Table
	for _, name := range names {
		i := slices.IndexFunc(tables, func(t cassandra.Table) bool { return t.String() == name })
		if i < 0 {
			return nil, fmt.Errorf("%w: %s", cassandra.ErrUnknownTable, name)
		}
		if !slices.ContainsFunc(some, func(t cassandra.Table) bool { return t.String() == name }) {
			some = append(some, tables[i])
		}
	}
	return some, nil
}

// relocate puts the directories of the request in the place of Cassandra's.
func (j *job) relocate(t *cassandra.Table) {
	if len(j.DataDirs) == 0 {
		return
	}
	t.DataPaths = nil
	for _, dir := range j.DataDirs {
		t.DataPaths = append(t.DataPaths, filepath.Join(dir, t.Keyspace, t.Name+"-"+t.ID))
	}
}

// entities are the keyspaces or tables as a snapshot takes them.
func (j *job) entities() []string {
	entities := slices.Concat(j.Keyspaces, j.Tables)
	slices.Sort(entities)
	return slices.Compact(entities)
}
