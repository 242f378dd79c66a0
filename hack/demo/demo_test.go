package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
	"github.com/icarus-sidecar/icarus/hack/dataset"
	"github.com/icarus-sidecar/icarus/hack/stores"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheEnvironmentIsReadOrRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env     map[string]string
		want    settings
		refused []string
	}{
		"nothing is asked for":                       {nil, settings{cassandra: "4.1"}, nil},
		"all is asked for":                           {map[string]string{"CASSANDRA": "5.0", "STORE": "s3", "KEEP": "1"}, settings{cassandra: "5.0", s3: true, keep: true}, nil},
		"empty is not asked":                         {map[string]string{"CASSANDRA": "", "STORE": "", "KEEP": ""}, settings{cassandra: "4.1"}, nil},
		"nonsense, all of it":                        {map[string]string{"STORE": "tape", "KEEP": "perhaps"}, settings{cassandra: "4.1"}, []string{"STORE=tape", "KEEP=perhaps"}},
		"Kubernetes, with the bucket of its samples": {nil, settings{cassandra: "4.1", s3: true, kubernetes: true}, nil},
		"Kubernetes, with another bucket":            {map[string]string{"STORE": "file"}, settings{cassandra: "4.1", kubernetes: true}, nil},
		"what is not to be kept":                     {map[string]string{"KEEP": "0"}, settings{cassandra: "4.1"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := settingsFrom(func(name string) (string, bool) { v, ok := c.env[name]; return v, ok }, c.want.kubernetes)
			if (err != nil) != (len(c.refused) > 0) {
				t.Fatal(err)
			}
			for _, r := range c.refused {
				if !strings.Contains(err.Error(), r) {
					t.Errorf("%v does not name %s", err, r)
				}
			}
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestATableIsJudgedByAllItsRows(t *testing.T) {
	t.Parallel()
	was, other, more := &dataset.Print{Rows: 3, Sum: 7}, &dataset.Print{Rows: 3, Sum: 8}, &dataset.Print{Rows: 4, Sum: 7}
	for name, c := range map[string]struct {
		before, damaged, restored *dataset.Print
		want                      verdict
	}{
		"it came back":                       {was, other, was, identical},
		"it was dropped and came back":       {was, nil, was, identical},
		"a value is not what it was":         {was, more, other, differs},
		"a row is there that was not":        {was, other, more, differs},
		"it did not come back at all":        {was, other, nil, missing},
		"nothing had happened to it":         {was, was, was, undamaged},
		"a later table is as it was left":    {nil, other, other, kept},
		"a later table lost its rows":        {nil, other, &dataset.Print{}, lost},
		"a later table is gone":              {nil, other, nil, lost},
		"a table that nobody made is there":  {nil, nil, other, lost},
		"an empty table is empty again":      {&dataset.Print{}, other, &dataset.Print{}, identical},
		"an empty table has what it had not": {&dataset.Print{}, other, other, differs},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := comparison{"k.t", c.before, c.damaged, c.restored}.verdict()
			if got != c.want {
				t.Errorf("it is said to be %q, want %q", got, c.want)
			}
			if good := c.want == identical || c.want == kept; got.good() != good {
				t.Errorf("%q is good: %t", got, !good)
			}
		})
	}
}

func TestTheComparisonHasEveryTableOfAnyTime(t *testing.T) {
	t.Parallel()
	a, b, c := dataset.Print{Rows: 200, Sum: 0xabcdef0100000000}, dataset.Print{Rows: 150, Sum: 2 << 32}, dataset.Print{Rows: 9, Sum: 3 << 32}
	list := compare(
		dataset.Prints{"k.a": a, "k.gone": a},
		dataset.Prints{"k.a": b, "k.gone": b, "k.later": c},
		dataset.Prints{"k.a": a, "k.later": c},
	)
	out := &bytes.Buffer{}
	if err := writeComparison(out, list); err != nil {
		t.Fatal(err)
	}
	want := `  TABLE (ROWS, CHECKSUM)  BEFORE        DAMAGED       RESTORED      VERDICT
  k.a                     200 abcdef01  150 00000002  200 abcdef01  identical
  k.gone                  200 abcdef01  150 00000002  -             MISSING
  k.later                 -             9 00000003    9 00000003    kept (not in the backup)
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	if allGood(list) {
		t.Error("it is good although a table is missing")
	}
	if good := append(list[:1:1], list[2]); !allGood(good) {
		t.Error("it is not good although every table is")
	}
	if allGood(nil) {
		t.Error("no table at all is good")
	}
}

func TestRowsOfAnIndexAreThoseOfItsTable(t *testing.T) {
	t.Parallel()
	tables, n := rows(dataset.Prints{"k.a": {Rows: 3}, "k.b": {Rows: 4}, "k.a[i]": {Rows: 3}})
	if tables != 2 || n != 7 {
		t.Errorf("got %d tables with %d rows", tables, n)
	}
}

func TestCostsAreSummedOverTheSidecars(t *testing.T) {
	t.Parallel()
	out := &bytes.Buffer{}
	err := writeCosts(out, []string{"NODE 1", "NODE 2"}, []cost{
		{"backup", 1500 * time.Millisecond, []usage{{cpu: 250 * time.Millisecond, peak: 31e6}, {cpu: 500 * time.Millisecond, peak: 29.5e6}}},
		{"restore", 2 * time.Second, nil},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `  STEP     WALL    SIDECARS' CPU  NODE 1                NODE 2
  backup   1.50 s  0.75 s         0.25 s, peak 31.0 MB  0.50 s, peak 29.5 MB
  restore  2.00 s  -              -                     -
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestABarIsFullOnlyWhenAllIsDone(t *testing.T) {
	t.Parallel()
	nan := func() float64 { zero := 0.0; return zero / zero }()
	for share, want := range map[float64]string{
		0: "[....]", 0.24: "[....]", 0.25: "[#...]", 0.999: "[###.]", 1: "[####]", 7: "[####]", -1: "[....]",
	} {
		if got := bar(share, 4); got != want {
			t.Errorf("%v is drawn %s, want %s", share, got, want)
		}
	}
	if got := bar(nan, 4); got != "[....]" {
		t.Errorf("what is not a number is drawn %s", got)
	}
}

func progress(phase string, state rest.State, share float64) rest.NodeProgress {
	return rest.NodeProgress{HostID: "h1", Hostname: "localhost", Phase: phase, State: state, Progress: share}
}

func TestALineTellsWhatANodeIsAt(t *testing.T) {
	t.Parallel()
	n := progress("DOWNLOAD", rest.StateRunning, 0.5)
	n.Transfer = &rest.Transfer{FilesTotal: 1000, FilesDone: 500}
	line := nodeLine("node 1", n)
	if want := "  node 1  DOWNLOAD  [############............]  50%  RUNNING   500/1000 files"; line != want {
		t.Errorf("got  %q\nwant %q", line, want)
	}
	if len(line) > 80 {
		t.Errorf("%d columns do not fit a terminal", len(line))
	}
}

func TestOutsideATerminalThereIsALineForEachChange(t *testing.T) {
	t.Parallel()
	out := &bytes.Buffer{}
	b := newBoard(out, false, nil)
	for _, n := range []rest.NodeProgress{
		progress("Upload", rest.StateRunning, 0.1), progress("Upload", rest.StateRunning, 0.2),
		progress("Upload", rest.StateCompleted, 1), progress("Topology", rest.StateCompleted, 1), progress("Topology", rest.StateCompleted, 1),
	} {
		b.see(rest.Operation{Nodes: []rest.NodeProgress{n}})
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 {
		t.Errorf("got %d lines, want 3:\n%s", len(lines), out)
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("there are commands for a terminal")
	}
}

func TestOnATerminalBarsAreDrawnOver(t *testing.T) {
	t.Parallel()
	out := &bytes.Buffer{}
	b := newBoard(out, true, map[string]string{"h1": "node 1"})
	b.see(rest.Operation{}) // nothing is known of nodes yet
	if out.Len() > 0 {
		t.Errorf("drawn: %q", out)
	}
	two := []rest.NodeProgress{progress("Upload", rest.StateRunning, 0), progress("Upload", rest.StateRunning, 0)}
	b.see(rest.Operation{Nodes: two})
	first := out.String()
	if strings.Contains(first, "A") && strings.Contains(first, "\x1b[2A") {
		t.Errorf("the first time it goes up: %q", first)
	}
	out.Reset()
	b.see(rest.Operation{Nodes: two})
	if want := "\x1b[2A" + first; out.String() != want {
		t.Errorf("got %q, want %q", out, want)
	}
}

func TestAFileIsNoTerminal(t *testing.T) {
	t.Parallel()
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if isTerminal(f) || isTerminal(&bytes.Buffer{}) {
		t.Error("it is taken for one")
	}
}

func TestUsageIsReadFromProc(t *testing.T) {
	t.Parallel()
	const stat = "42 (a (b) c) S 1 42 42 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 8 0 100 1000 10 18446744073709551615"
	const status = "Name:\ticarus\nVmPeak:\t 999 kB\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n"
	got, err := parseUsage(stat, status)
	if err != nil {
		t.Fatal(err)
	}
	if want := (usage{2 * time.Second, 1 << 20, 2 << 20}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, bad := range [][2]string{{"", status}, {"1 (a) S 1", status}, {strings.Replace(stat, "150", "x", 1), status}, {stat, "VmRSS: ? kB"}} {
		if _, err := parseUsage(bad[0], bad[1]); err == nil {
			t.Errorf("%q passes", bad)
		}
	}
}

func TestUsageOfAStepIsTheDifference(t *testing.T) {
	t.Parallel()
	got := since([]usage{{cpu: 2 * time.Second, peak: 9}}, []usage{{cpu: 5 * time.Second, peak: 4, rss: 3}})
	if diff := cmp.Diff([]usage{{cpu: 3 * time.Second, peak: 4, rss: 3}}, got, cmp.AllowUnexported(usage{})); diff != "" {
		t.Error(diff)
	}
	if since(nil, []usage{{}}) != nil {
		t.Error("half a measurement is one")
	}
}

// sidecarOf answers as a sidecar: a submission, then one answer after the other.
func sidecarOf(t *testing.T, answers ...rest.Operation) (url string, posted *[]byte) {
	t.Helper()
	posted = new([]byte)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		op := answers[0]
		if r.Method == http.MethodPost {
			body := &bytes.Buffer{}
			_, _ = body.ReadFrom(r.Body)
			*posted = body.Bytes()
			w.WriteHeader(http.StatusCreated)
		} else if len(answers) > 1 {
			answers = answers[1:]
		}
		_ = json.NewEncoder(w).Encode(op)
	}))
	t.Cleanup(server.Close)
	return server.URL, posted
}

func TestARequestIsSentAsItWasShownAndFollowedToItsEnd(t *testing.T) {
	t.Parallel()
	begin := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	end := begin.Add(1500 * time.Millisecond)
	running := rest.Operation{ID: "7", Type: "backup", State: rest.StateRunning, CreationTime: begin}
	completed := rest.Operation{ID: "7", Type: "backup", State: rest.StateCompleted, CreationTime: begin, CompletionTime: &end}
	url, posted := sidecarOf(t, running, completed)
	body := []byte(`{"type": "backup"}`)
	op, err := submit(t.Context(), url, body)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(body, *posted) {
		t.Errorf("posted %s, want %s", *posted, body)
	}
	seen := 0
	op, err = follow(t.Context(), url, op.ID, func(rest.Operation) { seen++ })
	if err != nil {
		t.Fatal(err)
	}
	if took(op) != 1500*time.Millisecond || seen != 2 {
		t.Errorf("it took %s and was seen %d times", took(op), seen)
	}
	if took(running) != 0 {
		t.Error("what is not finished took its time")
	}
}

func TestWhatANodeMovedIsTheSumOfItsOperationsSinceTheGlobalOne(t *testing.T) {
	t.Parallel()
	begin := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	some := &rest.Transfer{FilesTotal: 10, BytesTotal: 100, FilesReused: 1}
	parent := rest.Operation{ID: "1", Type: "backup", State: rest.StateCompleted, CreationTime: begin, Transfer: some}
	ops := []rest.Operation{
		parent,
		{ID: "2", Type: "backup", CreationTime: begin.Add(time.Second), Transfer: some},
		{ID: "3", Type: "backup", CreationTime: begin.Add(time.Second), Transfer: some},
		{ID: "4", Type: "backup", CreationTime: begin.Add(time.Second)},
		{ID: "5", Type: "backup", CreationTime: begin.Add(-time.Second), Transfer: some},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "type=backup" {
			t.Errorf("asked for %s", r.URL)
		}
		_ = json.NewEncoder(w).Encode(ops)
	}))
	t.Cleanup(server.Close)
	got, err := transferred(t.Context(), server.URL, parent)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rest.Transfer{FilesTotal: 20, BytesTotal: 200, FilesReused: 2}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAFailedOperationNamesNodesAndPhase(t *testing.T) {
	t.Parallel()
	url, _ := sidecarOf(t, rest.Operation{
		ID: "7", Type: "restore", State: rest.StateFailed, CurrentPhase: "DOWNLOAD",
		Errors: []rest.OperationError{{Source: "127.0.0.2", Message: "the disk is full"}},
	})
	_, err := follow(t.Context(), url, "7", func(rest.Operation) {})
	if err == nil {
		t.Fatal("it passes for a success")
	}
	for _, want := range []string{"restore 7", "FAILED", "DOWNLOAD", "127.0.0.2: the disk is full"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not tell %q", err, want)
		}
	}
	if failureOf(rest.Operation{State: rest.StateCompleted, Errors: []rest.OperationError{{}}}) == nil {
		t.Error("errors of a completed operation go unsaid")
	}
}

