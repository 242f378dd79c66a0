package logging

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestALineOfJSONHasTheKeys(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log, err := New(&out, JSON, 1)
	if err != nil {
		t.Fatal(err)
	}
	log.V(2).Info("Answered request")
	log.V(1).Info("Importing table", KeyKeyspace, "shop", KeyBytes, 7)
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%q is not one line of JSON: %v", &out, err)
	}
	if line["msg"] != "Importing table" || line["keyspace"] != "shop" || line["bytes"] != 7.0 {
		t.Errorf("logged %v", line)
	}
	if at, _ := line["time"].(string); at == "" {
		t.Error("it has no time")
	} else if _, err := time.Parse(time.RFC3339Nano, at); err != nil {
		t.Error(err)
	}
}

func TestALineOfTextIsForPeople(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log, err := New(&out, Text, 0)
	if err != nil {
		t.Fatal(err)
	}
	log.Info("Importing table", KeyTable, "ledger")
	if line := out.String(); json.Valid(out.Bytes()) || !strings.Contains(line, "Importing table") || !strings.Contains(line, "ledger") {
		t.Errorf("logged %q", line)
	}
}

func TestWhatIsNoFormatOrVerbosityIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		format    Format
		verbosity int
	}{
		"another format":        {"xml", 0},
		"a verbosity below 0":   {JSON, -1},
		"a verbosity above 127": {JSON, 128},
	} {
		if _, err := New(&bytes.Buffer{}, c.format, c.verbosity); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
