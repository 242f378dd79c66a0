package v1alpha1_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/api/v1alpha1"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = metav1.NewTime(time.Date(2026, 11, 23, 4, 41, 43, 0, time.UTC))

func TestASchemeLearnsEveryKind(t *testing.T) {
	t.Parallel()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"CassandraBackup", "CassandraBackupList", "CassandraRestore", "CassandraRestoreList"} {
		if !scheme.Recognizes(v1alpha1.GroupVersion.WithKind(kind)) {
			t.Errorf("the scheme does not know %s", kind)
		}
	}
}

func TestOnlyTheEndIsTerminal(t *testing.T) {
	t.Parallel()
	terminal := []string{"Completed", "Failed", "Cancelled"}
	for _, p := range []v1alpha1.BackupPhase{
		"", v1alpha1.BackupPending, v1alpha1.BackupDiscovering, v1alpha1.BackupUploading, v1alpha1.BackupSealing,
		v1alpha1.BackupStopping, v1alpha1.BackupCompleted, v1alpha1.BackupFailed, v1alpha1.BackupCancelled, v1alpha1.BackupDeleting,
	} {
		if p.IsTerminal() != slices.Contains(terminal, string(p)) {
			t.Errorf("backup phase %q: terminal is %v", p, p.IsTerminal())
		}
	}
	for _, p := range []v1alpha1.RestorePhase{
		"", v1alpha1.RestorePending, v1alpha1.RestoreDiscovering, v1alpha1.RestoreInitializing, v1alpha1.RestoreDownloading,
		v1alpha1.RestoreTruncating, v1alpha1.RestoreImporting, v1alpha1.RestoreCleaning, v1alpha1.RestoreStopping,
		v1alpha1.RestoreCompleted, v1alpha1.RestoreFailed, v1alpha1.RestoreCancelled,
	} {
		if p.IsTerminal() != slices.Contains(terminal, string(p)) {
			t.Errorf("restore phase %q: terminal is %v", p, p.IsTerminal())
		}
	}
}

func TestStatesAreThoseOfTheRESTContract(t *testing.T) {
	t.Parallel()
	for node, state := range map[v1alpha1.NodeState]rest.State{
		v1alpha1.NodePending: rest.StatePending, v1alpha1.NodeRunning: rest.StateRunning, v1alpha1.NodeCompleted: rest.StateCompleted,
		v1alpha1.NodeFailed: rest.StateFailed, v1alpha1.NodeCancelled: rest.StateCancelled,
	} {
		if string(node) != string(state) || node.IsTerminal() != state.IsTerminal() {
			t.Errorf("%s (terminal: %v) is %s (terminal: %v) in the REST contract", node, node.IsTerminal(), state, state.IsTerminal())
		}
	}
}

// The controller converts between the two, since neither may import the other.
func TestWordsAreThoseOfTheCoordinator(t *testing.T) {
	t.Parallel()
	words := map[string]string{
		string(v1alpha1.TroubleRefused): string(cluster.Refused), string(v1alpha1.TroubleUnreachable): string(cluster.Unreachable),
		string(v1alpha1.TroubleBusy): string(cluster.Busy), string(v1alpha1.TroubleConflict): string(cluster.Conflict),
		string(v1alpha1.TroubleFinal): string(cluster.Final), string(v1alpha1.VerdictFailed): string(cluster.Failed),
		string(v1alpha1.VerdictCancelled): string(cluster.Cancelled),
	}
	for ours, theirs := range words {
		if ours != theirs {
			t.Errorf("%q is %q in pkg/cluster", ours, theirs)
		}
	}
}

func TestFinishedIsWhatConditionsSay(t *testing.T) {
	t.Parallel()
	condition := func(kind string, status metav1.ConditionStatus) []metav1.Condition {
		return []metav1.Condition{{Type: kind, Status: status}}
	}
	for name, test := range map[string]struct {
		conditions []metav1.Condition
		want       bool
	}{
		"nothing is known":    {nil, false},
		"complete":            {condition(v1alpha1.ConditionComplete, metav1.ConditionTrue), true},
		"failed":              {condition(v1alpha1.ConditionFailed, metav1.ConditionTrue), true},
		"not complete":        {condition(v1alpha1.ConditionComplete, metav1.ConditionFalse), false},
		"perhaps failed":      {condition(v1alpha1.ConditionFailed, metav1.ConditionUnknown), false},
		"one phase is behind": {condition(v1alpha1.ConditionSnapshotsUploaded, metav1.ConditionTrue), false},
	} {
		b, r := new(v1alpha1.CassandraBackup), new(v1alpha1.CassandraRestore)
		b.SetConditions(test.conditions)
		r.SetConditions(test.conditions)
		// The phase is for people, and has no say.
		b.Status.Phase, r.Status.Phase = v1alpha1.BackupUploading, v1alpha1.RestoreCompleted
		if b.IsFinished() != test.want || r.IsFinished() != test.want {
			t.Errorf("%s: a backup is finished: %v, a restore is finished: %v, want %v", name, b.IsFinished(), r.IsFinished(), test.want)
		}
		if diff := cmp.Diff(test.conditions, b.GetConditions()); diff != "" {
			t.Errorf("%s: conditions (-want +got):\n%s", name, diff)
		}
	}
}

func TestTheTagOfABackupIsItsNameByDefault(t *testing.T) {
	t.Parallel()
	b := &v1alpha1.CassandraBackup{ObjectMeta: metav1.ObjectMeta{Name: "friday"}}
	if got := b.SnapshotTag(); got != "friday" {
		t.Errorf("the tag is %q", got)
	}
	b.Spec.SnapshotTag = "other"
	if got := b.SnapshotTag(); got != "other" {
		t.Errorf("the tag is %q", got)
	}
}

