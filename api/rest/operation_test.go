package rest_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/api/rest/resttest"
)

func TestOperationsHaveTheShapeOfTheOriginal(t *testing.T) {
	t.Parallel()
	var tested int
	for _, name := range resttest.Names() {
		if !strings.HasPrefix(name, "operation-") {
			continue
		}
		tested++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			recorded, err := resttest.Recorded(name)
			if err != nil {
				t.Fatal(err)
			}
			var op rest.Operation
			if err := json.Unmarshal(recorded, &op); err != nil {
				t.Fatal(err)
			}
			req, warnings, err := rest.Decode(op.Request)
			if err != nil || len(warnings) > 0 {
				t.Fatalf("its request: %v, %v", warnings, err)
			}
			if op.Request, err = json.Marshal(req); err != nil {
				t.Fatal(err)
			}
			ours, err := json.Marshal(op)
			if err != nil {
				t.Fatal(err)
			}
			diff, err := resttest.Lacking(recorded, ours)
			if err != nil || len(diff) > 0 {
				t.Errorf("our answer %s: %v\n%s", ours, err, strings.Join(diff, "\n"))
			}
		})
	}
	if tested < 7 {
		t.Errorf("only %d answers are recorded", tested)
	}
}

func TestSmallDocumentsHaveTheShapeOfTheOriginal(t *testing.T) {
	t.Parallel()
	cases := map[string]any{
		"version.json":           &rest.SidecarVersion{},
		"version-cassandra.json": &rest.CassandraVersion{},
		"version-schema.json":    &rest.SchemaVersion{},
		"status.json":            &rest.NodeStatus{},
		"topology.json":          &rest.Topology{},
	}
	for file, document := range cases {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			recorded, err := resttest.Recorded(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(recorded, document); err != nil {
				t.Fatal(err)
			}
			ours, err := json.Marshal(document)
			if err != nil {
				t.Fatal(err)
			}
			var want, got any
			_ = json.Unmarshal(recorded, &want)
			_ = json.Unmarshal(ours, &got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-recorded +ours):\n%s", diff)
			}
		})
	}
}

func TestOperationKeepsTheOrderOfTheOriginal(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 23, 4, 41, 43, 690901181, time.UTC)
	op := rest.Operation{
		ID: "x", CreationTime: start, State: rest.StateCompleted, Progress: 1, StartTime: &start, CompletionTime: &start,
		Type: "flush", Instance: "i", Request: json.RawMessage(`{"type":"flush","id":"x","keyspace":"ks1","tables":["t1"]}`),
	}
	got, err := json.Marshal(op)
	if err != nil {
		t.Fatal(err)
	}
	const at = `"2026-11-23T04:41:43.690901181Z"`
	want := `{"id":"x","creationTime":` + at + `,"state":"COMPLETED","errors":[],"progress":1,"startTime":` + at +
		`,"type":"flush","keyspace":"ks1","tables":["t1"],"completionTime":` + at + `,"instance":"i"}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var back rest.Operation
	if err := json.Unmarshal(got, &back); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(back)
	if err != nil || string(again) != string(got) {
		t.Errorf("after a round: %s, %v", again, err)
	}
	if string(back.Request) != `{"type":"flush","keyspace":"ks1","tables":["t1"]}` {
		t.Errorf("request is %s", back.Request)
	}
}

func TestARequestNeverOverridesTheEnvelope(t *testing.T) {
	t.Parallel()
	op := rest.Operation{ID: "x", State: rest.StateFailed, Type: "own", Request: json.RawMessage(`{"state":"COMPLETED","result":1,"mine":true}`)}
	got, err := json.Marshal(op)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(got), "COMPLETED") || strings.Contains(string(got), "result") || !strings.Contains(string(got), `"mine":true`) {
		t.Errorf("got %s", got)
	}
}

func TestDecodeResult(t *testing.T) {
	t.Parallel()
	op := rest.Operation{ID: "x", Result: json.RawMessage(`{"snapshotTag":"s","manifestKey":"k","tables":3}`)}
	var result rest.BackupResult
	if err := op.DecodeResult(&result); err != nil || result.Tables != 3 {
		t.Errorf("got %+v, %v", result, err)
	}
	if err := new(rest.Operation).DecodeResult(&result); err == nil {
		t.Error("no result is no error")
	}
}

func TestSecretsShowOnlyWhereTheyAreSent(t *testing.T) {
	t.Parallel()
	const password = "hunter2"
	req := defaults(t, rest.TypeBackup, func(r *rest.BackupRequest) {
		r.ID = "0b26a94e-0000-5000-8000-000000000001"
		r.StorageLocation = "s3://b"
		r.ProxySettings = &rest.ProxySettings{ProxyHost: "p", ProxyPort: 3128, ProxyPassword: password}
	})
	hidden, err := json.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{string(hidden), fmt.Sprintf("%v %+v %#v %s", req, req, req, rest.Secret(password))} {
		if strings.Contains(shown, password) {
			t.Errorf("the password shows in %s", shown)
		}
	}
	sent, err := rest.Encode(req)
	if err != nil {
		t.Fatal(err)
	}
	back, warnings, err := rest.Decode(sent)
	if err != nil || len(warnings) > 0 {
		t.Fatalf("%v, %v", warnings, err)
	}
	if diff := cmp.Diff(req, back); diff != "" {
		t.Errorf("after sending (-want +got):\n%s", diff)
	}
	if !rest.HasSecrets(req) || rest.HasSecrets(defaults[rest.BackupRequest](t, rest.TypeBackup, nil)) {
		t.Error("HasSecrets errs")
	}
}

func TestPathsAreWrittenAsTheOriginalDoes(t *testing.T) {
	t.Parallel()
	req := rest.ImportRequest{Header: rest.Header{Type: "import"}, TablePath: "/srv/a b", SourceDir: "/srv/x"}
	got, err := json.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`"tablePath":"file:///srv/a%20b","sourceDir":"file:///srv/x"`).Match(got) {
		t.Errorf("got %s", got)
	}
}
