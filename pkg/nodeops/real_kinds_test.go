package nodeops_test

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gocql/gocql"

	"github.com/icarus-sidecar/icarus/api/rest"
	rings "github.com/icarus-sidecar/icarus/hack/cassandra/ring"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
)

// versions of Cassandra that every kind runs on. 3.11 runs on Java 11, the others
// on 17.
var versions = []string{"3.11", "4.0", "4.1", "5.0"}

// trial is a ring of three nodes, each with its sidecar, that every kind is tried on.
type trial struct {
	t       *testing.T
	version string
	ring    *rings.Ring
	session *gocql.Session
	nodes   []*realNode
	dir     string // that requests may name
	// words stand for themselves in requests.
	words *strings.Replacer
	// before is what a step found, for its effect to be compared with.
	before map[string]int64
	// tried are the kinds that did what they are for, or were refused by the version.
	tried map[string]bool
}

// step is a request to one of the nodes, and what must be so before and after.
type step struct {
	body   string
	node   int // from 0
	fails  bool
	cannot map[string]string // why, by the version that cannot do it
	before func(r *trial)
	effect func(r *trial, op rest.Operation)
}

func TestEveryKindOnARealNode(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			r := newTrial(t, version)
			for _, steps := range [][]step{upkeepSteps, replicaSteps, backupSteps} {
				for _, s := range steps {
					r.take(s)
				}
			}
			r.stopsCompactions()
			r.adopts()
			r.session.Close() // its nodes go
			for _, s := range membershipSteps {
				r.take(s)
			}
			r.restarts()
			if missing := r.untried(); len(missing) > 0 {
				t.Errorf("these were not tried on %s: %v", version, missing)
			}
		})
	}
}

func newTrial(t *testing.T, version string) *trial {
	t.Helper()
	dir := t.TempDir()
	r := &trial{t: t, version: version, dir: dir, tried: map[string]bool{}}
	r.ring = rings.Own(t, rings.Options{
		Version: version, Nodes: 3, Tokens: 4,
		// So that what is to be cancelled takes a while.
		Settings: map[string]string{
			"compaction_throughput_mb_per_sec": "1",
			"phi_convict_threshold":            "16", // a node that is paused is not down
		},
		JVMFlags: []string{
			"-Dcassandra.batchlog.replay_timeout_in_ms=2000", // a node that leaves waits this long, a minute otherwise
			"-Dcassandra.reset_bootstrap_progress=true",      // 5.0 refuses to rebuild what it has rebuilt before
		},
	})
	for _, n := range r.ring.Nodes {
		r.nodes = append(r.nodes, newRealNode(t, n, dir, n.Dir))
	}
	var err error
	r.session, err = r.ring.CQL().CreateSession()
	noError(t, err)
	t.Cleanup(r.session.Close)
	r.fill()
	words := []string{"$bucket", "file://" + dir + "/bucket/c/dc1/", "$dir", dir, "$commitlog", filepath.Join(r.ring.Nodes[0].Dir, "commitlog")}
	for i, n := range r.nodes {
		id, err := n.Identity(t.Context())
		noError(t, err)
		words = append(words, fmt.Sprintf("$host%d", i), id.HostID, fmt.Sprintf("$address%d", i), n.address)
	}
	r.words = strings.NewReplacer(words...)
	return r
}

// run executes a statement.
func (r *trial) run(statement string, args ...any) {
	r.t.Helper()
	if err := r.session.Query(statement, args...).WithContext(r.t.Context()).Exec(); err != nil {
		r.t.Fatalf("running %s: %v", statement, err)
	}
}

// fill makes upkeep.t and upkeep.u on all nodes, alone.t on one each, wide.t on all
// of which each is to own a part, and big.t of 10 MB that do not compress.
func (r *trial) fill() {
	r.t.Helper()
	for keyspace, replicas := range map[string]int{"upkeep": 3, "alone": 1, "big": 3, "wide": 3} {
		r.run(fmt.Sprintf(`CREATE KEYSPACE %s WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': %d}`, keyspace, replicas))
		r.run(`CREATE TABLE ` + keyspace + `.t (k int PRIMARY KEY, v blob)`)
	}
	r.run(`CREATE TABLE upkeep.u (k int PRIMARY KEY, v blob)`)
	for k := range 100 {
		for _, table := range []string{"upkeep.t", "upkeep.u", "alone.t"} {
			r.run(`INSERT INTO `+table+` (k, v) VALUES (?, ?)`, k, []byte("x"))
		}
		r.run(`INSERT INTO wide.t (k, v) VALUES (?, ?)`, k, noise(r.t, 1<<10))
		r.run(`INSERT INTO big.t (k, v) VALUES (?, ?)`, k, noise(r.t, 100<<10))
	}
}

