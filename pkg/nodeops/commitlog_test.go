package nodeops_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/cassandra/cassandratest"
)

// logs are the keys of the segments that a node has in the bucket.
func (r *ring) logs() []string {
	r.t.Helper()
	paths, err := filepath.Glob(filepath.Join(r.dir, "Test-Cluster", "dc1", r.sidecars[0].node.HostID(), "commitlog", "*"))
	noError(r.t, err)
	var keys []string
	for _, path := range paths {
		keys = append(keys, filepath.Base(path))
	}
	return keys
}

func (s *sidecar) commitLogBackup(change func(r *rest.CommitLogBackupRequest)) *rest.CommitLogBackupRequest {
	return newRequest(rest.TypeCommitLogBackup, func(r *rest.CommitLogBackupRequest) {
		r.StorageLocation, r.CreateMissingBucket = s.own(), true
		if change != nil {
			change(r)
		}
	})
}

func TestTheCommitLogIsBackedUp(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1000)
	for name, c := range map[string]struct {
		prepare  func(s *sidecar)
		change   func(s *sidecar, dir string, r *rest.CommitLogBackupRequest)
		want     []string
		written  int
		warnings int
	}{
		"of a running node, from where it says": {
			nil, func(*sidecar, string, *rest.CommitLogBackupRequest) {}, []string{"CommitLog-7-1.log.1000"}, 2, 0,
		},
		"of a running node, from where the request says": {
			nil, func(_ *sidecar, dir string, r *rest.CommitLogBackupRequest) {
				r.CassandraCommitLogDirectory = rest.Path(dir)
			},
			[]string{"CommitLog-7-1.log.1000"},
			2, 0,
		},
		"of a stopped node": {
			func(s *sidecar) { s.node.Stop() },
			func(s *sidecar, _ string, r *rest.CommitLogBackupRequest) {
				r.CassandraCommitLogDirectory = rest.Path(filepath.Join(s.ring.downloads, "archive"))
			},
			[]string{"CommitLog-7-7.log.1000"},
			0, 1,
		},
		"of an archive": {
			nil, func(s *sidecar, _ string, r *rest.CommitLogBackupRequest) {
				r.CommitLogArchiveOverride = rest.Path(filepath.Join(s.ring.downloads, "archive"))
			},
			[]string{"CommitLog-7-7.log.1000"},
			0, 0,
		},
		"of an archive that is not there": {
			nil, func(s *sidecar, _ string, r *rest.CommitLogBackupRequest) {
				r.CommitLogArchiveOverride = rest.Path(filepath.Join(s.ring.downloads, "none"))
			},
			[]string{"CommitLog-7-1.log.1000"},
			2, 1,
		},
		"one segment": {
			nil, func(_ *sidecar, dir string, r *rest.CommitLogBackupRequest) {
				r.CommitLog = rest.Path(filepath.Join(dir, "CommitLog-7-2.log")) // whoever names it knows
			},
			[]string{"CommitLog-7-2.log.1000"},
			0, 0,
		},
		"one segment of a stopped node, as an archive_command": {
			func(s *sidecar) { s.node.Stop() },
			func(s *sidecar, _ string, r *rest.CommitLogBackupRequest) {
				r.CommitLog = rest.Path(filepath.Join(s.ring.downloads, "archive", "CommitLog-7-7.log"))
			},
			[]string{"CommitLog-7-7.log.1000"},
			0, 0,
		},
		"in the place of this node": {
			nil, func(s *sidecar, _ string, r *rest.CommitLogBackupRequest) {
				r.StorageLocation, r.Online = "file://"+s.ring.dir+"/a/b/c", true
			},
			[]string{"CommitLog-7-1.log.1000"},
			2, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRing(t, "dc1")
			s := r.sidecars[0]
			dir, err := s.node.CommitLogDirectory(t.Context())
			noError(t, err)
			for id := range int64(3) {
				cassandratest.WriteSegment(t, dir, id+1, at)
			}
			cassandratest.WriteSegment(t, filepath.Join(r.downloads, "archive"), 7, at)
			s.node.SetActiveLogs("CommitLog-7-1.log", "CommitLog-7-2.log")
			if c.prepare != nil {
				c.prepare(s)
			}
			op := s.completed(s.commitLogBackup(func(q *rest.CommitLogBackupRequest) { c.change(s, dir, q) }))
			var result rest.CommitLogBackupResult
			noError(t, op.DecodeResult(&result))
			if diff := cmp.Diff(c.want, r.logs()); diff != "" {
				t.Error(diff)
			}
			if result.Segments != 1 || result.Uploaded != 1 || len(result.Written) != c.written || len(op.Warnings) != c.warnings {
				t.Errorf("%+v, warnings %v", result, op.Warnings)
			}
		})
	}
}

