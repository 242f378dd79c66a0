package dataset

import (
	"context"
	"fmt"

	"github.com/gocql/gocql"
	"golang.org/x/sync/errgroup"
)

// LoadOptions describe bulk data: Tables of Flushes SSTables each on every node
// that has a replica, Bytes in all (before replication).
type LoadOptions struct {
	Keyspace string         // load if empty
	Nodes    map[string]int // as in Options
	Replicas int            // 1 if 0
	Tables   int            // 10 if 0
	Flushes  int            // 20 if 0
	Bytes    int64          // 64 MiB if 0
	RowBytes int            // 4 KiB if 0
}

func (o LoadOptions) withDefaults() LoadOptions {
	if o.Keyspace == "" {
		o.Keyspace = "load"
	}
	if len(o.Nodes) == 0 {
		o.Nodes = map[string]int{"dc1": 1}
	}
	for field, value := range map[*int]int{&o.Replicas: 1, &o.Tables: 10, &o.Flushes: 20, &o.RowBytes: 4 << 10} {
		if *field == 0 {
			*field = value
		}
	}
	if o.Bytes == 0 {
		o.Bytes = 64 << 20
	}
	return o
}

// rowsEach is how many rows a table gets between two flushes.
func (o LoadOptions) rowsEach() int {
	return max(1, int(o.Bytes/int64(o.Tables)/int64(o.Flushes)/int64(o.RowBytes)))
}

// Load writes bulk data of incompressible rows. Tables are not compacted, so that
// every flush stays an SSTable.
func Load(ctx context.Context, session *gocql.Session, o LoadOptions, flush Flush) error {
	o = o.withDefaults()
	s := New(session, Options{Nodes: o.Nodes})
	// What is flushed at once need not go through the commit log.
	err := s.run(ctx, fmt.Sprintf("CREATE KEYSPACE IF NOT EXISTS %s WITH replication = %s AND durable_writes = false", o.Keyspace, replicated(o.Replicas, o.Nodes)))
	if err != nil {
		return err
	}
	tables := make([]string, o.Tables)
	for t := range tables {
		tables[t] = fmt.Sprintf("t%03d", t)
		err := s.run(ctx, fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %s.%s (id bigint PRIMARY KEY, v blob)
			WITH compaction = {'class': 'SizeTieredCompactionStrategy', 'enabled': 'false'}`, o.Keyspace, tables[t]))
		if err != nil {
			return err
		}
	}
	rows := o.rowsEach()
	for f := range o.Flushes {
		for _, table := range tables {
			err := s.each(ctx, f*rows, (f+1)*rows, fmt.Sprintf("INSERT INTO %s.%s (id, v) VALUES (?, ?)", o.Keyspace, table), func(row int) []any {
				return []any{int64(row), payload(table, row, o.RowBytes)}
			})
			if err != nil {
				return err
			}
		}
		if err := flushAll(ctx, o.Keyspace, tables, flush); err != nil {
			return err
		}
	}
	return nil
}

func flushAll(ctx context.Context, keyspace string, tables []string, flush Flush) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(writers)
	for _, table := range tables {
		g.Go(func() error {
			if err := flush(ctx, keyspace, table); err != nil {
				return fmt.Errorf("flushing %s.%s: %w", keyspace, table, err)
			}
			return nil
		})
	}
	return g.Wait()
}
