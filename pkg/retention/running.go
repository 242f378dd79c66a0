package retention

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/icarus-sidecar/icarus/pkg/backup"
	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// requireQuiet is ErrBusy while a backup of the node runs, which may have decided
// already to reuse an object that is about to be deleted.
func requireQuiet(ctx context.Context, b store.Bucket, now func() time.Time) error {
	for o, err := range b.List(ctx, manifest.IntentPrefix) {
		if err != nil {
			return fmt.Errorf("looking for running backups: %w", err)
		}
		intent, err := readIntent(ctx, b, o)
		switch {
		case errors.Is(err, store.ErrNotFound): // it ended meanwhile
		case err != nil:
			return fmt.Errorf("looking for running backups: %w", err)
		case !intent.IsStale(now()):
			return fmt.Errorf("%w: %s says that %s was at work at %s; wait for it, or, if it is dead, until %s",
				ErrBusy, o.Key, intent.Owner, intent.Alive.Format(time.RFC3339),
				intent.Alive.Add(backup.IntentPatience).Format(time.RFC3339))
		}
	}
	return nil
}

// readIntent reads one. It is as alive as it says or as the store does, whichever
// is later: two clocks are wrong less often than one. One that cannot be read is
// somebody's, too.
func readIntent(ctx context.Context, b store.Bucket, o store.Object) (backup.Intent, error) {
	body, err := transfer.Read(ctx, b, o.Key, backup.MaxIntentBytes)
	if err != nil && !errors.Is(err, store.ErrCorrupt) {
		return backup.Intent{}, err
	}
	intent, err := backup.DecodeIntent(body)
	if err != nil {
		intent = backup.Intent{Owner: "somebody"}
	}
	if o.Modified.After(intent.Alive) {
		intent.Alive = o.Modified
	}
	return intent, nil
}
