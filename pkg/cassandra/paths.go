package cassandra

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// findPaths looks for a table's directories, as 3.11 does not tell them. One
// that was dropped and made anew leaves directories of both; the id is the time
// of its making, so the latest is the living one.
func findPaths(dataDirs []string, t *Table) error {
	paths := map[string][]string{}
	for _, dir := range dataDirs {
		entries, err := os.ReadDir(filepath.Join(dir, t.Keyspace))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("looking for the directory of %s: %w", t, err)
		}
		for _, e := range entries {
			if id, ok := idIn(e.Name(), t.Name); ok && e.IsDir() {
				paths[id] = append(paths[id], filepath.Join(dir, t.Keyspace, e.Name()))
			}
		}
	}
	id, err := latest(slices.Sorted(maps.Keys(paths)))
	if err != nil {
		return fmt.Errorf("looking for the directory of %s in %s: %w", t, strings.Join(dataDirs, ", "), err)
	}
	t.ID = id
	t.DataPaths = paths[id]
	return nil
}

// latest picks the id that was made last.
func latest(ids []string) (string, error) {
	switch len(ids) {
	case 0:
		return "", fmt.Errorf("there is none; does this program see the node's data directories, under the same paths?: %w", fs.ErrNotExist)
	case 1:
		return ids[0], nil
	}
	made := map[string]int64{}
	for _, id := range ids {
		u, err := uuid.Parse(id)
		if err != nil {
			return "", fmt.Errorf("reading table id %s: %w", id, err)
		}
		if u.Version() != 1 {
			return "", fmt.Errorf("there are several, and id %s does not tell when it was made; remove those of dropped tables: %s",
				id, strings.Join(ids, ", "))
		}
		made[id] = int64(u.Time())
	}
	return slices.MaxFunc(ids, func(a, b string) int { return cmp.Compare(made[a], made[b]) }), nil
}
