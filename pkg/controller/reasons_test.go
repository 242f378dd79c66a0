package controller

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/api/v1alpha1"
)

func TestACleanupThatNobodyWantsIsSkipped(t *testing.T) {
	t.Parallel()
	ring := newFakeRing(t, 2)
	r := newRestore("back", ring)
	r.Spec.KeepDownloads, r.Spec.KeepTruncated = true, true
	w := newWorld(t, ring, r)
	w.finish(r)
	w.wants(r, v1alpha1.ConditionCleanedUp, metav1.ConditionTrue, v1alpha1.ReasonSkipped)
	w.wants(r, v1alpha1.ConditionImported, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	w.wants(r, v1alpha1.ConditionComplete, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	if n := ring.begun(string(rest.PhaseCleanup)); n > 0 {
		t.Errorf("%d nodes were told to clean up", n)
	}
}

// An import is let finish on the other nodes when one fails: until then it is stopping.
func TestAnOperationThatWaitsForItsNodesIsStopping(t *testing.T) {
	t.Parallel()
	ring := newFakeRing(t, 2)
	ring.sidecars[1].finish = func(op *rest.Operation) {
		if strings.Contains(string(op.Request), string(rest.PhaseImport)+`"`) {
			fails(op)
		}
	}
	r := newRestore("back", ring)
	w := newWorld(t, ring, r)
	w.run(r, func() bool { return step(&r.Status.OperationStatus) == string(rest.PhaseTruncate) })
	ring.sidecars[0].polls = 5
	w.run(r, func() bool { return r.Status.Phase == v1alpha1.RestoreStopping })
	w.wants(r, v1alpha1.ConditionFailed, metav1.ConditionFalse, v1alpha1.ReasonStopping)
	w.wants(r, v1alpha1.ConditionImported, metav1.ConditionFalse, v1alpha1.ReasonNodeFailed)
	w.wants(r, v1alpha1.ConditionComplete, metav1.ConditionFalse, v1alpha1.ReasonNodeFailed)
	if r.IsFinished() {
		t.Error("it has ended while a node is at work")
	}
	w.finish(r)
	w.wants(r, v1alpha1.ConditionFailed, metav1.ConditionTrue, v1alpha1.ReasonNodeFailed)
	w.onlyOnce(restoreEvery[:3], restoreSingle)
}

func TestEveryReasonThatEndsAnOperationHasARemedy(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "../../api/v1alpha1/reasons.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	reasons, have := map[string]bool{}, map[string]bool{}
	for _, d := range file.Decls {
		block, ok := d.(*ast.GenDecl)
		if !ok || !strings.HasPrefix(block.Doc.Text(), "Reasons that end an operation") {
			continue
		}
		for _, spec := range block.Specs {
			reason, err := strconv.Unquote(spec.(*ast.ValueSpec).Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			reasons[reason] = true
		}
	}
	for reason, remedy := range remedies {
		have[reason] = true
		if long := ending(reason, strings.Repeat("é", 2*enoughCondition)).message; !strings.HasSuffix(cut(long, enoughCondition), remedy) {
			t.Errorf("the remedy of %s is cut off: %s", reason, long)
		}
	}
	if diff := cmp.Diff(reasons, have); diff != "" || len(reasons) == 0 {
		t.Errorf("reasons and remedies (-want +got):\n%s", diff)
	}
}
