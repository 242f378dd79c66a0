package nodeops_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
)

func TestWhatCannotGoWellIsFoundBeforeAnyNodeIsAsked(t *testing.T) {
	t.Parallel()
	restore := func(change func(q *rest.RestoreRequest)) func(r *ring) rest.Request {
		return func(r *ring) rest.Request { return r.restore(rest.StrategyHardlinks, change) }
	}
	backup := func(change func(b *rest.BackupRequest)) func(r *ring) rest.Request {
		return func(r *ring) rest.Request { return r.backup(change) }
	}
	cases := map[string]struct {
		prepare func(r *ring)
		request func(r *ring) rest.Request
		want    []string
	}{
		"a backup of a datacenter that is not there": {
			nil, backup(func(b *rest.BackupRequest) { b.DC = "dc9" }), []string{"dc9", "dc1, dc2"},
		},
		"a restore of a datacenter that is not there": {
			nil, restore(func(q *rest.RestoreRequest) { q.DC = "dc1,dc9" }), []string{"dc9", "dc1, dc2"},
		},
		"a keyspace that is not there": {
			nil, backup(func(b *rest.BackupRequest) { b.Entities = "shop,zoo" }), []string{"zoo", "host of 127.0.0.1"},
		},
		"the keyspace of a table that is not there": {
			nil, backup(func(b *rest.BackupRequest) { b.Entities = "zoo.cats" }), []string{"zoo"},
		},
		"a table that is not there": {
			nil, backup(func(b *rest.BackupRequest) { b.Entities = "shop.items,shop.cats" }), []string{"shop.cats"},
		},
		"a bucket that is not there": {
			nil, backup(func(b *rest.BackupRequest) { b.CreateMissingBucket = false }), []string{"createMissingBucket"},
		},
		"a restore from a bucket that is not there": {nil, restore(nil), []string{"bucket"}},
		"a backup with a node that is down": {
			func(r *ring) { r.sidecars[2].node.Stop() }, backup(nil), []string{"127.0.0.3: node 127.0.0.3 is down", "nothing was started"},
		},
		"a restore with a node that is down": {
			func(r *ring) { r.sidecars[2].node.Stop() }, restore(nil), []string{"127.0.0.3: node 127.0.0.3 is down"},
		},
		"a restore with a node that is down in another datacenter": {
			func(r *ring) { r.sidecars[2].node.Stop() },
			restore(func(q *rest.RestoreRequest) { q.DC = "dc1" }),
			[]string{"down: 127.0.0.3"},
		},
		"a backup with a node that joins": {
			func(r *ring) { r.sidecars[1].node.SetMode(cassandra.StateJoining) }, backup(nil), []string{"127.0.0.2: node 127.0.0.2 is JOINING"},
		},
		"a backup with two schemas": {
			func(r *ring) { r.sidecars[1].node.SetSchema("5c4e3a00-0000-3000-8000-00000000beef") }, backup(nil),
			[]string{"5c4e3a00-0000-3000-8000-00000000beef on 127.0.0.2"},
		},
		"a restore with two schemas": {
			func(r *ring) { r.sidecars[1].node.SetSchema("5c4e3a00-0000-3000-8000-00000000beef") }, restore(nil),
			[]string{"5c4e3a00-0000-3000-8000-00000000beef on 127.0.0.2"},
		},
		"downloads to where nobody allowed": {
			nil, restore(func(q *rest.RestoreRequest) { q.Import.SourceDir = "/etc/icarus" }), []string{"/etc/icarus", "--allow-directory"},
		},
		"a node that is not there itself": {
			func(r *ring) { r.sidecars[0].node.Stop() }, backup(nil), []string{"127.0.0.1 refuses connections"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRing(t, "dc1", "dc1", "dc2")
			r.fill()
			if c.prepare != nil {
				c.prepare(r)
			}
			mentions(t, r.sidecars[0].failed(c.request(r)), c.want...)
			r.untouched()
			if m := r.manifests(); len(m) > 0 {
				t.Errorf("there are manifests %v", m)
			}
		})
	}
}

