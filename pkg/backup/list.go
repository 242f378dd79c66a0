package backup

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// shardFiles is how many files one list is expected to show. A page of a list
// has a thousand keys, and comes after the page before; so a list of a few pages
// neither wastes requests nor keeps the others waiting.
const shardFiles = 4000

// list asks the bucket for the objects of the tables at hand, and remembers with
// each file what it saw of its names.
func (j *job) list(ctx context.Context, c catalogue, files []*file) error {
	for _, f := range files {
		f.seen = nil
	}
	shards := j.shards(files)
	return transfer.Each(ctx, len(shards), transfer.Parallel(j.Parallel), func(ctx context.Context, i int) error {
		for o, err := range j.bucket.List(ctx, shards[i]) {
			if err != nil {
				return fmt.Errorf("listing %s: %w", shards[i], err)
			}
			key, err := manifest.ParseDataKey(o.Key)
			if err != nil {
				continue // not of an SSTable
			}
			// No two shards show the same file.
			if f := c.find(key); f != nil {
				f.seen = append(f.seen, seen{f.same(key.Dir), o.Size})
			}
		}
		return nil
	})
}

// table is one whose objects are to be listed.
type table struct {
	prefix string
	files  int
}

// shards are prefixes that no object is below two of. Where some of a keyspace's
// tables were asked for, each has its own, so as not to list the others.
func (j *job) shards(files []*file) []string {
	tables := map[string]*table{}
	for _, f := range files {
		key := f.in.key
		prefix := manifest.DataKey{Keyspace: key.Keyspace, Table: key.Table, TableID: key.TableID}.String() + "/"
		if tables[prefix] == nil {
			tables[prefix] = &table{prefix: prefix}
		}
		tables[prefix].files++
	}
	all := make([]table, 0, len(tables))
	for _, t := range tables {
		all = append(all, *t)
	}
	slices.SortFunc(all, func(a, b table) int { return cmp.Compare(a.prefix, b.prefix) })
	if len(j.Tables) > 0 {
		prefixes := make([]string, len(all))
		for i, t := range all {
			prefixes[i] = t.prefix
		}
		return prefixes
	}
	return shard(all, len(manifest.DataPrefix), nil)
}

// shard splits sorted tables, which have their first n bytes in common, until
// what is below a prefix is little enough, or one table.
func shard(tables []table, n int, prefixes []string) []string {
	files := 0
	for _, t := range tables {
		files += t.files
	}
	switch {
	case len(tables) == 0:
		return prefixes
	case len(tables) == 1:
		return append(prefixes, tables[0].prefix)
	case files <= shardFiles && n > len(manifest.DataPrefix):
		return append(prefixes, tables[0].prefix[:n])
	}
	for from := 0; from < len(tables); {
		to := from + 1
		for to < len(tables) && tables[to].prefix[n] == tables[from].prefix[n] {
			to++
		}
		prefixes = shard(tables[from:to], n+1, prefixes)
		from = to
	}
	return prefixes
}

// verify looks for objects once more: retention, or somebody else, may have
// removed one since it was found.
func (j *job) verify(ctx context.Context, files []*file) error {
	if err := j.list(ctx, newCatalogue(files), files); err != nil {
		return err
	}
	for _, f := range files {
		switch size, there := f.look(f.place); {
		case !there:
			return fmt.Errorf("verifying %s: %w", f.object(), store.ErrNotFound)
		case size != f.content.size:
			return fmt.Errorf("verifying %s: %w: it has %d bytes, not %d", f.object(), store.ErrCorrupt, size, f.content.size)
		}
	}
	return nil
}
