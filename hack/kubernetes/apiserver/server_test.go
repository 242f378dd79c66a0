package apiserver

import (
	"errors"
	"os"
	"testing"

	"go.uber.org/goleak"
	"k8s.io/client-go/tools/clientcmd"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestADirectoryWithoutAServerHasNone(t *testing.T) {
	t.Parallel()
	if s, err := Load(t.TempDir()); !errors.Is(err, ErrNoServer) {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestTheRecordFindsAServerAndNoStranger(t *testing.T) {
	t.Parallel()
	// This very process has the ids, but not the marks.
	s := &Server{URL: "https://127.0.0.1:1", Dir: t.TempDir(), Etcd: os.Getpid(), API: os.Getpid()}
	if err := s.write(); err != nil {
		t.Fatal(err)
	}
	again, err := Load(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if again.URL != s.URL || again.Running() {
		t.Errorf("a stranger passes for %+v", again)
	}
	if err := again.Down(t.Context()); err != nil {
		t.Error(err)
	}
}

// A server that is stopped and started again knows what it knew, and whom.
func TestAServerKeepsWhatItHas(t *testing.T) {
	ForTest(t)
	o := Options{Dir: t.TempDir(), Namespace: "databases", DieWithParent: true}
	var tokens []string
	for range 2 {
		s, err := Up(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		config, err := clientcmd.BuildConfigFromFlags("", s.Kubeconfig())
		if err != nil {
			t.Fatal(err)
		}
		if config.Host != s.URL {
			t.Errorf("the kubeconfig is for %s", config.Host)
		}
		tokens = append(tokens, config.BearerToken)
		if err := s.ready(t.Context()); err != nil {
			t.Error(err)
		}
		if err := s.Down(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s.Running() {
			t.Error("it runs still")
		}
	}
	if tokens[0] == "" || tokens[0] != tokens[1] {
		t.Error("the administrator is another one")
	}
}
