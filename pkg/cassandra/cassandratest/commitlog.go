package cassandratest

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// WriteSegment puts a segment of a commit log into a directory, changed last at a
// time, and returns its path. There is nothing in it.
func WriteSegment(tb testing.TB, dir string, id int64, at time.Time) string {
	tb.Helper()
	path := filepath.Join(dir, fmt.Sprintf("CommitLog-7-%d.log", id))
	if err := os.MkdirAll(dir, 0o750); err != nil {
		tb.Fatal(err)
	}
	head := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, 7), uint64(id))
	if err := os.WriteFile(path, head, 0o600); err != nil {
		tb.Fatal(err)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		tb.Fatal(err)
	}
	return path
}