func TestARefusedRequestIsAnErrorWithItsAnswer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"code":400,"message":"no such type"}`, http.StatusBadRequest)
	}))
	t.Cleanup(server.Close)
	_, err := submit(t.Context(), server.URL, []byte(`{}`))
	if err == nil || !strings.Contains(err.Error(), "no such type") {
		t.Errorf("got %v", err)
	}
}

func TestAnAddressInUseIsNamed(t *testing.T) {
	t.Parallel()
	var listen net.ListenConfig
	l, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := free(t.Context(), address); err == nil || !strings.Contains(err.Error(), address) {
		t.Errorf("got %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := free(t.Context(), address); err != nil {
		t.Errorf("it is free: %v", err)
	}
}

func TestTheMarkIsAnArgumentOfTheSidecar(t *testing.T) {
	t.Parallel()
	s := sidecar{Index: 2, Address: "127.0.0.2", Dir: "/run/sidecar2"}
	args := strings.Join(s.arguments(&ring.Node{JMX: "127.0.0.2:7199"}, "/run/downloads"), " ")
	for _, want := range []string{s.mark(), "--listen 127.0.0.2:4567", "--jmx-address 127.0.0.2:7199", "--allow-directory /run/downloads"} {
		if !strings.Contains(args, want) {
			t.Errorf("%s has no %s", args, want)
		}
	}
}

func TestADirectoryWithoutADemoHasNothingRunning(t *testing.T) {
	t.Parallel()
	s, err := load(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if list := s.running(); len(list) > 0 {
		t.Errorf("there runs %v", list)
	}
	if err := s.strike(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTheRecordFindsASidecarAndNoStranger(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// This very process has the id, but not the mark.
	s := stage{dir: dir, sidecars: []*sidecar{{Index: 1, Address: "127.0.0.1", Dir: filepath.Join(dir, "sidecar1"), PID: os.Getpid()}}}
	if err := s.write(); err != nil {
		t.Fatal(err)
	}
	again, err := load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(again.sidecars) != 1 || again.sidecars[0].PID != os.Getpid() {
		t.Fatalf("got %+v", again.sidecars)
	}
	if list := again.running(); len(list) > 0 {
		t.Errorf("a stranger passes for %v", list)
	}
	if err := again.strike(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestASecondDemoIsToldOfTheFirst(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "demo")
	unlock, err := alone(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := alone(ctx, dir); !errors.Is(err, errAtWork) {
		t.Errorf("got %v", err)
	}
}

func TestTheLocationIsThatOfTheStore(t *testing.T) {
	t.Parallel()
	s := stage{dir: "/run/demo"}
	if got, want := s.location(), "file:///run/demo/buckets/cassandra-backups/demo/dc1/node"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	s.s3 = &stores.S3{}
	if got, want := s.location(), "s3://cassandra-backups"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAnUnknownCommandIsAnError(t *testing.T) {
	t.Parallel()
	none := func(string) (string, bool) { return "", false }
	for _, args := range [][]string{nil, {"sideways"}, {"up", "down"}, {"kubernetes"}, {"kubernetes", "sideways"}} {
		out := &bytes.Buffer{}
		if err := run(t.Context(), args, none, out); err == nil || !strings.Contains(out.String(), "make demo") {
			t.Errorf("%v: %v, %s", args, err, out)
		}
	}
}