func noise(t *testing.T, bytes int) []byte {
	t.Helper()
	v := make([]byte, bytes)
	_, err := rand.Read(v)
	noError(t, err)
	return v
}

// rows counts what the nodes have together.
func (r *trial) rows(table string) int {
	r.t.Helper()
	n := 0
	noError(r.t, r.session.Query(`SELECT count(*) FROM `+table).Consistency(gocql.All).WithContext(r.t.Context()).Scan(&n))
	return n
}

func (r *trial) wantRows(table string, want int) {
	r.t.Helper()
	if n := r.rows(table); n != want {
		r.t.Errorf("%s has %d rows, want %d", table, n, want)
	}
}

// take makes a step.
func (r *trial) take(s step) {
	r.t.Helper()
	if s.before != nil {
		s.before(r)
	}
	want := rest.StateCompleted
	cannot := s.cannot[r.version]
	if s.fails || cannot != "" {
		want = rest.StateFailed
	}
	op := r.nodes[s.node].ends(want, r.words.Replace(s.body))
	switch {
	case cannot != "":
		mentions(r.t, op.Errors, cannot)
		r.tried[op.Type] = true
	case !s.fails:
		r.tried[op.Type] = true
		if s.effect != nil {
			s.effect(r, op)
		}
	}
}

func (r *trial) untried() []string {
	var missing []string
	for kind := range rest.BuiltinTypes() {
		if !r.tried[kind] {
			missing = append(missing, kind)
		}
	}
	return missing
}

// notes remembers the SSTables of a table on the first node.
func notes(table string) func(r *trial) {
	return func(r *trial) { r.before = r.nodes[0].sstables(table) }
}

// rewritten is that no SSTable of a table is what it was. Cassandra deletes files a
// moment later.
func rewritten(table string) func(r *trial, op rest.Operation) {
	return func(r *trial, _ rest.Operation) {
		r.t.Helper()
		var after map[string]int64
		defer func() { r.t.Logf("%s was %v and is %v", table, names(r.before), names(after)) }()
		eventually(r.t, func() bool {
			after = r.nodes[0].sstables(table)
			for path := range after {
				if _, same := r.before[path]; same {
					return false
				}
			}
			return len(after) > 0 && len(r.before) > 0
		})
	}
}

// number is how many SSTables a table comes to have on a node.
func number(node int, table string, is func(n int) bool) func(r *trial, op rest.Operation) {
	return func(r *trial, _ rest.Operation) {
		r.t.Helper()
		var found map[string]int64
		defer func() { r.t.Logf("on node %d %s is %v", node+1, table, names(found)) }()
		eventually(r.t, func() bool {
			found = r.nodes[node].sstables(table)
			return is(len(found))
		})
	}
}

// none is that a node has no SSTable of a table now.
func none(node int, table string) func(r *trial, op rest.Operation) {
	return func(r *trial, _ rest.Operation) {
		if found := r.nodes[node].sstables(table); len(found) > 0 {
			r.t.Errorf("on node %d there are %v", node+1, names(found))
		}
	}
}

// names are the last parts of paths.
func names(sstables map[string]int64) []string {
	var all []string
	for path := range sstables {
		all = append(all, filepath.Base(path))
	}
	slices.Sort(all)
	return all
}

func some(n int) bool { return n > 0 }
func one(n int) bool  { return n == 1 }

const before40 = "not supported by this release"

