package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/icarus-sidecar/icarus/api/v1alpha1"
	"github.com/icarus-sidecar/icarus/hack/kubernetes"
)

func TestAnObjectThatIsNotCompleteTellsWhy(t *testing.T) {
	t.Parallel()
	s := &v1alpha1.OperationStatus{
		Conditions: []metav1.Condition{
			{Type: v1alpha1.ConditionComplete, Status: metav1.ConditionFalse},
			{Type: v1alpha1.ConditionFailed, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonNodeFailed, Message: "one node failed"},
		},
		Errors: []v1alpha1.OperationError{{Source: "127.0.0.2", Message: "the disk is full"}},
	}
	err := failureOfObject("friday", s)
	if err == nil {
		t.Fatal("it passes for a success")
	}
	for _, want := range []string{"friday", v1alpha1.ReasonNodeFailed, "one node failed", "127.0.0.2: the disk is full"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not tell %q", err, want)
		}
	}
	s.Conditions[0].Status = metav1.ConditionTrue
	if err := failureOfObject("friday", s); err != nil {
		t.Errorf("a success is %v", err)
	}
	if failureOfObject("friday", &v1alpha1.OperationStatus{}) == nil {
		t.Error("what has told nothing passes for a success")
	}
}

func TestTheRecordFindsTheControllerAndNoStranger(t *testing.T) {
	t.Parallel()
	// This very process has the id, but not the mark.
	s := stage{dir: t.TempDir(), controller: &kubernetes.Controller{Probes: "127.0.0.1:1", PID: os.Getpid()}}
	if err := s.write(); err != nil {
		t.Fatal(err)
	}
	again, err := load(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	if again.controller == nil || again.controller.PID != os.Getpid() {
		t.Fatalf("got %+v", again.controller)
	}
	if list := again.running(); len(list) > 0 {
		t.Errorf("a stranger passes for %v", list)
	}
	if err := again.strike(t.Context()); err != nil {
		t.Error(err)
	}
}

// The samples are looked for in the tree, where make demo runs.
func TestASampleIsAppliedAsItStandsWhereItCan(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	d := &demo{stage: &stage{dir: t.TempDir()}}
	file, err := d.manifest("backup.yaml", "copy.yaml")
	if err != nil || file != filepath.Join("config", "samples", "backup.yaml") {
		t.Errorf("the sample is %s, %v", file, err)
	}
	file, err = d.manifest("backup.yaml", "copy.yaml", edit(kindBackup, d.stage.location(), "spec", "storageLocation"))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), d.stage.location()) || filepath.Dir(file) != d.stage.dir {
		t.Errorf("%s is %s, %v", file, text, err)
	}
}
