//nolint:thelper // the functions of rows are tests, and where they fail counts
package contract_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra/cassandratest"
)

// envelope are the rows of what every answer has.
var envelope = []row{
	of("2.0.1", "id", func(t *testing.T) {
		_, s := one(t)
		wantUUID(t, s.submit(flush).text("id"))
	}),
	of("2.0.2", "times of an operation", func(t *testing.T) {
		_, s := one(t)
		reached, release := s.node.Block("Flush")
		defer release()
		a := s.submit(flush).want("completionTime", "")
		a.text("creationTime")
		receive(t, reached)
		s.get("/operations/"+a.text("id")).want("state", `"RUNNING"`).want("completionTime", "").text("startTime")
		release()
		s.wait(a.text("id")).text("completionTime")
	}),
	of("2.0.3", "state", func(t *testing.T) {
		_, s := one(t)
		s.completed(flush)
		s.failed(`{"type":"flush","keyspace":"zoo"}`)
	}),
	of("2.0.4", "errors", func(t *testing.T) {
		_, s := one(t)
		s.submit(flush).want("errors", "[]")
		s.failed(`{"type":"flush","keyspace":"zoo"}`).want("errors.0.source", `"127.0.0.1"`).text("errors.0.message")
	}),
	of("2.0.5", "progress", func(t *testing.T) {
		_, s := one(t)
		s.completed(flush).want("progress", "1")
		s.failed(`{"type":"flush","keyspace":"zoo"}`).want("progress", "0")
	}),
	of("2.0.6", "type", func(t *testing.T) {
		_, s := one(t)
		s.submit(flush).want("type", `"flush"`)
	}),
	of("2.0.7", "order", func(t *testing.T) {
		_, s := one(t)
		a := s.completed(`{"type":"flush","tables":["items"],"keyspace":"shop"}`)
		want := []string{"id", "creationTime", "state", "errors", "progress", "startTime", "type", "keyspace", "tables", "completionTime", "instance"}
		if diff := cmp.Diff(want, names(t, a.body)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}),
	of("2.0.8", "fields of the request", func(t *testing.T) {
		_, s := one(t)
		s.submit(`{"type":"flush","keyspace":"shop","tables":["items"],"state":"COMPLETED"}`).want("keyspace", `"shop"`).
			want("tables", `["items"]`).want("state", `"PENDING"`)
	}),
	of("2.0.9", "secrets", func(t *testing.T) {
		_, s := one(t)
		s.node.Stop()
		a := s.ends(`{"type":"list","storageLocation":"file:///srv/b/c/d/n","proxySettings":{"proxyPassword":"opensesame"}}`)
		if a = s.get("/operations/" + a.text("id")); strings.Contains(string(a.body), "opensesame") {
			t.Errorf("the password is in %s", a.body)
		}
	}),
	of("2.0.10", "fields that are ours", func(t *testing.T) {
		r, s := one(t)
		a := s.completed(r.backup("")).want("nodes.0.state", `"COMPLETED"`).want("currentPhase", `"Topology"`)
		wantUUID(t, a.text("instance"))
		if a.raw("transfer.bytesTotal") != a.raw("transfer.bytesDone") || a.raw("transfer.bytesDone") == "" {
			t.Errorf("the transfer is %s", a.raw("transfer"))
		}
	}),
}

// names of the fields of an object, in their order.
func names(t *testing.T, body []byte) (names []string) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(string(body)))
	_, err := dec.Token()
	noError(t, err)
	for dec.More() {
		name, err := dec.Token()
		noError(t, err)
		var value json.RawMessage
		noError(t, dec.Decode(&value))
		names = append(names, fmt.Sprint(name))
	}
	return names
}

// reaching is a row of a request that Cassandra is asked for.
func reaching(id, title string, requests map[string]string) row {
	return of(id, title, func(t *testing.T) {
		for body, want := range requests {
			r := newRing(t, options{nodes: 2, enabled: []string{rest.TypeTruncate}})
			r.sidecars[0].completed(body)
			if calls := r.sidecars[0].node.Calls(); !slices.Contains(calls, want) {
				t.Errorf("%s asks for %q, without %q", body, calls, want)
			}
		}
	})
}

