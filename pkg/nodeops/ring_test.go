package nodeops_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/manifest"
)

func wantRows(t *testing.T, s *sidecar, table string, want ...string) {
	t.Helper()
	keyspace, name, _ := strings.Cut(table, ".")
	if got := s.node.Rows(keyspace, name); !slices.Equal(got, want) {
		t.Errorf("%s of %s has %v, want %v", table, s.node.Address(), got, want)
	}
}

func TestARingIsBackedUpAndRestored(t *testing.T) {
	t.Parallel()
	for _, strategy := range []rest.Strategy{rest.StrategyHardlinks, rest.StrategyImport} {
		t.Run(string(strategy), func(t *testing.T) {
			t.Parallel()
			r := newRing(t, "dc1", "dc1", "dc2")
			r.fill()
			r.sidecars[1].completed(r.backup(nil)) // any of them coordinates
			for _, s := range r.sidecars {
				s.node.Write("shop", "items", "later")
			}
			r.sidecars[2].node.CreateTable("shop", "new")
			r.sidecars[2].node.Write("shop", "new", "not in the backup")

			op := r.sidecars[0].completed(r.restore(strategy, nil))
			for _, s := range r.sidecars {
				wantRows(t, s, "shop.items", "apple", "item-of-"+s.node.Address())
				wantRows(t, s, "shop.orders", "order-of-"+s.node.Address())
			}
			wantRows(t, r.sidecars[2], "shop.new", "not in the backup")
			if n := r.calls("Truncate"); n != 2 {
				t.Errorf("%d tables were truncated, want each of the two once", n)
			}
			if op.CurrentPhase != string(rest.PhaseCleanup) || len(op.Nodes) != 3 {
				t.Errorf("it ended in phase %s, with %d nodes", op.CurrentPhase, len(op.Nodes))
			}
		})
	}
}

func TestABackupOfTheRingHasOneTagAndTheTopology(t *testing.T) {
	t.Parallel()
	r := newRing(t, "dc1", "dc1", "dc2")
	r.fill()
	op := r.sidecars[0].completed(r.backup(nil))

	tag := tagOf(t, op)
	parsed := manifest.ParseTag(tag)
	if !parsed.Complete || parsed.User != "nightly" {
		t.Fatalf("the tag is %s", tag)
	}
	want := map[string][]string{}
	for _, s := range r.sidecars {
		want[s.node.HostID()] = []string{tag}
	}
	if diff := cmp.Diff(want, r.manifests()); diff != "" {
		t.Errorf("manifests (-want +got):\n%s", diff)
	}
	node := func(i int, hostname, dc string) string {
		s := r.sidecars[i].node
		return fmt.Sprintf(`    {
      "hostname": %q,
      "cluster": "Test-Cluster",
      "dc": %q,
      "rack": "rack%d",
      "nodeId": %q,
      "ipAddress": %q
    }`, hostname, dc, i+1, s.HostID(), s.Address())
	}
	// What /etc/hosts says of 127.0.0.1 is the host's affair.
	document := string(r.read("topology", tag+".json"))
	hostname := op.Nodes[0].Hostname
	wanted := fmt.Sprintf("{\n  \"timestamp\": %d,\n  \"clusterName\": \"Test-Cluster\",\n  \"schemaVersion\": %q,\n  \"topology\": [\n",
		parsed.Time.UnixMilli(), parsed.SchemaVersion) +
		strings.Join([]string{node(0, hostname, "dc1"), node(1, "127.0.0.2", "dc1"), node(2, "127.0.0.3", "dc2")}, ",\n") + "\n  ]\n}"
	if diff := cmp.Diff(wanted, document); diff != "" {
		t.Errorf("topology (-want +got):\n%s", diff)
	}

	var sum rest.Transfer
	for _, n := range op.Nodes {
		if n.Transfer == nil || n.Transfer.BytesDone == 0 || n.OperationID == "" {
			t.Fatalf("node %+v tells nothing of its transfer", n)
		}
		sum.BytesTotal += n.Transfer.BytesTotal
		sum.FilesTotal += n.Transfer.FilesTotal
		sum.BytesDone += n.Transfer.BytesDone
		sum.FilesDone += n.Transfer.FilesDone
	}
	if op.Transfer == nil || *op.Transfer != sum || sum.BytesDone != sum.BytesTotal {
		t.Errorf("the ring moved %+v, its nodes %+v", op.Transfer, sum)
	}
}

