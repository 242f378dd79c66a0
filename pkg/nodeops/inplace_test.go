package nodeops_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// inPlace is a restore of a stopped node into directories that requests may name.
func (s *sidecar) inPlace(change func(q *rest.RestoreRequest)) *rest.RestoreRequest {
	return s.ring.restore(rest.StrategyInPlace, func(q *rest.RestoreRequest) {
		q.GlobalRequest, q.RestorationPhase, q.Import, q.StorageLocation = false, "", nil, s.own()
		q.CassandraDirectory = rest.Path(s.ring.downloads)
		if change != nil {
			change(q)
		}
	})
}

// stoppedAfterABackup has a directory for what is restored.
func stoppedAfterABackup(t *testing.T) *sidecar {
	t.Helper()
	r := newRing(t, "dc1")
	r.fill()
	s := r.sidecars[0]
	s.completed(r.backup(nil))
	s.node.Stop()
	noError(t, os.MkdirAll(r.downloads, 0o755))
	return s
}

// filesBelow are the files in a directory, without snapshots.
func filesBelow(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	noError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.Name() == "snapshots":
			return fs.SkipDir
		case e.IsDir():
			return nil
		}
		body, err := os.ReadFile(path)
		found[strings.TrimPrefix(path, dir)] = string(body)
		return err
	}))
	return found
}