var upkeep = []row{
	reaching("2.1.1", "cleanup", map[string]string{
		`{"type":"cleanup","keyspace":"shop","tables":["items","orders"],"jobs":2}`: "Cleanup shop 2 items orders", `{"type":"cleanup","keyspace":"shop"}`: "Cleanup shop 0",
	}),
	reaching("2.1.2", "flush", map[string]string{flush: "Flush shop", `{"type":"flush","keyspace":"shop","tables":["items"]}`: "Flush shop items"}),
	reaching("2.1.3", "refresh", map[string]string{`{"type":"refresh","keyspace":"shop","table":"items"}`: "LoadNewSSTables shop items"}),
	reaching("2.1.4", "scrub", map[string]string{
		`{"type":"scrub","keyspace":"shop","tables":["items"],"disableSnapshot":true,"skipCorrupted":true,"noValidate":true,"reinsertOverflowedTTL":true,"jobs":1}`: "Scrub shop {NoSnapshot:true SkipCorrupted:true NoValidate:true ReinsertOverflowedTTL:true Jobs:1} items",
	}),
	reaching("2.1.5", "upgradesstables", map[string]string{
		`{"type":"upgradesstables","keyspace":"shop","tables":["items"],"includeAllSStables":true,"jobs":0}`: "UpgradeSSTables shop true 0 items",
	}),
	reaching("2.1.6", "rebuild", map[string]string{
		`{"type":"rebuild","keyspace":"shop","specificTokens":[{"start":"-9223372036854775808","end":"0"}],"specificSources":["127.0.0.2"]}`: "Rebuild {SourceDatacenter: Keyspace:shop Ranges:[{Start:-9223372036854775808 End:0}] Sources:[127.0.0.2]}",
	}),
	reaching("2.1.7", "decommission", map[string]string{`{"type":"decommission"}`: "Decommission true", `{"type":"decommission","force":false}`: "Decommission false"}),
	reaching("2.1.8", "drain", map[string]string{`{"type":"drain"}`: "Drain"}),
	of("2.1.9", "drain of a node that is not NORMAL", func(t *testing.T) {
		_, s := one(t)
		s.node.SetMode("DRAINED")
		s.completed(`{"type":"drain"}`)
		s.node.SetMode("JOINING")
		s.failed(`{"type":"drain"}`, "JOINING")
		if calls := s.node.Calls("Drain"); len(calls) > 0 {
			t.Errorf("it was asked for %v", calls)
		}
	}),
	reaching("2.1.10", "truncate", map[string]string{`{"type":"truncate","keyspace":"shop","table":"items"}`: "Truncate shop items"}),
	of("2.1.11", "truncate is off", func(t *testing.T) {
		_, s := one(t)
		s.refused(`{"type":"truncate","keyspace":"shop","table":"items"}`, "type", "not known")
	}),
	of("2.1.12", "stop", func(t *testing.T) {
		_, s := one(t)
		s.completed(flush) // what is finished is not waited for
		s.completed(`{"type":"stop"}`)
		receive(t, s.stopped)
	}),
	of("2.1.13", "restart", func(t *testing.T) {
		_, s := one(t)
		s.refused(`{"type":"restart"}`, "type")
		r := newRing(t, options{enabled: []string{rest.TypeRestart}})
		s = r.sidecars[0]
		s.node.SetMode("MOVING")
		s.failed(`{"type":"restart"}`, "MOVING")
	}),
	of("2.1.14", "results 1 and 2", func(t *testing.T) {
		for _, kind := range []string{"cleanup", "scrub", "upgradesstables"} {
			for result, want := range map[int32]string{1: "aborted", 2: "compact"} {
				_, s := one(t)
				s.node.SetResult(result)
				a := s.failed(fmt.Sprintf(`{"type":%q,"keyspace":"shop"}`, kind))
				if !strings.Contains(strings.ToLower(a.raw("errors")), want) {
					t.Errorf("%s with %d: %s", kind, result, a.raw("errors"))
				}
			}
		}
	}),
	of("2.1.15", "types that are ours", func(t *testing.T) {
		_, s := one(t)
		s.completed(`{"type":"snapshot","snapshotTag":"s","entities":"shop"}`)
		s.completed(`{"type":"clear-snapshot","snapshotTag":"s"}`)
		s.completed(`{"type":"compact","keyspace":"shop"}`)
		s.completed(`{"type":"garbagecollect","keyspace":"shop"}`)
		s.completed(`{"type":"verify-sstables","keyspace":"shop"}`)
		for _, kind := range []string{"assassinate", "removenode"} {
			s.refused(fmt.Sprintf(`{"type":%q}`, kind), "type")
		}
	}),
	of("2.1.16", "types that are turned off", func(t *testing.T) {
		r := newRing(t, options{disabled: []string{"decommission"}})
		r.sidecars[0].refused(`{"type":"decommission"}`, "type")
	}),
}

