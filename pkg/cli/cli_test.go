package cli_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"go.uber.org/goleak"
	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cli"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func noError(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func parse(t *testing.T, c cli.Command, line string) (rest.Request, []string, error) {
	t.Helper()
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	c.Register(fs)
	noError(t, fs.Parse(strings.Fields(line)))
	return c.Request(fs, nil)
}

// request is one with the contract's defaults, changed.
func request[R any](kind string, change func(r *R)) rest.Request {
	req, _ := rest.NewRequest(kind)
	change(req.(any).(*R))
	return req
}

func TestFlagsAreFields(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		command cli.Command
		line    string
		want    rest.Request
	}{
		"a backup in the original's spelling": {
			cli.Backup, "--sl s3://b1b -s t --entities a,b --data-dir /d1 --data-dir /d2 -d 1h -b 10mbps --cc 3 --md replace --globalRequest --datacenter x --datacenter y --uploadClusterTopology",
			request(rest.TypeBackup, func(r *rest.BackupRequest) {
				r.StorageLocation, r.SnapshotTag, r.Entities, r.DataDirs = "s3://b1b", "t", "a,b", []rest.Path{"/d1", "/d2"}
				r.Duration, r.Bandwidth = new(rest.Duration), new(rest.Bandwidth)
				noError(t, r.Duration.UnmarshalJSON([]byte(`"1h"`)))
				noError(t, r.Bandwidth.UnmarshalJSON([]byte(`"10mbps"`)))
				r.ConcurrentConnections, r.MetadataDirective, r.GlobalRequest, r.DC, r.UploadClusterTopology = 3, "REPLACE", true, "x,y", true
			}),
		},
		"a restore in the original's spelling": {
			cli.Restore,
			"--storage-location=s3://b1b --snapshot-tag=t --restoration-strategy-type=hardlinks --restoration-phase-type=download --import-source-dir file:///i --dd /c --cd /e --rs --ra=true --rename a.b=c.d --rename a.e=c.f --import-quick --restoration-no-delete-downloads",
			request(rest.TypeRestore, func(r *rest.RestoreRequest) {
				r.StorageLocation, r.SnapshotTag, r.RestorationStrategyType, r.RestorationPhase = "s3://b1b", "t", rest.StrategyHardlinks, rest.PhaseDownload
				r.Import = &rest.ImportRequest{Header: rest.Header{Type: rest.TypeImport}, SourceDir: "/i", Quick: true, NoVerify: true, NoVerifyTokens: true, NoInvalidateCaches: true}
				r.CassandraDirectory, r.CassandraConfigDirectory, r.RestoreSystemKeyspace, r.RestoreSystemAuth = "/c", "/e", true, true
				r.Rename, r.NoDeleteDownloads = map[string]string{"a.b": "c.d", "a.e": "c.f"}, true
			}),
		},
		"a restore in place, as an operator asks for it": {
			cli.Restore,
			"--restoration-strategy-type IN_PLACE --snapshot-tag t --storage-location=s3://b1b/c/dc1/pod-0 --resolve-host-id-from-topology --update-cassandra-yaml --restore-into-new-cluster --if-absent=SKIP",
			request(rest.TypeRestore, func(r *rest.RestoreRequest) {
				r.StorageLocation, r.SnapshotTag, r.RestorationStrategyType = "s3://b1b/c/dc1/pod-0", "t", rest.StrategyInPlace
				r.ResolveHostIDFromTopology, r.UpdateCassandraYaml, r.NewCluster, r.IfAbsent = true, true, true, rest.IfAbsentSkip
			}),
		},
		"a list": {
			cli.List, "--sl s3://b1b --resolve-nodes --last-n 3 --from-timestamp 1795409334496 --cache-dir /x --skip-download",
			request(rest.TypeList, func(r *rest.ListRequest) {
				r.StorageLocation, r.ResolveNodes, r.LastN, r.FromTimestamp, r.CacheDir, r.SkipDownload = "s3://b1b", true, 3, 1795409334496, "/x", true
			}),
		},
		"a verification": {
			cli.Verify, "--sl s3://b1b -s t --level DIGEST -b 1M --global-request --datacenter x --datacenter y",
			request(rest.TypeVerify, func(r *rest.VerifyRequest) {
				r.StorageLocation, r.SnapshotTag, r.Level, r.GlobalRequest, r.DC = "s3://b1b", "t", rest.VerifyDigest, true, "x,y"
				r.Bandwidth = new(rest.Bandwidth)
				noError(t, r.Bandwidth.UnmarshalJSON([]byte(`"1M"`)))
			}),
		},
		"a removal": {
			cli.RemoveBackup, "--sl s3://b1b -o -d --global-request --dcs x --dcs y --keep-at-least 2 --use-proxy --proxy-host p --proxy-port 1",
			request(rest.TypeRemoveBackup, func(r *rest.RemoveBackupRequest) {
				r.StorageLocation, r.RemoveOldest, r.Dry, r.GlobalRequest, r.DC, r.KeepAtLeast = "s3://b1b", true, true, true, "x,y", 2
				r.ProxySettings = &rest.ProxySettings{UseProxy: true, ProxyHost: "p", ProxyPort: 1}
			}),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, warnings, err := parse(t, c.command, c.line)
			noError(t, err)
			if diff := cmp.Diff(c.want, got); diff != "" || len(warnings) > 0 {
				t.Errorf("%s\nwarnings %v", diff, warnings)
			}
		})
	}
}

