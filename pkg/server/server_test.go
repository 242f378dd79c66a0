package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/api/rest/resttest"
	"github.com/icarus-sidecar/icarus/pkg/operation"
	"github.com/icarus-sidecar/icarus/pkg/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const id1 = "0b26a94e-0000-5000-8000-000000000001"

var start = time.Date(2026, 11, 23, 4, 41, 43, 690901181, time.UTC)

// node is a Cassandra node of three in two datacenters.
type node struct{ err error }

func (n node) Version(context.Context) (rest.CassandraVersion, error) {
	return rest.CassandraVersion{Major: 4, Minor: 1, Patch: 10, DSEPatch: -1}, n.err
}

func (n node) SchemaVersion(context.Context) (string, error) {
	return "82622314-545f-3e0d-94e8-056174b384e3", n.err
}

func (n node) OperationMode(context.Context) (string, error) { return "NORMAL", n.err }

func (n node) Configuration(context.Context) ([]byte, error) {
	return []byte("cluster_name: lab # mine\n"), n.err
}

func (n node) Topology(context.Context) (rest.Topology, error) {
	t := rest.Topology{Timestamp: 1795409079541, ClusterName: "lab", SchemaVersion: "82622314-545f-3e0d-94e8-056174b384e3"}
	for i, dc := range []string{"dc1", "dc1", "dc2"} {
		t.Topology = append(t.Topology, rest.TopologyNode{
			Hostname: fmt.Sprint("host", i), Cluster: "lab", DC: dc, Rack: "rack1", NodeID: fmt.Sprint("id", i), IPAddress: fmt.Sprint("127.0.0.", i+1),
		})
	}
	return t, n.err
}

// operations answers from memory, or one error to everything.
type operations struct {
	err       error
	ops       map[string]rest.Operation
	submitted []rest.Request
	warnings  []string
	filter    operation.Filter
	cancelled []string
}

func (o *operations) Types() rest.Types { return rest.BuiltinTypes() }

func (o *operations) Submit(_ context.Context, req rest.Request, warnings []string) (rest.Operation, bool, error) {
	if err := operation.Validate(req); err != nil {
		return rest.Operation{}, false, err
	}
	if o.err != nil {
		return rest.Operation{}, false, o.err
	}
	if op, ok := o.ops[req.RequestID()]; ok {
		return op, false, nil
	}
	o.submitted, o.warnings = append(o.submitted, req), warnings
	raw, err := json.Marshal(req)
	op := rest.Operation{
		ID: id1, Type: req.RequestType(), State: rest.StatePending, CreationTime: start, Warnings: warnings, Instance: "life-1", Request: raw,
	}
	return op, true, err
}

func (o *operations) Get(id string) (rest.Operation, error) {
	if op, ok := o.ops[id]; ok {
		return op, nil
	}
	return rest.Operation{}, errors.Join(o.err, fmt.Errorf("%w: %q", operation.ErrNotFound, id))
}

func (o *operations) List(f operation.Filter) []rest.Operation {
	o.filter = f
	if f.Types != nil && f.Types[0] == "panic" {
		panic("secret detail")
	}
	ops := []rest.Operation{}
	for _, op := range o.ops {
		ops = append(ops, op)
	}
	return ops
}

func (o *operations) Cancel(_ context.Context, id string) (rest.Operation, error) {
	op, err := o.Get(id)
	if err == nil {
		o.cancelled = append(o.cancelled, id)
	}
	return op, err
}

type exchange struct {
	method, path, body string
	header             map[string]string
}

// ask sends one request; a POST is JSON unless it says otherwise.
func ask(t *testing.T, h http.Handler, e exchange) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), e.method, "http://node1:4567"+e.path, strings.NewReader(e.body))
	if e.method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range e.header {
		r.Header.Set(name, value)
	}
	if host, ok := e.header["Host"]; ok {
		r.Host = host
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	answer := w.Result()
	described(t, e.method, e.path, answer)
	return answer
}

