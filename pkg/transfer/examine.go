package transfer

import (
	"context"
	"errors"
	"fmt"

	"github.com/icarus-sidecar/icarus/pkg/store"
)

// Examine reads objects to their ends and keeps nothing of them. It answers in the
// order of the items what is wrong with each, which is a *MismatchError for one that
// is not what its item says, another store.ErrCorrupt, store.ErrNotFound or
// store.ErrDenied; and nil for one that is right. Of an item, Path means nothing.
// Any other failure stops everything: it is not known what that object is.
func Examine(ctx context.Context, b store.Bucket, items []Incoming, o Options) ([]error, error) {
	f := newFetcher(b, o)
	defer f.meter.finish()
	total := Counts{FilesTotal: int64(len(items))}
	for _, item := range items {
		if err := checkContent(item); err != nil {
			return nil, err
		}
		total.BytesTotal += item.Size
	}
	f.meter.add(total)
	wrong := make([]error, len(items))
	err := watch(ctx, o, Parallel(o.Parallel), func(workers []*pulse) error {
		lanes := newLanes(len(items), func(i int) int64 { return items[i].Size })
		return lanes.run(ctx, workers, true, func(ctx context.Context, p *pulse, i int) error {
			err := f.examine(ctx, p, items[i])
			if err != nil && !isAboutObject(err) {
				return fmt.Errorf("reading %s: %w", items[i].Key, err)
			}
			wrong[i] = err
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return wrong, nil
}

func isAboutObject(err error) bool {
	return errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrDenied)
}

func (f *fetcher) examine(ctx context.Context, p *pulse, item Incoming) error {
	d, err := newDigest(item.Hash)
	if err != nil {
		return err
	}
	t := &tally{m: f.meter}
	if err := f.fetch(ctx, p, item.Key, item.Size, d, t.add); err != nil {
		return err
	}
	t.moved()
	return d.check()
}
