package interop_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gocql/gocql"
	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
)

// golden is a bucket that Icarus 3.0.0 wrote of a ring of three nodes of Cassandra
// 4.1: of system_schema and test1, a keyspace of two replicas, and then once more
// while one node was down.
const golden = "icarus-3.0.0-ring3-bucket.tar.gz"

// TestABucketThatIcarus3WroteIsRestored restores each of the three nodes, which the
// topology names by their hosts, into one that knows no schema of its own.
func TestABucketThatIcarus3WroteIsRestored(t *testing.T) {
	n := theNode(t)
	dir := unpack(t, golden)
	location := "file://" + filepath.Join(dir, "ring3", "lab", "dc1")
	type tables struct{ First, Second, Indexed map[int]string }
	x := map[int]string{1: "x"}
	for host, want := range map[string]tables{
		"localhost": {First: map[int]string{1: "a"}, Second: x, Indexed: x},
		"127.0.0.2": {First: map[int]string{2: "b", 3: "c"}, Second: map[int]string{}, Indexed: map[int]string{}},
		"127.0.0.3": {First: map[int]string{1: "a", 2: "b", 3: "c"}, Second: x, Indexed: x},
	} {
		t.Run(host, func(t *testing.T) {
			n := n.in(t)
			n.lose()
			n.icarus(append([]string{
				"restore", "--storage-location", location + "/" + host, "--snapshot-tag", "icarus-snapshot", "--resolve-host-id-from-topology",
				"--restoration-strategy-type", "IN_PLACE", "--restore-into-new-cluster", "--update-cassandra-yaml",
			}, n.directories()...)...)
			n.start()
			if id, err := n.Identity(t.Context()); err != nil || !slices.Equal(sorted(id.Tokens), goldenTokens(t, dir, host)) {
				t.Errorf("its tokens are %v, %v", id.Tokens, err)
			}
			n.session(func(s *gocql.Session) {
				got := tables{
					First:   rows(t, s, "SELECT id, v FROM test1.testtable1"),
					Second:  rows(t, s, "SELECT id, v FROM test1.testtable2"),
					Indexed: rows(t, s, "SELECT id, v FROM test1.testtable2 WHERE v = 'x'"),
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("rows (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

// rows reads at ONE: the keyspace wants more replicas than there are nodes.
func rows(t *testing.T, s *gocql.Session, query string) map[int]string {
	t.Helper()
	found := map[int]string{}
	scan := s.Query(query).WithContext(t.Context()).Consistency(gocql.One).Iter()
	var id int
	var v string
	for scan.Scan(&id, &v) {
		found[id] = v
	}
	noError(t, scan.Close())
	return found
}

// unpack unpacks an archive of testdata into a directory that goes after the test.
func unpack(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	noError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	noError(t, err)
	dir, archive := t.TempDir(), tar.NewReader(z)
	root, err := os.OpenRoot(dir)
	noError(t, err)
	defer root.Close()
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		noError(t, err)
		if h.Typeflag != tar.TypeReg {
			continue
		}
		body, err := io.ReadAll(archive)
		noError(t, err)
		noError(t, root.MkdirAll(filepath.Dir(h.Name), 0o755))
		noError(t, root.WriteFile(h.Name, body, 0o644))
	}
}

// goldenTokens are those that the manifest of a host has.
func goldenTokens(t *testing.T, dir, host string) []string {
	t.Helper()
	id := map[string]string{
		"localhost": "891e50b4-9beb-4958-8b9e-8562dedb2547",
		"127.0.0.2": "f309b737-5fa8-466c-8efd-6506729d3580",
		"127.0.0.3": "7e59df8e-5155-425d-9a35-15df417b3220",
	}[host]
	paths, err := filepath.Glob(filepath.Join(dir, "ring3", "lab", "dc1", id, "manifests", "icarus-snapshot-*.json"))
	if err != nil || len(paths) != 1 {
		t.Fatalf("manifests of %s: %q, %v", host, paths, err)
	}
	body, err := os.ReadFile(paths[0])
	noError(t, err)
	m, err := manifest.Decode(body)
	noError(t, err)
	return sorted(m.Tokens)
}
