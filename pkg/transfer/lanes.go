package transfer

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// largeSize is what a bucket sends in as many parts as it sends at once. Larger
// files want a few streams at full width; smaller ones wait for answers, and want
// many.
const largeSize = 32 << 20

// lanes are the items in the order in which they are moved: the largest first,
// so that none of them begins when all others are done.
type lanes struct {
	large, small lane
}

type lane struct {
	items []int
	next  atomic.Int64
}

// take is the next item, and false when there is none.
func (l *lane) take() (int, bool) {
	i := l.next.Add(1) - 1
	if i >= int64(len(l.items)) {
		return 0, false
	}
	return l.items[i], true
}

func newLanes(n int, size func(i int) int64) *lanes {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(size(b), size(a)) })
	small, _ := slices.BinarySearchFunc(order, largeSize, func(i int, limit int64) int { return cmp.Compare(limit, size(i)) })
	l := &lanes{}
	l.large.items, l.small.items = order[:small], order[small:]
	return l
}

// largeShare is which part of the workers belongs to the large files. A bucket
// takes a large file in several parts at once, so that a quarter fills the line,
// and the small files need not wait behind them.
const largeShare = 4

// run moves the items with these workers. Those of the large files help with the
// small ones in the end, and the others with the large ones if they may. The
// first error stops all, and is returned after they have ended.
func (l *lanes) run(ctx context.Context, workers []*pulse, help bool, do func(ctx context.Context, p *pulse, i int) error) error {
	group, inner := errgroup.WithContext(ctx)
	for worker, p := range workers {
		order := []*lane{&l.small}
		switch {
		case worker < max(1, len(workers)/largeShare):
			order = []*lane{&l.large, &l.small}
		case help:
			order = []*lane{&l.small, &l.large}
		}
		group.Go(func() error {
			for _, lane := range order {
				if err := lane.empty(inner, p, do); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// empty moves items until there are no more.
func (l *lane) empty(ctx context.Context, p *pulse, do func(ctx context.Context, p *pulse, i int) error) error {
	for {
		if err := Stopped(ctx); err != nil {
			return err
		}
		i, ok := l.take()
		if !ok {
			return nil
		}
		if err := p.during(ctx, func(ctx context.Context) error { return do(ctx, p, i) }); err != nil {
			return err
		}
	}
}
