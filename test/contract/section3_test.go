//nolint:thelper // the functions of rows are tests, and where they fail counts
package contract_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	testclock "k8s.io/utils/clock/testing"

	"github.com/icarus-sidecar/icarus/pkg/cassandra/cassandratest"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// lives are the rows of the life of an operation.
var lives = []row{
	of("3.1.1", "states", func(t *testing.T) {
		r := newRing(t, options{manager: operation.Config{Workers: 1}})
		s := r.sidecars[0]
		reached, release := s.node.Block("Flush")
		defer release()
		first := s.submit(flush).text("id")
		receive(t, reached)
		second := s.submit(`{"type":"cleanup","keyspace":"shop"}`).want("state", `"PENDING"`).want("startTime", "").text("id")
		s.get("/operations/"+first).want("state", `"RUNNING"`)
		s.ask(http.MethodDelete, "/operations/"+second, "").is(http.StatusAccepted)
		s.wait(second).want("state", `"CANCELLED"`).want("errors", "[]")
		release()
		s.wait(first).want("state", `"COMPLETED"`)
	}),
	of("3.1.2", "ten at a time", func(t *testing.T) {
		_, s := one(t)
		_, release := s.node.Block("Flush")
		defer release()
		for range 11 {
			s.submit(flush)
		}
		running := func() int { return strings.Count(s.listed("?state=RUNNING"), "flush") }
		eventually(t, func() bool { return running() == 10 })
		s.get(operations+"?state=PENDING").want("0.type", `"flush"`).want("1", "")
	}),
	of("3.1.3", "a full queue", func(t *testing.T) {
		r := newRing(t, options{manager: operation.Config{Workers: 1, QueueSize: 1}})
		s := r.sidecars[0]
		reached, release := s.node.Block("Flush")
		defer release()
		s.submit(flush)
		receive(t, reached)
		s.submit(flush)
		if a := s.post(flush).is(http.StatusTooManyRequests); a.header.Get("Retry-After") == "" {
			t.Errorf("the headers are %v", a.header)
		}
	}),
	of("3.1.4", "sources of errors", func(t *testing.T) {
		r, s := several(t, 2)
		r.sidecars[1].node.Fail("Snapshot", errors.New("no space left"))
		s.failed(r.backup(""), "no space left").want("errors.0.source", `"127.0.0.2"`)
	}),
	of("3.1.5", "progress of a ring", func(t *testing.T) {
		r, s := several(t, 2)
		s.completed(r.backup("")).want("progress", "1").want("nodes.0.progress", "1").want("nodes.1.progress", "1")
	}),
	of("3.1.6", "cancelled is cancelled", func(t *testing.T) {
		r, s := several(t, 2)
		reached, release := r.sidecars[1].node.Block("Snapshot")
		defer release()
		id := s.submit(r.backup("")).text("id")
		receive(t, reached)
		s.ask(http.MethodDelete, "/operations/"+id, "").is(http.StatusAccepted)
		release()
		s.wait(id).want("state", `"CANCELLED"`)
		for _, other := range r.sidecars {
			if left := other.node.Snapshots("shop", "items"); len(left) > 0 {
				t.Errorf("snapshots are left: %v", left)
			}
		}
		if found := r.found("Test-Cluster", "dc1", r.sidecars[1].node.HostID(), "manifests", "*"); len(found) > 0 {
			t.Errorf("there is %v", found)
		}
	}),
	of("3.1.7", "what nothing stops", func(t *testing.T) {
		_, s := one(t)
		reached, release := s.node.Block("Flush")
		defer release()
		id := s.submit(flush).text("id")
		receive(t, reached)
		s.ask(http.MethodDelete, "/operations/"+id, "").is(http.StatusConflict)
		release()
		s.wait(id).want("state", `"COMPLETED"`)
	}),
	of("3.1.8", "an upload that fails", func(t *testing.T) {
		r, s := one(t)
		s.completed(r.backup(""))
		s.node.Write("shop", "items", "more")
		if os.Geteuid() == 0 { // permissions stop nobody: a file stands where a directory has to be
			for _, dir := range r.found("Test-Cluster", "dc1", "*", "data", "shop", "items-*") {
				noError(t, os.RemoveAll(r.path(dir)))
				noError(t, os.WriteFile(r.path(dir), nil, 0o600))
			}
		} else {
			noError(t, os.Chmod(r.node(s, "data", "shop"), 0o500))
		}
		before := r.found("*", "*", "*", "manifests", "*")
		s.failed(r.backup(`{"snapshotTag":"broken"}`))
		if after := r.found("*", "*", "*", "manifests", "*"); !slices.Equal(before, after) {
			t.Errorf("there are manifests %v", after)
		}
	}),
	of("3.1.9", "expiry", func(t *testing.T) {
		now := testclock.NewFakeClock(time.Now())
		r := newRing(t, options{manager: operation.Config{Clock: now}})
		s := r.sidecars[0]
		id := s.completed(flush).text("id")
		now.Step(59 * time.Minute)
		s.get("/operations/" + id)
		now.Step(2 * time.Minute)
		s.ask(http.MethodGet, "/operations/"+id, "").is(http.StatusNotFound)
	}),
	of("3.1.10", "an id of the client's", func(t *testing.T) {
		_, s := one(t)
		body := `{"type":"flush","keyspace":"shop","id":"0b26a94e-0000-5000-8000-000000000001"}`
		s.submit(body).want("id", `"0b26a94e-0000-5000-8000-000000000001"`)
		s.wait("0b26a94e-0000-5000-8000-000000000001")
		s.post(body).is(http.StatusOK).want("state", `"COMPLETED"`)
		s.post(merge(body, `{"keyspace":"zoo"}`)).is(http.StatusConflict)
		s.refused(merge(body, `{"id":"mine"}`), "id")
	}),
	of("3.1.11", "coordinators and their children", func(t *testing.T) {
		r := newRing(t, options{manager: operation.Config{Workers: 1}})
		s := r.sidecars[0]
		var ids []string
		for i := range 3 {
			ids = append(ids, s.submit(r.backup(fmt.Sprintf(`{"snapshotTag":"t%d"}`, i))).text("id"))
		}
		for _, id := range ids {
			s.wait(id).want("state", `"COMPLETED"`)
		}
	}),
}

