package operation_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// RelocateRequest is the body of POST /operations for a type of one's own:
// {"type":"relocate","keyspace":"ks1","tables":["t1","t2"]}.
type RelocateRequest struct {
	rest.Header
	Keyspace string   `json:"keyspace" validate:"required"`
	Tables   []string `json:"tables,omitempty" validate:"max=100"`
}

// Relocate makes the kind: what it does, and that it works on a keyspace alone.
func Relocate(relocate func(ctx context.Context, keyspace, table string) error) operation.Kind {
	return operation.Define("relocate", operation.Spec[RelocateRequest]{
		Exclusive: func(req *RelocateRequest) (string, bool) { return "relocate " + req.Keyspace, true },
		Run: func(ctx context.Context, req *RelocateRequest, h *operation.Handle) error {
			for i, table := range req.Tables {
				if err := relocate(ctx, req.Keyspace, table); err != nil {
					return fmt.Errorf("relocating %s.%s: %w", req.Keyspace, table, err)
				}
				h.SetProgress(float64(i+1) / float64(len(req.Tables)))
			}
			return nil
		},
	})
}

// A type of operation of one's own is a request, a function that makes its
// Kind, and one line where kinds are registered.
func ExampleDefine() {
	err := relocateOnce(context.Background())
	fmt.Println(err)
	// Output:
	// relocating ks1.t1
	// COMPLETED 1
	// <nil>
}

func relocateOnce(ctx context.Context) error {
	dir := filepath.Join(os.TempDir(), fmt.Sprint("icarus-example-", os.Getpid()))
	defer os.RemoveAll(dir)
	registry, err := operation.NewRegistry(
		Relocate(func(_ context.Context, keyspace, table string) error {
			fmt.Printf("relocating %s.%s\n", keyspace, table)
			return nil
		}),
	)
	if err != nil {
		return err
	}
	m, err := operation.New(ctx, operation.Config{Dir: dir, Registry: registry})
	if err != nil {
		return err
	}
	req, warnings, err := m.Types().Decode([]byte(`{"type":"relocate","keyspace":"ks1","tables":["t1"]}`))
	if err != nil {
		return err
	}
	op, _, err := m.Submit(ctx, req, warnings)
	if err != nil {
		return err
	}
	if op, err = m.Wait(ctx, op.ID); err != nil {
		return err
	}
	fmt.Println(op.State, op.Progress)
	return m.Close(ctx)
}