func read(t *testing.T, r *http.Response) []byte {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func handler(o *operations, change func(*server.Config)) http.Handler {
	c := server.Config{
		Operations: o, Node: node{}, Log: logr.Discard(),
		Version: rest.SidecarVersion{Version: "icarus 1.0.0", BuildTime: "2026-11-23T04:34:08Z", GitCommit: "unknown"},
	}
	if change != nil {
		change(&c)
	}
	return server.Handler(c)
}

func TestDocumentsHaveTheShapeOfTheOriginal(t *testing.T) {
	t.Parallel()
	h := handler(&operations{}, nil)
	for path, name := range map[string]string{
		"/version":           "version.json",
		"/version/sidecar":   "version.json",
		"/version/cassandra": "version-cassandra.json",
		"/version/schema":    "version-schema.json",
		"/status":            "status.json",
		"/topology":          "topology.json",
		"/topology/dc1":      "topology.json",
		"/topology/dc1,dc2":  "topology.json",
		"/topology/":         "topology.json",
	} {
		answer := ask(t, h, exchange{method: "GET", path: path})
		recorded, err := resttest.Recorded(name)
		if err != nil {
			t.Fatal(err)
		}
		body := read(t, answer)
		diff, err := resttest.Lacking(recorded, body)
		if err != nil || len(diff) > 0 || answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %v %s\n%v %v", path, answer.StatusCode, answer.Header, body, diff, err)
		}
	}
}

func TestTopologyOfDatacenters(t *testing.T) {
	t.Parallel()
	h := handler(&operations{}, nil)
	for path, want := range map[string]int{"/topology": 3, "/topology/dc1": 2, "/topology/dc2": 1, "/topology/dc1,dc2": 3, "/topology/dc2%2Cdc1": 3} {
		var got rest.Topology
		if err := json.Unmarshal(read(t, ask(t, h, exchange{method: "GET", path: path})), &got); err != nil || len(got.Topology) != want {
			t.Errorf("%s: %+v, %v", path, got, err)
		}
	}
}

func TestTheConfigurationIsYAML(t *testing.T) {
	t.Parallel()
	h := handler(&operations{}, nil)
	for _, accept := range []string{"*/*", "application/yaml", "text/html, application/*;q=0.9"} {
		answer := ask(t, h, exchange{method: "GET", path: "/config", header: map[string]string{"Accept": accept}})
		body := read(t, answer)
		if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "application/yaml" || string(body) != "cluster_name: lab # mine\n" {
			t.Errorf("%s: %d %v\n%s", accept, answer.StatusCode, answer.Header, body)
		}
	}
}

