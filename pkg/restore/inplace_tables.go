package restore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// checkTables refuses what Cassandra would not see: tables that have another id
// here, and directories that lead elsewhere.
func (j *inPlace) checkTables(settings settings) error {
	local, err := j.localTables()
	switch {
	case err != nil:
		return err
	case j.scope.schema:
		return j.checkLocalDir(settings)
	case j.begun != nil:
		return nil // the run before has looked, and perhaps cleared what it saw
	}
	return j.checkIDs(local)
}

// localTables are the directories of tables by "keyspace.table".
func (j *inPlace) localTables() (map[string][]tableDir, error) {
	local := map[string][]tableDir{}
	for _, d := range j.disks {
		dirs, err := d.tables()
		if err != nil {
			return nil, err
		}
		for _, t := range dirs {
			if t.link && j.scope.touches(t) {
				return nil, fmt.Errorf("%w: %s is a symbolic link, and is not followed", ErrInvalid, filepath.Join(d.path, t.path()))
			}
			local[t.keyspace+"."+t.table] = append(local[t.keyspace+"."+t.table], t)
		}
	}
	return local, nil
}

// checkIDs compares the ids of tables with those that they seem to have here.
func (j *inPlace) checkIDs(local map[string][]tableDir) error {
	var missing []string
	for _, t := range j.scope.tables {
		if t.id == "" {
			if !j.scope.whole && slices.ContainsFunc(local[t.String()], func(d tableDir) bool { return d.data }) {
				j.warn("%s was empty, and the backup does not tell its id: what is here of it stays", t)
			}
			continue
		}
		ours := slices.ContainsFunc(local[t.String()], func(d tableDir) bool { return d.id == t.id })
		data := slices.ContainsFunc(local[t.String()], func(d tableDir) bool { return d.id == t.id && d.data })
		other := slices.IndexFunc(local[t.String()], func(d tableDir) bool { return d.id != t.id && (d.data || !ours) })
		switch {
		case !data && other >= 0:
			return fmt.Errorf("%w: %s has the id %s here and %s in the backup, and Cassandra would not see its data; "+
				"restore the schema with it (newCluster, or restoreSystemKeyspace), or restore into the running node",
				ErrNoTable, t, local[t.String()][other].id, t.id)
		case !ours:
			missing = append(missing, t.String())
		}
	}
	if len(missing) > 0 {
		j.warn("there are no directories yet of %s: Cassandra sees the data only if it gets a schema that has the same tables with the same ids",
			strings.Join(missing, ", "))
	}
	return nil
}

// checkLocalDir refuses to restore the schema beside the one that Cassandra reads.
func (j *inPlace) checkLocalDir(settings settings) error {
	dir := settings.text("local_system_data_file_directory")
	if dir == "" || filepath.Clean(dir) == filepath.Clean(j.DataDirs[0]) {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	return errors.Join(fmt.Errorf("%w: cassandra.yaml puts the system's keyspaces into %s (local_system_data_file_directory), which is not empty: "+
		"what is restored would be mixed with it", ErrInvalid, dir), err)
}
