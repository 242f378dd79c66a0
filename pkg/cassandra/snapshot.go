package cassandra

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// tagForm is what a snapshot can be called: it becomes the name of a directory.
var tagForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.:+@=-]{0,254}$`)

// checkTag refuses what is no tag. An empty one, above all: to clear the
// snapshot "" is to clear all of them.
func checkTag(tag string) error {
	if !tagForm.MatchString(tag) || strings.Contains(tag, "..") {
		return fmt.Errorf("%w: %.300q is not a snapshot tag", ErrInvalid, tag)
	}
	return nil
}

// Snapshot takes a snapshot of keyspaces ("ks"), or of tables ("ks.t"), but not
// of both; of everything where nothing is named. What was written before the call
// is in it. What is written during it may be.
//
// A tag that is taken, in one of the keyspaces or by one of the tables, is
// ErrSnapshotExists, and nothing was done. After another error some tables may
// have the snapshot, and where no answer came Cassandra may go on: the caller,
// who knows whether the tag is his alone, clears it.
func (n *Node) Snapshot(ctx context.Context, tag string, entities []string) error {
	if err := checkTag(tag); err != nil {
		return err
	}
	if err := checkEntities(entities); err != nil {
		return err
	}
	return n.with(ctx, func(c Conn) error {
		if err := requireEntities(ctx, c, entities); err != nil {
			return err
		}
		if err := flushAll(ctx, c, entities); err != nil {
			return err
		}
		_, err := c.Invoke(ctx, storageService, "takeSnapshot", []string{javaString, javaMap, javaStrings},
			tag, map[string]string{"skipFlush": "false"}, names(entities))
		if says(err, "Snapshot "+tag+" already exists") {
			return fmt.Errorf("%w: %w", ErrSnapshotExists, doing(err, "taking snapshot %s", tag))
		}
		return doing(err, "taking snapshot %s of %s", tag, what(entities))
	})
}

// flushAll writes to SSTables what was written so far, and waits for flushes that
// were begun by others. takeSnapshot does not, from 4.1 on: it flushes a memtable that
// has rows, and where a flush has just taken them it finds none, and links the SSTables
// without the one that is being written.
func flushAll(ctx context.Context, c Conn, entities []string) error {
	if len(entities) == 0 {
		var err error
		if entities, err = keyspaces(ctx, c); err != nil {
			return err
		}
	}
	var order []string
	tables := map[string][]string{}
	for _, entity := range entities {
		keyspace, table, isTable := strings.Cut(entity, ".")
		if _, known := tables[keyspace]; !known {
			order = append(order, keyspace)
			tables[keyspace] = nil
		}
		if isTable {
			tables[keyspace] = append(tables[keyspace], table)
		}
	}
	for _, keyspace := range order {
		if err := flush(ctx, c, keyspace, tables[keyspace]); err != nil {
			return err
		}
	}
	return nil
}

func checkEntities(entities []string) error {
	for _, entity := range entities {
		if err := checkNames(strings.SplitN(entity, ".", 2)...); err != nil {
			return err
		}
		// Cassandra looks at the first only.
		if strings.Contains(entity, ".") != strings.Contains(entities[0], ".") {
			return fmt.Errorf("%w: keyspaces and tables are mixed: %s", ErrInvalid, what(entities))
		}
	}
	return nil
}

func requireEntities(ctx context.Context, c Conn, entities []string) error {
	for _, entity := range entities {
		keyspace, table, isTable := strings.Cut(entity, ".")
		if !isTable {
			if err := requireKeyspace(ctx, c, keyspace); err != nil {
				return err
			}
			continue
		}
		if _, err := requireTable(ctx, c, keyspace, table); err != nil {
			return err
		}
	}
	return nil
}

// what names entities for an error.
func what(entities []string) string {
	if len(entities) == 0 {
		return "all keyspaces"
	}
	return strings.Join(entities, ", ")
}

// ClearSnapshot removes a snapshot from keyspaces, from all if none is named.
// One that is not there is no error, and neither is a keyspace: what was dropped
// has snapshots still.
func (n *Node) ClearSnapshot(ctx context.Context, tag string, keyspaces ...string) error {
	if err := errors.Join(checkTag(tag), checkNames(keyspaces...)); err != nil {
		return err
	}
	return n.with(ctx, func(c Conn) error {
		_, err := c.Invoke(ctx, storageService, "clearSnapshot", []string{javaString, javaStrings}, tag, names(keyspaces))
		return doing(err, "clearing snapshot %s", tag)
	})
}

// SnapshotTags lists the tags of all snapshots, sorted; 3.11 leaves out those that
// only local system keyspaces have. Cassandra walks its disks for it: it is not
// for loops.
func (n *Node) SnapshotTags(ctx context.Context) (tags []string, err error) {
	err = n.with(ctx, func(c Conn) error {
		v, err := c.Attribute(ctx, storageService, "SnapshotDetails")
		if err != nil {
			return doing(err, "listing snapshots")
		}
		m, ok := v.(map[any]any)
		if !ok {
			return fmt.Errorf("listing snapshots: the answer is a %T, not a map", v)
		}
		for k := range m {
			tag, ok := k.(string)
			if !ok {
				return fmt.Errorf("listing snapshots: a tag is a %T, not a text", k)
			}
			tags = append(tags, tag)
		}
		slices.Sort(tags)
		return nil
	})
	return tags, err
}