// Each row is one of what the original answered with 500 and text, or worse.
func TestErrorsAreJSONWithAStatus(t *testing.T) {
	t.Parallel()
	post := func(body string) exchange { return exchange{method: "POST", path: "/operations", body: body} }
	cases := map[string]struct {
		exchange
		code   int
		fields []string
	}{
		"an unknown path":                 {exchange{method: "GET", path: "/swagger.json"}, 404, nil},
		"the root":                        {exchange{method: "GET", path: "/"}, 404, nil},
		"a path below a document":         {exchange{method: "GET", path: "/version/icarus"}, 404, nil},
		"another method":                  {exchange{method: "PUT", path: "/operations"}, 405, nil},
		"a method that nobody knows":      {exchange{method: "BREW", path: "/status"}, 405, nil},
		"deleting all":                    {exchange{method: "DELETE", path: "/operations"}, 405, nil},
		"text":                            {exchange{"POST", "/operations", "{}", map[string]string{"Content-Type": "text/plain"}}, 415, nil},
		"a form":                          {exchange{"POST", "/operations", "{}", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}, 415, nil},
		"no media type":                   {exchange{"POST", "/operations", "{}", map[string]string{"Content-Type": ""}}, 415, nil},
		"who takes JSON alone for YAML":   {exchange{method: "GET", path: "/config", header: map[string]string{"Accept": "application/json"}}, 406, nil},
		"who does not take JSON":          {exchange{method: "GET", path: "/operations", header: map[string]string{"Accept": "text/plain"}}, 406, nil},
		"an unknown id":                   {exchange{method: "GET", path: "/operations/00000000-0000-0000-0000-000000000001"}, 404, nil},
		"a malformed id":                  {exchange{method: "GET", path: "/operations/not-a-uuid"}, 404, nil},
		"an id that climbs":               {exchange{method: "GET", path: "/operations/..%2F..%2Fetc"}, 404, nil},
		"cancelling an unknown id":        {exchange{method: "DELETE", path: "/operations/00000000-0000-0000-0000-000000000001"}, 404, nil},
		"an unknown datacenter":           {exchange{method: "GET", path: "/topology/dcX"}, 404, nil},
		"one unknown datacenter of two":   {exchange{method: "GET", path: "/topology/dc1,dcX"}, 404, nil},
		"an unknown type":                 {post(`{"type":"nosuch"}`), 400, []string{"type"}},
		"no type":                         {post(`{}`), 400, []string{"type"}},
		"an empty body":                   {post(``), 400, nil},
		"malformed JSON":                  {post(`{"type": "backup",`), 400, nil},
		"an array":                        {post(`[]`), 400, nil},
		"a wrong scalar":                  {post(`{"type":"cleanup","keyspace":"k","jobs":"abc"}`), 400, []string{"jobs"}},
		"a negative number of jobs":       {post(`{"type":"cleanup","jobs":-1,"keyspace":""}`), 400, []string{"keyspace", "jobs"}},
		"a backup of nothing to nowhere":  {post(`{"type":"backup"}`), 400, []string{"storageLocation"}},
		"a location without provider":     {post(`{"type":"backup","storageLocation":"nowhere","snapshotTag":"a"}`), 400, []string{"storageLocation"}},
		"a number that is none":           {post(`{"type":"backup","storageLocation":"s3://b","concurrentConnections":"many"}`), 400, []string{"concurrentConnections"}},
		"an unknown metadataDirective":    {post(`{"type":"backup","storageLocation":"s3://b","metadataDirective":"BOTH"}`), 400, []string{"metadataDirective"}},
		"a tag that climbs":               {post(`{"type":"backup","storageLocation":"s3://b","snapshotTag":"../x"}`), 400, []string{"snapshotTag"}},
		"an absolute entity":              {post(`{"type":"backup","storageLocation":"s3://b","entities":"/etc/passwd"}`), 400, []string{"entities"}},
		"a body over 1 MiB":               {post(`{"type":"flush","keyspace":"` + strings.Repeat("k", 1<<20) + `"}`), 413, nil},
		"a duration of unknown unit":      {post(`{"type":"backup","storageLocation":"s3://b","duration":"1 fortnight"}`), 400, []string{"duration"}},
		"a restore without tag":           {post(`{"type":"restore","storageLocation":"s3://b"}`), 400, []string{"snapshotTag"}},
		"a phase with IN_PLACE":           {post(`{"type":"restore","storageLocation":"s3://b","snapshotTag":"s","restorationPhase":"download","globalRequest":true}`), 400, []string{"restorationPhase"}},
		"a handler that panics":           {exchange{method: "GET", path: "/operations?type=panic"}, 500, nil},
		"flushing without a keyspace":     {post(`{"type":"flush"}`), 400, []string{"keyspace"}},
		"truncating without table":        {post(`{"type":"truncate","keyspace":"k"}`), 400, []string{"table"}},
		"importing without anything":      {post(`{"type":"import"}`), 400, []string{"keyspace", "table", "tablePath"}},
		"an id that is no UUID":           {post(`{"type":"flush","keyspace":"k","id":"1"}`), 400, []string{"id"}},
		"JSON nested without end":         {post(`{"type":"flush","keyspace":` + strings.Repeat("[", 100000)), 400, nil},
		"the version of something else":   {exchange{method: "GET", path: "/version/python"}, 404, nil},
		"a trailing slash of a wrong one": {exchange{method: "GET", path: "/nothing/"}, 404, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := &operations{}
			answer := ask(t, handler(o, nil), c.exchange)
			body := read(t, answer)
			var told rest.Error
			if err := json.Unmarshal(body, &told); err != nil || answer.Header.Get("Content-Type") != "application/json" {
				t.Fatalf("%s %v", body, answer.Header)
			}
			if answer.StatusCode != c.code || told.Code != c.code || told.Message == "" || bytes.Contains(body, []byte("secret detail")) {
				t.Errorf("%d %s", answer.StatusCode, body)
			}
			var fields []string
			for _, v := range told.Violations {
				fields = append(fields, v.Field)
			}
			if diff := cmp.Diff(c.fields, fields); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
			if len(o.submitted) != 0 {
				t.Errorf("started %v", o.submitted)
			}
			if c.code == 405 && answer.Header.Get("Allow") == "" {
				t.Error("no Allow")
			}
		})
	}
}

