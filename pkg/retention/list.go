package retention

import (
	"context"
	"slices"
	"time"

	"github.com/icarus-sidecar/icarus/pkg/store"
)

// Query says which backups of a node to tell of, and how much of them. The zero
// value is all.
type Query struct {
	// Since leaves out those that are older.
	Since time.Time
	// Newest leaves out all but so many of the newest; 0 is no limit.
	Newest int
	// Keys asks for the keys of reclaimable objects, so many at most.
	Keys int
	// Parallel is how many manifests are read at once.
	Parallel int
}

// Listing is the backups of a node.
type Listing struct {
	// Backups are the newest first. What is reclaimable is so with regard to all of
	// the node's, also those that were left out.
	Backups []Backup
	// Total is of the objects that the listed backups name, each counted once.
	Total Size
	// Keys are those of the reclaimable objects, sorted, by the tag of their backup.
	Keys map[string][]string
	// KeysCut says that there are more than were asked for.
	KeysCut bool
	// Unread says of each manifest that cannot be read why; what is reclaimable is
	// too much if such a backup needs it.
	Unread []error
}

// List tells the backups of a node.
func List(ctx context.Context, b store.Bucket, q Query) (Listing, error) {
	inv, err := read(ctx, b, q.Parallel)
	if err != nil {
		return Listing{}, err
	}
	return inv.list(q), nil
}

func (inv *inventory) list(q Query) Listing {
	shown := len(inv.backups)
	if q.Newest > 0 {
		shown = min(shown, q.Newest)
	}
	for shown > 0 && inv.backups[shown-1].Time.Before(q.Since) { // they are in order of time
		shown--
	}
	l := Listing{Backups: slices.Clone(inv.backups[:shown]), Unread: inv.unread}
	for id, n := range inv.counts(func(i int) bool { return i < shown }) {
		if n > 0 {
			l.Total.add(inv.sizes[id])
		}
	}
	if q.Keys > 0 {
		inv.reclaimable(&l, q.Keys)
	}
	return l
}

// reclaimable tells the keys of what only one backup names.
func (inv *inventory) reclaimable(l *Listing, most int) {
	l.Keys = map[string][]string{}
	counts := inv.counts(func(int) bool { return true })
	for i, backup := range l.Backups {
		var keys []string
		for _, id := range inv.names[i] {
			if counts[id] == 1 {
				keys = append(keys, inv.keys[id])
			}
		}
		slices.Sort(keys)
		if len(keys) > most {
			keys, l.KeysCut = keys[:most], true
		}
		most -= len(keys)
		l.Keys[backup.Tag] = keys
	}
}
