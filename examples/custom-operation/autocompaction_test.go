package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/api/rest/openapi"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/jmx"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a node with two tables, and the calls that it was sent.
type fake struct {
	calls  []string
	closed bool
	err    error
}

func (f *fake) Tables(_ context.Context, keyspaces ...string) ([]cassandra.Table, error) {
	if keyspaces[0] != "ks1" {
		return nil, nil
	}
	return []cassandra.Table{{Keyspace: "ks1", Name: "t1"}, {Keyspace: "ks1", Name: "t2"}}, nil
}

func (f *fake) Invoke(_ context.Context, _ jmx.ObjectName, op string, _ []string, args ...any) (any, error) {
	f.calls = append(f.calls, fmt.Sprint(op, args))
	return nil, f.err
}

func (f *fake) Close() error {
	f.closed = true
	return nil
}

// do runs a request as the sidecar does.
func do(t *testing.T, f *fake, body string) (rest.Operation, error) {
	t.Helper()
	registry, err := operation.NewRegistry(AutoCompaction(f, func(context.Context) (mbeans, error) { return f, nil }))
	if err != nil {
		t.Fatal(err)
	}
	m, err := operation.New(t.Context(), operation.Config{Dir: t.TempDir(), Registry: registry})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	req, warnings, err := m.Types().Decode([]byte(body))
	if err != nil {
		return rest.Operation{}, err
	}
	op, _, err := m.Submit(t.Context(), req, warnings)
	if err != nil {
		return rest.Operation{}, err
	}
	return m.Wait(t.Context(), op.ID)
}

func TestTablesAreSwitchedOneByOne(t *testing.T) {
	t.Parallel()
	for body, want := range map[string][]string{
		`{"type":"autocompaction","keyspace":"ks1"}`:                                  {"disableAutoCompaction[ks1 [t1]]", "disableAutoCompaction[ks1 [t2]]"},
		`{"type":"autocompaction","keyspace":"ks1","tables":["t2"],"enabled":"true"}`: {"enableAutoCompaction[ks1 [t2]]"},
	} {
		f := &fake{}
		op, err := do(t, f, body)
		if err != nil || op.State != rest.StateCompleted || op.Progress != 1 || !f.closed {
			t.Errorf("%s: %+v %v", body, op, err)
		}
		if diff := cmp.Diff(want, f.calls); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
		var result AutoCompactionResult
		if err := op.DecodeResult(&result); err != nil || len(result.Tables) != len(want) {
			t.Errorf("%s: %+v %v", body, result, err)
		}
	}
}

func TestWhatGoesWrongIsTold(t *testing.T) {
	t.Parallel()
	for body, f := range map[string]*fake{
		`{"type":"autocompaction","keyspace":"nosuch"}`: {},
		`{"type":"autocompaction","keyspace":"ks1"}`:    {err: errors.New("no answer")},
	} {
		op, err := do(t, f, body)
		if err != nil || op.State != rest.StateFailed || len(op.Errors) != 1 || len(f.calls) > 1 {
			t.Errorf("%s: %+v %v", body, op, err)
		}
	}
}

func TestWrongRequestsAreRefused(t *testing.T) {
	t.Parallel()
	for body, field := range map[string]string{
		`{"type":"autocompaction"}`:                                        "keyspace",
		`{"type":"autocompaction","keyspace":"a/b"}`:                       "keyspace",
		`{"type":"autocompaction","keyspace":"ks1","tables":["t1","../"]}`: "tables[1]",
		`{"type":"autocompaction","keyspace":"ks1","enabled":"perhaps"}`:   "enabled",
	} {
		f := &fake{}
		_, err := do(t, f, body)
		var refused *rest.Error
		if !errors.As(err, &refused) || len(refused.Violations) != 1 || refused.Violations[0].Field != field || len(f.calls) > 0 {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// The OpenAPI document has the kind, with words for every field.
func TestTheKindIsDescribed(t *testing.T) {
	t.Parallel()
	types := rest.Types{TypeAutoCompaction: AutoCompaction(nil, nil).New}
	if faults := openapi.Faults(types); len(faults) > 0 {
		t.Error(faults)
	}
	raw, err := json.Marshal(openapi.New("custom", types))
	if err != nil || !json.Valid(raw) {
		t.Error(err)
	}
}