// ofTables are the fields of a keyspace and its tables.
func ofTables(id string, next int) []field {
	return []field{
		{id: fmt.Sprint(id, next), name: "keyspace", absent: "required", takes: same(`"shop"`)},
		{id: fmt.Sprint(id, next+1), name: "tables", absent: "absent", takes: same(`["items"]`, `[]`, `["items","orders"]`)[:1]},
	}
}

var upkeepFields = slices.Concat(
	ofKind("cleanup", `{"type":"cleanup","keyspace":"shop"}`, append(ofTables("2.1.", 20), field{id: "2.1.22", name: "jobs", absent: "0", takes: whole(2)})...),
	ofKind("flush", flush, ofTables("2.1.", 23)...),
	ofKind("refresh", `{"type":"refresh","keyspace":"shop","table":"items"}`, ofTables("2.1.", 25)[0],
		field{id: "2.1.26", name: "table", absent: "required", takes: same(`"items"`)}),
	ofKind("scrub", `{"type":"scrub","keyspace":"shop"}`, append(ofTables("2.1.", 27),
		field{id: "2.1.29", name: "disableSnapshot", absent: "false", takes: boolean},
		field{id: "2.1.30", name: "skipCorrupted", absent: "false", takes: boolean},
		field{id: "2.1.31", name: "noValidate", absent: "false", takes: boolean},
		field{id: "2.1.32", name: "reinsertOverflowedTTL", absent: "false", takes: boolean},
		field{id: "2.1.33", name: "jobs", absent: "0", takes: whole(2)})...),
	ofKind("upgradesstables", `{"type":"upgradesstables","keyspace":"shop"}`, append(ofTables("2.1.", 34),
		field{id: "2.1.36", name: "includeAllSStables", absent: "false", takes: boolean}, field{id: "2.1.37", name: "jobs", absent: "0", takes: whole(2)})...),
	ofKind("rebuild", `{"type":"rebuild","keyspace":"shop"}`,
		field{id: "2.1.38", name: "sourceDC", absent: "absent", takes: same(`"dc1"`)},
		field{id: "2.1.39", name: "keyspace", absent: "absent", takes: same(`"shop"`)},
		field{id: "2.1.40", name: "specificTokens", absent: "absent", takes: same(`[{"start":"-5","end":"7"}]`), with: `{"keyspace":"shop"}`},
		field{id: "2.1.41", name: "specificSources", absent: "absent", takes: same(`["10.0.0.1"]`)}),
	ofKind("decommission", `{"type":"decommission"}`, field{id: "2.1.42", name: "force", absent: "absent", takes: boolean}),
	ofKind("truncate", `{"type":"truncate","keyspace":"shop","table":"items"}`, ofTables("2.1.", 43)[0],
		field{id: "2.1.44", name: "table", absent: "required", takes: same(`"items"`)}),
)

// saved copies the SSTables of shop.items into a directory that requests may name,
// and has a table shop.copy for them.
func saved(t *testing.T, r *ring, s *sidecar) string {
	t.Helper()
	s.node.CreateTable("shop", "copy")
	base := s.node.AddSSTable("shop", "items", "saved")
	dir := filepath.Join(r.root, "shop", "copy")
	noError(t, os.MkdirAll(dir, 0o755))
	files, err := filepath.Glob(filepath.Join(s.node.Described("shop", "items").DataPaths[0], base+"-*"))
	noError(t, err)
	for _, file := range files {
		body, err := os.ReadFile(file)
		noError(t, err)
		noError(t, os.WriteFile(filepath.Join(dir, filepath.Base(file)), body, 0o600))
	}
	return dir
}

