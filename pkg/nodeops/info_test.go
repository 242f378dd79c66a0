package nodeops_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/cassandra/cassandratest"
	"github.com/icarus-sidecar/icarus/pkg/nodeops"
)

func TestVersionsAreTold(t *testing.T) {
	t.Parallel()
	for release, want := range map[string]rest.CassandraVersion{
		"3.11.19":          {Major: 3, Minor: 11, Patch: 19, DSEPatch: -1},
		"4.1.10":           {Major: 4, Minor: 1, Patch: 10, DSEPatch: -1},
		"5.0-rc1-SNAPSHOT": {Major: 5, DSEPatch: -1, PreReleaseLabels: []string{"rc1", "SNAPSHOT"}},
	} {
		fake := cassandratest.New(t, cassandratest.Options{Release: release})
		got, err := nodeops.Info{Node: fake}.Version(t.Context())
		noError(t, err)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", release, diff)
		}
	}
}

func TestTheNodeTellsOfItselfAndItsRing(t *testing.T) {
	t.Parallel()
	// The order is that of datacenters, and in each of addresses.
	where := []string{"dc2", "dc1", "dc2"}
	fakes := cassandratest.NewRing(t, 3, cassandratest.Options{Datacenters: where})
	node := fakes[1]
	at := time.UnixMilli(1700000000123)
	info := nodeops.Info{Node: node, Clock: testingclock.NewFakePassiveClock(at)}
	schema, err := info.SchemaVersion(t.Context())
	noError(t, err)
	fakes[2].Stop() // it is a member still
	got, err := info.Topology(t.Context())
	noError(t, err)
	of := func(i int, rack string) rest.TopologyNode {
		address := fakes[i].Address()
		return rest.TopologyNode{
			Hostname: address, Cluster: "Test-Cluster", DC: where[i], Rack: rack, NodeID: fakes[i].HostID(), IPAddress: address,
		}
	}
	want := rest.Topology{
		Timestamp: at.UnixMilli(), ClusterName: "Test-Cluster", SchemaVersion: schema,
		Topology: []rest.TopologyNode{of(1, "rack2"), of(0, "rack1"), of(2, "rack3")},
	}
	if len(got.Topology) == 3 {
		// What /etc/hosts says of 127.0.0.1 is the host's affair.
		want.Topology[1].Hostname = got.Topology[1].Hostname
	}
	if diff := cmp.Diff(want, got); diff != "" || got.Topology[1].Hostname == "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	node.SetMode(cassandra.StateLeaving)
	if mode, err := info.OperationMode(t.Context()); err != nil || mode != cassandra.StateLeaving {
		t.Errorf("mode is %s, %v", mode, err)
	}
	node.Stop()
	if _, err := info.Topology(t.Context()); err == nil {
		t.Error("a node that is down tells of its ring")
	}
}
