package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra/cassandratest"
	"github.com/icarus-sidecar/icarus/pkg/cli"
	"github.com/icarus-sidecar/icarus/pkg/client"
	"github.com/icarus-sidecar/icarus/pkg/nodeops"
)

// shell runs commands beside a node that is faked.
type shell struct {
	t    *testing.T
	node *cassandratest.Fake
	env  map[string]string
	// bucket is the location of one that is not there yet.
	dir, bucket string
	// settings is what the server reads if it is there.
	settings string
}

func newShell(t *testing.T, nodes int) *shell {
	t.Helper()
	// No test asks the network what an address is called.
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("there is no name server")
	}}
	dir := t.TempDir()
	s := &shell{t: t, node: cassandratest.NewRing(t, nodes, cassandratest.Options{})[0], env: map[string]string{}, dir: dir}
	id, err := s.node.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.bucket = "file://" + filepath.Join(dir, "bucket", id.ClusterName, id.Datacenter, id.HostID)
	s.node.CreateTable("shop", "items")
	s.node.Write("shop", "items", "apple", "pear")
	return s
}

// run is a command line, of words without blanks.
func (s *shell) run(ctx context.Context, line string) (stdout, stderr string, err error) {
	s.t.Helper()
	root := program{
		node:     func(*jmxFlags) (nodeops.Node, error) { return s.node, nil },
		lookup:   func(name string) (string, bool) { v, ok := s.env[name]; return v, ok },
		settings: s.settings,
	}.root()
	var out, told bytes.Buffer
	root.SetArgs(strings.Fields(line))
	root.SetOut(&out)
	root.SetErr(&told)
	err = root.ExecuteContext(ctx)
	return out.String(), told.String(), err
}

// done is a command line that must go well.
func (s *shell) done(line string) (stdout string) {
	s.t.Helper()
	out, told, err := s.run(s.t.Context(), line)
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", line, err, told)
	}
	return out
}

// rows that the node has, sorted.
func (s *shell) rows() []string {
	return slices.Sorted(slices.Values(s.node.Rows("shop", "items")))
}

func TestANodeIsBackedUpListedRestoredAndRidOfBackupsWithoutAServer(t *testing.T) {
	s := newShell(t, 1)
	s.done("backup --sl " + s.bucket + " --st first --entities shop --create-missing-bucket")
	s.node.Write("shop", "items", "plum")
	s.done("esop backup --storage-location " + s.bucket + " -s second --entities shop --cc 2")
	names := strings.Fields(s.done("list --sl " + s.bucket + " --simple-format"))
	if len(names) != 2 || !strings.HasPrefix(names[0], "second-") || !strings.HasPrefix(names[1], "first-") {
		t.Fatalf("the backups are %v", names)
	}
	s.done("restore --sl " + s.bucket + " --st first --entities shop --restoration-strategy-type hardlinks --import-source-dir " + s.dir + "/downloads")
	if got := s.rows(); !slices.Equal(got, []string{"apple", "pear"}) {
		t.Errorf("after the restore there is %v", got)
	}
	out := s.done("remove-backup --sl " + s.bucket + " -n " + names[1] + " -d")
	if !strings.Contains(out, "would remove "+names[1]) {
		t.Error(out)
	}
	out = s.done("remove-backup --sl " + s.bucket + " -n " + names[1])
	if !strings.Contains(out, "removed "+names[1]) {
		t.Error(out)
	}
	if left := strings.Fields(s.done("list --sl " + s.bucket + " --simple-format")); !slices.Equal(left, names[:1]) {
		t.Errorf("%v are left", left)
	}
	s.done("restore --sl " + s.bucket + " --st second --entities shop --restoration-strategy-type HARDLINKS --import-source-dir " + s.dir + "/downloads")
	if got := s.rows(); !slices.Equal(got, []string{"apple", "pear", "plum"}) {
		t.Errorf("after the second restore there is %v", got)
	}
	if tags, err := s.node.SnapshotTags(t.Context()); err != nil || slices.ContainsFunc(tags, func(tag string) bool { return strings.HasPrefix(tag, "first") }) {
		t.Errorf("snapshots %v are left, %v", tags, err)
	}
}