// upkeepSteps work on the SSTables of one node.
var upkeepSteps = []step{
	{body: `{"type":"flush","keyspace":"upkeep"}`, effect: number(0, "upkeep.t", some)},
	{body: `{"type":"scrub","keyspace":"upkeep","tables":["t","u"],"jobs":1}`, before: notes("upkeep.t"), effect: rewritten("upkeep.t")},
	{
		body:   `{"type":"scrub","keyspace":"upkeep","disableSnapshot":true,"skipCorrupted":true,"noValidate":true,"reinsertOverflowedTTL":true}`,
		before: notes("upkeep.u"), effect: rewritten("upkeep.u"),
	},
	{
		body:   `{"type":"upgradesstables","keyspace":"upkeep"}`,
		before: notes("upkeep.t"), effect: func(r *trial, _ rest.Operation) { // they are of the newest format
			if after := r.nodes[0].sstables("upkeep.t"); !maps.Equal(after, r.before) {
				r.t.Errorf("there were %v and are %v", r.before, after)
			}
		},
	},
	{body: `{"type":"upgradesstables","keyspace":"upkeep","includeAllSStables":true}`, before: notes("upkeep.t"), effect: rewritten("upkeep.t")},
	{
		body:   `{"type":"garbagecollect","keyspace":"upkeep","tables":["t"],"granularity":"cell"}`,
		before: notes("upkeep.t"), effect: rewritten("upkeep.t"),
	},
	{
		body: `{"type":"compact","keyspace":"upkeep","tables":["t"]}`,
		before: func(r *trial) {
			r.run(`INSERT INTO upkeep.t (k, v) VALUES (1, ?)`, []byte("y"))
			r.nodes[0].ends(rest.StateCompleted, `{"type":"flush","keyspace":"upkeep","tables":["t"]}`)
			number(0, "upkeep.t", func(n int) bool { return n > 1 })(r, rest.Operation{})
		},
		effect: number(0, "upkeep.t", one),
	},
	{body: `{"type":"compact","keyspace":"upkeep","splitOutput":true}`, effect: number(0, "upkeep.t", some)},
	{body: `{"type":"compact","keyspace":"upkeep","tables":["t"],"startToken":"-9223372036854775808","endToken":"0"}`},
	{
		body: `{"type":"cleanup","keyspace":"wide","tables":["t"]}`,
		before: func(r *trial) {
			r.nodes[0].ends(rest.StateCompleted, `{"type":"flush","keyspace":"wide"}`)
			r.before = map[string]int64{"": r.nodes[0].bytes("wide.t")}
			r.run(`ALTER KEYSPACE wide WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 1}`)
		},
		effect: func(r *trial, _ rest.Operation) {
			after := int64(0)
			defer func() { r.t.Logf("wide.t has %d bytes, and had %d when all was its own", after, r.before[""]) }()
			eventually(r.t, func() bool {
				after = r.nodes[0].bytes("wide.t")
				return after > 0 && after < r.before[""]
			})
		},
	},
	{body: `{"type":"verify-sstables","keyspace":"upkeep"}`},
	{body: `{"type":"verify-sstables","keyspace":"upkeep","tables":["t"],"extendedVerify":true}`},
	{
		body:   `{"type":"verify-sstables","keyspace":"upkeep","checkVersion":true,"checkTokens":true}`,
		cannot: map[string]string{"3.11": before40},
	},
	{body: `{"type":"scrub","keyspace":"nope"}`, fails: true},
	{body: `{"type":"upgradesstables","keyspace":"upkeep","tables":["nope"]}`, fails: true},
	{body: `{"type":"garbagecollect","keyspace":"nope"}`, fails: true},
	{body: `{"type":"compact","keyspace":"upkeep","tables":["nope"]}`, fails: true},
	{body: `{"type":"cleanup","keyspace":"nope"}`, fails: true},
	{body: `{"type":"verify-sstables","keyspace":"upkeep","tables":["nope"]}`, fails: true},
}

// truncated empties a table, and finds it empty.
func truncated(table string) step {
	keyspace, name, _ := strings.Cut(table, ".")
	return step{
		body:   `{"type":"truncate","keyspace":"` + keyspace + `","table":"` + name + `"}`,
		effect: func(r *trial, _ rest.Operation) { r.wantRows(table, 0) },
	}
}

// own is the directory of upkeep.t on a node.
func (r *trial) own(node int) string {
	r.t.Helper()
	found, err := filepath.Glob(filepath.Join(r.nodes[node].node.DataDirs[0], "upkeep", "t-*"))
	noError(r.t, err)
	if len(found) != 1 {
		r.t.Fatalf("upkeep.t has the directories %v", found)
	}
	return found[0]
}

