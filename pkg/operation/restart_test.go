package operation_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

const crashDir = "ICARUS_TEST_CRASH_DIR"

// TestCrash is a process that dies in the midst of its operations when
// TestASidecarThatWasKilled starts it; by itself it does nothing.
func TestCrash(t *testing.T) {
	dir := os.Getenv(crashDir)
	if dir == "" {
		return
	}
	f := setUpIn(t, dir, newBench(), func(c *operation.Config) { c.Workers = 5 })
	done := f.begin(t, "once", work{Name: "done"})
	f.bench.do("done", func(_ context.Context, _ *work, h *operation.Handle) error {
		h.Fail("10.0.0.2", "no such tag")
		return nil
	})
	f.wait(t, done.ID)
	once := f.begin(t, "once", work{Name: "once"})
	again := f.begin(t, "again", work{Name: "again", Tag: "user"})
	told := make(chan struct{})
	f.bench.do("again", func(ctx context.Context, _ *work, h *operation.Handle) error {
		h.Fail("10.0.0.3", "to be told anew")
		if err := h.Update(func(r rest.Request) { r.(*work).Tag = "final" }); err != nil {
			return err
		}
		if err := h.Keep([]string{"decided"}); err != nil {
			return err
		}
		close(told)
		<-ctx.Done()
		return ctx.Err()
	})
	<-told
	secret := f.begin(t, "again", work{Name: "secret", Password: "hunter2"})
	stopping := f.begin(t, "again", work{Name: "stopping"})
	deaf := make(chan struct{})
	f.bench.do("stopping", func(context.Context, *work, *operation.Handle) error { <-deaf; return nil })
	if _, err := f.Cancel(t.Context(), stopping.ID); err != nil {
		t.Fatal(err)
	}
	left := f.begin(t, "outlives", work{Name: "left"})
	f.bench.do("left", func(context.Context, *work, *operation.Handle) error { <-deaf; return nil })
	if _, err := f.Cancel(t.Context(), left.ID); err != nil {
		t.Fatal(err)
	}
	winding := f.begin(t, "again", work{Name: "winding", Global: true})
	f.bench.do("winding", func(context.Context, *work, *operation.Handle) error { <-deaf; return nil })
	if _, err := f.Cancel(t.Context(), winding.ID); err != nil {
		t.Fatal(err)
	}
	pending := f.submit(t, "again", work{Name: "pending"})
	pendingOnce := f.submit(t, "once", work{Name: "pendingOnce"})
	for name, op := range map[string]rest.Operation{
		"done": done, "once": once, "again": again, "secret": secret, "stopping": stopping,
		"winding": winding, "left": left,
		"pending": pending, "pendingOnce": pendingOnce,
	} {
		fmt.Println("operation", name, op.ID)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {}
}

func crash(t *testing.T, dir string) map[string]string {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCrash$")
	child.Env = append(os.Environ(), crashDir+"="+dir)
	out, err := child.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the process was not killed: %v\n%s", err, out)
	}
	ids := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		if words := strings.Fields(lines.Text()); len(words) == 3 && words[0] == "operation" {
			ids[words[1]] = words[2]
		}
	}
	return ids
}

func TestASidecarThatWasKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ids := crash(t, dir)
	if len(ids) != 9 {
		t.Fatalf("there were %v", ids)
	}
	journal, err := os.ReadFile(filepath.Join(dir, "operations.db"))
	if err != nil || bytes.Contains(journal, []byte("hunter2")) {
		t.Fatalf("the journal holds the password, or cannot be read: %v", err)
	}
	f := setUpIn(t, dir, newBench(), func(c *operation.Config) { c.Instance = "life-2" })

	done := f.expect(t, ids["done"], rest.StateFailed)
	if diff := cmp.Diff([]rest.OperationError{{Source: "10.0.0.2", Message: "no such tag"}}, done.Errors); diff != "" || done.Instance != "life-2" {
		t.Errorf("what was over changed: %+v\n%s", done, diff)
	}
	for _, name := range []string{"once", "pendingOnce", "secret"} {
		op := f.expect(t, ids[name], rest.StateFailed)
		if len(op.Errors) != 1 || !strings.HasPrefix(op.Errors[0].Message, "sidecar restarted: ") || op.Errors[0].Source != "host1" || op.CompletionTime == nil {
			t.Errorf("%s is %+v", name, op)
		}
	}
	f.expect(t, ids["stopping"], rest.StateCancelled)

	// A cancelled coordinator runs once more, to cancel what it has at work elsewhere,
	// and so does what goes on without the sidecar.
	for _, name := range []string{"winding", "left"} {
		if op := f.wait(t, ids[name]); op.State != rest.StateCancelled || len(op.Errors) != 0 {
			t.Errorf("%s, which was cancelled, is %+v", name, op)
		}
	}
	began := map[string]bool{}
	for range 4 {
		began[<-f.bench.started] = true
	}
	if !began["winding"] || !began["left"] {
		t.Errorf("these ran again: %v", began)
	}
	resumed := map[string]bool{} // by name, tag and what was kept; written by one Run after the other
	look := func(_ context.Context, req *work, h *operation.Handle) error {
		var kept []string
		if found, err := h.Kept(&kept); err != nil || found != (kept != nil) {
			return fmt.Errorf("kept is %v (%v): %w", kept, found, err)
		}
		resumed[fmt.Sprintf("%s %s %v", req.Name, req.Tag, kept)] = h.Resumed()
		return nil
	}
	f.bench.do("again", look)
	again := f.wait(t, ids["again"])
	f.bench.do("pending", look)
	f.wait(t, ids["pending"])
	if again.State != rest.StateCompleted || len(again.Errors) != 0 || len(again.Warnings) != 1 {
		t.Errorf("what was resumed is %+v", again)
	}
	f.expect(t, ids["pending"], rest.StateCompleted)
	if diff := cmp.Diff(map[string]bool{"again final [decided]": true, "pending  []": false}, resumed); diff != "" {
		t.Errorf("resumed:\n%s", diff)
	}
}

func TestAStoppingSidecarLeavesItsWorkToTheNext(t *testing.T) {
	t.Parallel()
	f := setUp(t, nil)
	op := f.begin(t, "again", work{Header: rest.Header{ID: id1}, Name: "w"})
	f.close(t)
	f.expect(t, op.ID, rest.StateRunning)
	if _, _, err := f.Submit(t.Context(), &work{Header: rest.Header{Type: "once"}, Name: "x"}, nil); !errors.Is(err, operation.ErrClosed) {
		t.Errorf("error is %v", err)
	}
	next := setUpIn(t, f.dir, newBench(), nil)
	<-next.bench.started
	next.expect(t, op.ID, rest.StateRunning)
	if got, created, err := next.Submit(t.Context(), &work{Header: rest.Header{Type: "again", ID: id1}, Name: "w"}, nil); err != nil || created || got.ID != op.ID {
		t.Errorf("the same id after a restart: %+v, %v, %v", got, created, err)
	}
	next.bench.do("w", succeed)
	next.wait(t, op.ID)
}

func TestCloseDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	f := setUp(t, nil)
	f.begin(t, "once", work{Name: "deaf"})
	free := make(chan struct{})
	f.bench.do("deaf", func(context.Context, *work, *operation.Handle) error { <-free; return errors.New("at last") })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	close(free)
}

func TestAKindThatIsGoneFailsItsOperations(t *testing.T) {
	t.Parallel()
	f := setUp(t, nil)
	op := f.begin(t, "again", work{Name: "w"})
	f.close(t)
	next := setUpIn(t, f.dir, newBench(), func(c *operation.Config) { delete(c.Registry, "again") })
	next.expect(t, op.ID, rest.StateFailed)
}

func TestExpiredOperationsLeaveTheJournal(t *testing.T) {
	t.Parallel()
	f := setUp(t, func(c *operation.Config) { c.History = 2 })
	for _, name := range []string{"a", "b", "c"} {
		op := f.begin(t, "once", work{Name: name})
		f.bench.do(name, succeed)
		f.wait(t, op.ID)
		f.clock.Step(time.Second)
	}
	sweep := func() {
		t.Helper()
		f.clock.Step(time.Minute)
		op := f.begin(t, "once", work{Name: "x"})
		f.bench.do("x", succeed)
		f.wait(t, op.ID)
	}
	for len(f.List(operation.Filter{})) > 3 { // two, and those since the last sweep
		sweep()
	}
	f.close(t)
	next := setUpIn(t, f.dir, newBench(), func(c *operation.Config) { c.Expiration = 100 * time.Hour })
	if n := len(next.List(operation.Filter{})); n > 3 {
		t.Errorf("%d are in the journal", n)
	}
}

