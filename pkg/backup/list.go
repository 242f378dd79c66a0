package backup

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

const (
	// shardFiles is how many files one list may be expected to show. A page of a list
	// has a thousand keys, and comes after the page before; so a list of a few pages
	// neither wastes requests nor keeps the others waiting.
	shardFiles = 4000
	// shardShare is which part of all files that is at least. A list of many pages
	// costs less than many lists, the last page of each of which is half empty.
	shardShare = 3
)

// list asks the bucket for what is below prefixes, and remembers with each file what
// it saw of its names.
func (j *job) list(ctx context.Context, c catalogue, files []*file, shards []string) error {
	for _, f := range files {
		f.seen = nil
	}
	return transfer.Each(ctx, len(shards), transfer.Parallel(j.Parallel), func(ctx context.Context, i int) error {
		for o, err := range j.bucket.List(ctx, shards[i]) {
			if err != nil {
				return fmt.Errorf("listing %s: %w", shards[i], err)
			}
			key, err := manifest.ParseDataKey(o.Key)
			if err != nil {
				continue // not of an SSTable
			}
			// No two shards show the same file; a stray object may be in another's.
			if f := c.find(key); f != nil && generation(key.Dir) == generation(f.dir) {
				f.seen = append(f.seen, seen{f.same(key.Dir), o.Size})
			}
		}
		return nil
	})
}

// group is what the keys of the files of an SSTable begin with.
type group struct {
	prefix string
	files  int
}

// shards are prefixes that no object is below two of. Where some keyspaces or
// tables were asked for, no list is of others.
func (j *job) shards(files []*file) []string {
	groups := groupsOf(files)
	limit := max(shardFiles, len(files)/shardShare)
	var names int // after data/
	switch {
	case len(j.Tables) > 0:
		names = 2
	case len(j.Keyspaces) > 0:
		names = 1
	default:
		return shard(groups, len(manifest.DataPrefix), len(manifest.DataPrefix)+1, limit, nil)
	}
	var prefixes []string
	for from := 0; from < len(groups); {
		asked := first(groups[from].prefix, 1+names)
		to := from
		for to < len(groups) && strings.HasPrefix(groups[to].prefix, asked) {
			to++
		}
		prefixes = shard(groups[from:to], len(asked), len(asked), limit, prefixes)
		from = to
	}
	return prefixes
}

// first are the first n names of a key, with their slashes.
func first(key string, n int) string {
	parts := strings.SplitAfterN(key, "/", n+1)
	return strings.Join(parts[:n], "")
}

// groupsOf are the groups, sorted. An object has the generation of its file,
// whatever else the name of its directory is.
func groupsOf(files []*file) []group {
	counts := map[string]int{}
	for _, f := range files {
		counts[f.in.key.String()+"/"+generation(f.dir)+"-"]++
	}
	groups := make([]group, 0, len(counts))
	for prefix, n := range counts {
		groups = append(groups, group{prefix, n})
	}
	slices.SortFunc(groups, func(a, b group) int { return cmp.Compare(a.prefix, b.prefix) })
	return groups
}

// generation is what the name of an object's directory begins with.
func generation(dir string) string {
	generation, _, _ := strings.Cut(dir, "-")
	return generation
}

// shard splits sorted groups, which have their first n bytes in common, until what
// is below a prefix of at least some bytes is little enough, or one group.
func shard(groups []group, n, least, limit int, prefixes []string) []string {
	files := 0
	for _, g := range groups {
		files += g.files
	}
	switch {
	case len(groups) == 0:
		return prefixes
	case len(groups) == 1:
		return append(prefixes, groups[0].prefix)
	case files <= limit && n >= least:
		return append(prefixes, groups[0].prefix[:n])
	}
	for from := 0; from < len(groups); {
		to := from + 1
		for to < len(groups) && groups[to].prefix[n] == groups[from].prefix[n] {
			to++
		}
		prefixes = shard(groups[from:to], n+1, least, limit, prefixes)
		from = to
	}
	return prefixes
}

// shardsOf are those of all files that some of them are below. Few files alone do not
// tell how many others a list would show.
func (j *job) shardsOf(some, all []*file) []string {
	groups := groupsOf(some)
	return slices.DeleteFunc(j.shards(all), func(prefix string) bool {
		return !slices.ContainsFunc(groups, func(g group) bool { return strings.HasPrefix(g.prefix, prefix) })
	})
}

// verify looks for objects of some files once more: retention, or somebody else, may
// have removed one since it was found.
func (j *job) verify(ctx context.Context, files, all []*file) error {
	if err := j.list(ctx, newCatalogue(files), files, j.shardsOf(files, all)); err != nil {
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