// copied puts the SSTables of the snapshot of upkeep.t on the first node into a
// directory.
func copied(directory func(r *trial) string) func(r *trial) {
	return func(r *trial) {
		from, to := filepath.Join(r.own(0), "snapshots", "kept"), directory(r)
		entries, err := os.ReadDir(from)
		noError(r.t, err)
		for _, e := range entries {
			if e.IsDir() || e.Name() == "manifest.json" || e.Name() == "schema.cql" {
				continue
			}
			body, err := os.ReadFile(filepath.Join(from, e.Name()))
			noError(r.t, err)
			noError(r.t, os.WriteFile(filepath.Join(to, e.Name()), body, 0o644))
		}
	}
}

// refreshed has a node take up those SSTables, and no other.
func refreshed(node int) step {
	return step{
		body: `{"type":"refresh","keyspace":"upkeep","table":"t"}`, node: node,
		before: copied(func(r *trial) string { return r.own(node) }),
		effect: none(1, "upkeep.t"),
	}
}

func tags(is func(tags []string) bool) func(r *trial, op rest.Operation) {
	return func(r *trial, _ rest.Operation) {
		found, err := r.nodes[0].SnapshotTags(r.t.Context())
		noError(r.t, err)
		if !is(found) {
			r.t.Errorf("the snapshots are %v", found)
		}
	}
}

// replicaSteps take data away from all nodes, give it to the first, and have the
// others get it from there. Where that is to be seen nobody reads it before: that
// alone would spread it.
var replicaSteps = []step{
	{
		body: `{"type":"snapshot","snapshotTag":"kept","entities":"upkeep.t"}`,
		effect: tags(func(tags []string) bool { // and that of the scrub
			return slices.Contains(tags, "kept") && slices.ContainsFunc(tags, func(tag string) bool { return tag != "kept" })
		}),
	},
	{body: `{"type":"snapshot","snapshotTag":"kept","entities":"upkeep"}`, fails: true},
	truncated("upkeep.t"),
	refreshed(0),
	{
		body: `{"type":"repair","keyspace":"upkeep","tables":["t"]}`,
		effect: func(r *trial, _ rest.Operation) {
			for node := range r.nodes {
				number(node, "upkeep.t", some)(r, rest.Operation{})
			}
			r.wantRows("upkeep.t", 100)
		},
	},
	{body: `{"type":"repair","keyspace":"upkeep","tables":["t"],"primaryRange":true,"incremental":true,"parallelism":"SEQUENTIAL"}`},
	{
		body: `{"type":"repair","keyspace":"alone"}`,
		effect: func(r *trial, op rest.Operation) {
			if len(op.Warnings) == 0 {
				r.t.Error("nobody is told that there was nothing to repair")
			}
		},
	},
	{body: `{"type":"repair","keyspace":"upkeep","hosts":["127.9.9.9"]}`, fails: true},
	truncated("upkeep.t"),
	refreshed(0),
	refreshed(2),
	{
		body: `{"type":"rebuild","sourceDC":"dc1","keyspace":"upkeep"}`, node: 1,
		effect: func(r *trial, _ rest.Operation) {
			number(1, "upkeep.t", some)(r, rest.Operation{})
			r.wantRows("upkeep.t", 100)
		},
	},
	{
		body: `{"type":"rebuild","keyspace":"upkeep","specificTokens":[{"start":"0","end":"1"}],"specificSources":["$address0"]}`, node: 1,
	},
	{body: `{"type":"rebuild","sourceDC":"nodc"}`, node: 1, fails: true},
	truncated("upkeep.t"),
	{
		body: `{"type":"import","keyspace":"upkeep","table":"t","tablePath":"$dir/upkeep/t"}`, before: copied(func(r *trial) string {
			dir := filepath.Join(r.dir, "upkeep", "t")
			noError(r.t, os.MkdirAll(dir, 0o755))
			return dir
		}),
		cannot: map[string]string{"3.11": before40},
		effect: func(r *trial, _ rest.Operation) { r.wantRows("upkeep.t", 100) },
	},
	{
		body:   `{"type":"clear-snapshot","snapshotTag":"kept","keyspaces":["upkeep"]}`,
		effect: tags(func(tags []string) bool { return !slices.Contains(tags, "kept") }),
	},
}

