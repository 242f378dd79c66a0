package nodeops_test

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/api/rest"
	rings "github.com/icarus-sidecar/icarus/hack/cassandra/ring"
)

// timeTravel is a node with an archive_command, and the directories around it.
type timeTravel struct {
	*realNode
	ring                          *rings.Ring
	config, archive, root, bucket string
}

func newTimeTravel(t *testing.T) *timeTravel {
	t.Helper()
	root := t.TempDir()
	tt := &timeTravel{root: root, config: filepath.Join(root, "config"), archive: filepath.Join(root, "archive")}
	noError(t, os.Mkdir(tt.config, 0o755))
	noError(t, os.Mkdir(tt.archive, 0o755))
	for name, text := range map[string]string{
		"commitlog_archiving.properties": "# ours\narchive_command=/bin/ln -f %path " + tt.archive + "/%name\nrestore_command=\n",
		"cassandra-env.sh":               "JVM_OPTS=\"$JVM_OPTS -Dicarus.test=1\"\n",
	} {
		noError(t, os.WriteFile(filepath.Join(tt.config, name), []byte(text), 0o600))
	}
	tt.source(t)
	tt.ring = rings.Own(t, rings.Options{
		Version: "4.1", Tokens: 4,
		Settings: map[string]string{"commitlog_segment_size_in_mb": "1"},
		// Cassandra looks for its properties on the class path, and the shell script
		// that would start it is not there.
		JVMFlags: []string{"-Xbootclasspath/a:" + tt.config, "@" + filepath.Join(tt.config, "flags")},
	})
	tt.realNode = newRealNode(t, tt.ring.Nodes[0], root, tt.ring.Nodes[0].Dir)
	id, err := tt.Identity(t.Context())
	noError(t, err)
	tt.bucket = filepath.Join(root, "bucket", id.ClusterName, id.Datacenter, id.HostID)
	return tt
}

// source makes flags of what cassandra-env.sh says, as the script that starts
// Cassandra does.
func (tt *timeTravel) source(t *testing.T) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", `. "$0"; echo "$JVM_OPTS"`, filepath.Join(tt.config, "cassandra-env.sh")).Output()
	noError(t, err)
	noError(t, os.WriteFile(filepath.Join(tt.config, "flags"), out, 0o600))
}

