//nolint:thelper // the functions of rows are tests, and where they fail counts
package contract_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/icarus-sidecar/icarus/pkg/cassandra/cassandratest"
)

// takes is whether a backup to a location is refused at the door.
func takes(id, title string, yes bool, places ...string) row {
	return of(id, title, func(t *testing.T) {
		_, s := one(t)
		s.node.Stop()
		for _, place := range places {
			body := fmt.Sprintf(`{"type":"backup","storageLocation":%q}`, place)
			if yes {
				s.ends(body).want("storageLocation", quote(place))
			} else {
				s.refused(body, "storageLocation")
			}
		}
	})
}

var locations = []row{
	takes("5.1.1", "provider://bucket", true, "s3://bucket", "gcp://bucket", "azure://bucket"),
	takes("5.1.2", "provider://bucket/cluster/dc/node", true, "s3://bucket/cluster/dc/node"),
	takes("5.1.3", "something in between", false, "s3://a/b", "s3://a/b/c", "s3://a/b/c/d/e", "s3://", "s3:///b/c/d"),
	of("5.1.4", "file:///directory/bucket/cluster/dc/node", func(t *testing.T) {
		r, s := one(t)
		s.completed(r.backupOf(s, ""))
		if _, err := os.Stat(r.node(s, "manifests")); err != nil {
			t.Error(err)
		}
		s.refused(r.backup(`{"storageLocation":"file://relative/b/c/d/n"}`), "storageLocation")
	}),
	of("5.1.5", "a slash at the end of a location", func(t *testing.T) {
		r, s := one(t)
		s.completed(r.backup(fmt.Sprintf(`{"storageLocation":%q}`, r.placeholder()+"/")))
		if found := r.found("Test-Cluster", "dc1", "*", "manifests", "*"); len(found) != 1 {
			t.Errorf("there is %v", found)
		}
	}),
	takes("5.1.6", "file:///bucket/cluster/dc/node", true, "file:///icarus-contract-test/c/d/n"),
	takes("5.1.7", "providers", true, "s3://bucket", "gcp://bucket", "gs://bucket", "azure://bucket", "minio://bucket", "ceph://bucket", "oracle://bucket", "file:///d/b/c/d/n"),
	takes("5.1.8", "an unknown provider", false, "ftp://b", "b", "hdfs://b/c/d/n", "S3//b"),
	takes("5.1.9", "parts that lead out", false, "s3://b/../d/n", "file:///d/../b/c/d/n", "s3://b/c/./n"),
}

// documents are the manifests in the bucket.
func (r *ring) document(path string) []byte {
	r.t.Helper()
	body, err := os.ReadFile(r.path(path))
	noError(r.t, err)
	return body
}

// manifest is the only one in the bucket.
func (r *ring) manifest() []byte {
	r.t.Helper()
	found := r.found("*", "*", "*", "manifests", "*")
	if len(found) != 1 {
		r.t.Fatalf("there is %v", found)
	}
	return r.document(found[0])
}

// rewrite changes the only manifest.
func (r *ring) rewrite(change func(m map[string]any)) {
	r.t.Helper()
	m := parse(string(r.manifest()))
	change(m)
	body, err := json.Marshal(m)
	noError(r.t, err)
	noError(r.t, os.WriteFile(r.path(r.found("*", "*", "*", "manifests", "*")[0]), body, 0o600))
}

const dataKey = `^data/shop/items-[0-9a-f]{32}/[0-9a-z_]+-[0-9a-f]+/[a-z]{2}-[0-9a-z_]+-(big|bti)-\w+\.\w+$`

// entry is the first of a table in a manifest.
func entry(t *testing.T, manifest []byte, table string) string {
	t.Helper()
	var sstables map[string][]json.RawMessage
	noError(t, json.Unmarshal([]byte(lookup(t, manifest, "snapshot.keyspaces.shop.tables."+table+".sstables")), &sstables))
	for _, entries := range sstables {
		return string(entries[0])
	}
	t.Fatal("there is no SSTable")
	return ""
}

