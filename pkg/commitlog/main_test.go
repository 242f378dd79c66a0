package commitlog_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func noError(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func nameOf(id int64) string { return fmt.Sprintf("CommitLog-7-%d.log", id) }

// segment is a segment as Cassandra begins it.
func segment(id int64, content string) []byte {
	b := binary.BigEndian.AppendUint32(nil, 7)
	b = binary.BigEndian.AppendUint64(b, uint64(id))
	return append(b, content...)
}

// write puts a segment into a directory.
func write(tb testing.TB, dir string, id, ms int64, content string) string {
	tb.Helper()
	return writeFile(tb, dir, nameOf(id), segment(id, content), ms)
}

func writeFile(tb testing.TB, dir, name string, body []byte, ms int64) string {
	tb.Helper()
	path := filepath.Join(dir, name)
	noError(tb, os.MkdirAll(dir, 0o750))
	noError(tb, os.WriteFile(path, body, 0o600))
	noError(tb, os.Chtimes(path, time.UnixMilli(ms), time.UnixMilli(ms)))
	return path
}

// keys are all of a bucket.
func keys(tb testing.TB, b store.Bucket) []string {
	tb.Helper()
	all := []string{}
	for o, err := range b.List(tb.Context(), "") {
		noError(tb, err)
		all = append(all, o.Key)
	}
	return all
}

func put(tb testing.TB, b store.Bucket, key string, body []byte) {
	tb.Helper()
	noError(tb, b.Put(tb.Context(), key, int64(len(body)), storetest.Opening(body)))
}

func get(tb testing.TB, b store.Bucket, key string) string {
	tb.Helper()
	body, err := transfer.Read(tb.Context(), b, key, 1<<20)
	noError(tb, err)
	return string(body)
}

// names are those of the files in a directory, none where it is not.
func names(tb testing.TB, dir string) []string {
	tb.Helper()
	all := []string{}
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		tb.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	slices.Sort(all)
	return all
}