func TestAnUnknownDatacenterNamesTheExisting(t *testing.T) {
	t.Parallel()
	body := read(t, ask(t, handler(&operations{}, nil), exchange{method: "GET", path: "/topology/dcX"}))
	if !bytes.Contains(body, []byte("Some DCs to filter on do not exist: [dcX], existing: [dc1 dc2]")) {
		t.Errorf("got %s", body)
	}
}

func TestErrorsOfOperationsHaveTheirStatus(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		code int
	}{
		"the queue is full":         {fmt.Errorf("%w (100 do)", operation.ErrQueueFull), 429},
		"another is in the way":     {&operation.ConflictError{ID: id1}, 409},
		"the sidecar stops":         {operation.ErrClosed, 503},
		"the journal is broken":     {fmt.Errorf("%w: no space left on device", operation.ErrJournal), 500},
		"a type that is not there":  {operation.ErrUnknownType, 400},
		"a check that refuses":      {fmt.Errorf("checking: %w", rest.Invalid(rest.Violation{Field: "x", Message: "y"})), 400},
		"something that nobody saw": {errors.New("secret detail"), 500},
	} {
		answer := ask(t, handler(&operations{err: c.err}, nil), exchange{method: "POST", path: "/operations", body: `{"type":"flush","keyspace":"k"}`})
		var told rest.Error
		body := read(t, answer)
		if err := json.Unmarshal(body, &told); err != nil || answer.StatusCode != c.code || told.Code != c.code || bytes.Contains(body, []byte("secret")) {
			t.Errorf("%s: %d %s", name, answer.StatusCode, body)
		}
		if c.code == 429 && answer.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
}

func TestANodeThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	h := handler(&operations{}, func(c *server.Config) { c.Node = node{err: errors.New("connecting to 127.0.0.1:7199: refused")} })
	for _, path := range []string{"/status", "/version/cassandra", "/version/schema", "/topology", "/topology/dc1", "/config"} {
		answer := ask(t, h, exchange{method: "GET", path: path})
		var told rest.Error
		body := read(t, answer)
		if err := json.Unmarshal(body, &told); err != nil || answer.StatusCode != http.StatusInternalServerError {
			t.Fatalf("%s: %d %s", path, answer.StatusCode, body)
		}
		if told.Exception == nil || told.Exception.Message != told.Message || !strings.Contains(told.Message, "127.0.0.1:7199") {
			t.Errorf("%s: %s", path, body)
		}
	}
	if answer := ask(t, h, exchange{method: "GET", path: "/version"}); answer.StatusCode != http.StatusOK {
		t.Errorf("the sidecar's own version: %d", answer.StatusCode)
	}
}

