package nodeops

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/operation"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// ErrMovesNothing is for an operation that has no rate which could be changed: one
// that is not running, or that moves nothing on this node.
var ErrMovesNothing = fmt.Errorf("%w: the operation moves nothing on this node now; those of other nodes are changed there", operation.ErrConflict)

// rates are those of the operations that move something now.
type rates struct {
	mu sync.Mutex
	by map[string]*transfer.Limiter // id
}

func (r *rates) set(id string, l *transfer.Limiter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil {
		r.by = map[string]*transfer.Limiter{}
	}
	r.by[id] = l
}

func (r *rates) remove(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.by, id)
}

// SetBandwidth changes the rate of an operation that moves something; 0 is no
// limit. That of the whole node holds all the same.
func (d *Deps) SetBandwidth(id string, bytesPerSecond int64) error {
	d.rates.mu.Lock()
	defer d.rates.mu.Unlock()
	l, ok := d.rates.by[id]
	if !ok {
		return fmt.Errorf("changing the bandwidth of %s: %w", id, ErrMovesNothing)
	}
	l.Set(bytesPerSecond)
	return nil
}

// limited lends the rate of an operation, which begins with that of its request.
func (d *Deps) limited(h *operation.Handle, b *rest.Bandwidth, do func(rate *transfer.Limiter) error) error {
	rate := transfer.NewLimiter(0, d.Clock)
	if b != nil {
		rate.Set(b.BytesPerSecond())
	}
	d.rates.set(h.ID(), rate)
	defer d.rates.remove(h.ID())
	return do(rate)
}

// limits are the one of the node and others.
func (d *Deps) limits(others ...*transfer.Limiter) []*transfer.Limiter {
	if d.Limit == nil {
		return others
	}
	return append([]*transfer.Limiter{d.Limit}, others...)
}

// cacheOf is the directory for what backups to a location leave, "" for none.
func (d *Deps) cacheOf(location store.Location) string {
	if d.CacheDir == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(location.String()))
	return filepath.Join(d.CacheDir, hex.EncodeToString(sum[:8]))
}