func (tt *timeTravel) archived() []string {
	tt.t.Helper()
	entries, err := os.ReadDir(filepath.Join(tt.bucket, "commitlog"))
	noError(tt.t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// with lends a session.
func (tt *timeTravel) with(do func(run func(statement string, args ...any), rows func(table string) []string)) {
	tt.t.Helper()
	session, err := tt.ring.CQL().CreateSession()
	noError(tt.t, err)
	defer session.Close()
	do(func(statement string, args ...any) {
		tt.t.Helper()
		if err := session.Query(statement, args...).WithContext(tt.t.Context()).Exec(); err != nil {
			tt.t.Fatalf("running %s: %v", statement, err)
		}
	}, func(table string) []string { return rowsOf(tt.t, session, table) })
}

func rowsOf(t *testing.T, session *gocql.Session, table string) []string {
	t.Helper()
	keys := []string{}
	rows := session.Query("SELECT k FROM " + table).WithContext(t.Context()).Iter().Scanner()
	for rows.Next() {
		var k string
		noError(t, rows.Scan(&k))
		keys = append(keys, k)
	}
	noError(t, rows.Err())
	slices.Sort(keys)
	return keys
}

// fill writes three segments full, of what does not compress.
func fill(run func(statement string, args ...any)) {
	for k := range 30 {
		v := make([]byte, 100<<10)
		_, _ = rand.Read(v) // never fails
		run(`INSERT INTO pitr.filler (k, v) VALUES (?, ?)`, k, v)
	}
}

// betweenSeconds waits until one second has begun and is over: Cassandra counts
// points in time in them. It returns the one in the middle.
func betweenSeconds() time.Time {
	at := time.Now().Truncate(time.Second).Add(time.Second)
	<-time.After(time.Until(at.Add(time.Second)))
	return at
}

func (tt *timeTravel) restoreOf(table, downloads string, at time.Time) string {
	return fmt.Sprintf(`{"type":"commitlog-restore","storageLocation":"file://%s","cassandraCommitLogDirectory":"%s","cassandraConfigDirectory":"%s",`+
		`"commitlogDownloadDir":"%s","timestampEnd":%d,"keyspaceTables":"%s"}`,
		tt.bucket, filepath.Join(tt.ring.Nodes[0].Dir, "commitlog"), tt.config, filepath.Join(tt.root, downloads), at.UnixMilli(), table)
}

func TestRowsAreRestoredToAPointInTimeOnARealNode(t *testing.T) {
	t.Parallel()
	tt := newTimeTravel(t)
	var at time.Time
	tt.with(func(run func(string, ...any), _ func(string) []string) {
		run(`CREATE KEYSPACE pitr WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`)
		run(`CREATE TABLE pitr.filler (k int PRIMARY KEY, v blob)`)
		for _, table := range []string{"pitr.a", "pitr.b"} {
			run(`CREATE TABLE ` + table + ` (k text PRIMARY KEY)`)
			run(`INSERT INTO ` + table + ` (k) VALUES ('before')`)
		}
		fill(run)
		at = betweenSeconds()
		for _, table := range []string{"pitr.a", "pitr.b"} {
			run(`INSERT INTO ` + table + ` (k) VALUES ('after')`)
		}
		fill(run)
	})

	// A running node keeps what it writes for another time.
	live := tt.ends(rest.StateCompleted, `{"type":"commitlog-backup","storageLocation":"file://`+tt.bucket+`","online":true,"createMissingBucket":true}`)
	var result rest.CommitLogBackupResult
	noError(t, live.DecodeResult(&result))
	active, err := tt.ActiveCommitLogs(t.Context())
	noError(t, err)
	if len(active) == 0 || !slices.Contains(result.Written, active[len(active)-1]) || result.Uploaded == 0 {
		t.Fatalf("of a running node that writes %v: %+v", active, result)
	}
	for _, key := range tt.archived() {
		if strings.HasPrefix(key, active[len(active)-1]) {
			t.Errorf("%s is in the bucket", key)
		}
	}

	tt.with(func(run func(string, ...any), _ func(string) []string) {
		run(`TRUNCATE pitr.a`)
		run(`TRUNCATE pitr.b`)
	})
	running := tt.ends(rest.StateFailed, tt.restoreOf("pitr.a", "replay-a", at))
	if !strings.Contains(running.Errors[0].Message, "NORMAL") {
		t.Errorf("a running node refuses with %v", running.Errors)
	}
	tt.ends(rest.StateCompleted, `{"type":"drain"}`)
	// What the archive_command put aside; the last segment, too.
	tt.ends(rest.StateCompleted, `{"type":"commitlog-backup","storageLocation":"file://`+tt.bucket+`","commitLogArchiveOverride":"`+tt.archive+`"}`)

	drained := tt.ends(rest.StateCompleted, tt.restoreOf("pitr.a", "replay-a", at))
	var restored rest.CommitLogRestoreResult
	noError(t, drained.DecodeResult(&restored))
	if restored.Segments < 2 || restored.PointInTime != at.UnixMilli() || restored.LastTimestamp <= at.UnixMilli() {
		t.Errorf("restored to %d: %+v", at.UnixMilli(), restored)
	}
	tt.restart(t)
	tt.with(func(_ func(string, ...any), rows func(string) []string) {
		want := map[string][]string{"pitr.a": {"before"}, "pitr.b": {}}
		if diff := cmp.Diff(want, map[string][]string{"pitr.a": rows("pitr.a"), "pitr.b": rows("pitr.b")}); diff != "" {
			t.Error(diff)
		}
	})

	// Another table, of a node that is stopped: nothing answers for it.
	noError(t, tt.ring.Stop(t.Context(), 1))
	tt.ends(rest.StateCompleted, tt.restoreOf("pitr.b", "replay-b", at))
	tt.restart(t)
	tt.with(func(_ func(string, ...any), rows func(string) []string) {
		if diff := cmp.Diff([]string{"before"}, rows("pitr.b")); diff != "" {
			t.Error(diff)
		}
	})
}

// restart starts the node with what the restore has told it.
func (tt *timeTravel) restart(t *testing.T) {
	t.Helper()
	if tt.ring.Nodes[0].Running() {
		noError(t, tt.ring.Stop(t.Context(), 1))
	}
	tt.source(t)
	noError(t, tt.ring.Start(t.Context(), 1))
}
