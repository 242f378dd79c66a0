package cluster_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
)

// A short operation waits for itself, not for the next poll; a long one is asked
// every two seconds.
func TestPollsBackOff(t *testing.T) {
	t.Parallel()
	var b cluster.Board
	a := cluster.Action{Verb: cluster.Submit, Phase: "Upload", Node: nodesOf(1)[0], OperationID: parent.String()}
	running := &rest.Operation{ID: a.OperationID, State: rest.StateRunning}
	var waits []string
	for range 10 {
		b.Record(a, running, nil, start)
		waits = append(waits, b.Children[a.Phase][a.Node.HostID].NotBefore.Sub(start).Round(time.Millisecond).String())
		a.Verb = cluster.Poll
	}
	want := []string{"100ms", "150ms", "225ms", "338ms", "506ms", "759ms", "1.139s", "1.709s", "2s", "2s"}
	if diff := cmp.Diff(want, waits); diff != "" {
		t.Error(diff)
	}
}
