package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAPageHasARowForEveryField(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := run([]string{filepath.Join("..", "..", "config", "crd"), dir}); err != nil {
		t.Fatal(err)
	}
	for page, rows := range map[string][]string{
		"cassandrabackup.md":  {"| `cluster.podSelector` | LabelSelector | **Required.** ", "| `deletionPolicy` | string | ", "*One of Retain, Delete. Default Retain.*", "| `nodes[].transfer.bytesDone` | integer |"},
		"cassandrarestore.md": {"| `rename` | map of string | ", "| `source.cluster.port` | int or string | ", "It must have either backupRef, or storageLocation and snapshotTag."},
	} {
		raw, err := os.ReadFile(filepath.Join(dir, page))
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			if !strings.Contains(string(raw), row) {
				t.Errorf("%s lacks %q", page, row)
			}
		}
	}
}

func TestNoDefinitionIsAnError(t *testing.T) {
	t.Parallel()
	if err := run([]string{t.TempDir(), t.TempDir()}); err == nil {
		t.Error("pages of nothing were written")
	}
	if err := run(nil); err == nil {
		t.Error("no arguments were taken")
	}
}
