package process

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start starts a shell that runs until it is told otherwise.
func start(t *testing.T, script string) (*Process, string) {
	t.Helper()
	dir := t.TempDir()
	mark := "--mark=" + dir
	log := filepath.Join(dir, "log")
	p, err := Start(Command{
		Path: "/bin/sh", Args: []string{"-c", script, mark}, Mark: mark, Dir: dir, Log: log,
		Env: []string{"GREETING=hello"}, DieWithParent: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Kill(t.Context()) })
	return p, log
}

func TestAProcessIsStoppedByWhoDidNotStartIt(t *testing.T) {
	t.Parallel()
	p, _ := start(t, "while :; do sleep 0.05; done; echo $0")
	other := Attach(p.PID(), p.mark)
	if !other.Running() {
		t.Fatal("it does not run")
	}
	if err := other.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if other.Running() || p.Running() {
		t.Error("it runs on")
	}
	if err := p.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAStrangerIsLeftAlone(t *testing.T) {
	t.Parallel()
	p, _ := start(t, "while :; do sleep 0.05; done; echo $0")
	stranger := Attach(p.PID(), "--mark=another")
	if stranger.Running() {
		t.Error("a stranger passes for ours")
	}
	if err := stranger.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !p.Running() {
		t.Error("a stranger was killed")
	}
	if err := p.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestAProcessThatDoesNotListenIsKilledAfterItsGrace(t *testing.T) {
	t.Parallel()
	p, log := start(t, `trap "" TERM; echo $GREETING; while :; do sleep 0.05; done; echo $0`)
	for {
		if text, _ := os.ReadFile(log); string(text) == "hello\n" {
			break
		}
		select {
		case <-t.Context().Done():
			t.Fatal("it did not speak")
		case <-time.After(poll):
		}
	}
	if err := p.Stop(t.Context(), time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if p.Running() {
		t.Error("it runs on")
	}
}

func TestNoProcessIsNotRunning(t *testing.T) {
	t.Parallel()
	var none *Process
	if none.Running() || none.PID() != 0 || none.Kill(t.Context()) != nil {
		t.Error("no process does something")
	}
}

func TestAProcessNeedsItsMark(t *testing.T) {
	t.Parallel()
	if _, err := Start(Command{Path: "/bin/true", Mark: "x", Log: os.DevNull}); err == nil {
		t.Error("it was started without its mark")
	}
}
