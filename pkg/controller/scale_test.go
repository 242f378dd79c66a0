package controller

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/icarus-sidecar/icarus/api/v1alpha1"
)

// TestAThousandNodes holds the controller to its budget: requests in proportion to
// the nodes, few writes, and a status that etcd takes.
func TestAThousandNodes(t *testing.T) {
	if testing.Short() {
		t.Skip("has a thousand sidecars, which -short leaves out")
	}
	const nodes = 1000
	ring := newLargeRing(t, nodes)
	b := newBackup("nightly", ring)
	w := newWorld(t, ring, b)
	begun := time.Now()
	w.run(b, func() bool { return ring.begun("backup") == nodes })
	t.Logf("the last node got its request after %s", time.Since(begun).Round(time.Millisecond))
	w.finish(b)
	w.wants(b, v1alpha1.ConditionComplete, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	w.onlyOnce(backupEvery, backupSingle)
	const perNode, others = 5, 10 // a question before, the request, and its polls
	if n := ring.requests(); n > perNode*nodes+others {
		t.Errorf("there were %d requests", n)
	}
	if most := 50 + nodes/20; w.writes > most {
		t.Errorf("there were %d writes", w.writes)
	}
	const takenByEtcd = 1 << 20
	if n := size(t, b); n > takenByEtcd {
		t.Errorf("the object has %d bytes", n)
	} else {
		t.Logf("%d requests, %d writes, an object of %d bytes", ring.requests(), w.writes, n)
	}
}