func TestANodeThatIsStoppedIsRestoredInPlace(t *testing.T) {
	s := newShell(t, 1)
	s.done("backup --sl " + s.bucket + " --st first --entities shop --create-missing-bucket")
	data := filepath.Dir(filepath.Dir(s.node.Described("shop", "items").DataPaths[0]))
	line := "esop restore --restoration-strategy-type IN_PLACE --sl " + s.bucket + " --data-dir " + data + " --dd " + s.dir + " --st "
	if _, _, err := s.run(t.Context(), line+"first"); cli.ExitCode(err) != cli.ExitFailed || !strings.Contains(err.Error(), "Cassandra answers") {
		t.Errorf("while it runs: %v", err)
	}
	s.node.Stop()
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
	s.done(line + "first")
	s.node.Start()
	if got := s.rows(); !slices.Equal(got, []string{"apple", "pear"}) {
		t.Errorf("after the restore there is %v", got)
	}
	s.node.Stop()
	if _, _, err := s.run(t.Context(), line+"other"); cli.ExitCode(err) != cli.ExitFailed {
		t.Errorf("without a backup: %v", err)
	}
	if _, told, err := s.run(t.Context(), line+"other --if-absent=skip"); err != nil || !strings.Contains(told, "warning: nothing was restored") {
		t.Errorf("where it may be skipped: %v, %s", err, told)
	}
}

func TestAListIsATableOrJSON(t *testing.T) {
	s := newShell(t, 1)
	s.done("backup --sl " + s.bucket + " --st first --entities shop --create-missing-bucket")
	var result rest.ListResult
	if err := json.Unmarshal([]byte(s.done("list --sl "+s.bucket+" --json --global-request")), &result); err != nil {
		t.Fatal(err)
	}
	if result.TotalManifests != 1 || len(result.Reports) != 1 || result.Reports[0].ReclaimableSpace != result.TotalSize || result.TotalSize == 0 {
		t.Errorf("%+v", result)
	}
	file := filepath.Join(s.dir, "list")
	if out := s.done("list --sl " + s.bucket + " --to-file " + file); out != "" {
		t.Errorf("%q is printed, too", out)
	}
	text, err := os.ReadFile(file)
	if err != nil || !regexp.MustCompile(`^Timestamp +Name +Files +Occupied space +Reclaimable space\n`).Match(text) {
		t.Errorf("%s, %v", text, err)
	}
}

func TestEachChangeIsALineOfJSON(t *testing.T) {
	s := newShell(t, 1)
	out := s.done("backup --sl " + s.bucket + " --st first --entities shop --create-missing-bucket -o json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var last rest.Operation
	for _, line := range lines {
		if err := json.Unmarshal([]byte(line), &last); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	if last.State != rest.StateCompleted || last.Progress != 1 {
		t.Errorf("the last is %+v", last)
	}
}

func TestWhatTheCommandLineLacksNamesItsFlag(t *testing.T) {
	cases := map[string]struct {
		line string
		want []string
		code int
	}{
		"no location":                       {"backup", []string{"--storage-location is missing"}, cli.ExitUsage},
		"a location that is none":           {"list --sl nowhere", []string{"--storage-location", "provider://bucket"}, cli.ExitUsage},
		"a duration that is none":           {"backup --sl s3://bucket -d soon", []string{"--duration", "1 hour"}, cli.ExitUsage},
		"mixed entities":                    {"backup --sl s3://bucket --entities a,b.c", []string{"--entities keyspaces and tables are mixed"}, cli.ExitUsage},
		"no strategy":                       {"restore --sl s3://bucket --st a", []string{"--restoration-strategy-type is missing"}, cli.ExitUsage},
		"no directory":                      {"restore --sl s3://bucket --st a --restoration-strategy-type HARDLINKS", []string{"--import-source-dir is missing"}, cli.ExitUsage},
		"a phase that is none":              {"restore --sl s3://bucket --st a --restoration-strategy-type HARDLINKS --restoration-phase-type DO", []string{"--restoration-phase-type must be one of"}, cli.ExitUsage},
		"a rename that is none":             {"restore --sl s3://bucket --st a --restoration-strategy-type HARDLINKS --rename a.b", []string{"--rename", "keyspace.table=keyspace.other"}, cli.ExitUsage},
		"no selector":                       {"remove-backup --sl s3://bucket", []string{"--backup-name is missing"}, cli.ExitUsage},
		"two selectors":                     {"remove-backup --sl s3://bucket -n a --older-than 1d", []string{"--older-than must not be set with backupName"}, cli.ExitUsage},
		"a rate that is none":               {"remove-backup --sl s3://bucket -o -r often", []string{"--rate"}, cli.ExitUsage},
		"a ring without a server":           {"backup --sl s3://bucket --globalRequest", []string{"--server"}, cli.ExitUsage},
		"a format that is none":             {"list --sl s3://bucket -o xml", []string{"--output"}, cli.ExitUsage},
		"a server that is none":             {"list --sl s3://bucket --server here", []string{"--server"}, cli.ExitUsage},
		"a flag that is none":               {"backup --no-such", []string{"--no-such", "icarus backup --help"}, cli.ExitUsage},
		"an argument":                       {"backup now", []string{"now"}, cli.ExitUsage},
		"a command that is none":            {"bakcup", []string{"bakcup", "backup"}, cli.ExitUsage},
		"a command of esop that is none":    {"esop bakcup", []string{"bakcup", "backup"}, cli.ExitUsage},
		"no id":                             {"operations get", []string{"operations ls"}, cli.ExitUsage},
		"a sidecar that is not there":       {"operations ls --server http://127.0.0.1:1", []string{"--server"}, cli.ExitFailed},
		"a bucket that is not there":        {"list --sl file:///no/such/bucket/c/dc/n", []string{"bucket"}, cli.ExitFailed},
		"a keyspace that is not there":      {"backup --sl file:///tmp/b/c/dc/n --skip-bucket-verification --entities zoo", []string{"zoo"}, cli.ExitFailed},
		"all phases of another node's part": {"restore --sl s3://bucket/c/dc/n --st a --restoration-strategy-type HARDLINKS --import-source-dir /tmp/x", []string{"--storage-location", "--restoration-phase-type"}, cli.ExitUsage},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newShell(t, 1)
			_, _, err := s.run(t.Context(), c.line)
			if code := cli.ExitCode(err); code != c.code {
				t.Errorf("it exits with %d, want %d", code, c.code)
			}
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not tell of %q: %v", want, err)
				}
			}
		})
	}
}

