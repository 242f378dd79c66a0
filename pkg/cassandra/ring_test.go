package cassandra

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

// three are the nodes of a ring, as the first sees it.
func three(change func(own, proxy map[string]any)) *stub {
	own := map[string]any{
		"OperationMode":    "NORMAL",
		"EndpointToHostId": map[any]any{"10.0.0.1": "h1", "10.0.0.2": "h2", "10.0.0.3": "h3"},
		"LiveNodes":        texts("10.0.0.3", "10.0.0.1", "10.0.0.2"), "UnreachableNodes": texts(),
		"JoiningNodes": texts(), "LeavingNodes": texts(), "MovingNodes": texts(),
	}
	proxy := map[string]any{"SchemaVersions": map[any]any{"v1": texts("10.0.0.3", "10.0.0.1", "10.0.0.2")}}
	change(own, proxy)
	return &stub{
		values: map[jmx.ObjectName]map[string]any{storageService: own, storageProxy: proxy},
		invoke: func(_ jmx.ObjectName, op string, args []any) (any, error) {
			if op == "getDatacenter" {
				return map[any]string{"10.0.0.1": "dc2", "10.0.0.2": "dc1", "10.0.0.3": "dc1"}[args[0]], nil
			}
			return "rack of " + args[0].(string), nil
		},
	}
}

func TestRing(t *testing.T) {
	t.Parallel()
	got, err := three(func(own, _ map[string]any) {
		own["LiveNodes"] = texts("10.0.0.1", "10.0.0.3")
		own["LeavingNodes"] = texts("10.0.0.3")
	}).node(t).Ring(t.Context())
	want := []Member{
		{"10.0.0.2", "h2", "dc1", "rack of 10.0.0.2", false, StateNormal},
		{"10.0.0.3", "h3", "dc1", "rack of 10.0.0.3", true, StateLeaving},
		{"10.0.0.1", "h1", "dc2", "rack of 10.0.0.1", true, StateNormal},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

func TestRingNeedsAPlaceForEach(t *testing.T) {
	t.Parallel()
	s := three(func(_, _ map[string]any) {})
	s.invoke = func(jmx.ObjectName, string, []any) (any, error) { return nil, nil } //nolint:nilnil // null
	if got, err := s.node(t).Ring(t.Context()); err == nil || got != nil {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestCheckHealth(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(own, proxy map[string]any)
		// want are parts of the reasons, in their order.
		want []string
	}{
		"all is well":  {func(_, _ map[string]any) {}, nil},
		"this drained": {func(own, _ map[string]any) { own["OperationMode"] = "DRAINED" }, []string{"DRAINED"}},
		"one is down": {func(own, proxy map[string]any) {
			own["UnreachableNodes"] = texts("10.0.0.2")
			proxy["SchemaVersions"] = map[any]any{"v1": texts("10.0.0.1", "10.0.0.3"), "UNREACHABLE": texts("10.0.0.2")}
		}, []string{"down: 10.0.0.2", "10.0.0.2"}},
		"one joins, one leaves, one moves": {func(own, _ map[string]any) {
			own["JoiningNodes"], own["LeavingNodes"], own["MovingNodes"] = texts("10.0.0.4"), texts("10.0.0.2"), texts("10.0.0.3")
		}, []string{"joining: 10.0.0.4", "leaving: 10.0.0.2", "moving: 10.0.0.3"}},
		"two schemas": {func(_, proxy map[string]any) {
			proxy["SchemaVersions"] = map[any]any{"v2": texts("10.0.0.2"), "v1": texts("10.0.0.3", "10.0.0.1")}
		}, []string{"v1 on 10.0.0.1, 10.0.0.3; v2 on 10.0.0.2"}},
		// So it is for three days after nodetool decommission, in 4.1.
		"one has left": {func(own, proxy map[string]any) {
			own["UnreachableNodes"] = texts("10.0.0.9")
			proxy["SchemaVersions"] = map[any]any{"v1": texts("10.0.0.1", "10.0.0.2", "10.0.0.3"), "UNREACHABLE": texts("10.0.0.9")}
		}, nil},
		"one has left and one is down": {func(own, proxy map[string]any) {
			own["UnreachableNodes"] = texts("10.0.0.9", "10.0.0.3")
			proxy["SchemaVersions"] = map[any]any{"v1": texts("10.0.0.1", "10.0.0.2"), "UNREACHABLE": texts("10.0.0.9", "10.0.0.3")}
		}, []string{"down: 10.0.0.3", "not answer: 10.0.0.3"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := three(c.change).node(t).CheckHealth(t.Context())
			var health *HealthError
			if errors.As(err, &health) != (len(c.want) > 0) || errors.Is(err, ErrUnhealthy) != (len(c.want) > 0) || (err != nil) != (len(c.want) > 0) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if health == nil {
				return
			}
			if len(health.Reasons) != len(c.want) {
				t.Fatalf("the reasons are %q, want %q", health.Reasons, c.want)
			}
			for i, part := range c.want {
				if !strings.Contains(health.Reasons[i], part) || !strings.Contains(health.Error(), part) {
					t.Errorf("reason %q is not about %q", health.Reasons[i], part)
				}
			}
		})
	}
}

func TestHealthIsUnknownWhereItCannotBeAsked(t *testing.T) {
	t.Parallel()
	for _, attribute := range []string{"OperationMode", "UnreachableNodes", "MovingNodes", "EndpointToHostId", "SchemaVersions"} {
		s := three(func(_, _ map[string]any) {})
		s.failing = map[string]error{attribute: &jmx.Exception{Class: "java.lang.RuntimeException", Message: "no " + attribute}}
		err := s.node(t).CheckHealth(t.Context())
		if err == nil || errors.Is(err, ErrUnhealthy) || !strings.Contains(err.Error(), `"no `+attribute+`"`) {
			t.Errorf("without %s: %v", attribute, err)
		}
	}
}

func TestSchemaAgreement(t *testing.T) {
	t.Parallel()
	got, err := three(func(_, proxy map[string]any) {
		proxy["SchemaVersions"] = map[any]any{"v1": texts("10.0.0.1", "10.0.0.3"), "UNREACHABLE": texts("10.0.0.2", "10.0.0.9")}
	}).node(t).SchemaAgreement(t.Context())
	want := map[string][]string{"v1": {"10.0.0.1", "10.0.0.3"}, "UNREACHABLE": {"10.0.0.2"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}