func TestEveryFlagIsAFieldOfItsRequest(t *testing.T) {
	t.Parallel()
	samples := map[string]string{
		"storageLocation": "s3://b1b", "duration": "1h", "bandwidth": "1M", "olderThan": "1d", "restorationStrategyType": "IMPORT",
		"restorationPhase": "INIT", "rename": "a.b=c.d", "objectTags": "a=b", "ifAbsent": "skip", "keyspaceTables": "a.b,c.d",
		"commitLog": "/a", "commitLogArchiveOverride": "/a", "sharedContainerPath": "/a",
	}
	for _, c := range []cli.Command{cli.Backup, cli.Restore, cli.List, cli.Verify, cli.RemoveBackup, cli.CommitLogBackup, cli.CommitLogRestore} {
		for _, f := range c.Flags {
			t.Run(c.Type+" "+f.Name, func(t *testing.T) {
				t.Parallel()
				line := "--" + f.Name
				if f.Kind != cli.Switch {
					value, ok := samples[f.Field]
					if !ok {
						value = "7" // a number is a text, too
					}
					if strings.Contains(strings.ToLower(f.Field), "dir") || f.Field == "import.tablePath" {
						value = "/a"
					}
					line += " " + value
				}
				_, warnings, err := parse(t, c, line)
				if err != nil || slices.ContainsFunc(warnings, func(w string) bool { return strings.Contains(w, "not known and was ignored") }) {
					t.Errorf("%v, warnings %v", err, warnings)
				}
			})
		}
	}
}

func TestAViolationNamesItsFlag(t *testing.T) {
	t.Parallel()
	err := cli.Restore.Explain(rest.Invalid(
		rest.Violation{Field: "import.sourceDir", Message: "is missing"}, rest.Violation{Field: "rename.a.b", Message: "is wrong"},
		rest.Violation{Field: "dataDirs[1]", Message: "is relative"}, rest.Violation{Field: "id", Message: "is none"}))
	const want = "--import-source-dir is missing\n--rename.a.b is wrong\n--data-dir[1] is relative\nid is none"
	if err.Error() != want || cli.ExitCode(err) != cli.ExitUsage {
		t.Error(err)
	}
	other := errors.New("other")
	if got := cli.Restore.Explain(other); !errors.Is(got, other) || cli.Restore.Explain(nil) != nil {
		t.Error(got)
	}
}