func eventually(t *testing.T, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for ; !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it took too long")
		}
	}
}

var coordination = []row{
	of("4.1.1", "the peers", func(t *testing.T) {
		r, s := several(t, 3)
		s.completed(r.backup("")).want("nodes.2.hostId", quote(r.sidecars[2].node.HostID())).want("nodes.3", "")
	}),
	of("4.1.2", "dc", func(t *testing.T) {
		r, s := one(t)
		s.completed(r.backup(`{"dc":"dc1"}`))
		s.failed(r.backup(`{"dc":"dc1,dc9"}`), "dc9")
		s.failed(r.restore(`{"dc":"dc9"}`), "dc9")
	}),
	of("4.2.1", "entities of a global backup", func(t *testing.T) {
		r, s := several(t, 2)
		s.failed(r.backup(`{"entities":"zoo"}`), "zoo")
		if calls := r.calls("Snapshot"); len(calls) > 0 {
			t.Errorf("there were %v", calls)
		}
	}),
	of("4.2.2", "locations of the nodes", func(t *testing.T) {
		r, s := several(t, 2)
		s.completed(r.backup(""))
		for _, other := range r.sidecars {
			if found := r.found("Test-Cluster", "dc1", other.node.HostID(), "manifests", "nightly-*.json"); len(found) != 1 {
				t.Errorf("%s has %v", other.node.HostID(), found)
			}
		}
	}),
	of("4.2.3", "one tag for all nodes", func(t *testing.T) {
		r, s := several(t, 2)
		tag := s.completed(r.backup("")).text("snapshotTag")
		schema := s.get("/version/schema").text("schemaVersion")
		if found := r.found("*", "*", "*", "manifests", tag+".json"); len(found) != 2 || !strings.HasPrefix(tag, "nightly-"+schema+"-") {
			t.Errorf("the tag is %s, of %v", tag, found)
		}
	}),
	of("4.2.4", "the topology comes last", func(t *testing.T) {
		r, s := several(t, 2)
		tag := s.completed(r.backup("")).text("snapshotTag")
		body, err := os.ReadFile(r.path("topology", tag+".json"))
		noError(t, err)
		if got := lookup(t, body, "topology.1.nodeId"); got != quote(r.sidecars[1].node.HostID()) || lookup(t, body, "clusterName") != `"Test-Cluster"` {
			t.Errorf("it is %s", body)
		}
	}),
	of("4.2.5", "a node that fails", func(t *testing.T) {
		r, s := several(t, 2)
		r.sidecars[1].node.Fail("Snapshot", errors.New("no space left"))
		s.failed(r.backup(""), "no space left")
		if found := r.found("topology", "*"); len(found) > 0 {
			t.Errorf("there is %v", found)
		}
	}),
	of("4.2.6", "a node that is down", func(t *testing.T) {
		r, s := several(t, 2)
		r.sidecars[1].node.Stop()
		s.failed(r.backup(""), "127.0.0.2")
		s.failed(r.restore(""), "127.0.0.2")
		if calls := r.calls("Snapshot"); len(calls) > 0 {
			t.Errorf("there were %v", calls)
		}
	}),
	of("4.2.7", "a schema that is not agreed upon", func(t *testing.T) {
		r, s := several(t, 2)
		r.sidecars[1].node.SetSchema("5c4e3a00-0000-3000-8000-00000000beef")
		s.failed(r.backup(""), "5c4e3a00-0000-3000-8000-00000000beef")
	}),
	of("4.2.8", "paths of the nodes", func(t *testing.T) {
		r, s := several(t, 2)
		a, err := s.node.DataDirectories(t.Context())
		noError(t, err)
		b, err := r.sidecars[1].node.DataDirectories(t.Context())
		noError(t, err)
		if slices.Equal(a, b) {
			t.Fatal("the nodes have the same directories")
		}
		s.completed(r.backup(""))
		s.completed(r.restore(""))
	}),
	of("4.3.1", "the phases", func(t *testing.T) {
		r, s := several(t, 2)
		s.completed(r.backup(""))
		s.completed(r.restore(""))
		var seen []string
		for _, other := range r.sidecars {
			for _, phase := range []string{"INIT", "DOWNLOAD", "TRUNCATE", "IMPORT", "CLEANUP"} {
				if strings.Contains(string(other.get(operations+"?type=restore").body), `"restorationPhase": "`+phase+`"`) {
					seen = append(seen, phase)
				}
			}
		}
		slices.Sort(seen)
		if want := []string{"CLEANUP", "CLEANUP", "DOWNLOAD", "DOWNLOAD", "IMPORT", "IMPORT", "INIT", "INIT", "TRUNCATE"}; !slices.Equal(seen, want) {
			t.Errorf("the nodes ran %v", seen)
		}
	}),
	of("4.3.2", "a phase that fails", func(t *testing.T) {
		r, s := several(t, 2)
		s.completed(r.backup(""))
		for _, dir := range r.found("Test-Cluster", "dc1", r.sidecars[1].node.HostID(), "data", "shop", "items-*") {
			noError(t, os.RemoveAll(r.path(dir)))
		}
		s.failed(r.restore("")).want("errors.0.source", `"127.0.0.2"`)
		if calls := r.calls("Truncate"); len(calls) > 0 {
			t.Errorf("there were %v", calls)
		}
	}),
	of("4.3.3", "two restores at once", func(t *testing.T) {
		r, s := one(t)
		s.completed(r.backup(""))
		reached, release := s.node.Block("CheckHealth")
		defer release()
		id := s.submit(r.restore("")).text("id")
		receive(t, reached)
		s.post(r.restore("")).is(http.StatusConflict).has(id)
		release()
		s.wait(id).want("state", `"COMPLETED"`)
	}),
	of("4.3.4", "one phase on all nodes", func(t *testing.T) {
		r, s := several(t, 2)
		s.completed(r.backup(""))
		s.completed(r.restore(`{"singlePhase":true,"restorationPhase":"DOWNLOAD"}`))
		found, err := filepath.Glob(filepath.Join(r.downloads, "*"))
		noError(t, err)
		if calls := r.calls("Truncate"); len(found) != 2 || len(calls) > 0 {
			t.Errorf("there is %v, and there were %v", found, calls)
		}
		s.completed(r.restore(`{"singlePhase":true,"restorationPhase":"TRUNCATE"}`))
		if calls := r.calls("Truncate"); len(calls) != 2 {
			t.Errorf("there were %v", calls)
		}
		s.wantRows("shop.items")
	}),
	of("4.3.5", "a tag that is not there", func(t *testing.T) {
		r, s := several(t, 2)
		s.completed(r.backup(""))
		s.failed(r.restore(`{"snapshotTag":"weekly"}`), "weekly")
		if calls := r.calls("Truncate"); len(calls) > 0 {
			t.Errorf("there were %v", calls)
		}
	}),
	of("4.3.6", "dc of a restore", func(t *testing.T) {
		r := newRing(t, options{nodes: 2, cassandra: cassandratest.Options{Datacenters: []string{"dc1", "dc2"}}})
		r.sidecars[0].completed(r.backup(""))
		if a := r.sidecars[0].completed(r.restore(`{"dc":"dc1"}`)); !strings.Contains(a.raw("warnings"), "truncates a table in all datacenters") {
			t.Errorf("the warnings are %s", a.raw("warnings"))
		}
	}),
	of("4.3.7", "a location without a node", func(t *testing.T) {
		r, s := one(t)
		s.completed(r.backup(fmt.Sprintf(`{"globalRequest":false,"storageLocation":%q}`, r.own(s))))
		s.completed(r.restore(fmt.Sprintf(`{"storageLocation":%q}`, r.placeholder())))
	}),
	of("4.3.8", "currentPhase", func(t *testing.T) {
		r, s := several(t, 2)
		s.completed(r.backup(""))
		reached, release := r.sidecars[1].node.Block("CheckHealth") // the coordinator asks its own node alone
		defer release()
		id := s.submit(r.restore("")).text("id")
		receive(t, reached)
		eventually(t, func() bool { return s.get("/operations/"+id).raw("currentPhase") == `"DOWNLOAD"` })
		s.get("/operations/"+id).want("restorationPhase", `"INIT"`)
		release()
		s.wait(id).want("currentPhase", `"CLEANUP"`)
	}),
}