// phase is one phase of a restore of upkeep.u on the first node.
func phase(name, strategy string, s step) step {
	s.body = `{"type":"restore","storageLocation":"$bucket$host0","snapshotTag":"real","entities":"upkeep.u","restorationStrategyType":"` + strategy +
		`","restorationPhase":"` + name + `","import":{"type":"import","sourceDir":"$dir/downloads"}}`
	return s
}

// backupSteps bring a table to a bucket and back.
var backupSteps = []step{
	{
		body: `{"type":"backup","storageLocation":"$bucket$host0","snapshotTag":"real","entities":"upkeep.u","createMissingBucket":true}`,
		effect: func(r *trial, op rest.Operation) {
			found, err := filepath.Glob(filepath.Join(r.dir, "bucket", "*", "*", "*", "manifests", "*.json"))
			noError(r.t, err)
			var result rest.BackupResult
			noError(r.t, op.DecodeResult(&result))
			if len(found) != 1 || strings.TrimSuffix(filepath.Base(found[0]), ".json") != result.SnapshotTag {
				r.t.Errorf("the manifests are %v", found)
			}
		},
	},
	{
		body: `{"type":"upload-topology","storageLocation":"$bucket$host0","snapshotTag":"real"}`,
		effect: func(r *trial, _ rest.Operation) {
			body, err := os.ReadFile(filepath.Join(r.dir, "bucket", "topology", "real.json"))
			noError(r.t, err)
			var topology rest.Topology
			noError(r.t, json.Unmarshal(body, &topology))
			if len(topology.Topology) != 3 {
				r.t.Errorf("the topology is %s", body)
			}
		},
	},
	{
		body: `{"type":"list","storageLocation":"$bucket$host0"}`,
		effect: func(r *trial, op rest.Operation) {
			var result rest.ListResult
			noError(r.t, op.DecodeResult(&result))
			if result.TotalManifests != 1 || result.TotalFiles == 0 {
				r.t.Errorf("there is %+v", result)
			}
		},
	},
	{
		body: `{"type":"verify","storageLocation":"$bucket$host0","snapshotTag":"real","level":"digest"}`,
		effect: func(r *trial, op rest.Operation) {
			var result rest.VerifyResult
			noError(r.t, op.DecodeResult(&result))
			if result.Backups != 1 || result.Files == 0 || result.Bad != 0 {
				r.t.Errorf("there is %+v", result)
			}
		},
	},
	phase("INIT", "HARDLINKS", step{}),
	phase("DOWNLOAD", "HARDLINKS", step{}),
	phase("TRUNCATE", "HARDLINKS", step{effect: func(r *trial, _ rest.Operation) { r.wantRows("upkeep.u", 0) }}),
	phase("IMPORT", "HARDLINKS", step{effect: func(r *trial, _ rest.Operation) { r.wantRows("upkeep.u", 100) }}),
	phase("CLEANUP", "HARDLINKS", step{}),
	phase("INIT", "IMPORT", step{cannot: map[string]string{"3.11": before40}}),
	{
		body: `{"type":"restore","storageLocation":"$bucket$host0","snapshotTag":"real","restorationStrategyType":"IN_PLACE",` +
			`"cassandraDirectory":"$dir/other","cassandraConfigDirectory":"$dir"}`, fails: true, // the node runs
	},
	{
		body: `{"type":"remove-backup","storageLocation":"$bucket$host0","removeOldest":true}`,
		effect: func(r *trial, _ rest.Operation) {
			left, err := filepath.Glob(filepath.Join(r.dir, "bucket", "*", "*", "*", "*", "*", "*", "*", "*"))
			noError(r.t, err)
			if len(left) > 0 {
				r.t.Errorf("left are %v", left)
			}
		},
	},
}

