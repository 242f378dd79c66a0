package operation_test

import (
	"context"
	"testing"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// BenchmarkOperation is an operation from its submission to its end: three
// synced commits and what lies between them.
func BenchmarkOperation(b *testing.B) {
	nothing := operation.Define(rest.TypeFlush, operation.Spec[rest.FlushRequest]{
		Run: func(context.Context, *rest.FlushRequest, *operation.Handle) error { return nil },
	})
	registry, err := operation.NewRegistry(nothing)
	if err != nil {
		b.Fatal(err)
	}
	m, err := operation.New(b.Context(), operation.Config{Dir: b.TempDir(), Registry: registry})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = m.Close(context.WithoutCancel(b.Context())) }()
	b.ReportAllocs()
	for b.Loop() {
		op, _, err := m.Submit(b.Context(), &rest.FlushRequest{Header: rest.Header{Type: rest.TypeFlush}, Keyspace: "k"}, nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := m.Wait(b.Context(), op.ID); err != nil {
			b.Fatal(err)
		}
	}
}