var imports = []row{
	of("2.2.1", "import", func(t *testing.T) {
		r, s := one(t)
		dir := saved(t, r, s)
		s.completed(fmt.Sprintf(`{"type":"import","keyspace":"shop","table":"copy","tablePath":%q}`, dir))
		s.wantRows("shop.copy", "saved")
	}),
	of("2.2.2", "quick", func(t *testing.T) {
		_, s := one(t)
		a := s.submit(`{"type":"import","keyspace":"shop","table":"items","tablePath":"/srv/x","quick":true,"extendedVerify":true}`)
		a.want("noVerify", "true").want("noVerifyTokens", "true").want("noInvalidateCaches", "true").want("extendedVerify", "false").has("extendedVerify is not done")
	}),
	of("2.2.3", "flags of an import", func(t *testing.T) {
		for fields, want := range map[string]string{`{}`: "level 0\n", `{"keepLevel":true}`: "level 3\n"} {
			r, s := one(t)
			dir := saved(t, r, s)
			for _, path := range filesIn(t, dir) {
				if strings.HasSuffix(path, "-Statistics.db") {
					noError(t, os.WriteFile(path, []byte("level 3\n"), 0o600))
				}
			}
			s.completed(merge(fmt.Sprintf(`{"type":"import","keyspace":"shop","table":"copy","tablePath":%q}`, dir), fields))
			found, err := filepath.Glob(filepath.Join(s.node.Described("shop", "copy").DataPaths[0], "*-Statistics.db"))
			noError(t, err)
			if body, err := os.ReadFile(found[0]); err != nil || string(body) != want {
				t.Errorf("with %s it has %s, %v", fields, body, err)
			}
		}
	}),
	of("2.2.4", "an import before Cassandra 4.0", func(t *testing.T) {
		r := newRing(t, options{cassandra: cassandratest.Options{Release: "3.11.19"}})
		s := r.sidecars[0]
		s.failed(fmt.Sprintf(`{"type":"import","keyspace":"shop","table":"copy","tablePath":%q}`, saved(t, r, s)), "not supported by this release")
	}),
	of("2.2.5", "a directory that is not there", func(t *testing.T) {
		r, s := one(t)
		s.failed(fmt.Sprintf(`{"type":"import","keyspace":"shop","table":"items","tablePath":%q}`, r.root+"/none"), "no such file")
		s.failed(`{"type":"import","keyspace":"shop","table":"items","tablePath":"/etc"}`, "--allow-directory")
		if calls := r.calls("Import"); len(calls) > 0 {
			t.Errorf("Cassandra was asked for %v", calls)
		}
	}),
	of("2.2.6", "an import that Cassandra refuses", func(t *testing.T) {
		r, s := one(t)
		dir := saved(t, r, s)
		found, err := filepath.Glob(filepath.Join(dir, "*-Data.db"))
		noError(t, err)
		noError(t, os.WriteFile(found[0], []byte("damaged"), 0o600))
		s.failed(fmt.Sprintf(`{"type":"import","keyspace":"shop","table":"copy","tablePath":%q}`, dir), dir)
	}),
}

var importFields = fields([]field{
	{id: "2.2.7", name: "keyspace", absent: "required", takes: same(`"shop"`)},
	{id: "2.2.8", name: "table", absent: "required", takes: same(`"items"`)},
	{id: "2.2.9", name: "tablePath", absent: "required", takes: uri},
	{id: "2.2.10", name: "sourceDir", absent: "absent", takes: uri},
	{id: "2.2.11", name: "keepLevel", absent: "false", takes: boolean},
	{id: "2.2.12", name: "keepRepaired", absent: "false", takes: boolean},
	{id: "2.2.13", name: "noVerify", absent: "false", takes: boolean},
	{id: "2.2.14", name: "noVerifyTokens", absent: "false", takes: boolean},
	{id: "2.2.15", name: "noInvalidateCaches", absent: "false", takes: boolean},
	{id: "2.2.16", name: "quick", absent: "false", takes: boolean},
	{id: "2.2.17", name: "extendedVerify", absent: "false", takes: boolean},
}, `{"type":"import","keyspace":"shop","table":"items","tablePath":"/srv/x"}`)