func TestAllPhasesAreForARingOfOne(t *testing.T) {
	s := newShell(t, 3)
	_, _, err := s.run(t.Context(), "restore --sl s3://bucket --st a --restoration-strategy-type HARDLINKS --import-source-dir /tmp/x")
	if err == nil || !strings.Contains(err.Error(), "3 nodes") || !strings.Contains(err.Error(), "--global-request") {
		t.Error(err)
	}
	if calls := s.node.Calls("Truncate"); len(calls) > 0 {
		t.Errorf("it truncated %v", calls)
	}
}

func TestAnInterruptCancelsAndCleansUp(t *testing.T) {
	s := newShell(t, 1)
	reached, release := s.node.Block("Snapshot")
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	go func() {
		<-reached
		interrupt()
		release()
	}()
	_, _, err := s.run(ctx, "backup --sl "+s.bucket+" --st first --entities shop --create-missing-bucket")
	if code := cli.ExitCode(err); code != cli.ExitCancelled {
		t.Errorf("it exits with %d: %v", code, err)
	}
	left, err := filepath.Glob(filepath.Join(s.dir, "bucket", "*", "*", "*", "*", "*.json"))
	if err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	if tags, err := s.node.SnapshotTags(t.Context()); err != nil || len(tags) > 0 {
		t.Errorf("snapshots %v are left, %v", tags, err)
	}
}

