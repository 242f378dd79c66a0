package debian

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// withApt leaves nothing in PATH but an apt-get that does this.
func withApt(t *testing.T, does string) {
	t.Helper()
	bin := t.TempDir()
	if does != "" {
		if err := os.WriteFile(filepath.Join(bin, "apt-get"), []byte("#!/bin/sh\n"+does), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
	t.Setenv("ICARUS_CACHE", t.TempDir())
}

func TestWhatCannotBeInstalledIsNamedWithItsCommand(t *testing.T) {
	for name, c := range map[string]struct {
		apt  string
		want string
	}{
		"no apt": {"", "thing-dev"},
		// Without root it is not run, and named all the same.
		"an apt that fails": {"echo no such package; exit 100", "apt-get install -y --no-install-recommends thing thing-dev"},
	} {
		t.Run(name, func(t *testing.T) {
			withApt(t, c.apt)
			if c.apt == "" && runtime.GOOS == "darwin" {
				c.want = "brew install thing"
			}
			err := Install(t.Context(), &bytes.Buffer{}, "a thing", "brew install thing", "thing", "thing-dev")
			if err == nil || !strings.Contains(err.Error(), "a thing") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestTheListsAreReadBeforeAPackageIsInstalled(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, as apt does")
	}
	log := filepath.Join(t.TempDir(), "log")
	withApt(t, `echo "$1" >> `+log)
	var out bytes.Buffer
	if err := Install(t.Context(), &out, "a thing", "", "thing"); err != nil {
		t.Fatal(err)
	}
	if ran, err := os.ReadFile(log); err != nil || string(ran) != "update\ninstall\n" {
		t.Errorf("ran %q, %v", ran, err)
	}
	if !strings.Contains(out.String(), "thing") {
		t.Errorf("it said %q", &out)
	}
}
