package kubernetes

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheRecordFindsAControllerAndNoStranger(t *testing.T) {
	t.Parallel()
	// This very process has the id, but not the mark.
	text, err := json.Marshal(Controller{Dir: t.TempDir(), Probes: "127.0.0.1:1", PID: os.Getpid()})
	if err != nil {
		t.Fatal(err)
	}
	var k Controller
	if err := json.Unmarshal(text, &k); err != nil {
		t.Fatal(err)
	}
	k.Attach()
	if k.PID != os.Getpid() || k.Running() {
		t.Errorf("a stranger passes for %+v", k)
	}
	if err := k.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAControllerThatEndsIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	k := Controller{Dir: t.TempDir(), Probes: "127.0.0.1:1", PID: os.Getpid()}
	k.Attach()
	if err := os.WriteFile(filepath.Join(k.Dir, "controller.log"), []byte("the flag is unknown\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := k.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "the flag is unknown") {
		t.Errorf("its log is not told: %v", err)
	}
}
