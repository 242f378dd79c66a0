package interop_test

import (
	"path/filepath"
	"testing"

	"github.com/gocql/gocql"
	"github.com/google/go-cmp/cmp"
)

// TestABucketThatEsop1WroteIsRestored restores what Esop 1.1.4 wrote of a node of
// Cassandra 4.0, in place and then, over it, into the running node. Its manifests
// list entries, and schemas as objects of their own; a third row of a table came
// between the two backups.
func TestABucketThatEsop1WroteIsRestored(t *testing.T) {
	n := theNode(t)
	location := "file://" + filepath.Join(unpack(t, "esop-1.1.4-bucket.tar.gz"), "bucket", "lab", "dc1", "91a6602d-4f60-45f0-b6c1-3f7695c8fc69")
	n.lose()
	n.icarus(append([]string{
		"restore", "--storage-location", location, "--snapshot-tag", "second",
		"--restoration-strategy-type", "IN_PLACE", "--restore-into-new-cluster", "--update-cassandra-yaml",
	}, n.directories()...)...)
	n.start()
	first, second := map[int]string{1: "a", 2: "b"}, map[int]string{1: "a", 2: "b", 3: "c"}
	n.sameOfEsop1("IN_PLACE", second)
	n.session(func(s *gocql.Session) {
		for _, statement := range []string{
			"INSERT INTO esop1.plain (id, v) VALUES (1, 'changed')",
			"INSERT INTO esop1.empty (id, v) VALUES (1, 'new')",
			"DELETE FROM esop1.indexed WHERE id = 1",
		} {
			noError(t, s.Query(statement).WithContext(t.Context()).Exec())
		}
	})
	for _, live := range []struct {
		strategy, tag string
		want          map[int]string
	}{{"IMPORT", "first", first}, {"HARDLINKS", "second", second}} {
		for _, phase := range []string{"INIT", "DOWNLOAD", "TRUNCATE", "IMPORT", "CLEANUP"} { // the node has another host id now
			n.icarus("restore", "--storage-location", location, "--snapshot-tag", live.tag, "--entities", "esop1", "--restoration-phase-type", phase,
				"--restoration-strategy-type", live.strategy, "--import-source-dir", filepath.Join(n.at().Dir, "downloads"))
		}
		n.sameOfEsop1(live.strategy, live.want)
	}
}

// sameOfEsop1 compares the rows of the three tables, one of them by its index too.
func (n *node) sameOfEsop1(how string, plain map[int]string) {
	n.t.Helper()
	n.session(func(s *gocql.Session) {
		got := map[string]map[int]string{
			"plain":   rows(n.t, s, "SELECT id, v FROM esop1.plain"),
			"indexed": rows(n.t, s, "SELECT id, v FROM esop1.indexed"),
			"by_v":    rows(n.t, s, "SELECT id, v FROM esop1.indexed WHERE v = 'x'"),
			"empty":   rows(n.t, s, "SELECT id, v FROM esop1.empty"),
		}
		want := map[string]map[int]string{"plain": plain, "indexed": {1: "x", 2: "y"}, "by_v": {1: "x"}, "empty": {}}
		if diff := cmp.Diff(want, got); diff != "" {
			n.t.Errorf("rows after %s (-want +got):\n%s", how, diff)
		}
	})
}