var backups = []row{
	of("2.3.1", "backup", func(t *testing.T) {
		r, s := one(t)
		a := s.completed(r.backupOf(s, ""))
		a.want("storageLocation", quote(r.own(s))).want("globalRequest", "false").want("timeout", "5").want("retry.strategy", `"LINEAR"`)
		wantUUID(t, a.text("schemaVersion"))
		if len(r.found("Test-Cluster", "dc1", s.node.HostID(), "manifests", a.text("snapshotTag")+".json")) != 1 {
			t.Errorf("there is no manifest of %s", a.body)
		}
		if left := s.node.Snapshots("shop", "items"); len(left) > 0 {
			t.Errorf("snapshots are left: %v", left)
		}
	}),
	of("2.3.2", "dataDirs and cassandraDirectory", func(t *testing.T) {
		r := newRing(t, options{cassandra: cassandratest.Options{DataDirs: 2}})
		s := r.sidecars[0]
		dirs, err := s.node.DataDirectories(t.Context())
		noError(t, err)
		list, err := json.Marshal(dirs)
		noError(t, err)
		for _, fields := range []string{
			`{"snapshotTag":"a"}`, `{"snapshotTag":"b","cassandraDirectory":"/var/lib/cassandra"}`, fmt.Sprintf(`{"snapshotTag":"c","dataDirs":%s}`, list),
		} {
			s.completed(r.backup(fields)).want("transfer.filesTotal", fmt.Sprint(len(r.found("Test-Cluster/dc1/*/data/*/*/*/*"))))
		}
	}),
	of("2.3.3", "entities of both kinds", func(t *testing.T) {
		r, s := one(t)
		s.refused(r.backup(`{"entities":"shop,zoo.cats"}`), "entities", "mixed")
		s.refused(r.backup(`{"entities":"shop.items.more"}`), "entities")
	}),
	of("2.3.4", "entities that are not there", func(t *testing.T) {
		r, s := one(t)
		s.failed(r.backup(`{"entities":"shop,zoo"}`), "zoo")
		s.failed(r.backup(`{"entities":"shop.items,shop.cats"}`), "shop.cats")
		if calls := r.calls("Snapshot"); len(calls) > 0 {
			t.Errorf("there were %v", calls)
		}
	}),
	of("2.3.5", "createMissingBucket and skipBucketVerification", func(t *testing.T) {
		r, s := one(t)
		s.failed(r.backup(`{"createMissingBucket":false}`), "createMissingBucket")
		s.completed(r.backup(""))
		s.completed(r.backup(`{"createMissingBucket":false,"skipBucketVerification":true}`))
	}),
	of("2.3.6", "uploadClusterTopology", func(t *testing.T) {
		r, s := one(t)
		s.completed(r.backupOf(s, ""))
		if found := r.found("topology", "*"); len(found) > 0 {
			t.Errorf("there is %v", found)
		}
		tag := s.completed(r.backupOf(s, `{"uploadClusterTopology":true}`)).text("snapshotTag")
		if found := r.found("topology", "*"); !slices.Equal(found, []string{"topology/" + tag + ".json"}) {
			t.Errorf("there is %v", found)
		}
	}),
	of("2.3.7", "duration and bandwidth echo", func(t *testing.T) {
		r, s := one(t)
		s.completed(r.backupOf(s, `{"duration":"1s","bandwidth":{"value":1,"unit":"GBPS"}}`)).want("duration", `"1s"`).want("bandwidth", `{"value":1,"unit":"GBPS"}`)
	}),
	of("2.3.8", "duration and bandwidth of nothing", func(t *testing.T) {
		r, s := one(t)
		s.refused(r.backup(`{"duration":{"value":0,"unit":"HOURS"}}`), "duration")
		s.refused(r.backup(`{"bandwidth":"0"}`), "bandwidth")
		s.refused(r.backup(`{"concurrentConnections":0}`), "concurrentConnections")
	}),
	of("2.3.9", "tags that are none", func(t *testing.T) {
		r, s := one(t)
		for _, tag := range []string{"a/b", "..", "a b", "-x", strings.Repeat("t", 200)} {
			s.refused(r.backup(fmt.Sprintf(`{"snapshotTag":%q}`, tag)), "snapshotTag")
		}
	}),
	of("2.3.10", "k8sSecretName without credentials", func(t *testing.T) {
		r, s := one(t)
		s.submit(r.backup(`{"k8sSecretName":"cloud"}`)).has("k8sSecretName is not read: a directory needs no keys")
		s.refused(r.backup(`{"storageLocation":"s3://bucket","k8sSecretName":"cloud","k8sNamespace":"kube-system"}`), "k8sSecretName")

		allowed := newRing(t, options{secrets: halfOfAnAccount(t)})
		allowed.sidecars[0].failed(allowed.backup(`{"storageLocation":"s3://bucket","k8sSecretName":"cloud"}`),
			"Secret cassandra/cloud has no key awssecretaccesskey")
	}),
}

