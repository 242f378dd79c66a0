package cassandra

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

func TestNoNullIsSent(t *testing.T) {
	t.Parallel()
	for op, run := range map[string]func(ctx context.Context, n *Node) error{
		"takeSnapshot":         func(ctx context.Context, n *Node) error { return n.Snapshot(ctx, "tag", nil) },
		"clearSnapshot":        func(ctx context.Context, n *Node) error { return n.ClearSnapshot(ctx, "tag") },
		"forceKeyspaceFlush":   func(ctx context.Context, n *Node) error { return n.Flush(ctx, "ks") },
		"forceKeyspaceCleanup": func(ctx context.Context, n *Node) error { return n.Cleanup(ctx, "ks", 2) },
	} {
		s := stubWithTable("4.1.10", nil)
		s.invoke = func(jmx.ObjectName, string, []any) (any, error) { return int32(0), nil }
		if err := run(t.Context(), s.node(t)); err != nil || len(s.invoked) == 0 {
			t.Errorf("%s: %v after %d calls", op, err, len(s.invoked))
			continue
		}
		c := s.invoked[len(s.invoked)-1] // a snapshot flushes first
		names, ok := c.args[len(c.args)-1].([]string)
		if c.op != op || c.bean != storageService || len(c.args) != len(c.signature) || !ok || names == nil || len(names) != 0 {
			t.Errorf("%s: %+v", op, c)
		}
	}
}

func TestSnapshotFails(t *testing.T) {
	t.Parallel()
	thrown := func(message string) error {
		return &jmx.Exception{Class: "javax.management.MBeanException", Cause: &jmx.Exception{Class: "java.io.IOException", Message: message}}
	}
	for message, exists := range map[string]bool{
		"Snapshot tag already exists.":                      true,
		"Snapshot tag2 already exists.":                     false,
		"Tried to hard link /a to /b, which already exists": false,
		"Cannot snapshot until bootstrap completes":         false,
	} {
		s := stubWithTable("4.1.10", nil)
		s.invoke = func(_ jmx.ObjectName, op string, _ []any) (any, error) {
			if op == "forceKeyspaceFlush" {
				return nil, nil
			}
			return nil, thrown(message)
		}
		err := s.node(t).Snapshot(t.Context(), "tag", []string{"ks.t"})
		if errors.Is(err, ErrSnapshotExists) != exists || err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%s: %v", message, err)
		}
		// Whose the snapshot is only the caller knows.
		if len(s.invoked) != 2 || s.invoked[1].op != "takeSnapshot" {
			t.Errorf("%s: there are the calls %+v", message, s.invoked)
		}
	}
}

// What is flushed by others must be in SSTables before Cassandra links them.
func TestASnapshotFlushesEachKeyspaceFirst(t *testing.T) {
	t.Parallel()
	s := stubWithTable("4.1.10", nil)
	s.invoke = func(jmx.ObjectName, string, []any) (any, error) { return nil, nil }
	if err := s.node(t).Snapshot(t.Context(), "tag", []string{"ks.t"}); err != nil {
		t.Fatal(err)
	}
	if len(s.invoked) != 2 || s.invoked[0].op != "forceKeyspaceFlush" || s.invoked[1].op != "takeSnapshot" {
		t.Fatalf("there are the calls %+v", s.invoked)
	}
	if diff := cmp.Diff([]any{"ks", []string{"t"}}, s.invoked[0].args); diff != "" {
		t.Error(diff)
	}
}

