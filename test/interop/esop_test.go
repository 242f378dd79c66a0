package interop_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gocql/gocql"

	"github.com/icarus-sidecar/icarus/hack/dataset"
	"github.com/icarus-sidecar/icarus/hack/esop"
)

// exchange is an Esop beside the node, with data and a bucket of its own.
type exchange struct {
	*node
	esop     *esop.Esop
	before   dataset.Prints
	location string
}

// TestBackupsGoBothWaysBetweenEsopAndIcarus backs up with either, and restores with
// the other: into a node that lost rows, and into one that lost its disk. For each
// call of JMX Esop waits a second, so its versions do the former side by side.
func TestBackupsGoBothWaysBetweenEsopAndIcarus(t *testing.T) {
	n := theNode(t)
	current, former := newExchange(t, n, "3.0.1"), newExchange(t, n, "2.0.4")
	// One after the other: a snapshot of Cassandra 4.1 does not wait for a flush that
	// another one began, and so lacks what is being flushed.
	current.backUp()
	former.backUp()
	t.Run("hard links", func(t *testing.T) {
		t.Run("3.0.1", func(t *testing.T) {
			t.Parallel()
			current.in(t).hardlinks()
		})
		t.Run("2.0.4", func(t *testing.T) {
			t.Parallel()
			x := former.in(t)
			x.refused(x.location, x.ours())
			x.withoutSize(x.ours())
			x.hardlinks()
		})
	})
	t.Run("Esop restores in place what Icarus wrote", func(t *testing.T) {
		t.Run("3.0.1", func(t *testing.T) { current.in(t).wiped((*exchange).esopInPlace) })
		t.Run("2.0.4", func(t *testing.T) { former.in(t).wiped((*exchange).esopInPlace) })
	})
	t.Run("Icarus restores in place what Esop wrote", func(t *testing.T) {
		t.Run("3.0.1", func(t *testing.T) { current.in(t).wiped((*exchange).icarusInPlace) })
		t.Run("2.0.4", func(t *testing.T) { former.in(t).wiped((*exchange).icarusInPlace) })
	})
	t.Run("Esop 2.0.4 cannot read what Esop 3.0.1 wrote", func(t *testing.T) { former.in(t).refused(current.location, current.theirs()) })
}

func newExchange(t *testing.T, n *node, version string) *exchange {
	t.Helper()
	e, err := esop.New(t.Context(), os.Stderr, version)
	noError(t, err)
	id, err := n.Identity(t.Context())
	noError(t, err)
	x := &exchange{node: n, esop: e, location: "file://" + filepath.Join(t.TempDir(), "bucket", n.Options.Cluster, "dc1", id.HostID)}
	x.set(func(s *dataset.Set) {
		noError(t, s.Populate(t.Context(), func(ctx context.Context, keyspace, table string) error { return n.Flush(ctx, keyspace, table) }))
		x.before, err = s.Prints(t.Context())
		noError(t, err)
	})
	return x
}

func (x *exchange) backUp() {
	x.t.Helper()
	x.icarus("backup", "--storage-location", x.location, "--snapshot-tag", x.ours(), "--create-missing-bucket")
	x.runEsop("backup", "--storage-location", x.location, "--snapshot-tag", x.theirs(), "--data-dir", x.at().DataDirs[0])
}

// digits are the version where no point may be.
func (x *exchange) digits() string { return strings.ReplaceAll(x.esop.Version, ".", "") }

// ours and theirs are the tags of the two backups.
func (x *exchange) ours() string { return "icarus" + x.digits() }

func (x *exchange) theirs() string { return "esop" + x.digits() }

func (x *exchange) downloads() string { return filepath.Join(x.at().Dir, "downloads"+x.digits()) }

func (x *exchange) hardlinks() {
	x.damaged((*exchange).esopLinks)
	x.damaged((*exchange).icarusLinks)
}

// in is the same for a subtest.
func (x *exchange) in(t *testing.T) *exchange {
	t.Helper()
	sub := *x
	sub.node = x.node.in(t)
	return &sub
}

// set lends the data set to do.
func (x *exchange) set(do func(*dataset.Set)) {
	x.t.Helper()
	x.session(func(s *gocql.Session) {
		do(dataset.New(s, dataset.Options{Prefix: x.theirs(), Nodes: map[string]int{"dc1": 1}, Rows: 60}))
	})
}

