package cassandra

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

func identified(change func(own, place map[string]any)) *stub {
	own := map[string]any{
		"ClusterName": "Test  Cluster\t1", "LocalHostId": "h1", "ReleaseVersion": "4.1.10",
		"Tokens": texts("5", "-3", "12"), "HostIdToEndpoint": map[any]any{"h1": "10.0.0.1", "h2": "10.0.0.2"},
	}
	place := map[string]any{"Datacenter": "dc1", "Rack": "r1"}
	change(own, place)
	return &stub{values: map[jmx.ObjectName]map[string]any{storageService: own, snitch: place}}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	want := Identity{
		ClusterName: "Test-Cluster-1", Datacenter: "dc1", Rack: "r1", HostID: "h1", Address: "10.0.0.1",
		ReleaseVersion: "4.1.10", Tokens: []string{"-3", "12", "5"},
	}
	got, err := identified(func(_, _ map[string]any) {}).node(t).Identity(t.Context())
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	joining := identified(func(own, _ map[string]any) { own["HostIdToEndpoint"] = map[any]any{}; own["Tokens"] = texts() })
	got, err = joining.node(t).Identity(t.Context())
	if err != nil || got.Address != "" || len(got.Tokens) != 0 || got.HostID != "h1" {
		t.Errorf("of a node that has not joined: %+v, %v", got, err)
	}
}

func TestIdentityIsWholeOrNone(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(own, place map[string]any){
		"no id":               func(own, _ map[string]any) { own["LocalHostId"] = nil },
		"an empty datacenter": func(_, place map[string]any) { place["Datacenter"] = "" },
		"a name of blanks":    func(own, _ map[string]any) { own["ClusterName"] = nil },
		"a number for a name": func(own, _ map[string]any) { own["ClusterName"] = int32(7) },
		"tokens of numbers":   func(own, _ map[string]any) { own["Tokens"] = []any{int64(7)} },
		"addresses in a list": func(own, _ map[string]any) { own["HostIdToEndpoint"] = texts("h1") },
		"an attribute less":   func(_, place map[string]any) { delete(place, "Rack") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := identified(change).node(t).Identity(t.Context())
			if err == nil || !cmp.Equal(got, Identity{}) {
				t.Errorf("got %+v and %v", got, err)
			}
		})
	}
}

func TestParseVersion(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]Version{
		"3.11.19":               {3, 11, 19, []string{}},
		"4.0.0":                 {4, 0, 0, []string{}},
		"4.1.10":                {4, 1, 10, []string{}},
		"5.0-rc1":               {5, 0, 0, []string{"rc1"}},
		"5.0-rc1-SNAPSHOT":      {5, 0, 0, []string{"rc1", "SNAPSHOT"}},
		"4.0~beta2":             {4, 0, 0, []string{"beta2"}},
		"6.0-alpha2":            {6, 0, 0, []string{"alpha2"}},
		"4.0.0.6803":            {4, 0, 0, []string{}},
		"3.11.19+build.5":       {3, 11, 19, []string{}},
		"5.0.9-SNAPSHOT+abc123": {5, 0, 9, []string{"SNAPSHOT"}},
	} {
		got, err := ParseVersion(s)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", s, err, diff)
		}
	}
	for _, s := range []string{"", "4", "4.", "v4.1", "4.1.x", "4.1.10 ", "-4.1", "4..1", "4.1.10\n", "99999999999999999999.1.1", strings.Repeat("4.1", 5000)} {
		if got, err := ParseVersion(s); !errors.Is(err, ErrInvalid) || len(err.Error()) > 1000 {
			t.Errorf("%.50q is %v, %v", s, got, err)
		}
	}
}

func FuzzParseVersion(f *testing.F) {
	for _, s := range []string{"3.11.19", "5.0-rc1-SNAPSHOT", "4.0~beta2", "4.0.0.6803+x", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := ParseVersion(s)
		if err != nil {
			return
		}
		again, err := ParseVersion(v.String())
		if err != nil || !cmp.Equal(v, again, cmp.Comparer(func(a, b []string) bool { return strings.Join(a, "-") == strings.Join(b, "-") })) {
			t.Errorf("%q is %+v, and that is %+v, %v", s, v, again, err)
		}
	})
}