const node0 = `"storageLocation":"file:///srv/b/c/d/n"`

// bucketFields are those of all requests that go to a bucket.
var bucketFields = fields([]field{
	{id: "2.3.11", name: "storageLocation", absent: "required", takes: same(`"file:///srv/b/c/d/n"`, `"file:///srv/b/c/d/n/"`)},
	{id: "2.3.12", name: "concurrentConnections", absent: "10", takes: whole(7)},
	{id: "2.3.13", name: "insecure", absent: "false", takes: boolean},
	{id: "2.3.14", name: "skipBucketVerification", absent: "false", takes: boolean},
	{
		id: "2.3.15", name: "proxySettings", absent: "absent",
		takes: []spelling{{
			`{"useProxy":"true","proxyHost":"proxy","proxyPort":"3128","proxyUsername":"me","proxyProtocol":"HTTP"}`,
			`{"useProxy":true,"proxyHost":"proxy","proxyPort":3128,"proxyUsername":"me","proxyProtocol":"http"}`,
		}},
	},
	{
		id: "2.3.16", name: "retry", absent: `{"interval":10,"strategy":"LINEAR","maxAttempts":3,"enabled":false}`,
		takes: []spelling{
			{`{"interval":"5","strategy":"exponential","maxAttempts":1}`, `{"interval":5,"strategy":"EXPONENTIAL","maxAttempts":1,"enabled":false}`},
			{`{"strategy":"NOSUCH"}`, `{"interval":10,"strategy":"LINEAR","maxAttempts":3,"enabled":false}`},
		},
	},
	{id: "2.3.17", name: "k8sNamespace", absent: "absent", takes: same(`"default"`)},
	{id: "2.3.18", name: "k8sSecretName", absent: "absent", takes: same(`"cloud"`)},
},
	`{"type":"backup",`+node0+`}`, `{"type":"restore",`+node0+`,"snapshotTag":"s"}`, `{"type":"commitlog-backup",`+node0+`}`,
	`{"type":"commitlog-restore",`+node0+`,"timestampEnd":1000,"commitlogDownloadDir":"/srv/x"}`, `{"type":"list",`+node0+`}`, `{"type":"remove-backup",`+node0+`,"removeOldest":true}`)

var backupFields = append(fields([]field{
	{id: "2.3.19", name: "snapshotTag", absent: "chosen", takes: same(`"daily"`, `"a.b:c+d@e=f_g-h"`)},
	{id: "2.3.20", name: "entities", absent: `""`, takes: same(`"shop"`, `"shop,system"`, `"shop.items,shop.orders"`, `"shop system"`)},
	{id: "2.3.21", name: "dataDirs", absent: "absent", takes: paths},
	{id: "2.3.22", name: "cassandraDirectory", absent: "absent", takes: path},
	{id: "2.3.23", name: "duration", absent: "absent", takes: span},
	{id: "2.3.24", name: "bandwidth", absent: "absent", takes: rate},
	{id: "2.3.25", name: "globalRequest", absent: "false", takes: boolean},
	{id: "2.3.26", name: "dc", absent: "absent", takes: same(`"dc1"`, `"dc1,dc2"`, `"dc1 dc2"`)},
	{id: "2.3.27", name: "timeout", absent: "5", takes: append(whole(7), spelling{`0`, `5`})},
	{id: "2.3.28", name: "metadataDirective", absent: `"COPY"`, takes: []spelling{{`"REPLACE"`, `"REPLACE"`}, {`"copy"`, `"COPY"`}}},
	{id: "2.3.29", name: "createMissingBucket", absent: "false", takes: boolean},
	{id: "2.3.30", name: "uploadClusterTopology", absent: "false", takes: boolean},
	{id: "2.3.31", name: "schemaVersion", absent: "absent", takes: same(`"40b7edb9-c49e-3800-9b50-353ea0f50fa7"`)},
	{id: "2.3.32", name: "skipRefreshing", absent: "false", takes: boolean},
}, `{"type":"backup","storageLocation":"file:///srv/b/c/d/n"}`), of("2.3.33", "kmsKeyId", func(t *testing.T) {
	r, s := one(t)
	s.refused(r.backup(`{"kmsKeyId":"alias/mine"}`), "kmsKeyId")
	s.refused(r.restore(`{"kmsKeyId":"alias/mine"}`), "kmsKeyId")
}))

