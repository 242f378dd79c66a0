package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"
)

// batchesAtOnce is how many requests of many keys each are on their way: a store
// works through the keys of one of them one after the other.
const batchesAtOnce = 4

// deletesAtOnce is how many requests of one key are.
const deletesAtOnce = 8

// errNoBatch is of a server that knows no deletion of several keys at once.
var errNoBatch = errors.New("the server deletes no several keys at once")

// DeleteError tells which keys are not known to be free. All others are.
type DeleteError struct {
	// Failed has at least one key.
	Failed map[string]error
}

// Error tells of the first key, and how many there are.
func (e *DeleteError) Error() string {
	keys := slices.Sorted(maps.Keys(e.Failed))
	if len(keys) == 1 {
		return e.Failed[keys[0]].Error()
	}
	return fmt.Sprintf("%d keys could not be deleted, the first: %v", len(keys), e.Failed[keys[0]])
}

// Unwrap is what each key failed with, in the order of the keys.
func (e *DeleteError) Unwrap() []error {
	errs := make([]error, 0, len(e.Failed))
	for _, key := range slices.Sorted(maps.Keys(e.Failed)) {
		errs = append(errs, e.Failed[key])
	}
	return errs
}

// Deleting is the error of a deletion of many keys of which these failed, nil if
// none did.
func Deleting(failed map[string]error) error {
	if len(failed) == 0 {
		return nil
	}
	return &DeleteError{failed}
}

// failedOf is which of the keys an error of DeleteMany is of.
func failedOf(keys []string, err error) map[string]error {
	var some *DeleteError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &some):
		return some.Failed
	}
	return allFailed(keys, err)
}

func allFailed(keys []string, err error) map[string]error {
	failed := make(map[string]error, len(keys))
	for _, key := range keys {
		failed[key] = err
	}
	return failed
}

// DeleteMany asks for as many keys at once as the store takes, and one by one
// where its server takes but one.
func (c *cloud) DeleteMany(ctx context.Context, keys []string) error {
	failed := map[string]error{}
	good := make([]string, 0, len(keys))
	for _, key := range keys {
		if err := c.check(ctx, key); err != nil {
			failed[key] = c.doing(ctx, "deleting", key, err)
			continue
		}
		good = append(good, key)
	}
	chunks := slices.Collect(slices.Chunk(good, c.batch()))
	results := make([]map[string]error, len(chunks))
	var group errgroup.Group
	group.SetLimit(batchesAtOnce)
	for i, keys := range chunks {
		group.Go(func() error {
			results[i] = c.deleteBatch(ctx, keys)
			return nil
		})
	}
	err := group.Wait()
	for _, result := range results {
		maps.Copy(failed, result)
	}
	return errors.Join(err, Deleting(failed))
}

// deleteBatch is which of the keys failed, and with what.
func (c *cloud) deleteBatch(ctx context.Context, keys []string) map[string]error {
	if !c.oneByOne.Load() && len(keys) > 1 {
		failed, err := c.removeMany(ctx, keys)
		if err == nil {
			for key, err := range failed {
				if failed[key] = c.doing(ctx, "deleting", key, err); errors.Is(err, ErrNotFound) {
					delete(failed, key)
				}
			}
			return failed
		}
		if !errors.Is(err, errNoBatch) {
			return allFailed(keys, c.doing(ctx, fmt.Sprintf("deleting %d keys, the first", len(keys)), keys[0], err))
		}
		c.oneByOne.Store(true)
	}
	return failedOf(keys, deleteEach(ctx, keys, c.Delete))
}

// deleteEach deletes one by one, some at once.
func deleteEach(ctx context.Context, keys []string, del func(ctx context.Context, key string) error) error {
	errs := make([]error, len(keys))
	var group errgroup.Group
	group.SetLimit(deletesAtOnce)
	for i, key := range keys {
		group.Go(func() error {
			errs[i] = del(ctx, key)
			return nil
		})
	}
	err := group.Wait()
	failed := map[string]error{}
	for i, key := range keys {
		if errs[i] != nil {
			failed[key] = errs[i]
		}
	}
	return errors.Join(err, Deleting(failed))
}

// DeleteMany tries those keys again that may go well at the next attempt.
func (b *retrying) DeleteMany(ctx context.Context, keys []string) error {
	stay := map[string]error{} // of the keys that no attempt frees
	var again map[string]error // of those that the last one did not
	err := b.retry.do(ctx, func() error {
		failed := failedOf(keys, b.bucket.DeleteMany(ctx, keys))
		again = map[string]error{}
		for key, err := range failed {
			if retryable(err) {
				again[key] = err
			} else {
				stay[key] = err
			}
		}
		keys = slices.Sorted(maps.Keys(again))
		return Deleting(again)
	})
	if len(stay) == 0 {
		return err // it tells how often it was tried
	}
	maps.Copy(stay, again)
	return Deleting(stay)
}

// DeleteMany deletes below the prefix.
func (p *prefixed) DeleteMany(ctx context.Context, keys []string) error {
	failed := map[string]error{}
	whole := make([]string, 0, len(keys))
	for _, key := range keys {
		if err := CheckKey(key); err != nil {
			failed[key] = err
			continue
		}
		whole = append(whole, p.prefix+key)
	}
	for key, err := range failedOf(whole, p.bucket.DeleteMany(ctx, whole)) {
		failed[key[len(p.prefix):]] = err
	}
	return Deleting(failed)
}

// DeleteMany is Delete of each: there is nothing that a file system does with
// many at once.
func (b *fileBucket) DeleteMany(ctx context.Context, keys []string) error {
	return deleteEach(ctx, keys, b.Delete)
}
