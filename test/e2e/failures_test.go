package e2e_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
	"github.com/icarus-sidecar/icarus/hack/dataset"
	"github.com/icarus-sidecar/icarus/hack/stores"
)

// harmless runs what must fail, and then looks that nothing was lost by it: no
// row, no snapshot left, no file that is not whole.
func (b *bench) harmless(t *testing.T, data *dataset.Set, do func(t *testing.T)) {
	t.Helper()
	rows := prints(t, data)
	snapshots := b.snapshots(t, data.Keyspaces()...)
	do(t)
	after := prints(t, data)
	for _, d := range dataset.Compare(rows, after) {
		t.Errorf("the failure changed data: %s", d)
	}
	if diff := cmp.Diff(snapshots, b.snapshots(t, data.Keyspaces()...)); diff != "" {
		t.Errorf("the failure left snapshots:\n%s", diff)
	}
	for _, file := range filesIn(t, b.downloads) {
		if base := filepath.Base(file); strings.HasPrefix(base, ".") {
			t.Errorf("a file that is not whole is left: %s", file)
		}
	}
}

func TestWhatIsWrongIsToldAndNothingIsLost(t *testing.T) {
	nobody := []string{
		"AWS_ENDPOINT=http://127.0.0.1:1", "AWS_REGION=" + stores.Region,
		"AWS_ACCESS_KEY_ID=" + stores.AccessKey, "AWS_SECRET_ACCESS_KEY=" + stores.SecretKey,
	}
	b := setUp(t, ring.ForTest(t, ring41), nobody)
	data, _ := b.populate(t, "fail", 40)
	dir := t.TempDir()
	location, entities := fileLocation(dir), strings.Join(data.Keyspaces(), ",")
	b.harmless(t, data, func(t *testing.T) {
		t.Helper()
		b.sidecars[0].fail(t, backup(location, "first", entities), "", "bucket", "createMissingBucket")
	})
	first := backup(location, "first", entities)
	first.CreateMissingBucket = true
	b.sidecars[0].succeed(t, first)
	s, last := b.sidecars[0], b.ring.Nodes[2].Address

	nowhere := backup(location, "x", entities)
	nowhere.DC = "nowhere"
	outside := b.restore(location, "first", entities, rest.StrategyHardlinks)
	outside.Import.SourceDir = "/etc/icarus-downloads"
	for name, c := range map[string]struct {
		req    rest.Request
		source string
		words  []string
	}{
		"backup of an unknown keyspace":   {backup(location, "x", "nosuch"), "", []string{"nosuch"}},
		"backup of an unknown table":      {backup(location, "x", data.Shop()+".nosuch"), "", []string{data.Shop() + ".nosuch"}},
		"backup of an unknown datacenter": {nowhere, "", []string{"nowhere", "dc1"}},
		"an unreachable bucket":           {backup("s3://nosuch", "x", entities), "", []string{"nosuch"}},
		"restore of an unknown tag":       {b.restore(location, "firs", entities, rest.StrategyHardlinks), last, []string{"firs"}},
		"restore of an unknown table": {
			b.restore(location, "first", data.Shop()+".nosuch", rest.StrategyHardlinks), last, []string{data.Shop() + ".nosuch"},
		},
		"restore from a bucket that is not there": {
			b.restore(fileLocation(filepath.Join(dir, "other")), "first", entities, rest.StrategyHardlinks), "", []string{"other"},
		},
		"downloads outside of what is allowed": {outside, "", []string{"/etc/icarus-downloads", "--allow-directory"}},
	} {
		t.Run(name, func(t *testing.T) {
			b.harmless(t, data, func(t *testing.T) {
				t.Helper()
				s.fail(t, c.req, c.source, c.words...)
			})
		})
	}
	t.Run("a peer's sidecar is down", func(t *testing.T) {
		b.harmless(t, data, func(t *testing.T) {
			t.Helper()
			b.sidecars[2].kill(t)
			defer b.sidecars[2].start(t)
			s.fail(t, backup(location, "x", entities), last, "refused")
			s.fail(t, b.restore(location, "first", entities, rest.StrategyHardlinks), last, "refused")
		})
	})
	t.Run("a damaged bucket", func(t *testing.T) { b.damagedBucket(t, data, dir, location, entities) })
	t.Run("a node is down", func(t *testing.T) { b.nodeDown(t, location, entities) })
	t.Run("what has to succeed still does", func(t *testing.T) {
		s.succeed(t, b.restore(location, "first", entities, rest.StrategyHardlinks))
	})
}