var layout = []row{
	of("5.2.1", "manifests/<tag>.json", func(t *testing.T) {
		r, s := one(t)
		tag := s.completed(r.backup("")).text("snapshotTag")
		if found := r.found("*", "*", "*", "manifests", "*"); !slices.Equal(found, []string{"Test-Cluster/dc1/" + s.node.HostID() + "/manifests/" + tag + ".json"}) {
			t.Errorf("there is %v", found)
		}
	}),
	of("5.2.2", "data/<keyspace>/<table>-<id>/<generation>-<digest>/<file>", func(t *testing.T) {
		r, s := one(t)
		s.completed(r.backup(""))
		found := r.found("*", "*", "*", "data", "shop", "items-*", "*", "*")
		for _, path := range found {
			if key := strings.TrimPrefix(path, "Test-Cluster/dc1/"+s.node.HostID()+"/"); !regexp.MustCompile(dataKey).MatchString(key) {
				t.Errorf("a key is %s", key)
			}
		}
		if len(found) == 0 {
			t.Error("there is none")
		}
	}),
	of("5.2.3", "data/<keyspace>/<table>-<id>/.<index>/<generation>-<digest>/<file>", func(t *testing.T) {
		r, s := one(t)
		s.node.CreateIndex("shop", "items", "byname")
		s.node.Write("shop", "items", "more")
		s.completed(r.backup(""))
		if found := r.found("*", "*", "*", "data", "shop", "items-*", ".byname", "*-*", "*-Data.db"); len(found) != 1 {
			t.Errorf("there is %v", found)
		}
	}),
	of("5.2.4", "topology/<tag>.json", func(t *testing.T) {
		r, s := one(t)
		tag := s.completed(r.backup("")).text("snapshotTag")
		if found := r.found("topology", "*"); !slices.Equal(found, []string{"topology/" + tag + ".json"}) {
			t.Errorf("there is %v", found)
		}
	}),
	of("5.2.5", "commitlog/<name>.<milliseconds>", func(t *testing.T) {
		r, s, dir := logged(t)
		s.completed(r.logBackup(s, fmt.Sprintf(`{"commitLog":%q}`, dir+"/CommitLog-7-1.log")))
		if found := r.found("Test-Cluster", "dc1", s.node.HostID(), "commitlog", "CommitLog-7-1.log.1000"); len(found) != 1 {
			t.Errorf("there is %v", r.logs())
		}
	}),
	of("5.3.1", "the final tag", func(t *testing.T) {
		r, s := one(t)
		tag := s.completed(r.backup("")).text("snapshotTag")
		if !regexp.MustCompile(`^nightly-[0-9a-f-]{36}-\d{13}$`).MatchString(tag) {
			t.Errorf("it is %s", tag)
		}
	}),
	of("5.3.2", "a tag that ends in digits", func(t *testing.T) {
		r, s := one(t)
		tag := s.completed(r.backupOf(s, `{"snapshotTag":"daily-20240101"}`)).text("snapshotTag")
		if !regexp.MustCompile(`^daily-20240101-[0-9a-f-]{36}-\d{13}$`).MatchString(tag) {
			t.Errorf("it is %s", tag)
		}
		whole := "daily-40b7edb9-c49e-3800-9b50-353ea0f50fa7-1795409334496"
		s.completed(r.backupOf(s, fmt.Sprintf(`{"snapshotTag":%q}`, whole))).want("snapshotTag", quote(whole))
	}),
	of("5.3.3", "no tag", func(t *testing.T) {
		r, s := one(t)
		if tag := s.completed(r.backup(`{"snapshotTag":null}`)).text("snapshotTag"); !regexp.MustCompile(`^autosnap-\d{10}-`).MatchString(tag) {
			t.Errorf("it is %s", tag)
		}
	}),
	of("5.4.1", "a manifest", func(t *testing.T) {
		r, s := one(t)
		tag := s.completed(r.backup("")).text("snapshotTag")
		m := r.manifest()
		if lookup(t, m, "snapshot.name") != quote(tag) || lookup(t, m, "schemaVersion") != s.get("/version/schema").raw("schemaVersion") {
			t.Errorf("it is %s", m)
		}
		table := "snapshot.keyspaces.shop.tables.items."
		if id := lookup(t, m, table+"id"); id != quote(s.node.Described("shop", "items").ID) || !strings.Contains(lookup(t, m, table+"schemaContent"), "CREATE TABLE") {
			t.Errorf("the table is %s", lookup(t, m, table[:len(table)-1]))
		}
	}),
	of("5.4.2", "an entry", func(t *testing.T) {
		r, s := one(t)
		s.completed(r.backup(""))
		e := entry(t, r.manifest(), "items")
		var key, hash string
		noError(t, json.Unmarshal([]byte(lookup(t, []byte(e), "objectKey")), &key))
		noError(t, json.Unmarshal([]byte(lookup(t, []byte(e), "hash")), &hash))
		stat, err := os.Stat(r.node(s, key))
		noError(t, err)
		if lookup(t, []byte(e), "size") != fmt.Sprint(stat.Size()) || lookup(t, []byte(e), "type") != `"FILE"` || !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(hash) {
			t.Errorf("it is %s", e)
		}
	}),
	of("5.4.3", "tokens", func(t *testing.T) {
		r, s := one(t)
		s.completed(r.backup(""))
		var tokens []string
		noError(t, json.Unmarshal([]byte(lookup(t, r.manifest(), "tokens")), &tokens))
		if len(tokens) != 3 || !slices.IsSorted(tokens) {
			t.Errorf("they are %v", tokens)
		}
	}),
	of("5.4.4", "size", func(t *testing.T) {
		r, s := one(t)
		a := s.completed(r.backup(""))
		if got := lookup(t, r.manifest(), "size"); got != a.raw("transfer.bytesTotal") {
			t.Errorf("it is %s of %s", got, a.raw("transfer.bytesTotal"))
		}
	}),
	of("5.4.5", "an empty table", func(t *testing.T) {
		r, s := one(t)
		s.node.CreateTable("shop", "drafts")
		s.completed(r.backup(""))
		if got := lookup(t, r.manifest(), "snapshot.keyspaces.shop.tables.drafts.sstables"); got != "{}" {
			t.Errorf("it has %q", got)
		}
		s.completed(r.restore(""))
	}),
	of("5.4.6", "entries, as before Esop 2.0", func(t *testing.T) {
		r, s := one(t)
		s.completed(r.backup(""))
		r.rewrite(func(m map[string]any) {
			tables := m["snapshot"].(map[string]any)["keyspaces"].(map[string]any)["shop"].(map[string]any)["tables"].(map[string]any)
			for name, v := range tables {
				table := v.(map[string]any)
				schema := fmt.Sprintf("data/shop/%s-%s/schema.cql", name, table["id"])
				noError(t, os.WriteFile(r.node(s, schema), []byte("CREATE"), 0o600))
				entries := []any{map[string]any{"objectKey": schema, "type": "CQL_SCHEMA", "size": 6}}
				for _, sstable := range table["sstables"].(map[string]any) {
					for _, e := range sstable.([]any) {
						delete(e.(map[string]any), "hash")
						entries = append(entries, e)
					}
				}
				delete(table, "sstables")
				table["entries"] = entries
			}
		})
		s.node.Write("shop", "items", "later")
		s.completed(r.restore(""))
		s.wantRows("shop.items", "items-of-127.0.0.1")
	}),
	of("5.4.7", "a manifest that is none", func(t *testing.T) {
		for name, change := range map[string]func(body string) string{
			"truncated":  func(body string) string { return body[:len(body)/2] },
			"climbing":   func(body string) string { return strings.ReplaceAll(body, "data/shop/", "data/../../shop/") },
			"of no kind": func(string) string { return `{"version":9,"tables":[]}` },
			"empty":      func(string) string { return "" },
		} {
			r, s := one(t)
			s.completed(r.backup(""))
			path := r.path(r.found("*", "*", "*", "manifests", "*")[0])
			noError(t, os.WriteFile(path, []byte(change(string(r.manifest()))), 0o600))
			s.failed(r.restore(""))
			if calls := r.calls("Truncate"); len(calls) > 0 {
				t.Errorf("%s: there were %v", name, calls)
			}
			s.wantRows("shop.items", "items-of-127.0.0.1")
		}
	}),
	of("5.5.1", "ids and formats of SSTables", func(t *testing.T) {
		for _, o := range []cassandratest.Options{{}, {UUIDs: true}, {Release: "3.11.19"}, {Release: "5.0.6", UUIDs: true}} {
			r := newRing(t, options{cassandra: o})
			s := r.sidecars[0]
			s.completed(r.backup(""))
			s.node.Write("shop", "items", "later")
			s.completed(r.restore(""))
			s.wantRows("shop.items", "items-of-127.0.0.1")
		}
	}),
	of("5.5.2", "what has not changed", func(t *testing.T) {
		r, s := one(t)
		s.completed(r.backup(""))
		a := s.completed(r.backup(`{"snapshotTag":"again"}`))
		if a.raw("transfer.filesReused") != a.raw("transfer.filesTotal") || a.raw("transfer.filesTotal") == "0" {
			t.Errorf("the transfer is %s", a.raw("transfer"))
		}
	}),
	of("5.5.3", "the same name with other content", func(t *testing.T) {
		r, s := one(t)
		s.completed(r.backup(""))
		found, err := filepath.Glob(filepath.Join(s.node.Described("shop", "items").DataPaths[0], "*-Statistics.db"))
		noError(t, err)
		noError(t, os.WriteFile(found[0]+".new", []byte("level 3 and more"), 0o600))
		noError(t, os.Rename(found[0]+".new", found[0]))
		s.completed(r.backup(`{"snapshotTag":"again"}`))
		if both := r.found("*", "*", "*", "data", "shop", "items-*", "*", "*-Statistics.db"); len(both) != 2 {
			t.Errorf("there is %v", both)
		}
	}),
	of("5.5.4", "snapshots of truncations", func(t *testing.T) {
		r := newRing(t, options{enabled: []string{"truncate"}})
		s := r.sidecars[0]
		s.completed(`{"type":"truncate","keyspace":"shop","table":"items"}`)
		s.completed(r.backup(""))
		if got := lookup(t, r.manifest(), "snapshot.keyspaces.shop.tables.items.sstables"); got != "{}" {
			t.Errorf("it has %s", got)
		}
	}),
	of("5.5.5", "digests are checked", func(t *testing.T) {
		r, s := one(t)
		s.completed(r.backup(""))
		path := r.path(r.found("*", "*", "*", "data", "shop", "items-*", "*", "*-Data.db")[0])
		body, err := os.ReadFile(path)
		noError(t, err)
		body[0]++
		noError(t, os.WriteFile(path, body, 0o600))
		s.failed(r.restore(""))
		s.wantRows("shop.items", "items-of-127.0.0.1")
		if calls := r.calls("Truncate"); len(calls) > 0 {
			t.Errorf("there were %v", calls)
		}
	}),
}