func TestSubmit(t *testing.T) {
	t.Parallel()
	existing := rest.Operation{ID: "0b26a94e-0000-5000-8000-000000000002", Type: "flush", State: rest.StateRunning}
	cases := map[string]struct {
		body     string
		code     int
		location string
		contains string
	}{
		"a backup as in the original's README": {
			`{"type":"backup","storageLocation":"s3://my-s3-bucket","snapshotTag":"icarus-snapshot","entities":"system_schema,test1,test2","globalRequest":true}`,
			201, "http://node1:4567/operations/" + id1, `"globalRequest": true`,
		},
		"a restore as in the original's README": {
			`{"type":"restore","storageLocation":"s3://my-s3-bucket/test-cluster/dc1/abcd","snapshotTag":"icarus-snapshot","entities":"test1","globalRequest":"true","restorationStrategyType":"HARDLINKS","restorationPhase":"download","import":{"type":"import","sourceDir":"/var/lib/cassandra/downloadedsstables"}}`,
			201, "http://node1:4567/operations/" + id1, `"sourceDir": "file:///var/lib/cassandra/downloadedsstables"`,
		},
		"an unknown field is told": {
			`{"type":"flush","keyspace":"k","noSuchField":1}`,
			201, "http://node1:4567/operations/" + id1, `noSuchField`,
		},
		"an id that exists": {
			`{"type":"flush","keyspace":"k","id":"` + existing.ID + `"}`,
			200, "http://node1:4567/operations/" + existing.ID, `"state": "RUNNING"`,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := &operations{ops: map[string]rest.Operation{existing.ID: existing}}
			answer := ask(t, handler(o, nil), exchange{method: "POST", path: "/operations", body: c.body})
			body := read(t, answer)
			if answer.StatusCode != c.code || answer.Header.Get("Location") != c.location || !bytes.Contains(body, []byte(c.contains)) {
				t.Errorf("%d %v\n%s", answer.StatusCode, answer.Header, body)
			}
			if (len(o.submitted) == 1) != (c.code == 201) {
				t.Errorf("started %v", o.submitted)
			}
			var op rest.Operation
			if err := json.Unmarshal(body, &op); err != nil || op.Errors == nil || op.ID == "" {
				t.Errorf("%+v, %v", op, err)
			}
		})
	}
}

func TestLocationNamesTheSidecarAsTheClientDoes(t *testing.T) {
	t.Parallel()
	h := handler(&operations{}, nil)
	for host, want := range map[string]string{
		"pod-0.cassandra.ns:4567": "http://pod-0.cassandra.ns:4567/",
		"[2001:db8::1]:4567":      "http://[2001:db8::1]:4567/",
		"10.0.0.1":                "http://10.0.0.1/",
		"evil.example/x?y=":       "http://10.1.2.3:4567/",
		"a b":                     "http://10.1.2.3:4567/",
		"":                        "http://10.1.2.3:4567/",
	} {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/operations", strings.NewReader(`{"type":"flush","keyspace":"k"}`))
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		r.Host = host
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(&net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 4567})))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Header().Get("Location"); got != want+"operations/"+id1 {
			t.Errorf("%q: %q", host, got)
		}
	}
}

func TestListing(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]operation.Filter{
		"/operations":  {},
		"/operations/": {},
		"/operations?type=flush&type=drain&state=FAILED": {Types: []string{"flush", "drain"}, States: []string{"FAILED"}},
		"/operations?type=a,b&state=X,%20Y,":             {Types: []string{"a", "b"}, States: []string{"X", "Y"}},
		"/operations?status=completed":                   {States: []string{"completed"}},
		"/operations?state=RUNNING&status=FAILED":        {States: []string{"RUNNING", "FAILED"}},
	} {
		o := &operations{}
		answer := ask(t, handler(o, nil), exchange{method: "GET", path: path})
		if body := read(t, answer); answer.StatusCode != http.StatusOK || strings.TrimSpace(string(body)) != "[]" {
			t.Errorf("%s: %d %s", path, answer.StatusCode, body)
		}
		if diff := cmp.Diff(want, o.filter); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", path, diff)
		}
	}
}

