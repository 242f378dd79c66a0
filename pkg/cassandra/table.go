package cassandra

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

// requireKeyspace is ErrUnknownKeyspace where the schema does not have it.
func requireKeyspace(ctx context.Context, c Conn, keyspace string) error {
	known, err := keyspaces(ctx, c)
	if err != nil {
		return err
	}
	if !slices.Contains(known, keyspace) {
		return fmt.Errorf("%w: %s", ErrUnknownKeyspace, keyspace)
	}
	return nil
}

// requireTable is the MBean of a table; ErrUnknownTable where there is none.
func requireTable(ctx context.Context, c Conn, keyspace, table string) (jmx.ObjectName, error) {
	bean := tableBean(keyspace, table)
	found, err := c.Query(ctx, string(bean))
	switch {
	case err != nil:
		return "", doing(err, "looking for %s.%s", keyspace, table)
	case len(found) > 0:
		return bean, nil
	}
	if err := requireKeyspace(ctx, c, keyspace); err != nil {
		return "", err
	}
	return "", fmt.Errorf("%w: %s.%s", ErrUnknownTable, keyspace, table)
}

// onTable checks that a table exists and runs do on the same connection.
func (n *Node) onTable(ctx context.Context, keyspace, table string, do func(c Conn, bean jmx.ObjectName) error) error {
	if err := checkNames(keyspace, table); err != nil {
		return err
	}
	return n.with(ctx, func(c Conn) error {
		bean, err := requireTable(ctx, c, keyspace, table)
		if err != nil {
			return err
		}
		return do(c, bean)
	})
}

// onTables is onTable for tables of a keyspace, or for all of it.
func (n *Node) onTables(ctx context.Context, keyspace string, tables []string, do func(c Conn) error) error {
	if err := checkNames(append([]string{keyspace}, tables...)...); err != nil {
		return err
	}
	return n.with(ctx, func(c Conn) error {
		if err := requireKeyspace(ctx, c, keyspace); err != nil {
			return err
		}
		for _, table := range tables {
			if _, err := requireTable(ctx, c, keyspace, table); err != nil {
				return err
			}
		}
		return do(c)
	})
}

// whole names a keyspace and perhaps some of its tables.
func whole(keyspace string, tables []string) string {
	if len(tables) == 0 {
		return "keyspace " + keyspace
	}
	return keyspace + "." + strings.Join(tables, ", "+keyspace+".")
}

// Truncate empties a table on every node of the ring. All of them must be up.
// 3.11 does not tell when another node failed to.
func (n *Node) Truncate(ctx context.Context, keyspace, table string) error {
	return n.onTable(ctx, keyspace, table, func(c Conn, _ jmx.ObjectName) error {
		_, err := c.Invoke(ctx, storageService, "truncate", []string{javaString, javaString}, keyspace, table)
		return doing(err, "truncating %s.%s", keyspace, table)
	})
}

// Flush writes the memtables of a keyspace, or of some of its tables, to disk.
func (n *Node) Flush(ctx context.Context, keyspace string, tables ...string) error {
	return n.onTables(ctx, keyspace, tables, func(c Conn) error { return flush(ctx, c, keyspace, tables) })
}

func flush(ctx context.Context, c Conn, keyspace string, tables []string) error {
	_, err := c.Invoke(ctx, storageService, "forceKeyspaceFlush", []string{javaString, javaStrings}, keyspace, names(tables))
	return doing(err, "flushing %s", whole(keyspace, tables))
}

// The results of operations that run as compactions.
const (
	resultAborted  int32 = 1
	resultUnmarked int32 = 2
)

// Cleanup drops the data that the node no longer owns. Jobs is how many SSTables
// are worked on at once; 0 is as many as there are compactors.
func (n *Node) Cleanup(ctx context.Context, keyspace string, jobs int, tables ...string) error {
	if jobs < 0 || jobs > math.MaxInt32 {
		return fmt.Errorf("%w: %d jobs", ErrInvalid, jobs)
	}
	return n.onTables(ctx, keyspace, tables, func(c Conn) error {
		v, err := c.Invoke(ctx, storageService, "forceKeyspaceCleanup", []string{javaInt, javaString, javaStrings},
			int32(jobs), keyspace, names(tables))
		if err == nil {
			err = compactionResult(v)
		}
		return doing(err, "cleaning up %s", whole(keyspace, tables))
	})
}

func compactionResult(v any) error {
	switch v {
	case int32(0):
		return nil
	case resultAborted:
		return errors.New("it was aborted for at least one table; Cassandra's log has the reason")
	case resultUnmarked:
		return errors.New("some SSTables are taken by compactions that cannot be stopped; try again when they are done")
	}
	return fmt.Errorf("the result is %v, which is none that is known", v)
}

// names is never nil: null in place of an array is a NullPointerException.
func names(some []string) []string {
	if some == nil {
		return []string{}
	}
	return some
}

// LoadNewSSTables makes Cassandra take up the SSTables that were put into a
// table's own directories. It gives them new names and builds the table's
// secondary indexes of them.
func (n *Node) LoadNewSSTables(ctx context.Context, keyspace, table string) error {
	return n.onTable(ctx, keyspace, table, func(c Conn, _ jmx.ObjectName) error {
		_, err := c.Invoke(ctx, storageService, "loadNewSSTables", []string{javaString, javaString}, keyspace, table)
		return doing(err, "loading the new SSTables of %s.%s", keyspace, table)
	})
}