// etcd takes 1.5 MiB; below a megabyte there is room for managed fields, and for a
// spec of many entities.
func TestAThousandNodesFitIntoAnObject(t *testing.T) {
	t.Parallel()
	const most = 1000 * 1000
	for name, status := range map[string]v1alpha1.OperationStatus{
		"a restore at work":                     full(v1alpha1.MaxNodes, v1alpha1.MaxTables, false),
		"a restore of which every node is lost": full(v1alpha1.MaxNodes, v1alpha1.MaxTables, true),
	} {
		object := v1alpha1.CassandraRestore{
			ObjectMeta: metav1.ObjectMeta{Name: strings.Repeat("n", 63), Namespace: strings.Repeat("n", 63), UID: "00000000-0000-0000-0000-000000000000"},
			Status:     v1alpha1.CassandraRestoreStatus{OperationStatus: status},
		}
		raw, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes, %d a node", name, len(raw), len(raw)/v1alpha1.MaxNodes)
		if len(raw) > most {
			t.Errorf("%s has %d bytes, want at most %d", name, len(raw), most)
		}
	}
}

// full is a status with everything in it, names as long as they are in large clusters.
func full(nodes, tables int, troubled bool) v1alpha1.OperationStatus {
	message := strings.Repeat("m", v1alpha1.MaxMessage)
	s := v1alpha1.OperationStatus{
		ObservedGeneration: 1, StartTime: &start, CompletionTime: &start, ClusterName: strings.Repeat("c", 64),
		SnapshotTag: strings.Repeat("t", 250), SchemaVersion: strings.Repeat("s", 36), Progress: "100%", ProgressPercent: 100,
		NodeSummary: "1000/1000", NodesTotal: 1000, NodesDone: 1000, Size: "1023.9 PiB", Transfer: transfer(1 << 50),
		Coordination: &v1alpha1.Coordination{Attempt: 1, Step: "DOWNLOAD", Deadline: &start, CancelSince: &start, Verdict: v1alpha1.VerdictFailed},
	}
	for _, kind := range v1alpha1.RestoreConditions() {
		s.Conditions = append(s.Conditions, metav1.Condition{
			Type: kind, Status: metav1.ConditionUnknown, ObservedGeneration: 1, LastTransitionTime: start, Reason: "SidecarAnswerInvalid", Message: message,
		})
	}
	for range v1alpha1.MaxErrors {
		s.Errors = append(s.Errors, v1alpha1.OperationError{Source: "2001:db8:1234:5678:9abc:def0:1234:5678", Message: message})
		s.Warnings = append(s.Warnings, message)
	}
	for i := range tables {
		s.Coordination.Tables = append(s.Coordination.Tables, fmt.Sprintf("%s.%s_%d", strings.Repeat("k", 48), strings.Repeat("t", 44), i))
	}
	for i := range nodes {
		n := v1alpha1.NodeStatus{
			HostID: strings.Repeat("h", 36), Pod: fmt.Sprintf("production-cluster-dc-west-1-rack1-sts-%d", i), Address: fmt.Sprintf("10.100.200.%d", i),
			Datacenter: "dc-west-1", Rack: "rack1", Instance: strings.Repeat("i", 36), Phase: "DOWNLOAD", OperationID: strings.Repeat("o", 36),
			Submission: v1alpha1.SubmissionAccepted, State: v1alpha1.NodeRunning, ProgressPercent: 42, Transfer: transfer(1 << 40),
		}
		if troubled {
			n.Trouble = &v1alpha1.NodeTrouble{Reason: v1alpha1.TroubleUnreachable, Since: start, Failures: 3}
			n.Error = strings.Repeat("e", v1alpha1.MaxNodeError)
			n.Cancellation, n.Losses = v1alpha1.CancellationTried, 5
		}
		s.Nodes = append(s.Nodes, n)
	}
	return s
}

func transfer(bytes int64) *v1alpha1.Transfer {
	return &v1alpha1.Transfer{BytesTotal: bytes, BytesDone: bytes - 1, BytesReused: bytes - 2, FilesTotal: 100000, FilesDone: 99999, FilesReused: 99998}
}

// Kubernetes takes no other form; and a reason that no page explains is one that
// nobody can act upon.
func TestReasonsAndConditionsAreNamesThatDocsExplain(t *testing.T) {
	t.Parallel()
	pages := readFile(t, "../../docs/backup.md") + readFile(t, "../../docs/restore.md")
	form := regexp.MustCompile(`^[A-Z][A-Za-z0-9]{0,62}$`)
	seen := map[string]bool{}
	for _, file := range []string{"reasons.go", "conditions.go"} {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			name := spec.Names[0].Name
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil || !form.MatchString(value) {
				t.Errorf("%s is %q, which is no PascalCase name", name, value)
			}
			if !strings.HasSuffix(name, value) || seen[name] {
				t.Errorf("%s is %q", name, value)
			}
			seen[name] = true
			if !strings.Contains(pages, "`"+value+"`") {
				t.Errorf("%s is on no page of docs", value)
			}
			if !strings.HasPrefix(spec.Doc.Text(), name+" is ") {
				t.Errorf("%s has no comment", name)
			}
			return true
		})
	}
	for _, kind := range append(v1alpha1.BackupConditions(), v1alpha1.RestoreConditions()...) {
		if !seen["Condition"+kind] {
			t.Errorf("%s is no constant", kind)
		}
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
