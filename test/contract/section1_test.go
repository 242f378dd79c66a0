//nolint:thelper // the functions of rows are tests, and where they fail counts
package contract_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra/cassandratest"
)

const (
	flush      = `{"type":"flush","keyspace":"shop"}`
	operations = "/operations"
	nowhere    = "/operations/0b26a94e-0000-5000-8000-000000000001"
)

// answers are the rows of routes.
var answers = []row{
	of("1.1.1", "GET /operations", func(t *testing.T) {
		_, s := one(t)
		first, second := s.completed(flush).text("id"), s.completed(flush).text("id")
		s.get(operations).want("0.id", quote(second)).want("1.id", quote(first)).want("2", "")
	}),
	of("1.1.2", "GET /operations/{id}", func(t *testing.T) {
		_, s := one(t)
		id := s.completed(flush).text("id")
		s.get("/operations/"+id).want("id", quote(id)).want("type", `"flush"`)
	}),
	of("1.1.3", "GET of an unknown or malformed id", func(t *testing.T) {
		_, s := one(t)
		for _, path := range []string{nowhere, "/operations/x"} {
			s.ask(http.MethodGet, path, "").is(http.StatusNotFound).want("code", "404")
		}
	}),
	of("1.1.4", "POST /operations", func(t *testing.T) {
		_, s := one(t)
		a := s.post(flush).is(http.StatusCreated)
		if want := s.url + "/operations/" + a.text("id"); a.header.Get("Location") != want {
			t.Errorf("Location is %q, not %q", a.header.Get("Location"), want)
		}
		a.want("type", `"flush"`).want("keyspace", `"shop"`)
	}),
	of("1.1.5", "DELETE /operations/{id}", func(t *testing.T) {
		_, s := one(t)
		id := s.completed(flush).text("id")
		if a := s.ask(http.MethodDelete, "/operations/"+id, "").is(http.StatusAccepted); len(a.body) > 0 {
			t.Errorf("the body is %s", a.body)
		}
	}),
	of("1.1.6", "DELETE of an unknown id", func(t *testing.T) {
		_, s := one(t)
		s.ask(http.MethodDelete, nowhere, "").is(http.StatusNotFound)
	}),
	of("1.1.7", "GET /version", func(t *testing.T) {
		_, s := one(t)
		s.get("/version").want("version", `"icarus 1.0.0"`).want("gitCommit", `"unknown"`)
	}),
	of("1.1.8", "GET /version/sidecar", func(t *testing.T) {
		_, s := one(t)
		if a, b := s.get("/version"), s.get("/version/sidecar"); string(a.body) != string(b.body) {
			t.Errorf("it is %s, not %s", b.body, a.body)
		}
	}),
	of("1.1.9", "buildTime", func(t *testing.T) {
		_, s := one(t)
		if _, err := time.Parse(time.RFC3339, s.get("/version").text("buildTime")); err != nil {
			t.Error(err)
		}
	}),
	of("1.1.10", "GET /version/cassandra", func(t *testing.T) {
		r := newRing(t, options{cassandra: cassandratest.Options{Release: "5.0-rc1-SNAPSHOT"}})
		r.sidecars[0].get("/version/cassandra").want("major", "5").want("minor", "0").want("patch", "0").want("preReleaseLabels", `["rc1","SNAPSHOT"]`)
		_, s := one(t)
		s.get("/version/cassandra").want("major", "4").want("minor", "1").want("patch", "10").want("preReleaseLabels", "")
	}),
	of("1.1.11", "dsePatch", func(t *testing.T) {
		_, s := one(t)
		s.get("/version/cassandra").want("dsePatch", "-1")
	}),
	of("1.1.12", "GET /version/schema", func(t *testing.T) {
		_, s := one(t)
		wantUUID(t, s.get("/version/schema").text("schemaVersion"))
	}),
	of("1.1.13", "GET /status", func(t *testing.T) {
		_, s := one(t)
		for _, mode := range []string{"STARTING", "NORMAL", "JOINING", "LEAVING", "DECOMMISSIONED", "MOVING", "DRAINING", "DRAINED", "JOINING_FAILED"} {
			s.node.SetMode(mode)
			s.get("/status").want("nodeState", quote(mode))
		}
	}),
	of("1.1.14", "GET /topology", func(t *testing.T) {
		_, s := several(t, 2)
		a := s.get("/topology").want("topology.2", "").want("topology.1.nodeId", quote(s.node.HostID()[:35]+"2")).
			want("topology.1.ipAddress", `"127.0.0.2"`).want("topology.1.dc", `"dc1"`)
		wantUUID(t, a.text("schemaVersion"))
	}),
	of("1.1.15", "GET /topology/{dc}", func(t *testing.T) {
		_, s := one(t)
		for _, dcs := range []string{"dc1", "dc1,dc1", "dc1%2C%20dc1"} {
			s.get("/topology/"+dcs).want("topology.0.dc", `"dc1"`)
		}
	}),
	of("1.1.16", "an unknown datacenter", func(t *testing.T) {
		_, s := one(t)
		s.ask(http.MethodGet, "/topology/dc1,dcX", "").is(http.StatusNotFound).has("Some DCs to filter on do not exist: [dcX], existing: [dc1]")
	}),
	of("1.1.17", "clusterName", func(t *testing.T) {
		r := newRing(t, options{cassandra: cassandratest.Options{Cluster: "My  test\tcluster"}})
		r.sidecars[0].get("/topology").want("clusterName", `"My-test-cluster"`).want("topology.0.cluster", `"My-test-cluster"`)
	}),
	of("1.1.18", "rack", func(t *testing.T) {
		_, s := several(t, 2)
		s.get("/topology").want("topology.0.rack", `"rack1"`).want("topology.1.rack", `"rack2"`)
	}),
	of("1.1.19", "hostname and timestamp", func(t *testing.T) {
		_, s := several(t, 2)
		begin := time.Now().UnixMilli()
		a := s.get("/topology").want("topology.1.hostname", `"127.0.0.2"`) // it has no name
		var at int64
		noError(t, json.Unmarshal([]byte(a.raw("timestamp")), &at))
		if at < begin || at > time.Now().UnixMilli() {
			t.Errorf("the time is %d", at)
		}
	}),
	of("1.1.20", "GET /config", func(t *testing.T) {
		_, s := one(t)
		s.get("/config").has("cluster_name")
		dir := t.TempDir()
		s.node.SetClassPath("/opt/lib/a.jar", dir)
		s.ask(http.MethodGet, "/config", "").is(http.StatusNotFound).has(dir)
		noError(t, os.WriteFile(filepath.Join(dir, "cassandra.yaml"), []byte("# mine\ncluster_name: 'Test Cluster'\nserver_encryption_options:\n"+
			"  keystore_password: opensesame # really\n"), 0o600))
		a := s.get("/config").has("# mine\ncluster_name: 'Test Cluster'\n", "keystore_password: '***'")
		if media := a.header.Get("Content-Type"); media != "application/yaml" || strings.Contains(string(a.body), "opensesame") {
			t.Errorf("it is %s\n%s", media, a.body)
		}
		s.ask(http.MethodGet, "/config", "", "Accept", "application/json").is(http.StatusNotAcceptable)
	}),
	of("1.1.21", "HEAD and OPTIONS", func(t *testing.T) {
		_, s := one(t)
		if a := s.ask(http.MethodHead, operations, "").is(http.StatusOK); len(a.body) > 0 {
			t.Errorf("HEAD has the body %s", a.body)
		}
		a := s.ask(http.MethodOptions, operations, "").is(http.StatusOK)
		for _, method := range []string{"HEAD", "POST", "GET", "OPTIONS"} {
			if !strings.Contains(a.header.Get("Allow"), method) || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
				t.Errorf("the headers are %v", a.header)
			}
		}
	}),
	of("1.1.22", "Cassandra gives no answer", func(t *testing.T) {
		_, s := one(t)
		s.node.Stop()
		for _, path := range []string{"/version/cassandra", "/version/schema", "/status", "/topology", "/topology/dc1", "/config"} {
			a := s.ask(http.MethodGet, path, "").is(http.StatusInternalServerError).want("code", "500").has("refuses connections")
			if a.text("exception.message") != a.text("message") {
				t.Errorf("%s: %s", path, a.body)
			}
		}
	}),
	of("1.1.23", "JSON", func(t *testing.T) {
		_, s := one(t)
		a := s.completed(flush).has("{\n  \"id\": ", "\"errors\": []").want("tables", "")
		if media := a.header.Get("Content-Type"); media != "application/json" || strings.Contains(string(a.body), "null") {
			t.Errorf("it is %s\n%s", media, a.body)
		}
	}),
	of("1.1.24", "times", func(t *testing.T) {
		_, s := one(t)
		a := s.completed(flush)
		for _, name := range []string{"creationTime", "startTime", "completionTime"} {
			if text := a.text(name); !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$`).MatchString(text) {
				t.Errorf("%s is %s", name, text)
			}
		}
	}),
	of("1.1.25", "a slash at the end", func(t *testing.T) {
		_, s := one(t)
		s.get("/status/")
		s.ask(http.MethodPost, operations+"/", flush).is(http.StatusCreated)
	}),
	of("1.1.26", "routes that are ours", func(t *testing.T) {
		_, s := one(t)
		s.get("/openapi.json").want("openapi", `"3.1.0"`)
		s.get("/docs").has("<html")
	}),
}

func quote(text string) string { return fmt.Sprintf("%q", text) }

func wantUUID(t *testing.T, text string) {
	t.Helper()
	if !regexp.MustCompile(`^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$`).MatchString(text) {
		t.Errorf("%q is no UUID", text)
	}
}

// listed are the types and states that a query finds.
func (s *sidecar) listed(query string) string {
	s.t.Helper()
	var ops []rest.Operation
	noError(s.t, json.Unmarshal(s.get(operations+query).body, &ops))
	found := make([]string, 0, len(ops))
	for _, op := range ops {
		found = append(found, op.Type+" "+string(op.State))
	}
	slices.Sort(found)
	return strings.Join(found, ", ")
}

// filtered is a row whose queries find something of three operations.
func filtered(id, title string, queries map[string]string) row {
	return of(id, title, func(t *testing.T) {
		_, s := one(t)
		s.completed(flush)
		s.completed(`{"type":"cleanup","keyspace":"shop"}`)
		s.failed(`{"type":"flush","keyspace":"zoo"}`)
		for query, want := range queries {
			if got := s.listed(query); got != want {
				t.Errorf("%s finds %q, not %q", query, got, want)
			}
		}
	})
}

const (
	cleanUps = "cleanup COMPLETED"
	flushes  = "flush COMPLETED, flush FAILED"
	allThree = cleanUps + ", " + flushes
)

var filters = []row{
	filtered("1.2.1", "type", map[string]string{"": allThree, "?type=flush": flushes, "?type=flush&type=cleanup": allThree}),
	filtered("1.2.2", "state", map[string]string{"?state=FAILED": "flush FAILED", "?state=FAILED&state=COMPLETED": allThree}),
	filtered("1.2.3", "type and state together", map[string]string{
		"?type=cleanup&state=FAILED": "", "?type=flush&type=cleanup&state=COMPLETED": cleanUps + ", flush COMPLETED",
	}),
	filtered("1.2.4", "status", map[string]string{"?status=FAILED": "flush FAILED", "?status=FAILED&state=COMPLETED": allThree}),
	filtered("1.2.5", "commas", map[string]string{
		"?type=cleanup,flush&state=FAILED,RUNNING": "flush FAILED", "?type=cleanup,flush": allThree, "?type=,flush,": flushes,
	}),
	filtered("1.2.6", "any case", map[string]string{"?state=failed": "flush FAILED", "?type=FLUSH&status=Completed": "flush COMPLETED"}),
	filtered("1.2.7", "unknown values", map[string]string{"?state=BOGUS": "", "?type=nosuch": ""}),
}

// wrong is a row of a request that is refused.
func wrong(id, title string, status int, method, path, body string, headers ...string) row {
	return of(id, title, func(t *testing.T) {
		_, s := one(t)
		a := s.ask(method, path, body, headers...).is(status).want("code", fmt.Sprint(status))
		if a.header.Get("Content-Type") != "application/json" || a.text("message") == "" {
			t.Errorf("it is %v %s", a.header, a.body)
		}
		if s.listed("") != "" {
			t.Error("an operation was begun")
		}
	})
}

func malformed(id, title, body string) row {
	return wrong(id, title, http.StatusBadRequest, http.MethodPost, operations, body)
}

// refusals are the rows of errors outside of an operation.
var refusals = []row{
	wrong("1.3.1", "an unknown path", http.StatusNotFound, http.MethodGet, "/nosuch", ""),
	wrong("1.3.2", "a method that the path does not have", http.StatusMethodNotAllowed, http.MethodPut, operations, ""),
	wrong("1.3.3", "a body that is not JSON", http.StatusUnsupportedMediaType, http.MethodPost, operations, flush, "Content-Type", "text/plain"),
	wrong("1.3.4", "Accept without JSON", http.StatusNotAcceptable, http.MethodGet, operations, "", "Accept", "text/plain"),
	malformed("1.3.5", "an unknown type", `{"type":"nosuch"}`),
	malformed("1.3.6", "no type", `{"keyspace":"shop"}`),
	malformed("1.3.7", "an empty body", ``),
	malformed("1.3.8", "malformed JSON", `{"type":"flush",`),
	malformed("1.3.9", "no object", `[]`),
	of("1.3.10", "a value of the wrong kind", func(t *testing.T) {
		_, s := one(t)
		for field, body := range map[string]string{
			"jobs": `{"type":"cleanup","keyspace":"shop","jobs":"abc"}`, "tables": `{"type":"flush","keyspace":"shop","tables":"t1"}`,
			"duration": `{"type":"backup","storageLocation":"s3://b","duration":"soon"}`, "globalRequest": `{"type":"backup","storageLocation":"s3://b","globalRequest":7}`,
			"bandwidth": `{"type":"backup","storageLocation":"s3://b","bandwidth":{"value":1,"unit":"KNOTS"}}`, "retry": `{"type":"list","storageLocation":"s3://b","retry":3}`,
			"rename.a.b": `{"type":"restore","storageLocation":"s3://b","rename":{"a.b":[]}}`, "tables[1]": `{"type":"flush","keyspace":"shop","tables":["a",null]}`,
			"dataDirs[0]": `{"type":"backup","storageLocation":"s3://b","dataDirs":["relative"]}`,
		} {
			s.refused(body, field)
		}
	}),
	of("1.3.11", "the form of errors", func(t *testing.T) {
		_, s := one(t)
		s.post(`{"type":"flush"}`).is(http.StatusBadRequest).want("code", "400").want("violations.0.field", `"keyspace"`).want("violations.1", "").has(`"message": "`)
	}),
	of("1.3.12", "unknown fields", func(t *testing.T) {
		_, s := one(t)
		a := s.submit(`{"type":"flush","keyspace":"shop","colour":"red","tables":["items"]}`).want("colour", "")
		if got := a.raw("warnings"); !strings.Contains(got, `colour`) || a.raw("warnings.1") != "" {
			t.Errorf("the warnings are %s", got)
		}
	}),
	of("1.3.13", "coercion", func(t *testing.T) {
		_, s := one(t)
		s.submit(`{"type":"cleanup","keyspace":"shop","jobs":"3"}`).want("jobs", "3")
		s.submit(`{"type":"scrub","keyspace":"shop","skipCorrupted":"TRUE","jobs":2.0}`).want("skipCorrupted", "true").want("jobs", "2")
		s.submit(`{"type":"snapshot","snapshotTag":2026}`).want("snapshotTag", `"2026"`)
		s.submit(`{"type":"scrub","keyspace":"shop","skipCorrupted":""}`).want("skipCorrupted", "false")
	}),
	of("1.3.14", "names in any case", func(t *testing.T) {
		_, s := one(t)
		s.submit(`{"type":"upgradesstables","keyspace":"shop","includeAllSSTables":true}`).want("includeAllSStables", "true").want("warnings", "")
		s.refused(`{"type":"flush","keyspace":"shop","Keyspace":"shop"}`, "keyspace", "twice")
	}),
	of("1.3.15", "null", func(t *testing.T) {
		_, s := one(t)
		s.submit(`{"type":"flush","keyspace":"shop","tables":null}`).want("tables", "")
	}),
	of("1.3.16", "a field that is there twice", func(t *testing.T) {
		_, s := one(t)
		s.post(`{"type":"flush","keyspace":"shop","keyspace":"zoo"}`).is(http.StatusBadRequest).has("twice")
	}),
	of("1.3.17", "a body of more than 1 MiB", func(t *testing.T) {
		_, s := one(t)
		s.post(`{"type":"flush","keyspace":"` + strings.Repeat("x", rest.MaxBody) + `"}`).is(http.StatusRequestEntityTooLarge)
	}),

	of("1.4.1", "a request that makes no sense", func(t *testing.T) {
		_, s := one(t)
		s.refused(`{"type":"backup"}`, "storageLocation")
		s.refused(`{"type":"cleanup","jobs":-1,"keyspace":""}`, "keyspace")
		if s.listed("") != "" {
			t.Error("an operation was begun")
		}
	}),
	of("1.4.2", "keyspace", func(t *testing.T) {
		_, s := one(t)
		for _, kind := range []string{"cleanup", "flush", "refresh", "scrub", "upgradesstables"} {
			s.refused(fmt.Sprintf(`{"type":%q,"keyspace":"","table":"items"}`, kind), "keyspace")
		}
		s.refused(`{"type":"refresh","keyspace":"shop","table":""}`, "table")
	}),
	of("1.4.3", "jobs", func(t *testing.T) {
		_, s := one(t)
		for _, kind := range []string{"cleanup", "scrub", "upgradesstables"} {
			s.refused(fmt.Sprintf(`{"type":%q,"keyspace":"shop","jobs":-1}`, kind), "jobs")
		}
	}),
	of("1.4.4", "token ranges", func(t *testing.T) {
		_, s := one(t)
		s.refused(`{"type":"rebuild","keyspace":"shop","specificTokens":[{"start":"","end":"1"}]}`, "specificTokens[0].start")
		s.refused(`{"type":"rebuild","keyspace":"shop","specificTokens":[{"start":"1","end":"2"},{"start":"1"}]}`, "specificTokens[1].end")
	}),
	of("1.4.5", "specificTokens without keyspace", func(t *testing.T) {
		_, s := one(t)
		s.refused(`{"type":"rebuild","specificTokens":[{"start":"1","end":"2"}]}`, "specificTokens", "Cannot set specificTokens without specifying a keyspace")
	}),
	of("1.4.6", "an import while Cassandra is down", func(t *testing.T) {
		_, s := one(t)
		s.node.Stop()
		s.failed(`{"type":"import","keyspace":"shop","table":"items","tablePath":"/srv/x"}`, "refuses connections")
	}),
	of("1.4.7", "what only the node can tell", func(t *testing.T) {
		_, s := one(t)
		s.failed(`{"type":"flush","keyspace":"zoo"}`, "zoo")
		s.failed(`{"type":"flush","keyspace":"shop","tables":["cats"]}`, "cats")
	}),
	of("1.5.1", "CORS", func(t *testing.T) {
		_, s := one(t)
		for _, a := range []*answer{s.get("/status"), s.ask(http.MethodGet, nowhere, ""), s.ask(http.MethodOptions, operations, ""), s.post("")} {
			for name, want := range map[string]string{
				"Origin": "*", "Headers": "origin, content-type, accept, authorization", "Credentials": "true",
				"Methods": "GET, POST, PUT, DELETE, OPTIONS, HEAD",
			} {
				if got := a.header.Get("Access-Control-Allow-" + name); got != want {
					t.Errorf("Access-Control-Allow-%s is %q", name, got)
				}
			}
		}
	}),
	of("1.5.2", "--disable-cors", func(t *testing.T) {
		r := newRing(t, options{noCORS: true})
		for name := range r.sidecars[0].get("/status").header {
			if strings.HasPrefix(name, "Access-Control") {
				t.Errorf("there is %s", name)
			}
		}
	}),
}
