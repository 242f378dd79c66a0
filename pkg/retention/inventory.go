package retention

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/store"
)

// Size is a number of objects and what they take.
type Size struct {
	Files int
	Bytes int64
}

func (s *Size) add(bytes int64) {
	s.Files++
	s.Bytes += bytes
}

// Backup is one that the bucket holds of a node.
type Backup struct {
	// Tag is the name of its manifest.
	Tag string
	// Time is the tag's, or when the manifest was written where the tag has none.
	Time time.Time
	// Size is of all the objects that it names.
	Size Size
	// Reclaimable is of those that no other backup names.
	Reclaimable Size
	// ManifestBytes is the size of its manifest.
	ManifestBytes int64
}

// inventory is what the manifests of a node say. Objects are numbers in it: a
// thousand backups name the same hundred thousand keys.
type inventory struct {
	// backups are the newest first, and names are their objects.
	backups []Backup
	names   [][]int32
	keys    []string
	sizes   []int64
	ids     map[string]int32
	// unread are manifests that cannot be read, and why.
	unread []error
}

// read takes stock of a node.
func read(ctx context.Context, b store.Bucket, parallel int) (*inventory, error) {
	inv := &inventory{ids: map[string]int32{}}
	err := Manifests(ctx, b, parallel, nil, func(f Found) {
		if f.Err != nil {
			inv.unread = append(inv.unread, f.Err)
			return
		}
		inv.add(f.Tag, f.Object, f.Manifest)
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(inv.unread, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	inv.order()
	return inv, nil
}

// entries are the keys of all the objects that a manifest names, each once, with
// their sizes.
func entries(m *manifest.Manifest) map[string]int64 {
	named := map[string]int64{}
	for _, t := range m.Tables() {
		for e := range t.Entries() {
			named[e.ObjectKey] = e.Size
		}
		for _, e := range t.Others {
			named[e.ObjectKey] = e.Size
		}
	}
	return named
}

// add notes a backup.
func (inv *inventory) add(tag string, object store.Object, m *manifest.Manifest) {
	named := entries(m)
	b := Backup{Tag: tag, Time: object.Modified.UTC(), ManifestBytes: object.Size}
	if t := manifest.ParseTag(tag); t.Complete {
		b.Time = t.Time
	}
	list := make([]int32, 0, len(named))
	for key, size := range named {
		id, known := inv.ids[key]
		if !known {
			id = int32(len(inv.keys))
			inv.ids[key] = id
			inv.keys, inv.sizes = append(inv.keys, key), append(inv.sizes, size)
		}
		b.Size.add(size)
		list = append(list, id)
	}
	inv.backups, inv.names = append(inv.backups, b), append(inv.names, list)
}

// order sorts the backups, the newest first, and finds out what only one names.
func (inv *inventory) order() {
	at := make([]int, len(inv.backups))
	for i := range at {
		at[i] = i
	}
	slices.SortFunc(at, func(i, j int) int {
		a, b := inv.backups[i], inv.backups[j]
		return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(a.Tag, b.Tag))
	})
	backups, names := make([]Backup, len(at)), make([][]int32, len(at))
	for to, from := range at {
		backups[to], names[to] = inv.backups[from], inv.names[from]
	}
	inv.backups, inv.names = backups, names
	counts := inv.counts(func(int) bool { return true })
	for i := range inv.backups {
		for _, id := range inv.names[i] {
			if counts[id] == 1 {
				inv.backups[i].Reclaimable.add(inv.sizes[id])
			}
		}
	}
}

// counts are how many of the chosen backups name each object.
func (inv *inventory) counts(chosen func(backup int) bool) []int32 {
	counts := make([]int32, len(inv.keys))
	for i, list := range inv.names {
		if !chosen(i) {
			continue
		}
		for _, id := range list {
			counts[id]++
		}
	}
	return counts
}
