package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/icarus-sidecar/icarus/pkg/cli"
)

// An archive_command runs beside a Cassandra that is starting, and an init container
// before there is one: nothing answers.
func TestTheCommitLogIsBackedUpAndRestoredWithoutCassandra(t *testing.T) {
	s := newShell(t, 1)
	s.node.Stop()
	segment := filepath.Join(s.dir, "commitlog", "CommitLog-7-1.log")
	at := time.UnixMilli(1000)
	for _, dir := range []string{"commitlog", "conf"} {
		if err := os.Mkdir(filepath.Join(s.dir, dir), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(segment, binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, 7), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(segment, at, at); err != nil {
		t.Fatal(err)
	}
	s.done("commitlog-backup --create-missing-bucket --storage-location=" + s.bucket + " --commit-log=" + segment)
	s.done("esop commitlog-backup --sl " + s.bucket + " --commit-log-dir " + filepath.Dir(segment))
	s.done("commitlog-restore --sl " + s.bucket + " --te 2000 --ts 0 --commitlog-download-dir " + filepath.Join(s.dir, "replay") +
		" --commit-log-dir " + filepath.Dir(segment) + " --cd " + filepath.Join(s.dir, "conf"))
	if _, err := os.Stat(filepath.Join(s.dir, "replay", "CommitLog-7-1.log")); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(filepath.Join(s.dir, "conf", "commitlog_archiving.properties")); err != nil || !strings.Contains(string(text), `1970\:01\:01`) {
		t.Errorf("%q, %v", text, err)
	}
	_, told, err := s.run(t.Context(), "commitlog-backup --storage-location="+s.bucket+" --commit-log="+segment)
	if cli.ExitCode(err) != cli.ExitFailed || !strings.Contains(err.Error(), "CommitLog-7-1.log") {
		t.Errorf("a segment that is gone: %v, %s", err, told)
	}
	_, _, err = s.run(t.Context(), "commitlog-restore --sl "+s.bucket)
	if cli.ExitCode(err) != cli.ExitUsage || !strings.Contains(err.Error(), "--timestamp-end") || !strings.Contains(err.Error(), "--commitlog-download-dir") {
		t.Errorf("a restore to nowhere: %v", err)
	}
}
