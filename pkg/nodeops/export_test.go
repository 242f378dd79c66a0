package nodeops

import (
	"context"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/store"
)

// What follows is for the tests of this directory.

func (d *Deps) Allow(ctx context.Context, field, dir string) error { return d.allow(ctx, field, dir) }

func (d *Deps) StoreOptions(s rest.Store) store.Options { return d.storeOptions(s) }

func CheckStore(s rest.Store) error { return new(Deps).checkStore(s) }

func (d *Deps) Locate(ctx context.Context, s rest.Store) (store.Location, error) {
	return d.locateOne(ctx, scope{store: s})
}

func (d *Deps) PutTopology(ctx context.Context, b store.Bucket, tag string) error {
	return d.putTopology(ctx, b, tag)
}

func (d *Deps) SecretOptions(ctx context.Context, s rest.Store, p store.Provider) (store.Options, error) {
	return d.secretOptions(ctx, s, p)
}