func TestFlagsComeFromTheEnvironment(t *testing.T) {
	t.Run("and the command line goes before", func(t *testing.T) {
		s := newShell(t, 1)
		s.env["ICARUS_STORAGE_LOCATION"] = s.bucket
		s.env["ICARUS_SNAPSHOT_TAG"] = "nightly"
		s.env["ICARUS_CREATE_MISSING_BUCKET"] = "true"
		s.done("backup --entities shop")
		s.done("backup --entities shop --st weekly")
		names := strings.Fields(s.done("list --simple-format"))
		if len(names) != 2 || !strings.HasPrefix(names[0], "weekly-") || !strings.HasPrefix(names[1], "nightly-") {
			t.Errorf("the backups are %v", names)
		}
	})
	t.Run("and are of the server's, too", func(t *testing.T) {
		s := newShell(t, 1)
		s.env["ICARUS_LISTEN"] = "10.0.0.1:4567"
		for _, command := range []string{"server", "icarus"} {
			_, _, err := s.run(t.Context(), command)
			if err == nil || !strings.Contains(err.Error(), "--allow-unauthenticated") {
				t.Errorf("%s: %v", command, err)
			}
		}
	})
	t.Run("and what is wrong is not repeated", func(t *testing.T) {
		s := newShell(t, 1)
		s.env["ICARUS_WORKERS"] = "hunter2"
		_, _, err := s.run(t.Context(), "server")
		if cli.ExitCode(err) != cli.ExitUsage || !strings.Contains(err.Error(), "ICARUS_WORKERS") || strings.Contains(err.Error(), "hunter2") {
			t.Error(err)
		}
	})
	t.Run("and lines are values", func(t *testing.T) {
		for name, text := range map[string]string{
			"ICARUS_ALLOW_DIRECTORY":    "/srv/a,b\nrelative\n",
			"ICARUS_DISABLE_OPERATIONS": "drain,stop\nrelative\n",
		} {
			s := newShell(t, 1)
			s.env[name] = text
			stopped, stop := context.WithCancel(t.Context())
			stop()
			_, _, err := s.run(stopped, "server --listen 127.0.0.1:0 --state-dir "+t.TempDir())
			if err == nil || !strings.Contains(err.Error(), `"relative"`) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestAddressesOfJMXInTheOriginalsForms(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"10.0.0.1:7199": "10.0.0.1:7199", ":7199": "127.0.0.1:7199", "10.0.0.1": "10.0.0.1",
		"service:jmx:rmi:///jndi/rmi://10.0.0.1:7199/jmxrmi": "10.0.0.1:7199", "service:jmx:x": "",
	} {
		if got := hostPort(given); got != want {
			t.Errorf("%s is %s, want %s", given, got, want)
		}
	}
}

// serving is a server that serves until the test ends.
func serving(t *testing.T) (address string, c *client.Client) {
	t.Helper()
	address = freeAddress(t)
	ctx, stop := context.WithCancel(t.Context())
	root := newTestCommand()
	root.SetArgs([]string{"server", "--listen", address, "--jmx-address", "127.0.0.1:1", "--state-dir", t.TempDir()})
	ended := make(chan error, 1)
	go func() { ended <- root.ExecuteContext(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	c, err := client.New("http://" + address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		if _, err := c.Version(t.Context()); err == nil {
			return address, c
		}
		<-ticker.C
	}
}

func TestOperationsOfASidecar(t *testing.T) {
	t.Parallel()
	address, server := serving(t)
	op, err := server.Submit(t.Context(), &rest.FlushRequest{Header: rest.Header{Type: rest.TypeFlush}, Keyspace: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	at := []string{"--server", "http://" + address}
	_, err = execute(t, append([]string{"operations", "watch", op.ID}, at...)...)
	var outcome *cli.OutcomeError
	if !errors.As(err, &outcome) || outcome.Op.State != rest.StateFailed || cli.ExitCode(err) != cli.ExitFailed {
		t.Errorf("watching ends with %v", err)
	}
	for _, args := range [][]string{{"ls"}, {"ls", "--state", "failed"}, {"ls", "-o", "json"}, {"get", op.ID}} {
		out, err := execute(t, append(append([]string{"operations"}, args...), at...)...)
		if err != nil || !strings.Contains(out, op.ID) {
			t.Errorf("%v: %s, %v", args, out, err)
		}
	}
	if out, err := execute(t, append([]string{"operations", "ls", "--state", "running"}, at...)...); err != nil || strings.Contains(out, op.ID) {
		t.Errorf("%s, %v", out, err)
	}
	if _, err := execute(t, append([]string{"operations", "cancel", op.ID}, at...)...); err != nil {
		t.Errorf("cancelling what is over: %v", err)
	}
	_, err = execute(t, append([]string{"backup", "--sl", "s3://bucket", "--entities", "a,b.c"}, at...)...)
	if cli.ExitCode(err) != cli.ExitUsage || !strings.Contains(err.Error(), "--entities") {
		t.Errorf("what a sidecar refuses is %v", err)
	}
}

func TestRemovalsAtARateGoOnUntilTheyAreInterrupted(t *testing.T) {
	s := newShell(t, 1)
	s.done("backup --sl " + s.bucket + " --st first --entities shop --create-missing-bucket")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	out, _, err := s.run(ctx, "remove-backup --sl "+s.bucket+" --oldest --keep-at-least 1 --rate 1s")
	if n := strings.Count(out, "kept first-"); n < 2 || err != nil && cli.ExitCode(err) != cli.ExitCancelled {
		t.Errorf("%d times, %v: %s", n, err, out)
	}
}

func TestCompletionIsThere(t *testing.T) {
	t.Parallel()
	if out, err := execute(t, "completion", "bash"); err != nil || !strings.Contains(out, "icarus") {
		t.Errorf("%.100s, %v", out, err)
	}
}