var choices = []row{
	of("5.6.1", "the exact tag goes first", func(t *testing.T) {
		r, s := one(t)
		tag := s.completed(r.backup("")).text("snapshotTag")
		s.node.Write("shop", "items", "later")
		s.completed(r.backup(""))
		s.completed(r.restore(fmt.Sprintf(`{"snapshotTag":%q}`, tag)))
		s.wantRows("shop.items", "items-of-127.0.0.1")
	}),
	of("5.6.2", "the beginning of another tag", func(t *testing.T) {
		r, s := one(t)
		s.completed(r.backup(`{"snapshotTag":"snap10"}`))
		s.failed(r.restore(`{"snapshotTag":"snap1"}`), "snap1")
	}),
	of("5.6.3", "the newest of several", func(t *testing.T) {
		r, s := one(t)
		s.completed(r.backup(""))
		s.node.Write("shop", "items", "later")
		s.completed(r.backup(""))
		s.node.Write("shop", "items", "last")
		s.completed(r.restore(""))
		s.wantRows("shop.items", "items-of-127.0.0.1", "later")
	}),
	of("5.6.4", "the exact schema version", func(t *testing.T) {
		r, s := one(t)
		schema := s.completed(r.backup("")).text("schemaVersion")
		s.failed(r.restore(`{"exactSchemaVersion":true,"schemaVersion":"40b7edb9-c49e-3800-9b50-353ea0f50fa7"}`))
		s.completed(r.restore(fmt.Sprintf(`{"exactSchemaVersion":true,"schemaVersion":%q}`, schema)))
		s.completed(r.restore(`{"exactSchemaVersion":true}`)) // the one that the node has
		s.node.CreateTable("shop", "more")
		s.failed(r.restore(`{"exactSchemaVersion":true}`))
	}),
	of("5.7.1", "a list of many", func(t *testing.T) {
		r, s := one(t)
		s.completed(r.backup(""))
		body := string(r.manifest())
		tag := strings.Trim(lookup(t, []byte(body), "snapshot.name"), `"`)
		for i := range 1001 { // more than a page of S3
			other := fmt.Sprintf("%s%013d", tag[:len(tag)-13], int64(i)*100*24*3600*1000) // 100 days apart
			noError(t, os.WriteFile(r.node(s, "manifests", other+".json"), []byte(strings.ReplaceAll(body, tag, other)), 0o600))
		}
		a := s.completed(r.list(s, "")).want("response.totalManifests", "1002")
		var reports []struct{ Unixtimestamp int64 }
		noError(t, json.Unmarshal([]byte(a.raw("response.reports")), &reports))
		if !slices.IsSortedFunc(reports, func(a, b struct{ Unixtimestamp int64 }) int {
			return int(min(max(b.Unixtimestamp-a.Unixtimestamp, -1), 1))
		}) {
			t.Error("they are in no order")
		}
	}),
	of("5.8.1", "what several removals share", func(t *testing.T) {
		r, s := one(t)
		schema := s.get("/version/schema").text("schemaVersion")
		for _, tag := range []string{"a", "b"} { // which are years old
			s.completed(r.backup(fmt.Sprintf(`{"snapshotTag":"%s-%s-1600000000000"}`, tag, schema)))
		}
		s.completed(r.remove(s, `{"olderThan":"1d"}`)).want("result.removed.2", "")
		r.remaining(0)
		if found := r.found("*", "*", "*", "data", "*", "*", "*", "*"); len(found) > 0 {
			t.Errorf("there is %v", found)
		}
		if found := r.found("topology", "*"); len(found) > 0 {
			t.Errorf("there is %v", found)
		}
	}),
	of("5.8.2", "what kept backups name", func(t *testing.T) {
		r, s, _ := thrice(t)
		s.completed(r.remove(s, `{"removeOldest":true}`))
		s.completed(r.restore(`{"snapshotTag":"c"}`))
		s.wantRows("shop.items", "a", "b", "c", "items-of-127.0.0.1")
	}),
	of("5.8.3", "a backup that runs", func(t *testing.T) {
		r, s := one(t)
		s.completed(r.backup(""))
		noError(t, os.MkdirAll(r.node(s, "intents"), 0o755))
		noError(t, os.WriteFile(r.node(s, "intents", "other.json"), []byte("{}"), 0o600))
		a := s.run(r.remove(s, `{"removeOldest":true}`))
		r.remaining(1)
		if a.raw("state") == `"COMPLETED"` && a.raw("warnings") == "" {
			t.Errorf("nobody is told: %s", a.body)
		}
	}),
	of("5.9.1", "commitlog_archiving.properties", func(t *testing.T) {
		r, s, dir := logged(t)
		s.completed(r.logBackup(s, fmt.Sprintf(`{"cassandraCommitLogDirectory":%q}`, dir)))
		s.completed(r.logRestore(s, ""))
		text := r.settings("commitlog_archiving.properties")
		for _, line := range []string{"restore_directories=" + r.root + "/replay\n", `restore_point_in_time=1970\:01\:01 00\:00\:01`, "restore_command="} {
			if !strings.Contains(text, line) {
				t.Errorf("it lacks %q:\n%s", line, text)
			}
		}
	}),
	of("5.9.2", "which segments are needed", func(t *testing.T) {
		r, s, dir := logged(t)
		s.completed(r.logBackup(s, fmt.Sprintf(`{"cassandraCommitLogDirectory":%q}`, dir)))
		s.completed(r.logRestore(s, `{"timestampStart":1500,"timestampEnd":1900}`))
		found, err := filepath.Glob(filepath.Join(r.root, "replay", "*"))
		noError(t, err)
		if len(found) != 1 || filepath.Base(found[0]) != "CommitLog-7-2.log" {
			t.Errorf("there is %v", found)
		}
	}),
	of("5.9.3", "the former commit log", func(t *testing.T) {
		r, s, dir := logged(t)
		s.completed(r.logBackup(s, fmt.Sprintf(`{"cassandraCommitLogDirectory":%q}`, dir)))
		s.completed(r.logRestore(s, ""))
		found, err := filepath.Glob(filepath.Join(r.root, "commitlogs-*", "CommitLog-7-*.log"))
		noError(t, err)
		if left, err := filepath.Glob(filepath.Join(dir, "*")); len(found) != 3 || len(left) > 0 || err != nil {
			t.Errorf("there is %v, and %v is left", found, left)
		}
	}),
}