var restores = []row{
	of("2.4.1", "restore", func(t *testing.T) {
		r, s := several(t, 2)
		s.completed(r.backup(""))
		s.node.Write("shop", "items", "later")
		s.completed(r.restore("")).want("restorationPhase", `"INIT"`).want("currentPhase", `"CLEANUP"`).want("import.sourceDir", quote("file://"+r.downloads))
		s.wantRows("shop.items", "items-of-127.0.0.1")
		r.sidecars[1].wantRows("shop.items", "items-of-127.0.0.2")
	}),
	of("2.4.2", "DOWNLOAD for a global request", func(t *testing.T) {
		r, s := one(t)
		s.completed(r.backup(""))
		s.completed(r.restore(`{"restorationPhase":"download","globalRequest":"true"}`)).want("restorationPhase", `"INIT"`)
	}),
	of("2.4.3", "another phase for a global request", func(t *testing.T) {
		r, s := one(t)
		s.refused(r.restore(`{"restorationPhase":"IMPORT"}`), "restorationPhase", "must be INIT")
	}),
	of("2.4.4", "no phase", func(t *testing.T) {
		r, s := one(t)
		s.refused(r.phase(s, "INIT", `{"restorationPhase":null}`), "restorationPhase")
		s.refused(r.phase(s, "INIT", `{"restorationPhase":"UNKNOWN"}`), "restorationPhase")
		s.refused(r.phase(s, "INIT", `{"restorationPhase":"LATER"}`), "restorationPhase")
		s.refused(r.phase(s, "INIT", `{"restorationPhase":"CLUSTER_HEALTHCHECK"}`), "restorationPhase")
	}),
	of("2.4.5", "a phase with IN_PLACE", func(t *testing.T) {
		r, s := one(t)
		s.refused(r.inPlace(s, `{"restorationPhase":"INIT"}`), "restorationPhase", "IN_PLACE")
		s.refused(r.inPlace(s, `{"globalRequest":true}`), "globalRequest")
	}),
	of("2.4.6", "an unknown strategy", func(t *testing.T) {
		r, s := one(t)
		s.refused(r.restore(`{"restorationStrategyType":"MAGIC"}`), "restorationStrategyType")
	}),
	of("2.4.7", "no import", func(t *testing.T) {
		r, s := one(t)
		s.refused(r.restore(`{"import":null}`), "import.sourceDir")
		s.refused(r.restore(`{"import":{"type":"import"}}`), "import.sourceDir")
	}),
	of("2.4.8", "downloads among the data", func(t *testing.T) {
		r, s := one(t)
		for _, dir := range []string{"/var/lib/cassandra/data", "/var/lib/cassandra/data/x", "/var/lib/cassandra"} {
			s.refused(r.restore(fmt.Sprintf(`{"import.sourceDir":%q}`, dir)), "import.sourceDir")
		}
		s.refused(r.restore(`{"dataDirs":["/srv/d"],"import.sourceDir":"/srv/d/x"}`), "import.sourceDir")
	}),
	of("2.4.9", "restoreSystemKeyspace without IN_PLACE", func(t *testing.T) {
		r, s := one(t)
		s.refused(r.restore(`{"restoreSystemKeyspace":true}`), "restoreSystemKeyspace")
	}),
	of("2.4.10", "entities of a restore that are mixed", func(t *testing.T) {
		r, s := one(t)
		s.refused(r.restore(`{"entities":"shop,zoo.cats"}`), "entities", "mixed")
	}),
	of("2.4.11", "no tag", func(t *testing.T) {
		r, s := one(t)
		s.refused(r.restore(`{"snapshotTag":""}`), "snapshotTag")
		s.refused(r.restore(`{"snapshotTag":" "}`), "snapshotTag")
	}),
	of("2.4.12", "the form of the location", func(t *testing.T) {
		r, s := one(t)
		s.refused(r.restore(`{"storageLocation":"s3://a/b"}`), "storageLocation")
	}),
	of("2.4.13", "cassandraDirectory that is not there", func(t *testing.T) {
		r, s := one(t)
		s.completed(r.backup(""))
		s.completed(r.restore(`{"cassandraDirectory":"/nowhere"}`)) // Cassandra says where its data is
	}),
	of("2.4.14", "IMPORT before Cassandra 4.0", func(t *testing.T) {
		r := newRing(t, options{cassandra: cassandratest.Options{Release: "3.11.19"}})
		s := r.sidecars[0]
		s.completed(r.backup(""))
		s.failed(r.restore(`{"restorationStrategyType":"IMPORT"}`), "not supported by this release")
		s.wantRows("shop.items", "items-of-127.0.0.1")
	}),
}