func TestARestoreOfWhatTheBackupLacksOnlyLooks(t *testing.T) {
	t.Parallel()
	cases := map[string]func(q *rest.RestoreRequest){
		"the tag":      func(q *rest.RestoreRequest) { q.SnapshotTag = "weekly" },
		"the keyspace": func(q *rest.RestoreRequest) { q.Entities = "zoo" },
		"the table":    func(q *rest.RestoreRequest) { q.Entities = "shop.cats" },
		"the target": func(q *rest.RestoreRequest) {
			q.Entities, q.Rename = "shop.items", map[string]string{"shop.items": "shop.cats"}
		},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRing(t, "dc1", "dc2")
			r.fill()
			r.sidecars[0].completed(r.backup(nil))
			before := r.submissions()
			mentions(t, r.sidecars[0].failed(r.restore(rest.StrategyHardlinks, change)), "127.0.0.1: ", "127.0.0.2: ")
			want := slices.Sorted(slices.Values(append(before, "127.0.0.1 restore INIT", "127.0.0.2 restore INIT")))
			if got := r.submissions(); !slices.Equal(got, want) {
				t.Errorf("peers were sent %v", got)
			}
			if n := r.calls("Truncate"); n > 0 {
				t.Errorf("there were %d truncations", n)
			}
		})
	}
}

func TestAPeerThatRefuses(t *testing.T) {
	t.Parallel()
	cases := map[string]func(s *sidecar){
		"the request": func(s *sidecar) {
			deny := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				http.Error(w, `{"code":403,"message":"no entry"}`, http.StatusForbidden)
			}))
			s.handler.Store(&deny)
		},
		"connections": func(s *sidecar) { s.server.Close() },
	}
	for name, refuse := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRing(t, "dc1", "dc1")
			r.fill()
			refuse(r.sidecars[1])
			mentions(t, r.sidecars[0].failed(r.backup(nil)), "127.0.0.2: Upload: ")
			if n := len(r.sidecars[1].node.Calls("Snapshot")); n > 0 {
				t.Errorf("it took %d snapshots nevertheless", n)
			}
			for _, s := range r.sidecars {
				if left := s.node.Snapshots("shop", "items"); len(left) > 0 {
					t.Errorf("snapshots are left: %v", left)
				}
			}
			if entries, err := filepath.Glob(filepath.Join(r.dir, "topology", "*")); err != nil || len(entries) > 0 {
				t.Errorf("the topology seals what is not whole: %v, %v", entries, err)
			}
		})
	}
}

func TestABackupThatFailsOnOneNodeNamesIt(t *testing.T) {
	t.Parallel()
	r := newRing(t, "dc1", "dc1")
	r.fill()
	r.sidecars[1].node.Fail("Snapshot", os.ErrPermission)
	errs := r.sidecars[0].failed(r.backup(nil))
	mentions(t, errs, "127.0.0.2: ", os.ErrPermission.Error())
	for _, e := range errs {
		if e.Source != "127.0.0.2" {
			t.Errorf("%s is blamed: %s", e.Source, e.Message)
		}
	}
	if tags := r.manifests()[r.sidecars[1].node.HostID()]; len(tags) > 0 {
		t.Errorf("it has manifests %v", tags)
	}
}

func TestTheBucketIsMadeOnceWhereThatIsAskedFor(t *testing.T) {
	t.Parallel()
	r := newRing(t, "dc1")
	r.fill()
	mentions(t, r.sidecars[0].failed(r.backup(func(b *rest.BackupRequest) { b.CreateMissingBucket = false })), r.dir)
	if _, err := os.Stat(r.dir); !os.IsNotExist(err) {
		t.Fatalf("the bucket is there: %v", err)
	}
	r.sidecars[0].completed(r.backup(nil))
	r.sidecars[0].completed(r.backup(func(b *rest.BackupRequest) { b.CreateMissingBucket, b.SnapshotTag = false, "second" }))
}