func TestBackupsOfTheCommitLogThatFail(t *testing.T) {
	t.Parallel()
	r := newRing(t, "dc1")
	s := r.sidecars[0]
	dir, err := s.node.CommitLogDirectory(t.Context())
	noError(t, err)
	cassandratest.WriteSegment(t, dir, 1, time.UnixMilli(1000))
	s.node.SetActiveLogs("CommitLog-7-1.log")
	outside := cassandratest.WriteSegment(t, t.TempDir(), 1, time.UnixMilli(1000))
	mentions(t, s.failed(s.commitLogBackup(func(q *rest.CommitLogBackupRequest) { q.CreateMissingBucket = false })), "createMissingBucket")
	for name, c := range map[string]struct {
		change func(q *rest.CommitLogBackupRequest)
		want   string
	}{
		"a segment outside":       {func(q *rest.CommitLogBackupRequest) { q.CommitLog = rest.Path(outside) }, "commitLog " + outside},
		"an archive outside":      {func(q *rest.CommitLogBackupRequest) { q.CommitLogArchiveOverride = "/etc" }, "commitLogArchiveOverride /etc"},
		"a directory outside":     {func(q *rest.CommitLogBackupRequest) { q.CassandraCommitLogDirectory = "/etc" }, "cassandraCommitLogDirectory /etc"},
		"a segment that vanished": {func(q *rest.CommitLogBackupRequest) { q.CommitLog = rest.Path(dir + "/CommitLog-7-9.log") }, "CommitLog-7-9.log"},
		"what is no segment":      {func(q *rest.CommitLogBackupRequest) { q.CommitLog = rest.Path(dir + "/x.log") }, "x.log is not named"},
		"a segment that is written": {func(q *rest.CommitLogBackupRequest) {
			q.CommitLog, q.Online = rest.Path(dir+"/CommitLog-7-1.log"), true
		}, "is written by Cassandra"},
		"a directory that is not there": {
			func(q *rest.CommitLogBackupRequest) { q.CassandraCommitLogDirectory = rest.Path(r.downloads + "/none") }, "/none",
		},
	} {
		t.Run(name, func(t *testing.T) { mentions(t, s.failed(s.commitLogBackup(c.change)), c.want) })
	}
	refused := errors.New("wrong password")
	s.node.Fail("CommitLogDirectory", refused)
	mentions(t, s.failed(s.commitLogBackup(nil)), "wrong password")
	s.node.Fail("CommitLogDirectory", nil)
	s.node.Stop()
	mentions(t, s.failed(s.commitLogBackup(func(q *rest.CommitLogBackupRequest) { q.Online = true })), "refused")
	mentions(t, s.failed(s.commitLogBackup(func(q *rest.CommitLogBackupRequest) { q.CommitLog = rest.Path(outside) })), "--allow-directory")
	if keys := r.logs(); len(keys) > 0 {
		t.Errorf("the bucket has %v", keys)
	}
}

