package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cli"
)

func TestBackupsAreVerifiedWithoutAServer(t *testing.T) {
	s := newShell(t, 1)
	s.done("backup --sl " + s.bucket + " --st first --entities shop --create-missing-bucket")
	for _, level := range []string{"", "--level size", "--level DIGEST -b 10mbps", "--global-request --st first"} {
		if out := s.done("verify --sl " + s.bucket + " " + level); !strings.HasPrefix(out, "verified 1 backups at level ") || !strings.Contains(out, ": 0 of ") {
			t.Errorf("%s: %s", level, out)
		}
	}
	found, err := filepath.Glob(filepath.Join(s.dir, "bucket", "*", "*", "*", "data", "shop", "*", "*", "*-Data.db"))
	if err != nil || len(found) == 0 {
		t.Fatal(found, err)
	}
	if err := os.Truncate(found[0], 1); err != nil {
		t.Fatal(err)
	}
	_, key, _ := strings.Cut(found[0], "/data/")
	out, _, err := s.run(t.Context(), "verify --sl "+s.bucket)
	if cli.ExitCode(err) != cli.ExitFailed || !strings.Contains(err.Error(), key) {
		t.Errorf("it exits with %d: %v", cli.ExitCode(err), err)
	}
	for _, want := range []string{"size", "data/" + key, "1 bytes", "damaged first-", ": 1 of ", "requests"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	out, _, err = s.run(t.Context(), "verify --sl "+s.bucket+" -o json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var last rest.Operation
	var result rest.VerifyResult
	if jerr := json.Unmarshal([]byte(lines[len(lines)-1]), &last); jerr != nil || last.State != rest.StateFailed || cli.ExitCode(err) != cli.ExitFailed {
		t.Fatalf("%s: %v, %v", out, jerr, err)
	}
	if derr := last.DecodeResult(&result); derr != nil || result.Bad != 1 || result.BadObjects[0].ObjectKey != "data/"+key {
		t.Errorf("%+v, %v", result, derr)
	}
	for line, want := range map[string]string{
		"verify":                            "--storage-location is missing",
		"verify --sl s3://b1b --level rows": "--level rows is not supported yet",
		"verify --sl s3://b1b --dc x":       "--datacenter",
	} {
		if _, _, err := s.run(t.Context(), line); cli.ExitCode(err) != cli.ExitUsage || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", line, err)
		}
	}
}
