//nolint:thelper // the functions of rows are tests, and where they fail counts
package contract_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// backedUp is a ring of one that has a backup, and rows that came later.
func backedUp(t *testing.T) (*ring, *sidecar) {
	t.Helper()
	r, s := one(t)
	s.completed(r.backup(""))
	s.node.Write("shop", "items", "later")
	return r, s
}

// downloaded are the files below the directory of downloads.
func (r *ring) downloaded() []string {
	r.t.Helper()
	return filesIn(r.t, r.downloads)
}

func filesIn(t *testing.T, dir string) (files []string) {
	t.Helper()
	noError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	}))
	return files
}

// through runs phases on one node.
func (r *ring) through(s *sidecar, fields string, names ...string) {
	r.t.Helper()
	for _, name := range names {
		s.completed(r.phase(s, name, fields))
	}
}

var phases = []row{
	of("6.1.1", "the health of the ring", func(t *testing.T) {
		for _, phase := range []string{"DOWNLOAD", "TRUNCATE", "IMPORT"} {
			r, s := several(t, 2)
			s.completed(r.backup(""))
			if phase != "DOWNLOAD" {
				r.through(s, "", "DOWNLOAD")
			}
			r.sidecars[1].node.Stop()
			s.failed(r.phase(s, phase, ""), "127.0.0.2")
			s.completed(r.phase(s, "INIT", ""))
			if calls := r.calls("Truncate"); len(calls) > 0 {
				t.Errorf("there were %v", calls)
			}
		}
	}),
	of("6.1.2", "a node that is not NORMAL", func(t *testing.T) {
		r, s := backedUp(t)
		s.node.SetMode("LEAVING")
		s.failed(r.phase(s, "DOWNLOAD", ""), "LEAVING")
	}),
	of("6.2.1", "INIT", func(t *testing.T) {
		r, s := backedUp(t)
		s.completed(r.phase(s, "INIT", "")).want("result.manifests.1", "").text("result.manifests.0")
		s.failed(r.phase(s, "INIT", `{"snapshotTag":"weekly"}`), "weekly")
		if files := r.downloaded(); len(files) > 0 {
			t.Errorf("there is %v", files)
		}
	}),
	of("6.2.2", "DOWNLOAD", func(t *testing.T) {
		r, s := backedUp(t)
		s.completed(r.phase(s, "DOWNLOAD", "")).want("result.tables", `["shop.items","shop.orders"]`)
		found, err := filepath.Glob(filepath.Join(r.downloads, s.node.HostID(), "nightly-*", "shop", "items-*", "*-Data.db"))
		noError(t, err)
		if len(found) != 1 {
			t.Errorf("there is %v", r.downloaded())
		}
		again := s.completed(r.phase(s, "DOWNLOAD", ""))
		if again.raw("transfer.filesReused") != again.raw("transfer.filesTotal") {
			t.Errorf("the transfer is %s", again.raw("transfer"))
		}
	}),
	of("6.2.3", "tokens of another node", func(t *testing.T) {
		r, s := backedUp(t)
		r.rewrite(func(m map[string]any) { m["tokens"] = []string{"1", "2", "3"} })
		s.failed(r.phase(s, "DOWNLOAD", ""), "tokens")
		if files := r.downloaded(); len(files) > 0 {
			t.Errorf("there is %v", files)
		}
	}),
	of("6.2.4", "noDownloadData of a restore", func(t *testing.T) {
		r, s := backedUp(t)
		s.failed(r.restore(`{"noDownloadData":true}`))
		r.through(s, "", "DOWNLOAD")
		noError(t, os.RemoveAll(r.node(s, "data")))
		s.completed(r.restore(`{"noDownloadData":true}`))
		s.wantRows("shop.items", "items-of-127.0.0.1")
	}),
	of("6.2.5", "TRUNCATE", func(t *testing.T) {
		r, s := backedUp(t)
		s.failed(r.phase(s, "TRUNCATE", "")) // nothing is downloaded
		r.through(s, "", "DOWNLOAD", "TRUNCATE")
		if calls := r.calls("Truncate"); !slices.Equal(calls, []string{"Truncate shop items", "Truncate shop orders"}) {
			t.Errorf("there were %v", calls)
		}
		s.wantRows("shop.items")
	}),
	of("6.2.6", "what the backup does not have", func(t *testing.T) {
		r, s := backedUp(t)
		s.node.CreateTable("shop", "new")
		s.node.Write("shop", "new", "mine")
		s.completed(r.restore(""))
		s.wantRows("shop.new", "mine")
		s.completed(r.restore(`{"entities":""}`))
		s.wantRows("shop.new", "mine")
	}),
	of("6.2.7", "IMPORT of HARDLINKS", func(t *testing.T) {
		r, s := backedUp(t)
		r.through(s, "", "DOWNLOAD", "TRUNCATE", "IMPORT")
		s.wantRows("shop.items", "items-of-127.0.0.1")
		if calls := r.calls("LoadNewSSTables"); len(calls) != 2 || len(r.downloaded()) == 0 {
			t.Errorf("there were %v, and downloads %v", calls, r.downloaded())
		}
	}),
	of("6.2.8", "IMPORT of IMPORT", func(t *testing.T) {
		r, s := backedUp(t)
		r.through(s, `{"restorationStrategyType":"IMPORT"}`, "DOWNLOAD", "TRUNCATE", "IMPORT")
		s.wantRows("shop.items", "items-of-127.0.0.1")
		if calls := r.calls("Import"); len(calls) != 2 {
			t.Errorf("there were %v", calls)
		}
	}),
	of("6.2.9", "downloads that are damaged", func(t *testing.T) {
		r, s := backedUp(t)
		r.through(s, "", "DOWNLOAD")
		for _, path := range r.downloaded() {
			if filepath.Ext(path) == ".db" {
				noError(t, os.WriteFile(path, []byte("damaged"), 0o600))
			}
		}
		s.failed(r.phase(s, "IMPORT", ""))
		s.wantRows("shop.items", "items-of-127.0.0.1", "later")
	}),
	of("6.2.10", "CLEANUP", func(t *testing.T) {
		r, s := backedUp(t)
		s.node.CreateTable("shop", "other")
		s.node.Write("shop", "other", "x")
		noError(t, s.node.Truncate(t.Context(), "shop", "other")) // somebody else's
		s.completed(r.restore(""))
		if left := s.node.Snapshots("shop", "items"); len(r.downloaded()) > 0 || len(left) > 0 {
			t.Errorf("there is %v, and %v", r.downloaded(), left)
		}
		if kept := s.node.Snapshots("shop", "other"); len(kept) != 1 {
			t.Errorf("the snapshot of another truncation is gone: %v", kept)
		}
	}),
	of("6.2.11", "noDeleteTruncates and noDeleteDownloads of a restore", func(t *testing.T) {
		r, s := backedUp(t)
		s.completed(r.restore(`{"noDeleteTruncates":true,"noDeleteDownloads":true}`))
		if kept := s.node.Snapshots("shop", "items"); len(kept) != 1 || len(r.downloaded()) == 0 {
			t.Errorf("there is %v, and %v", kept, r.downloaded())
		}
	}),
	of("6.2.12", "a table that was dropped", func(t *testing.T) {
		r, s := backedUp(t)
		s.node.DropTable("shop", "orders")
		s.completed(r.restore(`{"entities":"shop.items"}`))
		s.failed(r.restore(""), "shop.orders")
		s.wantRows("shop.items", "items-of-127.0.0.1")
	}),
	of("6.2.13", "keyspaces without tables", func(t *testing.T) {
		r, s := one(t)
		s.node.CreateKeyspace("bare")
		s.completed(r.backup(`{"entities":"shop,bare"}`))
		s.completed(r.restore(""))
	}),
	of("6.3.1", "entities that are left out", func(t *testing.T) {
		r, s := one(t)
		s.completed(r.backup(`{"entities":""}`))
		if lookup(t, r.manifest(), "snapshot.keyspaces.system_schema") == "" {
			t.Error("the schema is not in the backup")
		}
		a := s.completed(r.restore(`{"entities":""}`))
		for _, call := range r.calls("Truncate") {
			if call != "Truncate shop items" && call != "Truncate shop orders" {
				t.Errorf("there was %s: %s", call, a.body)
			}
		}
	}),
	of("6.3.2", "entities that the backup does not have", func(t *testing.T) {
		r, s := backedUp(t)
		s.failed(r.restore(`{"entities":"shop.cats"}`), "shop.cats")
		s.failed(r.restore(`{"entities":"zoo"}`), "zoo")
	}),
	of("6.5.1", "rename", func(t *testing.T) {
		r, s := backedUp(t)
		s.node.CreateTable("shop", "copy")
		s.node.Write("shop", "copy", "old")
		s.completed(r.restore(`{"entities":"shop.items","rename":{"shop.items":"shop.copy"}}`))
		s.wantRows("shop.copy", "items-of-127.0.0.1")
		s.wantRows("shop.items", "items-of-127.0.0.1", "later")
	}),
	of("6.5.2", "renames that make no sense", func(t *testing.T) {
		r, s := backedUp(t)
		for field, rename := range map[string]string{
			"rename.shop.b": `{"shop.a":"shop.c","shop.b":"shop.c"}`, // one target
			"rename.shop.a": `{"shop.a":"shop.b","shop.b":"shop.a"}`, // a cycle
			"rename.shop.x": `{"shop.x":"shop.x"}`,
			"rename.shop":   `{"shop":"zoo"}`,
			"rename.shop.y": `{"shop.y":"../z"}`,
		} {
			s.refused(r.restore(fmt.Sprintf(`{"rename":%s}`, rename)), field)
		}
		s.refused(r.inPlace(s, `{"rename":{"shop.a":"shop.b"}}`), "rename")
	}),
	of("6.5.3", "renames without their tables", func(t *testing.T) {
		r, s := backedUp(t)
		s.node.CreateTable("shop", "copy")
		s.node.Write("shop", "copy", "old")
		s.failed(r.restore(`{"entities":"shop.items","rename":{"shop.items":"shop.nosuch"}}`), "shop.nosuch")
		s.failed(r.restore(`{"entities":"shop.items","rename":{"shop.orders":"shop.copy"}}`), "shop.orders")
		s.failed(r.restore(`{"entities":"shop.items,shop.copy","rename":{"shop.items":"shop.copy"}}`), "shop.copy")
		s.failed(r.restore(`{"rename":{"shop.items":"shop.orders"}}`), "shop.orders") // which the backup has, too
		s.wantRows("shop.copy", "old")
		s.wantRows("shop.orders", "orders-of-127.0.0.1")
	}),
	of("6.5.4", "renames beside keyspaces", func(t *testing.T) {
		r, s := backedUp(t)
		s.node.CreateTable("shop", "copy")
		s.node.Write("shop", "orders", "later")
		s.completed(r.restore(`{"entities":"shop","rename":{"shop.items":"shop.copy"}}`))
		s.wantRows("shop.copy", "items-of-127.0.0.1")
		s.wantRows("shop.orders", "orders-of-127.0.0.1")
		s.wantRows("shop.items", "items-of-127.0.0.1", "later")
	}),
}

