package nodeops

import (
	"context"
	"fmt"
	"os"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// importTables takes up copies of the SSTables of a directory into a table.
func importTables(d *Deps) operation.Kind {
	return operation.Define(rest.TypeImport, operation.Spec[rest.ImportRequest]{
		Run: func(ctx context.Context, r *rest.ImportRequest, _ *operation.Handle) error {
			dir := string(r.TablePath)
			if err := d.allow(ctx, "tablePath", dir); err != nil {
				return err
			}
			info, err := os.Stat(dir)
			if err != nil {
				return fmt.Errorf("looking at tablePath: %w", err)
			}
			if !info.IsDir() {
				return fmt.Errorf("tablePath %s is not a directory", dir)
			}
			return d.Node.Import(ctx, r.Keyspace, r.Table, []string{dir}, importOptions(r))
		},
		Check:         func(_ context.Context, r *rest.ImportRequest) error { return takesSSTables(r.Keyspace) },
		Exclusive:     func(r *rest.ImportRequest) (string, bool) { return "import " + r.Keyspace + "." + r.Table, true },
		Uncancellable: blocking,
	})
}

// takesSSTables refuses keyspaces whose SSTables are of use to one node only.
func takesSSTables(keyspace string) error {
	if cassandra.IsLocal(keyspace) {
		return rest.Invalid(rest.Violation{Field: "keyspace", Message: "is Cassandra's own, each node's for itself, and takes no SSTables of others"})
	}
	return nil
}

// importOptions are the flags of a request; none has the SSTables verified.
func importOptions(r *rest.ImportRequest) cassandra.ImportOptions {
	if r == nil {
		return cassandra.ImportOptions{}
	}
	return cassandra.ImportOptions{
		KeepLevel: r.KeepLevel, KeepRepaired: r.KeepRepaired, NoVerify: r.NoVerify, NoVerifyTokens: r.NoVerifyTokens,
		NoInvalidateCaches: r.NoInvalidateCaches, Quick: r.Quick, ExtendedVerify: r.ExtendedVerify,
	}
}
