//nolint:thelper // the functions of rows are tests, and where they fail counts
package contract_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/icarus-sidecar/icarus/pkg/cassandra/cassandratest"
)

// logged is a node that has segments 1 to 3 of a commit log, changed at so many
// seconds, and is stopped.
func logged(t *testing.T) (r *ring, s *sidecar, dir string) {
	t.Helper()
	r, s = one(t)
	s.node.Stop()
	dir = filepath.Join(r.root, "commitlog")
	for id := range int64(3) {
		cassandratest.WriteSegment(t, dir, id+1, time.Unix(id+1, 0))
	}
	return r, s, dir
}

func (r *ring) logBackup(s *sidecar, fields string) string {
	return merge(fmt.Sprintf(`{"type":"commitlog-backup","storageLocation":%q,"createMissingBucket":true}`, r.own(s)), fields)
}

// logs are the names of segments in the bucket.
func (r *ring) logs() (names []string) {
	r.t.Helper()
	for _, path := range r.found("*", "*", "*", "commitlog", "*") {
		names = append(names, filepath.Base(path))
	}
	return names
}

func (r *ring) wantLogs(want ...string) {
	r.t.Helper()
	if got := r.logs(); !slices.Equal(got, want) {
		r.t.Errorf("the bucket has %v, not %v", got, want)
	}
}

func (r *ring) logRestore(s *sidecar, fields string) string {
	r.t.Helper()
	conf := filepath.Join(r.root, "conf")
	noError(r.t, os.MkdirAll(conf, 0o755))
	noError(r.t, os.WriteFile(filepath.Join(conf, "cassandra-env.sh"), nil, 0o600))
	return merge(fmt.Sprintf(`{"type":"commitlog-restore","storageLocation":%q,"timestampEnd":1000,"cassandraCommitLogDirectory":%q,
		"cassandraConfigDirectory":%q,"commitlogDownloadDir":%q}`, r.own(s), filepath.Join(r.root, "commitlog"), conf, filepath.Join(r.root, "replay")), fields)
}

// settings are what Cassandra is told of its commit log.
func (r *ring) settings(name string) string {
	text, err := os.ReadFile(filepath.Join(r.root, "conf", name))
	noError(r.t, err)
	return string(text)
}