// stopsCompactions stops work in the middle, and Cassandra does not go on.
func (r *trial) stopsCompactions() {
	r.t.Helper()
	n := r.nodes[0]
	n.ends(rest.StateCompleted, `{"type":"flush","keyspace":"big"}`)
	upgrades := func() []cassandra.Compaction {
		running, err := n.Compactions(r.t.Context())
		noError(r.t, err)
		return slices.DeleteFunc(running, func(c cassandra.Compaction) bool { return c.Type != cassandra.CompactionUpgrade })
	}
	for _, state := range []rest.State{rest.StateCancelled, rest.StateFailed} {
		op := n.submit(`{"type":"upgradesstables","keyspace":"big","includeAllSStables":true}`)
		n.becomes(op.ID, func(op rest.Operation) bool { return op.Progress > 0 })
		if state == rest.StateCancelled {
			_, err := n.Cancel(r.t.Context(), op.ID)
			noError(r.t, err)
		} else { // somebody else: Cassandra's result says that not all was done
			for _, c := range upgrades() {
				noError(r.t, n.StopCompaction(r.t.Context(), c.ID))
			}
		}
		done := n.await(op.ID)
		if done.State != state || done.Progress <= 0 || done.Progress >= 1 || (len(done.Errors) > 0) != (state == rest.StateFailed) {
			r.t.Errorf("it is %s at %v: %+v", done.State, done.Progress, done.Errors)
		}
		r.t.Logf("stopped: %s at %v %v", done.State, done.Progress, done.Errors)
		if left := upgrades(); len(left) > 0 {
			r.t.Errorf("Cassandra goes on with %+v", left)
		}
	}
}

// adopts ends a life of the sidecar while Cassandra is at work.
func (r *trial) adopts() {
	r.t.Helper()
	n := r.nodes[0]
	reopen := func(id string) {
		noError(r.t, n.Close(r.t.Context()))
		n.open()
		n.becomes(id, func(op rest.Operation) bool { return op.State == rest.StateRunning && op.CurrentPhase == "Adopted" })
	}
	scrub := `{"type":"scrub","keyspace":"big","disableSnapshot":true}`
	began := time.Now()
	first := n.submit(scrub)
	n.becomes(first.ID, func(op rest.Operation) bool { return op.Progress > 0 })
	reopen(first.ID)
	second := n.submit(scrub)
	n.becomes(first.ID, func(op rest.Operation) bool { return op.Progress > 0 }) // it is seen at work
	if op := n.now(second.ID); op.State != rest.StatePending {
		r.t.Errorf("beside it another is %s", op.State)
	}
	n.throttles(0)
	op := n.await(first.ID)
	if op.State != rest.StateFailed {
		r.t.Errorf("it is %s", op.State)
	}
	mentions(r.t, op.Errors, "went on with it until about")
	if op := n.await(second.ID); op.State != rest.StateCompleted {
		r.t.Errorf("the other is %s: %+v", op.State, op.Errors)
	}
	r.t.Logf("adopted after %s: %v", time.Since(began).Round(time.Millisecond), op.Errors)

	began = time.Now()
	for len(n.repairs) > 0 {
		<-n.repairs
	}
	replica := r.ring.Nodes[2].PID // which it waits for
	noError(r.t, syscall.Kill(replica, syscall.SIGSTOP))
	repair := n.submit(`{"type":"repair","keyspace":"big"}`)
	number := receive(r.t, n.repairs)
	reopen(repair.ID)
	state, reason, err := n.RepairStatus(r.t.Context(), number)
	noError(r.t, errors.Join(err, syscall.Kill(replica, syscall.SIGCONT)))
	op = n.await(repair.ID)
	if r.version == "3.11" { // which does not tell
		mentions(r.t, op.Errors, "how it ended was not heard")
	} else if op.State != rest.StateCompleted || state != cassandra.RepairRunning {
		r.t.Errorf("the repair was %v (%s) and is %s: %+v", state, reason, op.State, op.Errors)
	}
	r.t.Logf("adopted after %s: %v", time.Since(began).Round(time.Millisecond), op.Errors)
}

func members(want int) func(r *trial, op rest.Operation) {
	return func(r *trial, _ rest.Operation) {
		members, err := r.nodes[0].Ring(r.t.Context())
		noError(r.t, err)
		if len(members) != want {
			r.t.Errorf("the ring is %+v", members)
		}
	}
}