func TestAJournalThatCannotBeUsedIsNamed(t *testing.T) {
	t.Parallel()
	open := func(t *testing.T, dir string) error {
		t.Helper()
		m, err := operation.New(t.Context(), operation.Config{Dir: dir, Registry: newBench().registry(t)})
		if err == nil {
			_ = m.Close(t.Context())
		}
		return err
	}
	written := func(t *testing.T) (dir, path string) {
		t.Helper()
		f := setUp(t, nil)
		for i := range 50 {
			op := f.begin(t, "once", work{Name: "w", Tag: strings.Repeat("x", i*50)})
			f.bench.do("w", succeed)
			f.wait(t, op.ID)
		}
		f.close(t)
		return f.dir, filepath.Join(f.dir, "operations.db")
	}
	cases := map[string]func(t *testing.T) (dir, path string){
		"another sidecar holds it": func(t *testing.T) (string, string) {
			t.Helper()
			f := setUp(t, nil)
			return f.dir, filepath.Join(f.dir, "operations.db")
		},
		"it is another file": func(t *testing.T) (string, string) {
			t.Helper()
			dir := t.TempDir()
			path := filepath.Join(dir, "operations.db")
			if err := os.WriteFile(path, bytes.Repeat([]byte("no journal"), 10000), 0o600); err != nil {
				t.Fatal(err)
			}
			return dir, path
		},
		"its end is missing": func(t *testing.T) (string, string) {
			t.Helper()
			dir, path := written(t)
			if err := os.Truncate(path, 4*int64(os.Getpagesize())); err != nil {
				t.Fatal(err)
			}
			return dir, path
		},
		"its pages are overwritten": func(t *testing.T) (string, string) {
			t.Helper()
			dir, path := written(t)
			file, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			page := int64(os.Getpagesize())
			info, err := file.Stat()
			if err != nil {
				t.Fatal(err)
			}
			_, err = file.WriteAt(bytes.Repeat([]byte{0xa5}, int(info.Size()-2*page)), 2*page)
			if err := errors.Join(err, file.Close()); err != nil {
				t.Fatal(err)
			}
			return dir, path
		},
		"a record is damaged": func(t *testing.T) (string, string) {
			t.Helper()
			dir, path := written(t)
			change(t, path, "operations", binary.BigEndian.AppendUint64(nil, 1), []byte(`{"seq":`))
			return dir, path
		},
		"a newer sidecar wrote it": func(t *testing.T) (string, string) {
			t.Helper()
			dir, path := written(t)
			change(t, path, "meta", []byte("version"), binary.BigEndian.AppendUint64(nil, 2))
			return dir, path
		},
		"its directory is a file": func(t *testing.T) (string, string) {
			t.Helper()
			dir := filepath.Join(t.TempDir(), "state")
			if err := os.WriteFile(dir, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return dir, filepath.Join(dir, "operations.db")
		},
	}
	for name, prepare := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, path := prepare(t)
			err := open(t, dir)
			if !errors.Is(err, operation.ErrJournal) || !strings.Contains(err.Error(), path) {
				t.Errorf("error is %v", err)
			}
			t.Log(err)
		})
	}
}

func change(t *testing.T, path, bucket string, key, value []byte) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(bucket)).Put(key, value) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestAnOperationWithSecretsGoesOnWhenItIsPostedAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const id = "6f1a3a5e-8d8c-4b3e-9a57-0f2d6f0c1b11"
	secret := work{Header: rest.Header{Type: "again", ID: id}, Name: "secret", Password: "hunter2"}
	global := work{Header: rest.Header{Type: "again", ID: "6f1a3a5e-8d8c-4b3e-9a57-0f2d6f0c1b12"}, Name: "global", Password: "hunter2", Global: true}

	f := setUpIn(t, dir, newBench(), nil)
	for _, req := range []work{secret, global} {
		if _, created, err := f.Submit(t.Context(), &req, nil); err != nil || !created {
			t.Fatalf("submitting %s: created %v, %v", req.Name, created, err)
		}
		<-f.bench.started
	}
	if err := f.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	f = setUpIn(t, dir, newBench(), func(c *operation.Config) { c.Instance = "life-2" })
	if _, err := f.Get(id); !errors.Is(err, operation.ErrNotFound) {
		t.Errorf("whoever coordinates is not told to post it again: %v", err)
	}
	f.expect(t, global.ID, rest.StateFailed)
	if _, created, err := f.Submit(t.Context(), &secret, nil); err != nil || !created {
		t.Fatalf("posting it again: created %v, %v", created, err)
	}
	f.bench.do("secret", func(_ context.Context, req *work, _ *operation.Handle) error {
		if req.Password.Reveal() != "hunter2" {
			return errors.New("the password did not come along")
		}
		return nil
	})
	if op := f.wait(t, id); op.State != rest.StateCompleted || len(op.Errors) > 0 {
		t.Errorf("it ended as %+v", op)
	}
}
