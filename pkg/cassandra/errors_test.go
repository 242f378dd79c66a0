package cassandra

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

func TestDoingTellsTheRootCause(t *testing.T) {
	t.Parallel()
	root := &jmx.Exception{Class: "java.nio.file.AccessDeniedException", Message: "/data/ks"}
	between := &jmx.Exception{Class: "org.apache.cassandra.io.FSWriteError", Message: "wrapped", Cause: root}
	outer := &jmx.Exception{Class: "javax.management.RuntimeErrorException", Message: "outer", Cause: between}
	bare := &jmx.Exception{Class: "javax.management.RuntimeMBeanException", Message: "what failed", Cause: &jmx.Exception{Class: "java.lang.NullPointerException"}}
	for name, c := range map[string]struct {
		err       error
		want, not string
	}{
		"of a chain":          {fmt.Errorf("invoking: %w", outer), `"/data/ks" (java.nio.file.AccessDeniedException)`, "outer"},
		"of a root without":   {bare, `"what failed" (java.lang.NullPointerException)`, "RuntimeMBean"},
		"of none with a text": {&jmx.Exception{Class: "java.lang.StackOverflowError"}, "java.lang.StackOverflowError", `"`},
		"of no exception":     {context.DeadlineExceeded, context.DeadlineExceeded.Error(), "Cassandra"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := doing(c.err, "flushing %s", "ks")
			if !strings.HasPrefix(err.Error(), "flushing ks: ") || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), c.not) {
				t.Errorf("got %v", err)
			}
			if !errors.Is(err, c.err) {
				t.Error("the cause is lost")
			}
		})
	}
	if err := doing(nil, "flushing"); err != nil {
		t.Errorf("nothing is %v", err)
	}
}

func TestReadingTellsWhyAnAttributeIsMissing(t *testing.T) {
	t.Parallel()
	denied := &jmx.Exception{Class: "java.lang.SecurityException", Message: "Access Denied"}
	s := &stub{values: map[jmx.ObjectName]map[string]any{storageService: {"SchemaVersion": "v"}}, failing: map[string]error{"SchemaVersion": denied}}
	if _, err := s.node(t).SchemaVersion(t.Context()); !errors.Is(err, jmx.ErrDenied) {
		t.Errorf("got %v, want %v", err, jmx.ErrDenied)
	}
	if _, err := (&stub{}).node(t).SchemaVersion(t.Context()); !errors.Is(err, jmx.ErrNotFound) {
		t.Errorf("got %v, want %v", err, jmx.ErrNotFound)
	}
}

func TestWhatWasAnsweredStaysWhereClosingFails(t *testing.T) {
	t.Parallel()
	s := &stub{values: map[jmx.ObjectName]map[string]any{storageService: {"OperationMode": "NORMAL"}}, closing: errors.New("broken")}
	if mode, err := s.node(t).OperationMode(t.Context()); mode != "NORMAL" || err != nil {
		t.Errorf("got %q, %v", mode, err)
	}
}