func TestSnapshotTags(t *testing.T) {
	t.Parallel()
	s := stubWithTable("4.1.10", nil)
	s.values[storageService]["SnapshotDetails"] = map[any]any{"b": []map[string]any{}, "a": nil}
	got, err := s.node(t).SnapshotTags(t.Context())
	if diff := cmp.Diff([]string{"a", "b"}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	for _, odd := range []any{nil, texts("a"), map[any]any{int32(1): nil}} {
		s.values[storageService]["SnapshotDetails"] = odd
		if got, err := s.node(t).SnapshotTags(t.Context()); err == nil {
			t.Errorf("%v is %v", odd, got)
		}
	}
}

func TestCleanupResult(t *testing.T) {
	t.Parallel()
	for result, ok := range map[any]bool{int32(0): true, int32(1): false, int32(2): false, int32(3): false, nil: false, int64(0): false} {
		s := stubWithTable("4.1.10", nil)
		s.invoke = func(jmx.ObjectName, string, []any) (any, error) { return result, nil }
		if err := s.node(t).Cleanup(t.Context(), "ks", 0, "t"); (err == nil) != ok {
			t.Errorf("%v is %v", result, err)
		}
	}
}

func TestImportTakesTheFormThatIsThere(t *testing.T) {
	t.Parallel()
	moves := operation(importSSTables, importForm[:7]...)
	copies := operation(importSSTables, importForm...)
	copies5 := operation(importSSTables, importForm5...)
	const dir = "/down/ks/t"
	portable := []any{jmx.Set{dir}, true, true, true, true, true, false, true}
	for name, c := range map[string]struct {
		operations []jmx.Operation
		options    ImportOptions
		want       []any
	}{
		"3.11":             {nil, ImportOptions{}, nil},
		"one that moves":   {[]jmx.Operation{moves}, ImportOptions{}, nil},
		"another bean's":   {[]jmx.Operation{operation("other", importForm...)}, ImportOptions{}, nil},
		"4.0 and 4.1":      {[]jmx.Operation{moves, copies}, ImportOptions{}, portable},
		"5.0":              {[]jmx.Operation{copies5, moves, copies}, ImportOptions{}, portable},
		"none but of 5.0":  {[]jmx.Operation{copies5}, ImportOptions{}, append(portable[:8:8], false, true)},
		"everything kept":  {[]jmx.Operation{copies}, ImportOptions{KeepLevel: true, KeepRepaired: true}, []any{jmx.Set{dir}, false, false, true, true, true, false, true}},
		"nothing verified": {[]jmx.Operation{copies}, ImportOptions{NoVerify: true, NoVerifyTokens: true, NoInvalidateCaches: true, ExtendedVerify: true}, []any{jmx.Set{dir}, true, true, false, false, false, true, true}},
		"quick":            {[]jmx.Operation{copies}, ImportOptions{Quick: true, ExtendedVerify: true}, []any{jmx.Set{dir}, true, true, false, false, false, false, true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stubWithTable("x", nil, c.operations...)
			node := s.node(t)
			can, err := node.CanImport(t.Context())
			if err != nil || can != (c.want != nil) {
				t.Errorf("it can import: %v, %v", can, err)
			}
			err = node.Import(t.Context(), "ks", "t", []string{dir}, c.options)
			if c.want == nil {
				if !errors.Is(err, ErrUnsupported) || len(s.invoked) != 0 {
					t.Errorf("got %v after %+v", err, s.invoked)
				}
				return
			}
			if err != nil || len(s.invoked) != 1 {
				t.Fatalf("got %v after %+v", err, s.invoked)
			}
			if diff := cmp.Diff(c.want, s.invoked[0].args); diff != "" || len(s.invoked[0].signature) != len(c.want) || s.invoked[0].bean != tableBean("ks", "t") {
				t.Errorf("%+v: %s", s.invoked[0], diff)
			}
		})
	}
}

func TestImportFails(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]any{"one of two": texts("/down/ks/t2"), "no list": "x"} {
		s := stubWithTable("4.1.10", nil, operation(importSSTables, importForm...))
		s.invoke = func(jmx.ObjectName, string, []any) (any, error) { return answer, nil }
		err := s.node(t).Import(t.Context(), "ks", "t", []string{"/down/ks/t1", "/down/ks/t2"}, ImportOptions{})
		if err == nil || strings.Contains(err.Error(), "/down/ks/t1") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatTablesOfferIsAskedOncePerRelease(t *testing.T) {
	t.Parallel()
	s := stubWithTable("3.11.19", nil)
	node := s.node(t)
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			if can, err := node.CanImport(t.Context()); can || err != nil {
				t.Errorf("3.11 can import: %v, %v", can, err)
			}
		})
	}
	calls.Wait()
	asked := s.infos
	if _, err := node.CanImport(t.Context()); err != nil || s.infos != asked {
		t.Errorf("it was asked again: %v", err)
	}
	// The node comes back as another release.
	s.values[storageService]["ReleaseVersion"] = "4.1.10"
	s.info = &jmx.BeanInfo{Operations: []jmx.Operation{operation(importSSTables, importForm...)}}
	if can, err := node.CanImport(t.Context()); !can || err != nil {
		t.Errorf("4.1 can import: %v, %v", can, err)
	}
}