func TestAStoppedNodeIsRestoredInPlace(t *testing.T) {
	t.Parallel()
	s := stoppedAfterABackup(t)
	tables := filepath.Dir(s.node.Described("shop", "items").DataPaths[0])
	want := filesBelow(t, tables)
	op := s.completed(s.inPlace(nil))
	if diff := cmp.Diff(want, filesBelow(t, filepath.Join(s.ring.downloads, "data", "shop"))); diff != "" || len(want) == 0 {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var result rest.RestoreResult
	noError(t, op.DecodeResult(&result))
	tag := s.ring.manifests()[s.node.HostID()][0]
	if diff := cmp.Diff(rest.RestoreResult{SnapshotTag: tag, Tables: []string{"shop.items", "shop.orders"}}, result); diff != "" {
		t.Error(diff)
	}
	if op.Transfer == nil || op.Transfer.FilesDone != int64(len(want)) {
		t.Errorf("the transfer is %+v", op.Transfer)
	}
	// What is there already is not downloaded again.
	again := s.completed(s.inPlace(func(q *rest.RestoreRequest) { q.Force = true }))
	if again.Transfer == nil || again.Transfer.FilesReused != int64(len(want)) {
		t.Errorf("the second transfer is %+v", again.Transfer)
	}
}

func TestARestoreInPlaceIsDoneOnce(t *testing.T) {
	t.Parallel()
	s := stoppedAfterABackup(t)
	tag := s.ring.manifests()[s.node.HostID()][0]
	s.completed(s.inPlace(nil))
	later := filepath.Join(s.ring.downloads, "data", "shop", "written-later")
	noError(t, os.WriteFile(later, nil, 0o600))
	noError(t, os.RemoveAll(s.ring.dir)) // an init container may start without its bucket
	op := s.completed(s.inPlace(nil))
	var result rest.RestoreResult
	noError(t, op.DecodeResult(&result))
	if len(op.Warnings) != 1 || !strings.Contains(op.Warnings[0], "nothing was done") || op.Transfer != nil || result.SnapshotTag != tag {
		t.Errorf("the second time: warnings %q, transfer %+v, result %+v", op.Warnings, op.Transfer, result)
	}
	if _, err := os.Stat(later); err != nil {
		t.Error(err)
	}
	mentions(t, s.failed(s.inPlace(func(q *rest.RestoreRequest) { q.Force = true })), "bucket")
}

func TestARestoreInPlaceThatWasSkippedIsNotDoneLater(t *testing.T) {
	t.Parallel()
	s := stoppedAfterABackup(t)
	ask := func(force bool) *rest.RestoreRequest {
		return s.inPlace(func(q *rest.RestoreRequest) { q.SnapshotTag, q.IfAbsent, q.Force = "weekly", rest.IfAbsentSkip, force })
	}
	s.completed(ask(false))
	s.node.Start()
	s.completed(s.ring.backup(func(b *rest.BackupRequest) { b.SnapshotTag = "weekly" }))
	s.node.Stop()
	op := s.completed(ask(false))
	if len(op.Warnings) != 1 || !strings.Contains(op.Warnings[0], "was skipped") || op.Transfer != nil {
		t.Errorf("warnings %q, transfer %+v", op.Warnings, op.Transfer)
	}
	if op := s.completed(ask(true)); op.Transfer == nil || op.Transfer.FilesDone == 0 {
		t.Errorf("with force: warnings %q, transfer %+v", op.Warnings, op.Transfer)
	}
}

func TestANodeThatMayRunIsNotRestoredInPlace(t *testing.T) {
	t.Parallel()
	s := stoppedAfterABackup(t)
	s.node.Start()
	mentions(t, s.failed(s.inPlace(nil)), "Cassandra answers")
	s.node.Fail("OperationMode", errors.New("the login failed"))
	mentions(t, s.failed(s.inPlace(nil)), "the login failed")
	if got := filesBelow(t, s.ring.downloads); len(got) > 0 {
		t.Errorf("there is %v", got)
	}
}

func TestABackupThatIsNotThereIsAnErrorUnlessItMayBeSkipped(t *testing.T) {
	t.Parallel()
	s := stoppedAfterABackup(t)
	absent := func(ifAbsent string) *rest.RestoreRequest {
		return s.inPlace(func(q *rest.RestoreRequest) { q.SnapshotTag, q.IfAbsent = "other", ifAbsent })
	}
	mentions(t, s.failed(absent("")), "no such backup")
	mentions(t, s.failed(absent("FAIL")), "no such backup")
	op := s.completed(absent("Skip"))
	if len(op.Warnings) != 1 || !strings.Contains(op.Warnings[0], "nothing was restored") || len(op.Result) > 0 {
		t.Errorf("the warnings are %q, the result %s", op.Warnings, op.Result)
	}
	// A bucket that is not there is a mistake, not a node that never had a backup.
	mentions(t, s.failed(s.inPlace(func(q *rest.RestoreRequest) {
		q.StorageLocation, q.IfAbsent = "file:///nowhere/bucket/c/dc1/x", "skip"
	})), "nowhere")
	if told := s.refused(absent("perhaps")); len(told.Violations) != 1 || told.Violations[0].Field != "ifAbsent" {
		t.Errorf("the answer is %+v", told)
	}
}

func TestOnlyAllowedDirectoriesAreRestoredInPlace(t *testing.T) {
	t.Parallel()
	s := stoppedAfterABackup(t)
	for want, change := range map[string]func(q *rest.RestoreRequest){
		"dataDirs /etc":                    func(q *rest.RestoreRequest) { q.DataDirs = []rest.Path{"/etc"} },
		"dataDirs /var/lib/cassandra/data": func(q *rest.RestoreRequest) { q.CassandraDirectory = "/var/lib/cassandra" },
		"cassandraDirectory /etc": func(q *rest.RestoreRequest) {
			q.CassandraDirectory, q.DataDirs = "/etc", []rest.Path{rest.Path(s.ring.downloads)}
		},
		"cassandraConfigDirectory /etc/cassandra": func(q *rest.RestoreRequest) { q.UpdateCassandraYaml = true },
	} {
		mentions(t, s.failed(s.inPlace(change)), want)
	}
	// Where Cassandra's commit logs are, a file says; a link says it, too.
	elsewhere := t.TempDir()
	noError(t, os.WriteFile(filepath.Join(elsewhere, "KeyCache.db"), nil, 0o600))
	noError(t, os.Symlink(elsewhere, filepath.Join(s.ring.downloads, "saved_caches")))
	mentions(t, s.failed(s.inPlace(nil)), "saved_caches")
}