// timed is a ring of one stopped node, with two segments in the bucket.
func timed(t *testing.T) (*ring, *rest.CommitLogRestoreRequest) {
	t.Helper()
	r := newRing(t, "dc1")
	s := r.sidecars[0]
	for id := range int64(2) {
		cassandratest.WriteSegment(t, filepath.Join(r.downloads, "archive"), id+1, time.UnixMilli((id+1)*1000))
	}
	s.completed(s.commitLogBackup(func(q *rest.CommitLogBackupRequest) {
		q.CommitLogArchiveOverride = rest.Path(filepath.Join(r.downloads, "archive"))
	}))
	s.node.Stop()
	conf := filepath.Join(r.downloads, "conf")
	noError(t, os.Mkdir(conf, 0o750))
	noError(t, os.WriteFile(filepath.Join(conf, "cassandra-env.sh"), nil, 0o600))
	cassandratest.WriteSegment(t, filepath.Join(r.downloads, "commitlog"), 9, time.UnixMilli(1))
	return r, newRequest(rest.TypeCommitLogRestore, func(q *rest.CommitLogRestoreRequest) {
		q.StorageLocation, q.TimestampEnd, q.KeyspaceTables = s.own(), 1000, "shop.items"
		q.CassandraCommitLogDirectory, q.CassandraConfigDirectory = rest.Path(r.downloads+"/commitlog"), rest.Path(conf)
		q.CommitLogDownloadDir = rest.URI(r.downloads + "/replay")
	})
}

func TestTheCommitLogIsRestored(t *testing.T) {
	t.Parallel()
	r, q := timed(t)
	op := r.sidecars[0].completed(q)
	var got rest.CommitLogRestoreResult
	noError(t, op.DecodeResult(&got))
	want := rest.CommitLogRestoreResult{
		Segments: 2, FirstTimestamp: 1000, LastTimestamp: 2000, PointInTime: 1000, MovedTo: got.MovedTo, Moved: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" || !strings.HasPrefix(got.MovedTo, r.downloads+"/commitlogs-") {
		t.Errorf("%s, moved to %s", diff, got.MovedTo)
	}
	if op.CurrentPhase != "CONFIGURE" || op.Transfer == nil || op.Transfer.FilesDone != 2 {
		t.Errorf("phase %s, transfer %+v", op.CurrentPhase, op.Transfer)
	}
	for name, want := range map[string]string{
		"commitlog_archiving.properties": `restore_point_in_time=1970\:01\:01 00\:00\:01`, "cassandra-env.sh": "-Dcassandra.replayList=shop.items",
	} {
		if text, err := os.ReadFile(filepath.Join(r.downloads, "conf", name)); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s is %q, %v", name, text, err)
		}
	}
}

func TestRestoresOfTheCommitLogThatFail(t *testing.T) {
	t.Parallel()
	r, q := timed(t)
	s := r.sidecars[0]
	with := func(change func(q *rest.CommitLogRestoreRequest)) *rest.CommitLogRestoreRequest {
		other := *q
		change(&other)
		return &other
	}
	for name, c := range map[string]struct {
		req  rest.Request
		want string
	}{
		"a commit log outside":    {with(func(q *rest.CommitLogRestoreRequest) { q.CassandraCommitLogDirectory = "/opt/x" }), "cassandraCommitLogDirectory /opt/x"},
		"a configuration outside": {with(func(q *rest.CommitLogRestoreRequest) { q.CassandraConfigDirectory = "/etc" }), "cassandraConfigDirectory /etc"},
		"downloads outside":       {with(func(q *rest.CommitLogRestoreRequest) { q.CommitLogDownloadDir = "/opt/x" }), "commitlogDownloadDir /opt/x"},
		"none that late":          {with(func(q *rest.CommitLogRestoreRequest) { q.TimestampStart, q.TimestampEnd = 3000, 4000 }), "no commit log"},
	} {
		t.Run(name, func(t *testing.T) { mentions(t, s.failed(c.req), c.want) })
	}
	s.node.Start()
	mentions(t, s.failed(q), "the node is NORMAL")
	s.node.Fail("OperationMode", errors.New("wrong password"))
	mentions(t, s.failed(q), "wrong password")
	s.node.Fail("OperationMode", nil)
	for dir, want := range map[string][]string{"commitlog": {"CommitLog-7-9.log"}, "conf": {"cassandra-env.sh"}, "replay": nil} {
		var names []string
		entries, _ := os.ReadDir(filepath.Join(r.downloads, dir)) // one that is not there is empty
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s has %v", dir, names)
		}
	}
	s.node.SetMode(cassandra.ModeDrained)
	s.completed(q)
}
