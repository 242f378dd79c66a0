package nodeops

import (
	"context"
	"fmt"
	"slices"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
)

// requireEntities refuses keyspaces and tables that this node, and so the
// ring, does not have.
func (d *Deps) requireEntities(ctx context.Context, list string) error {
	entities, err := rest.ParseEntities(list)
	if err != nil {
		return fmt.Errorf("reading entities: %w", err)
	}
	if entities.IsEmpty() {
		return nil
	}
	keyspaces, err := d.Node.Keyspaces(ctx)
	if err != nil {
		return err
	}
	for _, keyspace := range entities.Keyspaces {
		if !slices.Contains(keyspaces, keyspace) {
			return fmt.Errorf("%w: %s", cassandra.ErrUnknownKeyspace, keyspace)
		}
	}
	known := map[string][]cassandra.Table{}
	for _, t := range entities.Tables {
		if !slices.Contains(keyspaces, t.Keyspace) {
			return fmt.Errorf("%w: %s", cassandra.ErrUnknownKeyspace, t.Keyspace)
		}
		if _, asked := known[t.Keyspace]; !asked {
			if known[t.Keyspace], err = d.Node.Tables(ctx, t.Keyspace); err != nil {
				return err
			}
		}
		if !slices.ContainsFunc(known[t.Keyspace], func(k cassandra.Table) bool { return k.Name == t.Table }) {
			return fmt.Errorf("%w: %s", cassandra.ErrUnknownTable, t)
		}
	}
	return nil
}