// restoredFiles are those of a table that a restore in place has made.
func (r *ring) restoredFiles(table string) []string {
	r.t.Helper()
	found, err := filepath.Glob(filepath.Join(r.root, "cassandra", "data", table, "*-Data.db"))
	noError(r.t, err)
	return found
}

var stopped = []row{
	of("6.4.1", "IN_PLACE", func(t *testing.T) {
		r, s := stoppedWithBackup(t, "shop")
		s.completed(r.inPlace(s, ""))
		if found := r.restoredFiles("shop/items-*"); len(found) != 1 {
			t.Errorf("there is %v", filesIn(t, r.root+"/cassandra"))
		}
	}),
	of("6.4.2", "a node that answers", func(t *testing.T) {
		r, s := stoppedWithBackup(t, "shop")
		s.node.Start()
		s.failed(r.inPlace(s, ""), "Cassandra answers")
		if found := filesIn(t, r.root+"/cassandra"); len(found) > 0 {
			t.Errorf("there is %v", found)
		}
	}),
	of("6.4.3", "resolveHostIdFromTopology finds the node", func(t *testing.T) {
		r, s := stoppedWithBackup(t, "shop")
		topology := r.path(r.found("topology", "*")[0])
		body, err := os.ReadFile(topology)
		noError(t, err)
		m := parse(string(body))
		m["topology"].([]any)[0].(map[string]any)["hostname"] = "cassandra-0.shop.svc"
		changed, err := json.Marshal(m)
		noError(t, err)
		noError(t, os.WriteFile(topology, changed, 0o600))
		at := func(name string) string {
			return r.inPlace(s, fmt.Sprintf(`{"resolveHostIdFromTopology":true,"storageLocation":%q}`, "file://"+r.bucket+"/Test-Cluster/dc1/"+name))
		}
		s.failed(at("cassandra-1"), "cassandra-1")
		s.failed(at("cassandra"), "cassandra")
		s.completed(at("cassandra-0"))
		if found := r.restoredFiles("shop/items-*"); len(found) != 1 {
			t.Errorf("there is %v", found)
		}
	}),
	of("6.4.4", "which system keyspaces", func(t *testing.T) {
		for fields, want := range map[string][]string{
			`{"entities":""}`:                              {},
			`{"entities":"","newCluster":true}`:            {"system_schema"},
			`{"entities":"","restoreSystemAuth":true}`:     {"system_auth"},
			`{"entities":"","restoreSystemKeyspace":true}`: {"system", "system_auth", "system_schema"},
		} {
			r, s := stoppedWithBackup(t, "")
			s.completed(r.inPlace(s, fields))
			got := []string{}
			dirs, err := filepath.Glob(filepath.Join(r.root, "cassandra", "data", "system*"))
			noError(t, err)
			for _, dir := range dirs {
				if len(filesIn(t, dir)) > 0 || slices.Contains(want, filepath.Base(dir)) {
					got = append(got, filepath.Base(dir))
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s brings %v", fields, got)
			}
		}
	}),
	of("6.4.5", "what is not of the backup", func(t *testing.T) {
		r, s := stoppedWithBackup(t, "shop")
		id := s.node.Described("shop", "items").ID
		dir := filepath.Join(r.root, "cassandra", "data", "shop", "items-"+id)
		noError(t, os.MkdirAll(dir, 0o755))
		for _, file := range []string{"nb-99-big-Data.db", "nb-99-big-TOC.txt"} {
			noError(t, os.WriteFile(filepath.Join(dir, file), []byte("old"), 0o600))
		}
		s.completed(r.inPlace(s, ""))
		if found := r.restoredFiles("shop/items-*"); len(found) != 1 || filepath.Base(found[0]) == "nb-99-big-Data.db" {
			t.Errorf("there is %v", found)
		}
	}),
	of("6.4.6", "caches and logs", func(t *testing.T) {
		r, s := stoppedWithBackup(t, "")
		for _, dir := range []string{"hints", "saved_caches", "commitlog"} {
			noError(t, os.MkdirAll(filepath.Join(r.root, "cassandra", dir), 0o755))
			noError(t, os.WriteFile(filepath.Join(r.root, "cassandra", dir, "old"), nil, 0o600))
		}
		s.completed(r.inPlace(s, `{"entities":"","restoreSystemKeyspace":true}`))
		for _, dir := range []string{"hints", "saved_caches", "commitlog"} {
			if left := filesIn(t, filepath.Join(r.root, "cassandra", dir)); len(left) > 0 {
				t.Errorf("there is %v", left)
			}
		}
	}),
	of("6.4.7", "updateCassandraYaml writes tokens", func(t *testing.T) {
		r, s := stoppedWithBackup(t, "shop")
		conf := filepath.Join(r.root, "conf")
		noError(t, os.MkdirAll(conf, 0o755))
		noError(t, os.WriteFile(filepath.Join(conf, "cassandra.yaml"), []byte("# mine\nauto_bootstrap: true\nnum_tokens: 3\n"), 0o600))
		s.completed(r.inPlace(s, fmt.Sprintf(`{"updateCassandraYaml":true,"cassandraConfigDirectory":%q}`, conf)))
		got, err := os.ReadFile(filepath.Join(conf, "cassandra.yaml"))
		noError(t, err)
		(&answer{t: t, body: got}).has("# mine\n", "auto_bootstrap: false", "initial_token: ", "-1007")
	}),
	of("6.4.8", "a download that fails", func(t *testing.T) {
		r, s := stoppedWithBackup(t, "shop")
		noError(t, os.Remove(r.path(r.found("*", "*", "*", "data", "shop", "orders-*", "*", "*-Data.db")[0])))
		keep := filepath.Join(r.root, "cassandra", "data", "shop", "items-"+s.node.Described("shop", "items").ID, "nb-99-big-Data.db")
		noError(t, os.MkdirAll(filepath.Dir(keep), 0o755))
		noError(t, os.WriteFile(keep, []byte("old"), 0o600))
		s.failed(r.inPlace(s, ""))
		if found := r.restoredFiles("shop/*"); !slices.Equal(found, []string{keep}) {
			t.Errorf("there is %v", found)
		}
	}),
	of("6.4.9", "a backup that is not there", func(t *testing.T) {
		r, s := stoppedWithBackup(t, "shop")
		s.failed(r.inPlace(s, `{"snapshotTag":"weekly"}`), "weekly")
		s.completed(r.inPlace(s, `{"snapshotTag":"weekly","ifAbsent":"skip"}`))
	}),
}