// damaged restores what was damaged on the running node.
func (x *exchange) damaged(restore func(x *exchange, entities string)) {
	x.t.Helper()
	var entities string
	x.set(func(s *dataset.Set) {
		noError(x.t, s.Damage(x.t.Context()))
		entities = strings.Join(s.Keyspaces(), ",")
		harmed, err := s.Prints(x.t.Context())
		noError(x.t, err)
		if len(dataset.Compare(x.before, harmed)) == 0 {
			x.t.Fatal("the damage did none")
		}
	})
	restore(x, entities)
	x.same()
}

// wiped restores a node that lost its disk.
func (x *exchange) wiped(restore func(*exchange)) {
	x.t.Helper()
	x.lose()
	restore(x)
	x.start()
	id, err := x.Identity(x.t.Context())
	noError(x.t, err)
	if id.HostID != filepath.Base(x.location) {
		x.t.Errorf("the node is %s, and was %s", id.HostID, filepath.Base(x.location))
	}
	x.same()
}

// same looks that the rows are those of the backup.
func (x *exchange) same() {
	x.t.Helper()
	x.set(func(s *dataset.Set) {
		after, err := s.Prints(x.t.Context())
		noError(x.t, err)
		for _, d := range dataset.Compare(x.before, after) {
			x.t.Error(d)
		}
	})
}

func (x *exchange) icarusLinks(entities string) {
	x.icarus("restore", "--storage-location", x.location, "--snapshot-tag", x.theirs(), "--entities", entities,
		"--restoration-strategy-type", "HARDLINKS", "--import-source-dir", x.downloads())
}

func (x *exchange) icarusInPlace() {
	x.icarus(append([]string{
		"restore", "--storage-location", x.location, "--snapshot-tag", x.theirs(),
		"--restoration-strategy-type", "IN_PLACE", "--restore-system-keyspace",
	}, x.directories()...)...)
}

func (x *exchange) esopLinks(entities string) {
	for _, phase := range []string{"INIT", "DOWNLOAD", "TRUNCATE", "IMPORT", "CLEANUP"} {
		x.runEsop(append([]string{
			"restore", "--storage-location", x.location, "--snapshot-tag", x.ours(), "--entities", entities, "--restoration-strategy-type", "HARDLINKS",
			"--restoration-phase-type", phase, "--import-source-dir", x.downloads(),
		}, x.directories()...)...)
	}
}

func (x *exchange) esopInPlace() {
	x.runEsop(append([]string{
		"restore", "--storage-location", x.location, "--snapshot-tag", x.ours(),
		"--restoration-strategy-type", "IN_PLACE", "--restore-system-keyspace",
	}, x.directories()...)...)
}

// runEsop runs Esop beside the node.
func (x *exchange) runEsop(args ...string) {
	x.t.Helper()
	_, err := x.tryEsop(args...)
	noError(x.t, err)
}

func (x *exchange) tryEsop(args ...string) (said string, err error) {
	ctx, cancel := context.WithTimeout(x.t.Context(), patience)
	defer cancel()
	return x.esop.Run(ctx, append(args, "--jmx-service", x.at().JMX)...)
}

// refused is a backup that Esop 2 does not read: manifests have a size since 3.0.
func (x *exchange) refused(location, tag string) {
	x.t.Helper()
	said, err := x.tryEsop(append([]string{
		"restore", "--storage-location", location, "--snapshot-tag", tag, "--restoration-strategy-type", "HARDLINKS",
		"--restoration-phase-type", "INIT", "--import-source-dir", x.downloads(),
	}, x.directories()...)...)
	if err == nil || !strings.Contains(said, `Unrecognized field "size"`) {
		x.t.Errorf("Esop %s says of %s: %v", x.esop.Version, tag, err)
	}
}

// withoutSize takes the size out of the manifest of a backup.
func (x *exchange) withoutSize(tag string) {
	x.t.Helper()
	found, err := filepath.Glob(filepath.Join(strings.TrimPrefix(x.location, "file://"), "manifests", tag+"-*.json"))
	if err != nil || len(found) != 1 {
		x.t.Fatalf("manifests of %s: %q, %v", tag, found, err)
	}
	body, err := os.ReadFile(found[0])
	noError(x.t, err)
	var m map[string]json.RawMessage
	noError(x.t, json.Unmarshal(body, &m))
	delete(m, "size")
	body, err = json.Marshal(m)
	noError(x.t, err)
	noError(x.t, os.WriteFile(found[0], body, 0o644))
}
