package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"github.com/icarus-sidecar/icarus/pkg/logging"
	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

const (
	// beatInterval is how often a running backup says that it still runs.
	beatInterval = time.Minute
	// IntentPatience is how long an intent counts without a word from its owner.
	// It outlasts a bucket that is away for a while.
	IntentPatience = 15 * time.Minute
	// MaxIntentBytes is far more than an intent has.
	MaxIntentBytes = 64 << 10
)

// Intent announces a running backup, so that nobody deletes what it has found to
// reuse, and nobody else takes its tag.
type Intent struct {
	Tag   string `json:"tag"`
	Owner string `json:"owner"`
	// Since and Alive are when the backup began and when it last said so.
	Since time.Time `json:"since"`
	Alive time.Time `json:"alive"`
}

// IsStale reports whether the owner has been silent for too long.
func (i Intent) IsStale(now time.Time) bool { return now.Sub(i.Alive) > IntentPatience }

// DecodeIntent reads the document at manifest.IntentKey.
func DecodeIntent(body []byte) (Intent, error) {
	var i Intent
	if err := json.Unmarshal(body, &i); err != nil {
		return Intent{}, fmt.Errorf("reading an intent: %w: %w", store.ErrCorrupt, err)
	}
	return i, nil
}

// claimed is a tag that this job holds.
type claimed struct {
	// own says that an earlier life held it before; again, that it or another
	// owner did, who is dead.
	own, again bool
	release    func(ctx context.Context) error
}

// claim takes the tag, or takes it again, and keeps saying so until release.
func (j *job) claim(ctx context.Context) (*claimed, error) {
	now := j.Clock.Now().UTC()
	mine := Intent{Tag: j.Tag, Owner: j.Owner, Since: now, Alive: now}
	c := &claimed{own: j.Resumed, again: j.Resumed}
	err := j.announce(ctx, mine, j.bucket.Create)
	if errors.Is(err, store.ErrExists) {
		c.again = true
		var own bool
		if own, err = j.inherit(ctx, now); err == nil {
			c.own = c.own || own
			err = j.announce(ctx, mine, j.bucket.Replace)
		}
	}
	if err != nil {
		err = fmt.Errorf("announcing the backup: %w", err)
		if errors.Is(err, store.ErrTransient) || ctx.Err() != nil {
			err = j.end(ctx, err, j.withdrawOwn) // only the answer may have got lost
		}
		return nil, err
	}
	beating, stop := context.WithCancel(ctx)
	var beats sync.WaitGroup
	beats.Go(func() { j.beat(beating, mine) })
	c.release = func(ctx context.Context) error {
		stop()
		beats.Wait() // or a late one would write what is deleted here
		return j.withdraw(ctx)
	}
	return c, nil
}

// inherit decides whether an intent that is there may be replaced, and tells
// whether it is of the same owner.
func (j *job) inherit(ctx context.Context, now time.Time) (own bool, err error) {
	key := manifest.IntentKey(j.Tag)
	body, err := transfer.Read(ctx, j.bucket, key, MaxIntentBytes)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil // its owner is done with it
	}
	if err != nil {
		return false, err
	}
	former, err := DecodeIntent(body)
	switch {
	case err != nil:
		j.warn("%s cannot be read, so that it is taken for what a dead backup left: %v", key, err)
		return false, nil
	case former.Owner == j.Owner:
		return true, nil
	case !former.IsStale(now):
		return false, fmt.Errorf("%w: %s says that %s is at work since %s, and was at %s", ErrTaken, key,
			former.Owner, former.Since.Format(time.RFC3339), former.Alive.Format(time.RFC3339))
	}
	j.warn("%s is taken over from %s, which has been silent since %s", key, former.Owner, former.Alive.Format(time.RFC3339))
	return false, nil
}

func (j *job) withdraw(ctx context.Context) error {
	if err := j.bucket.Delete(ctx, manifest.IntentKey(j.Tag)); err != nil {
		return fmt.Errorf("withdrawing the announcement: %w", err)
	}
	return nil
}

// withdrawOwn withdraws what is there if it is of this owner.
func (j *job) withdrawOwn(ctx context.Context) error {
	body, err := transfer.Read(ctx, j.bucket, manifest.IntentKey(j.Tag), MaxIntentBytes)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking whether the backup was announced: %w", err)
	}
	if i, err := DecodeIntent(body); err != nil || i.Owner != j.Owner {
		return nil //nolint:nilerr // one that cannot be read is not ours
	}
	return j.withdraw(ctx)
}

// abandon removes what an earlier life of this very backup left.
func (j *job) abandon(ctx context.Context) error {
	return errors.Join(j.clear(ctx), j.withdraw(ctx))
}

func (j *job) announce(ctx context.Context, i Intent, write func(ctx context.Context, key string, body []byte) error) error {
	body, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return err
	}
	return write(ctx, manifest.IntentKey(i.Tag), body)
}

// beat says that the backup still runs, until ctx is done. A word that does not
// get through is no reason to end it: the next one may.
func (j *job) beat(ctx context.Context, i Intent) {
	for {
		timer := j.Clock.NewTimer(beatInterval)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C():
		}
		i.Alive = j.Clock.Now().UTC()
		if err := j.announce(ctx, i, j.bucket.Replace); err != nil && ctx.Err() == nil {
			logr.FromContextOrDiscard(ctx).Info("Announcing the backup", logging.KeySnapshot, j.Tag, logging.KeyReason, err.Error())
		}
	}
}