var restoreFields = append(fields([]field{
	{id: "2.4.15", name: "snapshotTag", absent: "required", takes: same(`"daily"`)},
	{id: "2.4.16", name: "entities", absent: `""`, takes: same(`"shop"`, `"shop.items,shop.orders"`)},
	{id: "2.4.17", name: "restorationStrategyType", absent: `"IN_PLACE"`, takes: []spelling{{`"in_place"`, `"IN_PLACE"`}, {`""`, `"IN_PLACE"`}}},
	{id: "2.4.18", name: "globalRequest", absent: "false", takes: []spelling{{`"false"`, `false`}}},
	{id: "2.4.19", name: "dc", absent: "absent", takes: same(`"dc1,dc2"`)},
	{id: "2.4.20", name: "timeout", absent: "5", takes: append(whole(7), spelling{`-1`, `5`})},
	{id: "2.4.21", name: "singlePhase", absent: "false", takes: boolean},
	{id: "2.4.22", name: "cassandraDirectory", absent: `"/var/lib/cassandra"`, takes: path},
	{id: "2.4.23", name: "cassandraConfigDirectory", absent: `"/etc/cassandra"`, takes: path},
	{id: "2.4.24", name: "dataDirs", absent: "absent", takes: paths},
	{id: "2.4.25", name: "restoreSystemKeyspace", absent: "false", takes: boolean},
	{id: "2.4.26", name: "restoreSystemAuth", absent: "false", takes: boolean},
	{id: "2.4.27", name: "newCluster", absent: "false", takes: boolean},
	{id: "2.4.28", name: "updateCassandraYaml", absent: "false", takes: boolean},
	{id: "2.4.29", name: "resolveHostIdFromTopology", absent: "false", takes: boolean},
	{id: "2.4.30", name: "noDeleteTruncates", absent: "false", takes: boolean},
	{id: "2.4.31", name: "noDeleteDownloads", absent: "false", takes: boolean},
	{id: "2.4.32", name: "noDownloadData", absent: "false", takes: boolean},
	{id: "2.4.33", name: "schemaVersion", absent: "absent", takes: same(`"40b7edb9-c49e-3800-9b50-353ea0f50fa7"`)},
	{id: "2.4.34", name: "exactSchemaVersion", absent: "false", takes: boolean, with: `{"schemaVersion":"40b7edb9-c49e-3800-9b50-353ea0f50fa7"}`},
	{id: "2.4.35", name: "rename", absent: "{}", takes: same(`{}`)},
}, `{"type":"restore",`+node0+`,"snapshotTag":"s"}`), append(fields([]field{
	{
		id: "2.4.36", name: "restorationPhase", absent: "required",
		takes: []spelling{{`"init"`, `"INIT"`}, {`"Download"`, `"DOWNLOAD"`}, {`"TRUNCATE"`, `"TRUNCATE"`}, {`"import"`, `"IMPORT"`}, {`"cleanup"`, `"CLEANUP"`}},
	},
	{
		id: "2.4.37", name: "import", absent: "refused",
		takes: []spelling{{
			`{"type":"import","sourceDir":"/srv/downloads","keepLevel":"true"}`,
			`{"type":"import","sourceDir":"file:///srv/downloads","keepLevel":true,"keepRepaired":false,"noVerify":false,"noVerifyTokens":false,"noInvalidateCaches":false,"quick":false,"extendedVerify":false}`,
		}},
	},
}, `{"type":"restore",`+node0+`,"snapshotTag":"s","restorationStrategyType":"hardlinks","restorationPhase":"INIT","import":{"sourceDir":"/srv/downloads"}}`),
	of("2.4.38", "rename of a restore", func(t *testing.T) {
		_, s := one(t)
		s.submit(`{"type":"restore",`+node0+`,"snapshotTag":"s","restorationStrategyType":"Import","restorationPhase":"INIT","entities":"a.b",
			"import":{"sourceDir":"/srv/x"},"rename":{"a.b":"a.c"}}`).want("rename", `{"a.b":"a.c"}`).want("restorationStrategyType", `"IMPORT"`)
	}))...)