func TestGetAndCancel(t *testing.T) {
	t.Parallel()
	o := &operations{ops: map[string]rest.Operation{id1: {ID: id1, Type: "flush", State: rest.StateRunning}}}
	h := handler(o, nil)
	if answer := ask(t, h, exchange{method: "GET", path: "/operations/" + id1}); answer.StatusCode != http.StatusOK {
		t.Errorf("%d", answer.StatusCode)
	}
	answer := ask(t, h, exchange{method: "DELETE", path: "/operations/" + id1})
	if body := read(t, answer); answer.StatusCode != http.StatusAccepted || len(body) != 0 || len(o.cancelled) != 1 {
		t.Errorf("%d %s", answer.StatusCode, body)
	}
}

func TestTheBandwidthIsChanged(t *testing.T) {
	t.Parallel()
	o := &operations{ops: map[string]rest.Operation{id1: {ID: id1, Type: "backup", State: rest.StateRunning}}}
	rate := int64(-1)
	h := handler(o, func(c *server.Config) {
		c.Throttle = func(id string, bytesPerSecond int64) error {
			if id != id1 {
				return errors.New("of another")
			}
			if rate = bytesPerSecond; rate == 1 {
				return fmt.Errorf("changing it: %w", operation.ErrConflict)
			}
			return nil
		}
	})
	for _, step := range []struct {
		path, body string
		status     int
		rate       int64
	}{
		{id1, `{"bandwidth": "much"}`, 400, -1},
		{"00000000-0000-0000-0000-000000000001", `{"bandwidth": "10mbps"}`, 404, -1},
		{id1, `{"bandwidth": "10mbps"}`, 200, 10_000_000},
		{id1, `{"bandwidth": null}`, 200, 0},
		{id1, `{"bandwidth": "1bps"}`, 409, 1},
	} {
		answer := ask(t, h, exchange{method: "PATCH", path: "/operations/" + step.path, body: step.body, header: map[string]string{"Content-Type": "application/json"}})
		if answer.StatusCode != step.status || rate != step.rate {
			t.Errorf("%s: %d and a rate of %d, want %d and %d", step.body, answer.StatusCode, rate, step.status, step.rate)
		}
	}
	answer := ask(t, handler(o, nil), exchange{method: "PATCH", path: "/operations/" + id1, body: `{"bandwidth": null}`, header: map[string]string{"Content-Type": "application/json"}})
	if answer.StatusCode != http.StatusConflict {
		t.Errorf("a sidecar that can change nothing answers %d", answer.StatusCode)
	}
}

func TestHeadOptionsAndCORS(t *testing.T) {
	t.Parallel()
	cors := map[string]string{
		"Access-Control-Allow-Origin":      "*",
		"Access-Control-Allow-Headers":     "origin, content-type, accept, authorization",
		"Access-Control-Allow-Credentials": "true",
		"Access-Control-Allow-Methods":     "GET, POST, PUT, DELETE, OPTIONS, HEAD",
	}
	for name, c := range map[string]struct {
		exchange
		code  int
		allow string
	}{
		"OPTIONS":  {exchange{method: "OPTIONS", path: "/operations"}, 200, "GET, HEAD, OPTIONS, POST"},
		"HEAD":     {exchange{method: "HEAD", path: "/status"}, 200, ""},
		"GET":      {exchange{method: "GET", path: "/status"}, 200, ""},
		"an error": {exchange{method: "GET", path: "/nothing"}, 404, ""},
	} {
		for _, disabled := range []bool{false, true} {
			answer := ask(t, handler(&operations{}, func(c *server.Config) { c.DisableCORS = disabled }), c.exchange)
			if answer.StatusCode != c.code || answer.Header.Get("Allow") != c.allow {
				t.Errorf("%s: %d %v", name, answer.StatusCode, answer.Header)
			}
			for header, want := range cors {
				if got := answer.Header.Get(header); (got == want) == disabled {
					t.Errorf("%s, disabled %v: %s: %q", name, disabled, header, got)
				}
			}
		}
	}
}