var logs = []row{
	of("2.5.1", "commitlog-backup", func(t *testing.T) {
		r, s, dir := logged(t)
		s.completed(r.logBackup(s, fmt.Sprintf(`{"cassandraCommitLogDirectory":%q}`, dir))).want("result.segments", "3")
		r.wantLogs("CommitLog-7-1.log.1000", "CommitLog-7-2.log.2000", "CommitLog-7-3.log.3000")
	}),
	of("2.5.2", "the default directory", func(t *testing.T) {
		r, s := one(t)
		dir, err := s.node.CommitLogDirectory(t.Context())
		noError(t, err)
		cassandratest.WriteSegment(t, dir, 1, time.Unix(1, 0))
		cassandratest.WriteSegment(t, dir, 2, time.Unix(2, 0))
		s.node.SetActiveLogs("CommitLog-7-2.log")
		s.completed(r.logBackup(s, ""))
		r.wantLogs("CommitLog-7-1.log.1000")
	}),
	of("2.5.3", "which source is taken", func(t *testing.T) {
		r, s, dir := logged(t)
		archive := filepath.Join(r.root, "archive")
		cassandratest.WriteSegment(t, archive, 7, time.Unix(7, 0))
		named := fmt.Sprintf(`{"cassandraCommitLogDirectory":%q,"commitLogArchiveOverride":%q}`, dir, archive)
		s.completed(r.logBackup(s, merge(named, fmt.Sprintf(`{"commitLog":%q}`, dir+"/CommitLog-7-2.log"))))
		r.wantLogs("CommitLog-7-2.log.2000")
		s.completed(r.logBackup(s, named))
		r.wantLogs("CommitLog-7-2.log.2000", "CommitLog-7-7.log.7000")
		noError(t, os.RemoveAll(archive))
		s.completed(r.logBackup(s, named))
		r.wantLogs("CommitLog-7-1.log.1000", "CommitLog-7-2.log.2000", "CommitLog-7-3.log.3000", "CommitLog-7-7.log.7000")
	}),
	of("2.5.4", "online puts the node in place", func(t *testing.T) {
		r, s := one(t)
		cassandratest.WriteSegment(t, filepath.Join(r.root, "commitlog"), 1, time.Unix(1, 0))
		s.completed(r.logBackup(s, fmt.Sprintf(`{"online":true,"storageLocation":%q,"cassandraCommitLogDirectory":%q}`, r.placeholder(), r.root+"/commitlog")))
		if found := r.found("Test-Cluster", "dc1", s.node.HostID(), "commitlog", "*"); len(found) != 1 {
			t.Errorf("there is %v", r.found("*", "*", "*", "*", "*"))
		}
	}),
	of("2.5.5", "a segment that vanishes", func(t *testing.T) {
		r, s, dir := logged(t)
		s.failed(r.logBackup(s, fmt.Sprintf(`{"commitLog":%q}`, dir+"/CommitLog-7-9.log")), "CommitLog-7-9.log")
		s.failed(r.logBackup(s, fmt.Sprintf(`{"cassandraCommitLogDirectory":%q}`, r.root+"/none")), "none")
		r.wantLogs()
	}),
	of("2.5.6", "what is no segment", func(t *testing.T) {
		r, s, dir := logged(t)
		noError(t, os.WriteFile(filepath.Join(dir, "CommitLog-7-1.log.part"), nil, 0o600))
		s.completed(r.logBackup(s, fmt.Sprintf(`{"cassandraCommitLogDirectory":%q}`, dir)))
		if got := r.logs(); len(got) != 3 {
			t.Errorf("the bucket has %v", got)
		}
	}),

	of("2.6.1", "commitlog-restore", func(t *testing.T) {
		r, s, dir := logged(t)
		s.completed(r.logBackup(s, fmt.Sprintf(`{"cassandraCommitLogDirectory":%q}`, dir)))
		s.completed(r.logRestore(s, "")).want("result.segments", "2").want("result.moved", "3")
	}),
	of("2.6.2", "keyspaceTables", func(t *testing.T) {
		r, s, dir := logged(t)
		s.completed(r.logBackup(s, fmt.Sprintf(`{"cassandraCommitLogDirectory":%q}`, dir)))
		s.completed(r.logRestore(s, `{"keyspaceTables":"shop.items,shop.orders"}`)).want("keyspaceTables", `"shop.items,shop.orders"`)
		if text := r.settings("cassandra-env.sh"); !strings.Contains(text, "-Dcassandra.replayList=shop.items,shop.orders") {
			t.Errorf("it is %s", text)
		}
		s.refused(r.logRestore(s, `{"keyspaceTables":"shop"}`), "keyspaceTables")
	}),
	of("2.6.3", "a node that runs", func(t *testing.T) {
		r, s, dir := logged(t)
		s.completed(r.logBackup(s, fmt.Sprintf(`{"cassandraCommitLogDirectory":%q}`, dir)))
		s.node.Start()
		s.failed(r.logRestore(s, ""), "NORMAL")
		if _, err := os.Stat(filepath.Join(dir, "CommitLog-7-3.log")); err != nil {
			t.Error(err)
		}
	}),
	of("2.6.4", "points in time that are none", func(t *testing.T) {
		r, s := one(t)
		s.refused(r.logRestore(s, `{"timestampEnd":null}`), "timestampEnd")
		s.refused(r.logRestore(s, `{"timestampStart":2000}`), "timestampStart")
		s.refused(r.logRestore(s, `{"commitlogDownloadDir":"/srv/a b"}`), "commitlogDownloadDir")
	}),
}

var logFields = append(fields([]field{
	{id: "2.5.7", name: "duration", absent: "absent", takes: span},
	{id: "2.5.8", name: "bandwidth", absent: "absent", takes: rate},
	{id: "2.5.9", name: "metadataDirective", absent: `"COPY"`, takes: []spelling{{`"replace"`, `"REPLACE"`}}},
	{id: "2.5.10", name: "cassandraCommitLogDirectory", absent: "absent", takes: path},
	{id: "2.5.11", name: "commitLogArchiveOverride", absent: "absent", takes: path},
	{id: "2.5.12", name: "commitLog", absent: "absent", takes: path},
	{id: "2.5.13", name: "online", absent: "false", takes: boolean},
	{id: "2.5.14", name: "createMissingBucket", absent: "false", takes: boolean},
	{id: "2.5.15", name: "skipRefreshing", absent: "false", takes: boolean},
}, `{"type":"commitlog-backup",`+node0+`}`), fields([]field{
	{id: "2.6.5", name: "cassandraCommitLogDirectory", absent: `"/var/lib/cassandra/data/commitlog"`, takes: path},
	{id: "2.6.6", name: "sharedContainerPath", absent: `"/"`, takes: path},
	{id: "2.6.7", name: "cassandraConfigDirectory", absent: `"/etc/cassandra"`, takes: path},
	{id: "2.6.8", name: "commitlogDownloadDir", absent: "required", takes: []spelling{{`"/srv/y"`, `"file:///srv/y"`}, {`"file:///srv/y"`, `"file:///srv/y"`}}},
	{id: "2.6.9", name: "timestampStart", absent: "0", takes: whole(7)},
	{id: "2.6.10", name: "timestampEnd", absent: "required", takes: whole(1795409334)},
	{id: "2.6.11", name: "keyspaceTables", absent: "absent", takes: same(`"shop.items"`)},
}, `{"type":"commitlog-restore",`+node0+`,"timestampEnd":1000,"commitlogDownloadDir":"/srv/y"}`)...)
