package cassandra

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

// Table is one table of the node's schema.
type Table struct {
	Keyspace, Name string
	// ID is 32 hexadecimal digits, as in the names of directories.
	ID string
	// DataPaths are the directories of its SSTables, one in each data directory
	// that has one. Symbolic links in them are resolved, from 4.0 on.
	DataPaths []string
}

// String is "keyspace.table".
func (t Table) String() string { return t.Keyspace + "." + t.Name }

// systemKeyspaces are Cassandra's own, of all releases.
var systemKeyspaces = []string{
	"system", "system_schema", "system_auth", "system_distributed", "system_traces",
	"system_views", "system_virtual_schema", "system_metrics", "system_cluster_metadata",
}

// localKeyspaces are the system keyspaces that are each node's own.
var localKeyspaces = []string{
	"system", "system_schema", "system_views", "system_virtual_schema", "system_metrics", "system_cluster_metadata",
}

// IsSystem reports whether a keyspace is Cassandra's own.
func IsSystem(keyspace string) bool { return slices.Contains(systemKeyspaces, keyspace) }

// IsLocal reports whether a keyspace holds what one node knows about itself, so
// that to change it from outside breaks the node.
func IsLocal(keyspace string) bool { return slices.Contains(localKeyspaces, keyspace) }

// Keyspaces lists the keyspaces, the system's too, sorted.
func (n *Node) Keyspaces(ctx context.Context) (names []string, err error) {
	err = n.with(ctx, func(c Conn) error {
		names, err = keyspaces(ctx, c)
		return err
	})
	return names, err
}

func keyspaces(ctx context.Context, c Conn) ([]string, error) {
	a, err := read(ctx, c, storageService, "Keyspaces")
	if err != nil {
		return nil, err
	}
	return a.list("Keyspaces")
}

// DataDirectories lists where the node keeps its tables, as it is configured:
// first the directories of all tables, then those, if any, that only the local
// system tables use.
func (n *Node) DataDirectories(ctx context.Context) (dirs []string, err error) {
	err = n.with(ctx, func(c Conn) error {
		dirs, err = dataDirectories(ctx, c)
		return err
	})
	return dirs, err
}

func dataDirectories(ctx context.Context, c Conn) ([]string, error) {
	const all, tables = "AllDataFileLocations", "NonLocalSystemKeyspacesDataFileLocations"
	// The second is there from 4.0 on; what is not there is left out.
	values, err := c.Attributes(ctx, storageService, all, tables)
	if err != nil {
		return nil, doing(err, "reading the data directories")
	}
	var dirs []string
	for _, name := range []string{tables, all} {
		v, there := values[name]
		if !there {
			continue
		}
		some, err := jmx.AsStrings(v)
		if err != nil {
			return nil, fmt.Errorf("reading %s of %s: %w", name, storageService, err)
		}
		for _, dir := range some {
			if dir = filepath.Clean(dir); !slices.Contains(dirs, dir) {
				dirs = append(dirs, dir)
			}
		}
	}
	if len(dirs) == 0 {
		return nil, fmt.Errorf("reading the data directories: the node names none: %w", jmx.ErrNotFound)
	}
	return dirs, nil
}

// Tables lists the tables of some keyspaces, or of all, by name. Secondary
// indexes and virtual tables, which have no data of their own, are not among them.
func (n *Node) Tables(ctx context.Context, keyspaces ...string) ([]Table, error) {
	if err := checkNames(keyspaces...); err != nil {
		return nil, err
	}
	var found []Table
	err := n.with(ctx, func(c Conn) error {
		beans, err := tableBeans(ctx, c, keyspaces)
		if err != nil {
			return err
		}
		found, err = n.describe(ctx, c, beans)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing tables: %w", err)
	}
	slices.SortFunc(found, func(a, b Table) int {
		return cmp.Or(cmp.Compare(a.Keyspace, b.Keyspace), cmp.Compare(a.Name, b.Name))
	})
	return found, nil
}

// tableBeans finds the MBeans of the tables of keyspaces, all if none is named.
func tableBeans(ctx context.Context, c Conn, keyspaces []string) ([]jmx.ObjectName, error) {
	if len(keyspaces) == 0 {
		beans, err := c.Query(ctx, tables+"*")
		return beans, doing(err, "asking for the tables")
	}
	var all []jmx.ObjectName
	for _, keyspace := range keyspaces {
		beans, err := c.Query(ctx, tables+"keyspace="+keyspace+",*")
		if err != nil {
			return nil, doing(err, "asking for the tables of %s", keyspace)
		}
		if len(beans) == 0 { // none, or no keyspace
			if err := requireKeyspace(ctx, c, keyspace); err != nil {
				return nil, err
			}
		}
		all = append(all, beans...)
	}
	return all, nil
}

// describe finds ids and directories of tables. A table that was dropped
// meanwhile is left out.
func (n *Node) describe(ctx context.Context, c Conn, beans []jmx.ObjectName) ([]Table, error) {
	if len(beans) == 0 {
		return nil, nil
	}
	tells, err := n.hasAttribute(ctx, c, beans[0], "DataPaths")
	if err != nil {
		return nil, err
	}
	var dirs []string
	if !tells {
		if dirs, err = dataDirectories(ctx, c); err != nil {
			return nil, err
		}
	}
	found := make([]Table, 0, len(beans))
	for _, bean := range beans {
		t := tableOf(bean)
		if err := checkNames(t.Keyspace, t.Name); err != nil {
			return nil, err
		}
		if tells {
			err = readPaths(ctx, c, bean, &t)
		} else {
			err = findPaths(dirs, &t)
		}
		if errors.Is(err, jmx.ErrNotFound) || errors.Is(err, ErrUnknownTable) || errors.Is(err, ErrUnknownKeyspace) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, t)
	}
	return found, nil
}

// tableOf reads keyspace and table in an MBean's name.
func tableOf(bean jmx.ObjectName) (t Table) {
	_, properties, _ := strings.Cut(string(bean), ":")
	for property := range strings.SplitSeq(properties, ",") {
		switch key, value, _ := strings.Cut(property, "="); key {
		case "keyspace":
			t.Keyspace = value
		case "table":
			t.Name = value
		}
	}
	return t
}

var idForm = regexp.MustCompile(`^[0-9a-f]{32}$`)

// readPaths asks the MBean of a table for its directories; they carry the id.
func readPaths(ctx context.Context, c Conn, bean jmx.ObjectName, t *Table) error {
	v, err := c.Attribute(ctx, bean, "DataPaths")
	if err != nil {
		return doing(err, "asking for the directories of %s", t)
	}
	if t.DataPaths, err = jmx.AsStrings(v); err != nil {
		return fmt.Errorf("asking for the directories of %s: %w", t, err)
	}
	for _, path := range t.DataPaths {
		id, ok := idIn(filepath.Base(path), t.Name)
		if !ok {
			return fmt.Errorf("%s lies in %s, which has no table id in its name", t, path)
		}
		t.ID = id
	}
	if t.ID != "" {
		return nil
	}
	// Cassandra names only directories that are there. A table that is not gone
	// must not be left out because its disk is.
	if _, err := requireTable(ctx, c, t.Keyspace, t.Name); err != nil {
		return err
	}
	return fmt.Errorf("asking for the directories of %s: there is none: %w", t, fs.ErrNotExist)
}

// idIn is the table id in the name of a directory of a table.
func idIn(dir, table string) (string, bool) {
	id, ok := strings.CutPrefix(dir, table+"-")
	return id, ok && idForm.MatchString(id)
}