// damagedBucket flips a bit of one object, and takes one away.
func (b *bench) damagedBucket(t *testing.T, data *dataset.Set, dir, location, entities string) {
	t.Helper()
	host := "" // of the last node, as its part of the bucket is called
	topology, err := b.sidecars[0].Topology(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	last := b.ring.Nodes[2].Address
	for _, n := range topology.Topology {
		if n.IPAddress == last {
			host = n.NodeID
		}
	}
	var object string
	for _, file := range filesIn(t, dir) {
		if strings.Contains(file, host) && strings.Contains(file, "/ledger-") && strings.HasSuffix(file, "-Data.db") {
			object = file
		}
	}
	if object == "" {
		t.Fatalf("the bucket holds no ledger of %s", host)
	}
	whole, err := os.ReadFile(object)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := os.WriteFile(object, whole, 0o644); err != nil {
			t.Fatal(err)
		}
	}()
	name := filepath.Base(filepath.Dir(object)) + "/" + filepath.Base(object)
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	if err := os.Chmod(object, 0o644); err != nil {
		t.Fatal(err)
	}
	for what, harm := range map[string]func() error{
		"a flipped bit":    func() error { return os.WriteFile(object, flipped, 0o644) },
		"half an object":   func() error { return os.WriteFile(object, whole[:len(whole)/2], 0o644) },
		"a missing object": func() error { return os.Remove(object) },
	} {
		t.Run(what, func(t *testing.T) {
			if err := harm(); err != nil {
				t.Fatal(err)
			}
			b.harmless(t, data, func(t *testing.T) {
				t.Helper()
				b.sidecars[1].fail(t, b.restore(location, "first", entities, rest.StrategyHardlinks), last, name)
			})
			if err := os.WriteFile(object, whole, 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// nodeDown stops a node: neither a backup nor a restore begins without it.
func (b *bench) nodeDown(t *testing.T, location, entities string) {
	t.Helper()
	last := b.ring.Nodes[2].Address
	if err := b.ring.Stop(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.ring.Start(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
	}()
	eventually(t, time.Minute, func() error {
		op := b.sidecars[0].run(t, backup(location, "down", entities))
		if op.State == rest.StateFailed && len(op.Errors) > 0 && op.Errors[0].Source == last {
			return nil
		}
		return &rest.Error{Message: "the backup is " + string(op.State)}
	})
	b.sidecars[0].fail(t, b.restore(location, "first", entities, rest.StrategyHardlinks), last, "down")
	single := backup(location, "down", entities)
	single.GlobalRequest = false
	b.sidecars[2].fail(t, single, last, "JMX")
}

func TestRequestsThatAreWrongStartNothing(t *testing.T) {
	b := setUp(t, ring.ForTest(t, ring41), nil)
	address := "http://" + b.ring.Nodes[0].Address + ":4567/operations"
	post := func(t *testing.T, body string) (int, rest.Error) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Close = true // leaves no connection behind
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		var told rest.Error
		if err := json.NewDecoder(answer.Body).Decode(&told); err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, told
	}
	for name, c := range map[string]struct {
		body   string
		status int
		field  string
	}{
		"unknown type":     {`{"type":"nosuch"}`, 400, "type"},
		"no type":          {`{}`, 400, "type"},
		"no location":      {`{"type":"backup"}`, 400, "storageLocation"},
		"no bucket":        {`{"type":"backup","storageLocation":"s3://"}`, 400, "storageLocation"},
		"unknown provider": {`{"type":"backup","storageLocation":"ftp://bucket"}`, 400, "storageLocation"},
		"climbing tag":     {`{"type":"backup","storageLocation":"s3://bbb","snapshotTag":"../x"}`, 400, "snapshotTag"},
		"climbing entity":  {`{"type":"backup","storageLocation":"s3://bbb","entities":"../x"}`, 400, "entities"},
		"climbing bucket":  {`{"type":"backup","storageLocation":"file:///srv/../b/c/d/n"}`, 400, "storageLocation"},
		"phase in place":   {`{"type":"restore","storageLocation":"s3://bbb","snapshotTag":"x","restorationPhase":"INIT"}`, 400, "restorationPhase"},
		"wrong field":      {`{"type":"flush","keyspace":{}}`, 400, "keyspace"},
		"malformed":        {`{"type":"flush"`, 400, ""},
		"too large":        {`{"type":"flush","keyspace":"` + strings.Repeat("x", rest.MaxBody) + `"}`, 413, ""},
	} {
		t.Run(name, func(t *testing.T) {
			status, told := post(t, c.body)
			if status != c.status || told.Code != c.status || told.Message == "" {
				t.Errorf("answered %d %+v", status, told)
			}
			if c.field != "" && (len(told.Violations) == 0 || told.Violations[0].Field != c.field) {
				t.Errorf("the violations are %+v", told.Violations)
			}
		})
	}
	ops, err := b.sidecars[0].Operations(t.Context(), clientFilter)
	if err != nil || len(ops) != 0 {
		t.Errorf("operations were started: %+v, %v", ops, err)
	}
	if _, err := b.sidecars[0].Operation(t.Context(), "5bf1fe26-7ac3-4aef-b72c-1b4ce2e1f3a1"); err == nil {
		t.Error("an unknown id is an operation")
	}
}
