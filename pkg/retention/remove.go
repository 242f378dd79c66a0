package retention

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/pkg/logging"
	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// Options say how to remove. The zero value is usable.
type Options struct {
	// Dry plans and deletes nothing.
	Dry bool
	// Parallel is how many objects are read or deleted at once.
	Parallel int
	// Report is told how many objects of how many are deleted. It is never called
	// twice at the same time.
	Report func(done, total int)
	// Clock is the real one if nil.
	Clock clock.PassiveClock
}

// Removal is what was removed or, where it was dry, would be.
type Removal struct {
	// Backups are the oldest first. They are complete or gone, never in between.
	Backups []Backup
	// Spared are those that were selected, and are among the newest to be kept.
	Spared []Backup
	// Objects are what those backups consisted of, and no other.
	Objects Size
	// Orphans are objects that no backup named.
	Orphans Size
	// Left is what could be deleted by now, and was not; Why says why.
	Left Size
	Why  error
}

// batch is how many objects are deleted between two looks for new backups: as many
// as S3 takes with one request.
const batch = 1000

// removal is one at work.
type removal struct {
	Options
	bucket store.Bucket
	// known are the backups that were taken into account.
	known map[string]bool
	// deleted are the keys that are gone, or about to be.
	deleted map[string]bool

	out Removal
}

// Remove removes backups of one node. With an error, too, it tells what it has
// removed.
func Remove(ctx context.Context, b store.Bucket, s Selection, o Options) (Removal, error) {
	if err := s.Check(); err != nil {
		return Removal{}, err
	}
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	if o.Report == nil {
		o.Report = func(int, int) {}
	}
	r := &removal{Options: o, bucket: b, known: map[string]bool{}, deleted: map[string]bool{}}
	// Before the manifests are read: a backup that begins after this is found by
	// its intent, or by its manifest, when the objects' turn comes.
	if err := requireQuiet(ctx, b, o.Clock.Now); err != nil && !o.Dry {
		return Removal{}, err
	}
	inv, err := read(ctx, b, o.Parallel)
	if err != nil {
		return Removal{}, err
	}
	p, err := inv.plan(s, o.Clock.Now())
	if err != nil {
		return Removal{}, err
	}
	orphans, err := r.orphans(ctx, inv, s)
	if err != nil {
		return Removal{}, err
	}
	r.out.Spared = p.spared
	if o.Dry {
		r.out.Backups, r.out.Objects, r.out.Orphans = p.backups, sum(p.objects), sum(orphans)
		return r.out, nil
	}
	for _, backup := range inv.backups {
		r.known[backup.Tag] = true
	}
	if err := r.manifests(ctx, p.backups); err != nil {
		return r.out, err
	}
	err = r.objects(ctx, slices.Concat(p.objects, orphans))
	return r.out, err
}

func sum(objects []object) Size {
	var s Size
	for _, o := range objects {
		s.add(o.size)
	}
	return s
}

// orphans are objects that no backup names and that are old enough for no backup
// to be about to name them.
func (r *removal) orphans(ctx context.Context, inv *inventory, s Selection) ([]object, error) {
	if s.OrphansOlderThan == 0 {
		return nil, nil
	}
	var found []object
	now := r.Clock.Now()
	for o, err := range r.bucket.List(ctx, manifest.DataPrefix) {
		if err != nil {
			return nil, fmt.Errorf("listing the objects: %w", err)
		}
		// What is no file of a table is not ours to judge.
		if _, err := manifest.ParseDataKey(o.Key); err != nil {
			continue
		}
		if _, named := inv.ids[o.Key]; !named && now.Sub(o.Modified) > s.OrphansOlderThan {
			found = append(found, object{key: o.Key, size: o.Size, orphan: true})
		}
	}
	return found, nil
}

// manifests deletes those of the backups, with which they are gone.
func (r *removal) manifests(ctx context.Context, backups []Backup) error {
	log := logr.FromContextOrDiscard(ctx)
	gone := make([]bool, len(backups))
	err := transfer.Each(ctx, len(backups), transfer.Parallel(r.Parallel), func(ctx context.Context, i int) error {
		if err := r.bucket.Delete(ctx, manifest.ManifestKey(backups[i].Tag)); err != nil {
			return fmt.Errorf("removing the backup %s: %w", backups[i].Tag, err)
		}
		log.Info("Removing backup", logging.KeySnapshot, backups[i].Tag)
		gone[i] = true
		return nil
	})
	for i, backup := range backups {
		if gone[i] {
			r.out.Backups = append(r.out.Backups, backup)
		}
	}
	return err
}

// objects deletes what the removed backups leave, batch by batch, as long as no
// backup can have come upon it.
func (r *removal) objects(ctx context.Context, all []object) error {
	for from := 0; from < len(all); {
		// In this order: a backup that is not running any more shows its manifest.
		running := requireQuiet(ctx, r.bucket, r.Clock.Now)
		named, err := r.newcomers(ctx)
		if err = errors.Join(running, err); err != nil {
			r.out.Left = sum(all[from:])
			return r.leave(err)
		}
		all = slices.DeleteFunc(all, func(o object) bool { return named[o.key] && !r.deleted[o.key] })
		to := min(from+batch, len(all))
		if err := r.delete(ctx, all[from:to]); err != nil {
			return err
		}
		r.Report(to, len(all))
		from = to
	}
	if len(r.deleted) == 0 {
		return nil
	}
	// One that runs now looks for all its objects before it commits.
	_, err := r.newcomers(ctx)
	return r.leave(err)
}

// leave makes of what only keeps objects from being deleted no error: the backups
// are removed.
func (r *removal) leave(err error) error {
	if errors.Is(err, ErrDamaged) || !errors.Is(err, ErrBusy) && !isCorrupt(err) {
		return err
	}
	r.out.Why = err
	return nil
}

// newcomers tells which objects the backups name that were made since the last
// look. One that names what is deleted already, because it found it just before,
// is not a backup, and said to be none.
func (r *removal) newcomers(ctx context.Context) (named map[string]bool, err error) {
	found, err := manifestsOf(ctx, r.bucket)
	if err != nil {
		return nil, err
	}
	named = map[string]bool{}
	for _, tag := range slices.Sorted(maps.Keys(found)) {
		if r.known[tag] {
			continue
		}
		m, err := readManifest(ctx, r.bucket, tag)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		r.known[tag] = true
		for key := range entries(m) {
			if r.deleted[key] {
				return nil, fmt.Errorf("%w: %s was made while %s was removed; remove it and back up again", ErrDamaged, tag, key)
			}
			named[key] = true
		}
	}
	return named, nil
}

func (r *removal) delete(ctx context.Context, objects []object) error {
	// Whether the store did what it gives no answer for is not known: better to
	// take it for gone.
	for _, o := range objects {
		r.deleted[o.key] = true
	}
	keys := make([]string, len(objects))
	for i, o := range objects {
		keys[i] = o.key
	}
	err := r.bucket.DeleteMany(ctx, keys)
	var failed *store.DeleteError
	if err != nil && !errors.As(err, &failed) {
		return fmt.Errorf("removing objects: %w", err)
	}
	for _, o := range objects {
		switch {
		case failed != nil && failed.Failed[o.key] != nil:
		case o.orphan:
			r.out.Orphans.add(o.size)
		default:
			r.out.Objects.add(o.size)
		}
	}
	if err != nil {
		return fmt.Errorf("removing objects: %w", err)
	}
	return nil
}
