package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/jmx"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// TypeAutoCompaction is the "type" of the requests.
const TypeAutoCompaction = "autocompaction"

// AutoCompactionRequest is the body of POST /operations:
//
//	{"type":"autocompaction","keyspace":"ks1","tables":["t1"],"enabled":false}
//
// Names, rules and words of the fields are in their tags: requests are read and
// judged by them, and the OpenAPI document is made of them.
type AutoCompactionRequest struct {
	rest.Header `doc:"Lets Cassandra compact tables by itself, or keeps it from that, such as while much is loaded."`

	Keyspace string   `json:"keyspace" validate:"required" doc:"Keyspace of the tables." example:"ks1"`
	Tables   []string `json:"tables,omitempty" validate:"max=100" doc:"Tables of it; all where none is named."`
	Enabled  bool     `json:"enabled" doc:"Whether Cassandra may compact them by itself."`
}

// Violations are the rules that no tag can tell. They judge the request alone;
// whether there is such a table is for the operation to find out.
func (r *AutoCompactionRequest) Violations() []rest.Violation {
	var v []rest.Violation
	for i, table := range r.Tables {
		if err := rest.ValidateName(table); err != nil {
			v = append(v, rest.Violation{Field: fmt.Sprintf("tables[%d]", i), Message: err.Error()})
		}
	}
	if r.Keyspace != "" { // an empty one is refused by its tag
		if err := rest.ValidateName(r.Keyspace); err != nil {
			v = append(v, rest.Violation{Field: "keyspace", Message: err.Error()})
		}
	}
	return v
}

// AutoCompactionResult is the result of a completed operation.
type AutoCompactionResult struct {
	Tables []string `json:"tables"`
}

// schema tells the tables of a keyspace; a *cassandra.Node does.
type schema interface {
	Tables(ctx context.Context, keyspaces ...string) ([]cassandra.Table, error)
}

// mbeans is what is needed of a connection; a *jmx.Client has it.
type mbeans interface {
	Invoke(ctx context.Context, bean jmx.ObjectName, op string, signature []string, args ...any) (any, error)
	Close() error
}

// AutoCompaction is the kind of operation.
func AutoCompaction(node schema, dial func(ctx context.Context) (mbeans, error)) operation.Kind {
	return operation.Define(TypeAutoCompaction, operation.Spec[AutoCompactionRequest]{
		Run: func(ctx context.Context, r *AutoCompactionRequest, h *operation.Handle) error {
			return autoCompaction(ctx, node, dial, r, h)
		},
		// Two at a time could leave a keyspace half on and half off: one waits for the other.
		Exclusive: func(r *AutoCompactionRequest) (string, bool) { return TypeAutoCompaction + " " + r.Keyspace, true },
		// A sidecar that is restarted may begin anew: to do it twice does no harm.
		Resumable: true,
	})
}

func autoCompaction(
	ctx context.Context, node schema, dial func(ctx context.Context) (mbeans, error), r *AutoCompactionRequest, h *operation.Handle,
) (err error) {
	tables := r.Tables
	if len(tables) == 0 {
		if tables, err = tablesOf(ctx, node, r.Keyspace); err != nil {
			return err
		}
	}
	conn, err := dial(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	method := "disableAutoCompaction"
	if r.Enabled {
		method = "enableAutoCompaction"
	}
	for i, table := range tables {
		// The context ends when the operation is cancelled, and then nothing more is done.
		_, err := conn.Invoke(ctx, "org.apache.cassandra.db:type=StorageService", method,
			[]string{"java.lang.String", "[Ljava.lang.String;"}, r.Keyspace, []string{table})
		if err != nil {
			return fmt.Errorf("calling %s for %s.%s: %w", method, r.Keyspace, table, err)
		}
		h.SetProgress(float64(i+1) / float64(len(tables)))
	}
	h.SetResult(AutoCompactionResult{Tables: tables})
	return nil
}

func tablesOf(ctx context.Context, node schema, keyspace string) ([]string, error) {
	found, err := node.Tables(ctx, keyspace)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(found))
	for _, table := range found {
		names = append(names, table.Name)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("keyspace %s has no tables, or is not there", keyspace)
	}
	return names, nil
}