func TestTheTableOfBackups(t *testing.T) {
	t.Parallel()
	report := func(node, name string, size, reclaimable int64) rest.BackupReport {
		return rest.BackupReport{
			Node: node, Name: name, Files: 8, Size: size, ReclaimableSpace: reclaimable, Timestamp: "2026-11-23T04:48:54.496Z",
		}
	}
	one := rest.ListResult{
		TotalManifests: 2, TotalFiles: 12, TotalSize: 3 << 20,
		Reports: []rest.BackupReport{report("c/d/n1", "second", 2<<20, 100), report("c/d/n1", "first", 2<<20, 2048)},
	}
	several := one
	several.Reports = append(slices.Clone(one.Reports), report("c/d/n2", "first", 1, 1))
	for name, c := range map[string]struct {
		result rest.ListResult
		human  bool
	}{"one": {one, false}, "human": {one, true}, "several": {several, true}, "none": {rest.ListResult{}, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			noError(t, cli.Backups(&out, c.result, c.human))
			golden := filepath.Join("testdata", "list-"+name+".txt")
			if os.Getenv("UPDATE_GOLDEN") != "" {
				noError(t, os.WriteFile(golden, out.Bytes(), 0o600))
			}
			want, err := os.ReadFile(golden)
			noError(t, err)
			if diff := cmp.Diff(string(want), out.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatAVerificationFoundIsATable(t *testing.T) {
	t.Parallel()
	good := rest.VerifyResult{
		Level: "list", Backups: 3, Files: 12, Size: 3 << 20, Cost: rest.VerifyCost{Requests: 5, BytesRead: 2048, Seconds: 0.25},
	}
	bad := good
	bad.Bad = 1
	bad.BadObjects = []rest.BadObject{{Node: "c/d/n1", ObjectKey: "data/k", Problem: "size", Expected: "2 bytes", Found: "1 bytes", Backups: 2}}
	bad.Damaged = []rest.DamagedBackup{{Node: "c/d/n1", Name: "first", Bad: 1}, {Node: "c/d/n1", Name: "second", Bad: 1}}
	for name, c := range map[string]struct {
		result rest.VerifyResult
		want   string
	}{
		"all is well": {good, "verified 3 backups at level list: 0 of 12 objects (3.0 MiB) are bad\nit took 5 requests, 2.0 KiB read, 0.2 s\n"},
		"one is bad": {bad, `Problem  Object  Expected  Found    Backups  Node
size     data/k  2 bytes   1 bytes  2        c/d/n1
damaged first of c/d/n1: 1 objects
damaged second of c/d/n1: 1 objects
verified 3 backups at level list: 1 of 12 objects (3.0 MiB) are bad
it took 5 requests, 2.0 KiB read, 0.2 s
`},
	} {
		var out bytes.Buffer
		noError(t, cli.Verified(&out, c.result))
		if diff := cmp.Diff(c.want, out.String()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	views := []rest.Operation{
		{Type: "backup", State: rest.StateRunning},
		{Type: "backup", State: rest.StateRunning, CurrentPhase: "UPLOAD", Progress: 0.5, Warnings: []string{"beware"}},
		{Type: "backup", State: rest.StateRunning, CurrentPhase: "UPLOAD", Progress: 0.5, Warnings: []string{"beware"}},
		{
			Type: "backup", State: rest.StateCompleted, CurrentPhase: "UPLOAD", Progress: 1, Warnings: []string{"beware"},
			Transfer: &rest.Transfer{BytesTotal: 1536, BytesDone: 1536, FilesTotal: 2, FilesDone: 2, FilesReused: 1},
		},
	}
	show := func(p cli.Progress) (out, told string) {
		var o, e bytes.Buffer
		p.Out, p.Err = &o, &e
		for _, v := range views {
			p.See(v)
		}
		return o.String(), e.String()
	}
	const end = "backup is COMPLETED  2/2 files, 1.5 KiB of 1.5 KiB, 1 there already\n"
	out, told := show(cli.Progress{})
	if want := "backup\nwarning: beware\nbackup UPLOAD\n" + end; out != "" || told != want {
		t.Errorf("%q, %q", out, told)
	}
	out, told = show(cli.Progress{Bar: true})
	if out != "" || !strings.Contains(told, "\rbackup UPLOAD  [############------------]  50%") || !strings.HasSuffix(told, "\r"+end) {
		t.Errorf("%q, %q", out, told)
	}
	out, told = show(cli.Progress{Lines: true})
	if n := strings.Count(out, "\n"); n != 3 || told != "" {
		t.Errorf("%d lines, %q", n, told)
	}
}

func TestHuman(t *testing.T) {
	t.Parallel()
	for bytes, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 5 << 30: "5.0 GiB", 1<<63 - 1: "8.0 EiB"} {
		if got := cli.Human(bytes); got != want {
			t.Errorf("%d is %s, want %s", bytes, got, want)
		}
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for state, want := range map[rest.State]int{
		rest.StateCompleted: cli.ExitDone, rest.StateFailed: cli.ExitFailed, rest.StateCancelled: cli.ExitCancelled,
	} {
		if got := cli.ExitCode(cli.Outcome(rest.Operation{State: state})); got != want {
			t.Errorf("%s: %d", state, got)
		}
	}
}

// local runs one kind of operation.
func local(t *testing.T, spec operation.Spec[rest.FlushRequest]) cli.Local {
	t.Helper()
	registry, err := operation.NewRegistry(operation.Define(rest.TypeFlush, spec))
	noError(t, err)
	manager, err := operation.New(context.WithoutCancel(t.Context()), operation.Config{Dir: t.TempDir(), Registry: registry})
	noError(t, err)
	t.Cleanup(func() { noError(t, manager.Close(context.WithoutCancel(t.Context()))) })
	return cli.Local{Operations: manager, Clock: clock.RealClock{}}
}

var flush = &rest.FlushRequest{Header: rest.Header{Type: rest.TypeFlush}, Keyspace: "shop"}

func TestAnInterruptedRunWaitsUntilItsOperationHasStopped(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	stopped := false
	l := local(t, operation.Spec[rest.FlushRequest]{Run: func(ctx context.Context, _ *rest.FlushRequest, _ *operation.Handle) error {
		interrupt()
		<-ctx.Done()
		stopped = true
		return ctx.Err()
	}})
	_, err := cli.Run(ctx, l, flush, func(rest.Operation) {})
	if cli.ExitCode(err) != cli.ExitCancelled || !stopped {
		t.Errorf("%v, stopped: %v", err, stopped)
	}
}

func TestAnInterruptedRunWaitsForWhatCannotBeStopped(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	l := local(t, operation.Spec[rest.FlushRequest]{
		Run:           func(context.Context, *rest.FlushRequest, *operation.Handle) error { interrupt(); return nil },
		Uncancellable: "because",
	})
	op, err := cli.Run(ctx, l, flush, func(rest.Operation) {})
	if err != nil || op.State != rest.StateCompleted {
		t.Errorf("%+v, %v", op, err)
	}
}

func TestARunEndsAsItsOperationDoes(t *testing.T) {
	t.Parallel()
	l := local(t, operation.Spec[rest.FlushRequest]{Run: func(context.Context, *rest.FlushRequest, *operation.Handle) error {
		return errors.New("the disk is full")
	}})
	var last rest.State
	_, err := cli.Run(t.Context(), l, flush, func(op rest.Operation) { last = op.State })
	if cli.ExitCode(err) != cli.ExitFailed || !strings.Contains(err.Error(), "the disk is full") || last != rest.StateFailed {
		t.Errorf("%v, last seen %s", err, last)
	}
	_, err = cli.Run(t.Context(), l, &rest.FlushRequest{Header: rest.Header{Type: rest.TypeFlush}}, func(rest.Operation) {})
	var told *rest.Error
	if !errors.As(err, &told) || told.Violations[0].Field != "keyspace" {
		t.Error(err)
	}
}