// membershipSteps take all nodes but the first out of the ring, and drain that one.
var membershipSteps = []step{
	{body: `{"type":"assassinate","address":"$address0"}`, fails: true},
	{body: `{"type":"removenode","hostId":"$host1"}`, fails: true},
	{body: `{"type":"removenode","hostId":"4f0a2b44-90a4-4d4b-b1a7-5a3a7b7f0a11"}`, fails: true},
	{
		body: `{"type":"removenode","hostId":"$host2"}`,
		before: func(r *trial) {
			noError(r.t, r.ring.Stop(r.t.Context(), 3))
			isDown(r.t, r.nodes[0], r.words.Replace("$host2"))
		},
		effect: members(2),
	},
	{
		body: `{"type":"decommission"}`, node: 1,
		effect: func(r *trial, op rest.Operation) {
			mode, err := r.nodes[1].OperationMode(r.t.Context())
			if mode != cassandra.ModeDecommissioned || err != nil {
				r.t.Errorf("the node is %s, %v", mode, err)
			}
			members(1)(r, op)
		},
	},
	{body: `{"type":"decommission","force":true}`, node: 1}, // it has left already
	{
		body:   `{"type":"assassinate","address":"$address1"}`,
		before: func(r *trial) { noError(r.t, r.ring.Kill(r.t.Context(), 2)) },
		effect: members(1),
	},
	{body: `{"type":"decommission","force":false}`, fails: true}, // there would be no ring
	{
		body: `{"type":"commitlog-backup","storageLocation":"$bucket$host0","createMissingBucket":true}`,
		before: func(r *trial) { // more than a segment takes
			var err error
			r.session, err = r.ring.CQL(r.ring.Nodes[0]).CreateSession()
			noError(r.t, err)
			defer r.session.Close()
			for k := range 200 {
				r.run(`INSERT INTO alone.t (k, v) VALUES (?, ?)`, k, noise(r.t, 100<<10))
			}
		},
		effect: func(r *trial, op rest.Operation) {
			var result rest.CommitLogBackupResult
			noError(r.t, op.DecodeResult(&result))
			found, err := filepath.Glob(filepath.Join(r.dir, "bucket", "*", "*", "*", "commitlog", "*"))
			noError(r.t, err)
			if len(found) == 0 || int64(len(found)) != result.Uploaded {
				r.t.Errorf("%v are in the bucket: %+v", found, result)
			}
		},
	},
	{
		body: `{"type":"drain"}`,
		effect: func(r *trial, _ rest.Operation) {
			if mode, err := r.nodes[0].OperationMode(r.t.Context()); mode != cassandra.ModeDrained || err != nil {
				r.t.Errorf("the node is %s, %v", mode, err)
			}
		},
	},
	{body: `{"type":"drain"}`},
	{ // whether Cassandra replays them is another test's
		body: `{"type":"commitlog-restore","storageLocation":"$bucket$host0","cassandraCommitLogDirectory":"$commitlog",` +
			`"cassandraConfigDirectory":"$dir/conf","commitlogDownloadDir":"$dir/replay","timestampEnd":4102444800000}`,
		before: func(r *trial) {
			noError(r.t, os.MkdirAll(filepath.Join(r.dir, "conf"), 0o755))
			noError(r.t, os.WriteFile(filepath.Join(r.dir, "conf", "cassandra-env.sh"), nil, 0o600))
		},
		effect: func(r *trial, op rest.Operation) {
			var result rest.CommitLogRestoreResult
			noError(r.t, op.DecodeResult(&result))
			found, err := filepath.Glob(filepath.Join(r.dir, "replay", "*"))
			noError(r.t, err)
			if len(found) == 0 || len(found) != result.Segments {
				r.t.Errorf("%v are to be replayed: %+v", found, result)
			}
		},
	},
}

// restarts has the process end and come back, and the sidecar stop.
func (r *trial) restarts() {
	r.t.Helper()
	n := r.nodes[0]
	before, err := n.Started(r.t.Context())
	noError(r.t, err)
	op := n.submit(`{"type":"restart"}`)
	eventually(r.t, func() bool { return !r.ring.Nodes[0].Running() })
	noError(r.t, r.ring.Start(r.t.Context(), 1)) // as the one who watches over it
	if op = n.await(op.ID); op.State != rest.StateCompleted {
		r.t.Fatalf("restart is %s: %+v", op.State, op.Errors)
	}
	r.tried[op.Type] = true
	if after, err := n.Started(r.t.Context()); err != nil || !after.After(before) {
		r.t.Errorf("it was started at %v and %v, %v", before, after, err)
	}
	r.take(step{body: `{"type":"flush","keyspace":"upkeep"}`})
	r.take(step{body: `{"type":"stop"}`})
	receive(r.t, n.stopped)
}
