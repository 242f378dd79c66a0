package retention

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
)

var (
	// ErrInvalid is for a selection that means nothing, or two things.
	ErrInvalid = errors.New("invalid selection of backups")
	// ErrNotFound is for a backup that is not there.
	ErrNotFound = errors.New("no such backup")
	// ErrFloor is for the removal of a backup by name where too few would be left.
	ErrFloor = errors.New("too few backups would be left")
	// ErrCorrupt is for a bucket with a manifest that cannot be read.
	ErrCorrupt = errors.New("a manifest cannot be read, so that nothing is removed")
	// ErrBusy is for a node of which a backup runs.
	ErrBusy = errors.New("a backup is running")
	// ErrDamaged is for a backup that was made while objects that it names were
	// removed.
	ErrDamaged = errors.New("a new backup lacks objects")
)

// Selection says which backups of a node to remove: those with some names, those
// of some age, or the oldest.
type Selection struct {
	// Names are whole tags.
	Names     []string
	OlderThan time.Duration
	Oldest    bool
	// KeepAtLeast is how many of the newest stay in any case.
	KeepAtLeast int
	// OrphansOlderThan asks for objects that no backup names, too, if they are
	// older than that; 0 leaves them. It is enough of a selection.
	OrphansOlderThan time.Duration
}

// Check refuses selections that mean nothing, or two things.
func (s Selection) Check() error {
	ways := 0
	for _, set := range []bool{len(s.Names) > 0, s.OlderThan > 0, s.Oldest} {
		if set {
			ways++
		}
	}
	switch {
	case ways > 1:
		return fmt.Errorf("%w: names, age and the oldest exclude each other", ErrInvalid)
	case ways == 0 && s.OrphansOlderThan == 0:
		return fmt.Errorf("%w: neither names, nor an age, nor the oldest", ErrInvalid)
	case s.OlderThan < 0 || s.KeepAtLeast < 0 || s.OrphansOlderThan < 0:
		return fmt.Errorf("%w: a number is negative", ErrInvalid)
	}
	return nil
}

// plan is what a removal is to delete.
type plan struct {
	// backups are the oldest first; spared are those that only the floor keeps.
	backups, spared []Backup
	// objects are what only those name, sorted.
	objects []object
}

type object struct {
	key  string
	size int64
	// orphan says that no backup named it.
	orphan bool
}

// plan decides what to remove. It is pure, and deletes nothing that a backup
// names that stays.
func (inv *inventory) plan(s Selection, now time.Time) (plan, error) {
	if len(inv.unread) > 0 {
		return plan{}, fmt.Errorf("%w: %w", ErrCorrupt, errors.Join(inv.unread...))
	}
	chosen, err := inv.choose(s, now)
	if err != nil {
		return plan{}, err
	}
	var p plan
	doomed := make([]bool, len(inv.backups))
	for i := len(inv.backups) - 1; i >= 0; i-- {
		switch {
		case !chosen[i]:
		case i < s.KeepAtLeast: // they are the newest first
			p.spared = append(p.spared, inv.backups[i])
		default:
			doomed[i] = true
			p.backups = append(p.backups, inv.backups[i])
		}
	}
	if len(p.spared) > 0 && len(s.Names) > 0 {
		return plan{}, fmt.Errorf("%w: %s is one of the %d newest, which are to be kept", ErrFloor, p.spared[0].Tag, s.KeepAtLeast)
	}
	removed := inv.counts(func(i int) bool { return doomed[i] })
	kept := inv.counts(func(i int) bool { return !doomed[i] })
	for id, key := range inv.keys {
		// What lies elsewhere, such as commit logs, is not the backup's alone.
		if removed[id] > 0 && kept[id] == 0 && strings.HasPrefix(key, manifest.DataPrefix) {
			p.objects = append(p.objects, object{key: key, size: inv.sizes[id]})
		}
	}
	slices.SortFunc(p.objects, func(a, b object) int { return cmp.Compare(a.key, b.key) })
	return p, nil
}

// choose tells which backups a selection means, whatever the floor.
func (inv *inventory) choose(s Selection, now time.Time) (map[int]bool, error) {
	chosen := map[int]bool{}
	at := make(map[string]int, len(inv.backups))
	for i, b := range inv.backups {
		at[b.Tag] = i
		if s.OlderThan > 0 && now.Sub(b.Time) > s.OlderThan {
			chosen[i] = true
		}
	}
	for _, name := range s.Names {
		i, ok := at[name]
		if !ok {
			return nil, fmt.Errorf("%w: %s%s", ErrNotFound, name, inv.similar(name))
		}
		chosen[i] = true
	}
	if last := len(inv.backups) - 1; s.Oldest && last >= 0 {
		chosen[last] = true
	}
	return chosen, nil
}

// similar tells the whole names of backups that a user called so.
func (inv *inventory) similar(name string) string {
	tags := make([]string, 0, len(inv.backups))
	for _, b := range inv.backups {
		tags = append(tags, b.Tag)
	}
	meant := manifest.Match(tags, name, "")
	if len(meant) == 0 {
		return ""
	}
	const enough = 5
	return "; say the whole name: " + strings.Join(meant[:min(len(meant), enough)], ", ")
}
