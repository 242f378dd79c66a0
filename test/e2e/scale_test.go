package e2e_test

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/icarus-sidecar/icarus/api/v1alpha1"
)

const (
	manyObjects = 1000
	manyNodes   = 1000
	// maxMemory is what the controller may take with all of them.
	maxMemory = 200 << 20

	// idleTime is how long it is watched that the controller does nothing; not
	// beyond its first look at all objects by default.
	idleTime = "ICARUS_IDLE"
)

// A controller that has a thousand finished backups to look after does nothing and
// takes little, started once or twice; and it backs a thousand nodes up.
func TestTheControllerAtScale(t *testing.T) {
	var idle time.Duration
	if text := os.Getenv(idleTime); text != "" {
		var err error
		if idle, err = time.ParseDuration(text); err != nil {
			t.Fatalf("%s: %v", idleTime, err)
		}
	}
	c := control(t, lean)
	ring := newCrowd(t, manyNodes)
	c.many(t, manyNodes, func(i int) error {
		return c.AddPod(t.Context(), fmt.Sprintf("cassandra-%d", i), ring.addresses[i], ring.port, podLabels)
	})
	c.many(t, manyObjects, func(i int) error { return c.finishedBackup(t, i, ring.port) })
	before := c.versions(t)
	for range 2 {
		c.start(t)
		eventually(t, patience, func() error {
			if n := c.metric(t, "controller_runtime_reconcile_total", `controller="cassandrabackup"`); n < manyObjects {
				return fmt.Errorf("the controller looked at %v of %d objects", n, manyObjects)
			}
			return nil
		})
		time.Sleep(idle)
		if diff := cmp.Diff(before, c.versions(t)); diff != "" {
			t.Errorf("finished objects were written:\n%s", diff)
		}
		if writes := c.metric(t, "rest_client_requests_total", `method="PATCH"`); writes > 0 {
			t.Errorf("there were %v writes", writes)
		}
		if requests, _, _ := ring.seen(); requests > 0 {
			t.Errorf("%d requests went to sidecars", requests)
		}
		c.holds(t, "idle, with a thousand finished backups")
		c.kill(t)
	}
	c.start(t)
	c.backUpMany(t, ring)
}

// backUpMany backs up all nodes.
func (c *controlled) backUpMany(t *testing.T, ring *crowd) {
	t.Helper()
	b := newBackup("large", ring.port)
	applied := time.Now()
	if err := c.Create(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	c.until(t, b, &b.Status.OperationStatus, func() bool { return meta.IsStatusConditionTrue(b.Status.Conditions, v1alpha1.ConditionComplete) })
	requests, begun, last := ring.seen()
	writes := c.metric(t, "rest_client_requests_total", `method="PATCH"`)
	t.Logf("the last node got its request %s after the object was made; %d requests to sidecars, %v writes",
		last.Sub(applied).Round(time.Millisecond), requests, writes)
	if begun != manyNodes {
		t.Errorf("%d backups began on %d nodes", begun, manyNodes)
	}
	const perNode, others = 5, 10 // a question before, the request, and its polls
	if requests > perNode*manyNodes+others {
		t.Errorf("%d requests went to sidecars", requests)
	}
	if most := 50 + manyNodes/20; writes > float64(most) {
		t.Errorf("there were %v writes, of at most %d", writes, most)
	}
	c.holds(t, "after a backup of a thousand nodes")
}

// many does something many times, a few at a time.
func (c *controlled) many(t *testing.T, n int, do func(i int) error) {
	t.Helper()
	const atOnce = 8
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i := range n {
		g.Go(func() error { return do(i) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

func newBackup(name string, port int32) *v1alpha1.CassandraBackup {
	at := intstr.FromInt32(port)
	return &v1alpha1.CassandraBackup{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.CassandraBackupSpec{
			Cluster:         v1alpha1.ClusterReference{PodSelector: metav1.LabelSelector{MatchLabels: podLabels}, Port: &at},
			StorageLocation: "s3://cassandra-backups",
		},
	}
}

// finishedBackup makes a backup of twelve nodes that has ended.
func (c *controlled) finishedBackup(t *testing.T, i int, port int32) error {
	t.Helper()
	const nodes = 12
	b := newBackup(fmt.Sprintf("finished-%d", i), port)
	if err := c.Create(t.Context(), b); err != nil {
		return err
	}
	now := metav1.Now()
	b.Status.Phase, b.Status.SnapshotTag = v1alpha1.BackupCompleted, fmt.Sprintf("%s-%s-%d", b.Name, crowdSchema, now.UnixMilli())
	b.Status.StartTime, b.Status.CompletionTime, b.Status.ClusterName = &now, &now, "crowd"
	for _, condition := range v1alpha1.BackupConditions() {
		status := metav1.ConditionTrue
		if condition == v1alpha1.ConditionFailed {
			status = metav1.ConditionFalse
		}
		meta.SetStatusCondition(&b.Status.Conditions, metav1.Condition{
			Type: condition, Status: status, Reason: v1alpha1.ReasonSucceeded, Message: "12 nodes are backed up", ObservedGeneration: b.Generation,
		})
	}
	for n := range nodes {
		b.Status.Nodes = append(b.Status.Nodes, v1alpha1.NodeStatus{
			HostID: fmt.Sprintf("00000000-0000-0000-0000-%012d", n), Pod: fmt.Sprintf("cassandra-%d", n), Address: fmt.Sprintf("127.5.0.%d", n+1),
			Datacenter: "dc1", Rack: "rack1", Phase: "Upload", OperationID: fmt.Sprintf("00000000-0000-5000-8000-%012d", n), State: v1alpha1.NodeCompleted,
			Submission: v1alpha1.SubmissionAccepted, ProgressPercent: 100, Transfer: &v1alpha1.Transfer{BytesTotal: 1 << 30, BytesDone: 1 << 30},
		})
	}
	return c.Status().Update(t.Context(), b)
}

// versions are the resource versions of all backups: each write makes a new one.
func (c *controlled) versions(t *testing.T) map[string]string {
	t.Helper()
	var list v1alpha1.CassandraBackupList
	if err := c.List(t.Context(), &list, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	versions := map[string]string{}
	for i := range list.Items {
		versions[list.Items[i].Name] = list.Items[i].ResourceVersion
	}
	return versions
}

// metric sums the samples of a metric that have a label.
func (c *controlled) metric(t *testing.T, name, label string) float64 {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+c.Metrics+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var sum float64
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		if !strings.HasPrefix(lines.Text(), name+"{") || !strings.Contains(lines.Text(), label) {
			continue
		}
		value, err := strconv.ParseFloat(lines.Text()[strings.LastIndexByte(lines.Text(), ' ')+1:], 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += value
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return sum
}

// holds checks what the controller takes, as far as the system tells.
func (c *controlled) holds(t *testing.T, when string) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.PID))
	if err != nil {
		t.Logf("this system does not tell what a process takes: %v", err)
		return
	}
	memory := map[string]int64{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		if name != "VmRSS" && name != "VmHWM" {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		memory[name] = kib << 10
	}
	t.Logf("the controller takes %.1f MB %s, at most %.1f MB since its start", float64(memory["VmRSS"])/1e6, when, float64(memory["VmHWM"])/1e6)
	if peak := memory["VmHWM"]; peak == 0 || peak > maxMemory {
		t.Errorf("that is more than %d MB", maxMemory>>20)
	}
}