func TestADatacenterIsBackedUpAlone(t *testing.T) {
	t.Parallel()
	r := newRing(t, "dc1", "dc2", "dc2")
	r.fill()
	r.sidecars[0].node.Stop() // it is asked for nothing but by its own sidecar, which is not asked
	r.sidecars[1].completed(r.backup(func(b *rest.BackupRequest) { b.DC = "dc2" }))
	hosts := slices.Sorted(func(yield func(string) bool) {
		for host := range r.manifests() {
			if !yield(host) {
				return
			}
		}
	})
	if want := []string{r.sidecars[1].node.HostID(), r.sidecars[2].node.HostID()}; !slices.Equal(hosts, want) {
		t.Errorf("backups are of %v, want %v", hosts, want)
	}
}

func TestADatacenterIsRestoredAloneUnderAnotherName(t *testing.T) {
	t.Parallel()
	r := newRing(t, "dc1", "dc2", "dc2")
	r.fill()
	r.sidecars[0].node.CreateTable("shop", "copy")
	r.sidecars[0].completed(r.backup(nil))
	op := r.sidecars[0].completed(r.restore(rest.StrategyHardlinks, func(q *rest.RestoreRequest) {
		q.DC, q.Entities, q.Rename = "dc2", "shop.items", map[string]string{"shop.items": "shop.copy"}
	}))
	wantRows(t, r.sidecars[0], "shop.copy")
	wantRows(t, r.sidecars[1], "shop.copy", "apple", "item-of-127.0.0.2")
	wantRows(t, r.sidecars[2], "shop.copy", "apple", "item-of-127.0.0.3")
	for _, s := range r.sidecars {
		wantRows(t, s, "shop.items", "apple", "item-of-"+s.node.Address())
	}
	if len(op.Warnings) != 1 || !strings.Contains(op.Warnings[0], "dc2") {
		t.Errorf("warnings are %v, want one that the other datacenter is truncated too", op.Warnings)
	}
	truncated := r.sidecars[1].node.Calls("Truncate")
	if r.calls("Truncate") != 1 || !slices.Equal(truncated, []string{"Truncate shop copy"}) {
		t.Errorf("truncated: %v", truncated)
	}
}

func TestOnePhaseOfARestoreChangesNothingElse(t *testing.T) {
	t.Parallel()
	r := newRing(t, "dc1", "dc1")
	r.fill()
	r.sidecars[0].completed(r.backup(nil))
	r.sidecars[0].completed(r.restore(rest.StrategyHardlinks, func(q *rest.RestoreRequest) {
		q.SinglePhase, q.RestorationPhase = true, rest.PhaseDownload
	}))
	if n := r.calls("Truncate"); n > 0 {
		t.Errorf("there were %d truncations", n)
	}
	downloaded, err := filepath.Glob(filepath.Join(r.downloads, "*"))
	noError(t, err)
	if len(downloaded) == 0 {
		t.Error("nothing was downloaded")
	}
}

func TestTheSecondBackupWaits(t *testing.T) {
	t.Parallel()
	r := newRing(t, "dc1", "dc1")
	r.fill()
	reached, release := r.sidecars[1].node.Block("Snapshot")
	defer release()
	first := r.sidecars[0].submit(r.backup(nil))
	receive(t, reached)
	second := r.sidecars[0].submit(r.backup(func(b *rest.BackupRequest) { b.SnapshotTag = "second" }))
	if op, err := r.sidecars[0].client.Operation(t.Context(), second.ID); err != nil || op.State != rest.StatePending {
		t.Errorf("the second is %+v, %v", op, err)
	}
	release()
	for _, id := range []string{first.ID, second.ID} {
		if op := r.sidecars[0].wait(id); op.State != rest.StateCompleted {
			t.Errorf("it is %s: %+v", op.State, op.Errors)
		}
	}
	for host, tags := range r.manifests() {
		if len(tags) != 2 {
			t.Errorf("%s has %v, want two", host, tags)
		}
	}
}
