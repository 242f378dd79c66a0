package restore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/restore"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

func TestAWipedNodeIsWhatItWas(t *testing.T) {
	t.Parallel()
	s := newStopped(t)
	s.r.System, s.r.UpdateYAML = true, true
	result := s.must()
	s.wants(s.held)
	tables := []string{"shop.empty", "shop.orders", "system.local", "system_auth.roles", "system_schema.tables"}
	if diff := cmp.Diff(tables, result.Tables); diff != "" || result.SnapshotTag != tag || len(result.Warnings) > 0 {
		t.Errorf("the result is %+v\n%s", result, diff)
	}
	if c := result.Counts; c.FilesTotal != int64(len(s.held)) || c.FilesDone != c.FilesTotal || c.FilesReused != 0 {
		t.Errorf("it counted %+v", c)
	}
	if diff := cmp.Diff(files{"archive/CommitLog-7-0.log": "kept"}, s.below(filepath.Join(s.dir, "commitlog"))); diff != "" {
		t.Errorf("commit logs: %s", diff)
	}
	if left := s.below(s.dir).of("hints", "saved_caches"); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
	want := yamlBefore + "auto_bootstrap: false\ninitial_token: -5,17\n"
	if diff := cmp.Diff(want, s.everything()["conf/cassandra.yaml"]); diff != "" {
		t.Error(diff)
	}
	first, second := s.below(s.r.DataDirs[0]), s.below(s.r.DataDirs[1])
	if len(second.of("shop")) == 0 || len(first.of("shop")) == 0 || len(second.of("system", "system_schema")) > 0 {
		t.Errorf("data0 has %d files and data1 %d, %d of them local ones", len(first), len(second), len(second.of("system", "system_schema")))
	}
}

func TestWhichTablesAreRestored(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		ask  func(r *restore.InPlaceRequest)
		dirs []string
	}{
		"all but the system's":       {func(*restore.InPlaceRequest) {}, []string{"shop"}},
		"a keyspace":                 {func(r *restore.InPlaceRequest) { r.Entities = []string{"shop"} }, []string{"shop"}},
		"a table":                    {func(r *restore.InPlaceRequest) { r.Entities = []string{"shop.orders"} }, []string{ordersDir}},
		"into a new cluster":         {func(r *restore.InPlaceRequest) { r.NewCluster = true }, []string{"shop", "system_schema"}},
		"with the roles":             {func(r *restore.InPlaceRequest) { r.SystemAuth = true }, []string{"shop", "system_auth"}},
		"with all the system's":      {func(r *restore.InPlaceRequest) { r.System = true }, []string{"shop", "system", "system_schema", "system_auth"}},
		"the roles by their name":    {func(r *restore.InPlaceRequest) { r.Entities = []string{"system_auth"} }, []string{"system_auth"}},
		"a table and what it is":     {func(r *restore.InPlaceRequest) { r.NewCluster, r.Entities = true, []string{"shop.empty"} }, []string{"system_schema"}},
		"a tag with all of its name": {func(r *restore.InPlaceRequest) { r.SnapshotTag = tag }, []string{"shop"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStopped(t)
			c.ask(&s.r)
			s.must()
			s.wants(s.held.of(c.dirs...))
		})
	}
}

// used has on its disks what the backup has, changed as a node changes it.
func used(t *testing.T) *stopped {
	t.Helper()
	s := newStopped(t)
	s.lay("data1", s.held.of(ordersDir))
	s.lay("data0", s.held.of(schemaDir, authDir, localDir))
	for component := range componentsOf("") { // it was compacted away
		s.noError(os.Remove(filepath.Join(s.r.DataDirs[1], ordersDir, "nb-2-big-"+component)))
	}
	s.put("data1/"+ordersDir+"/nb-3-big-Data.db", "THREE") // a generation that was used again
	s.lay("data0", files{}.sstable(ordersDir, "nb-1-big", "of another time").sstable(ordersDir, "nb-8-big", "eight"))
	s.lay("data1", files{}.sstable(ordersDir+"/.by_name", "nb-9-big", "new names").sstable(laterDir, "nb-1-big", "later"))
	s.lay("data0", files{}.sstable(newDir, "nb-1-big", "new").sstable(localDir, "nb-6-big", "newer me"))
	s.put("data1/"+ordersDir+"/nb_txn_compaction_c0ffee.log", "REMOVE:[nb-2-big-,0,8]")
	s.put("data1/"+ordersDir+"/snapshots/mine/nb-1-big-Data.db", "a snapshot")
	s.put("data1/"+ordersDir+"/backups/nb-1-big-Data.db", "an increment")
	return s
}

func (s *stopped) kept() files {
	return files{ordersDir + "/snapshots/mine/nb-1-big-Data.db": "a snapshot", ordersDir + "/backups/nb-1-big-Data.db": "an increment"}
}

func TestAUsedNodeBecomesWhatItWas(t *testing.T) {
	t.Parallel()
	s := used(t)
	same := filepath.Join(s.r.DataDirs[1], ordersDir, "nb-1-big-Data.db")
	before, err := os.Stat(same)
	s.noError(err)
	local := s.held.of(schemaDir, authDir, localDir).plus(files{}.sstable(localDir, "nb-6-big", "newer me"))
	result := s.must()
	s.wants(s.held.of("shop").plus(s.kept(), local))
	after, err := os.Stat(same)
	s.noError(err)
	if !os.SameFile(before, after) {
		t.Error("a file that was right was made anew")
	}
	// Of an SSTable that was compacted away nothing was there, of another Data.db was wrong.
	if fetched := result.Counts.FilesTotal - result.Counts.FilesReused; fetched != int64(len(componentsOf("")))+1 {
		t.Errorf("%d files were downloaded: %+v", fetched, result.Counts)
	}
}

func TestTablesThatAreNotMeantKeepTheirData(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(s *stopped){
		"where some are named":              func(s *stopped) { s.r.Entities = []string{"shop"} },
		"where the backup is of a keyspace": func(s *stopped) { s.commit(tag, s.manifest(tag, s.held.of("shop"), emptyDir)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := used(t)
			change(s)
			others := s.below(s.r.DataDirs[0]).plus(s.below(s.r.DataDirs[1])).of(laterDir, newDir, schemaDir, authDir, localDir)
			result := s.must()
			s.wants(s.held.of("shop").plus(s.kept(), others))
			left := s.everything()
			if left["commitlog/CommitLog-7-1.log"] == "" || left["hints/a-1-1.hints"] == "" || len(left.of("saved_caches")) > 0 {
				t.Errorf("left are %v", left.of("commitlog", "hints", "saved_caches"))
			}
			if len(result.Warnings) != 2 || !strings.Contains(result.Warnings[1], "shop.empty") || !strings.Contains(result.Warnings[0], "commitlog") {
				t.Errorf("the warnings are %q", result.Warnings)
			}
		})
	}
}

func TestARestoreInPlaceGoesOnAfterACrashAtAnyChange(t *testing.T) {
	t.Parallel()
	changes := 0
	s := everythingAsked(t)
	s.crashing(func(string) { changes++ })
	if changes < 100 {
		t.Fatalf("there are only %d changes to die before", changes)
	}
	all, data := s.everything(), s.found()
	for at := range changes {
		t.Run(strconv.Itoa(at), func(t *testing.T) {
			t.Parallel()
			crashAndGoOn(t, at, all, data)
		})
	}
}

func everythingAsked(t *testing.T) *stopped {
	t.Helper()
	s := used(t)
	s.r.System, s.r.UpdateYAML = true, true
	return s
}

// crashAndGoOn dies before one of the changes, and wants all to be there after
// another run.
func crashAndGoOn(t *testing.T, at int, all, data files) {
	t.Helper()
	s := everythingAsked(t)
	before := s.everything()
	last, replacing := "", false
	if !s.crashing(func(change string) {
		replacing = replacing || strings.HasPrefix(last, "writing")
		last = change
		if at--; at < 0 {
			panic(crash{})
		}
	}) {
		t.Fatal("it did not come so far")
	}
	if diff := cmp.Diff(before, s.everything()); diff != "" && !replacing {
		t.Fatalf("without a record it changed before %q (-before +after):\n%s", last, diff)
	}
	s.wantSSTables(data)
	if _, done, err := restore.Repeated(t.Context(), s, s.r); err != nil || done && (s.begun() || !cmp.Equal(data, s.found())) {
		t.Fatalf("after a crash before %q it is done: %t, %v", last, done, err)
	}
	if s.begun() {
		// Another backup that was made meanwhile is not what was begun.
		other := strings.Replace(tag, "1700000000000", "1800000000000", 1)
		s.commit(other, s.manifest(other, s.held.of("system", "system_schema", "system_auth"), emptyDir))
		s.r.Entities = []string{"shop"}
		s.refused(restore.ErrUnfinished, tag)
		s.r.Entities = nil
	}
	s.must()
	s.wants(data)
	if diff := cmp.Diff(all, s.everything()); diff != "" {
		t.Fatalf("after a crash before %q (-want +got):\n%s", last, diff)
	}
	if _, done, err := restore.Repeated(t.Context(), s, s.r); !done || err != nil {
		t.Errorf("in the end it is done: %t, %v", done, err)
	}
}

// crashing runs a restore until before panics.
func (s *stopped) crashing(before func(change string)) (died bool) {
	s.t.Helper()
	r := s.r
	defer func() {
		s.r = r
		switch v := recover(); v {
		case nil:
		case crash{}:
			died = true
		default:
			panic(v)
		}
	}()
	s.r = restore.WithBefore(r, before)
	s.must()
	return false
}

func (s *stopped) begun() bool {
	_, err := os.Stat(filepath.Join(s.r.DataDirs[0], ".icarus-in-place", "replacing.json"))
	return err == nil
}

// wantSSTables looks whether what a crash left are whole SSTables: where there is
// a Data.db of the backup, its other components are there, too.
func (s *stopped) wantSSTables(backup files) {
	s.t.Helper()
	for _, dir := range s.r.DataDirs {
		there := s.below(dir)
		for name := range there {
			base, isData := strings.CutSuffix(name, "-Data.db")
			if _, held := backup[name]; !isData || !held || strings.Contains(name, "/snapshots/") || strings.Contains(name, "/backups/") {
				continue
			}
			for component := range componentsOf("") {
				if _, ok := there[base+"-"+component]; !ok {
					s.t.Errorf("%s is there without its %s", name, component)
				}
			}
		}
	}
}

func TestADownloadThatBreaksChangesNothing(t *testing.T) {
	t.Parallel()
	gone := errors.New("gone")
	for at := 1; at <= 7; at++ { // the manifest, five components, one Data.db
		s := used(t)
		memory, n := s.bucket, 0
		faulty := storetest.NewFaulty(memory)
		s.r.Parallel = 1
		faulty.Before = func(_ context.Context, op storetest.Op, _ string) error {
			if op == storetest.Get {
				if n++; n == at {
					return gone
				}
			}
			return nil
		}
		s.bucket = faulty
		s.refused(gone)
		s.bucket = memory
		s.must()
		s.wants(s.held.of("shop").plus(s.kept(), files{}.sstable(localDir, "nb-6-big", "newer me"), s.held.of(schemaDir, authDir, localDir)))
	}
}

func TestWhatIsWrongInTheBucketChangesNothing(t *testing.T) {
	t.Parallel()
	s := used(t)
	s.object(s.prefix()+"data/"+ordersDir+"/2-1/nb-2-big-Data.db", "TWO")
	s.refused(store.ErrCorrupt, "nb-2-big-Data.db")
	if s.begun() {
		t.Error("there is a record")
	}
}

func TestRefusalsOfARestoreInPlace(t *testing.T) {
	t.Parallel()
	denied := errors.New("denied")
	cases := map[string]struct {
		change func(s *stopped)
		want   error
		names  []string
	}{
		"while Cassandra runs":          {func(s *stopped) { s.up = []bool{true} }, restore.ErrRunning, nil},
		"when it was started meanwhile": {func(s *stopped) { s.up = []bool{false, true} }, restore.ErrRunning, nil},
		"when nobody can tell":          {func(s *stopped) { s.err = denied }, denied, nil},
		"a tag that the bucket lacks":   {func(s *stopped) { s.r.SnapshotTag = "night" }, restore.ErrNoBackup, []string{"night"}},
		"another schema":                {func(s *stopped) { s.r.SchemaVersion = hostID }, restore.ErrNoBackup, nil},
		"another node":                  {func(s *stopped) { s.r.Location.NodeID = "other" }, restore.ErrNoBackup, []string{"other"}},
		"a bucket alone":                {func(s *stopped) { s.r.Location = store.Location{Provider: store.S3, Bucket: "b"} }, restore.ErrInvalid, nil},
		"a directory of nowhere":        {func(s *stopped) { s.r.DataDirs = []string{"data"} }, restore.ErrInvalid, nil},
		"no directory":                  {func(s *stopped) { s.r.DataDirs = nil }, restore.ErrInvalid, nil},
		"a directory in the other":      {func(s *stopped) { s.r.DataDirs[1] = s.r.DataDirs[0] + "/x" }, restore.ErrInvalid, nil},
		"a table that the backup lacks": {func(s *stopped) { s.r.Entities = []string{"shop.other"} }, restore.ErrNotInBackup, []string{"shop.other"}},
		"what a node knows of itself":   {func(s *stopped) { s.r.Entities = []string{"system.local"} }, restore.ErrInvalid, []string{"system.local"}},
		"a table with another id here":  {func(s *stopped) { s.r.Entities = []string{"shop"}; s.otherID() }, restore.ErrNoTable, []string{"shop.orders"}},
		"tokens of another number":      {func(s *stopped) { s.r.UpdateYAML = true; s.put("conf/cassandra.yaml", "num_tokens: 16\n") }, restore.ErrInvalid, []string{"num_tokens"}},
		"no cassandra.yaml":             {func(s *stopped) { s.r.UpdateYAML = true; s.r.ConfigDir = s.dir + "/x" }, os.ErrNotExist, nil},
		"a cassandra.yaml without end":  {func(s *stopped) { s.r.UpdateYAML = true; s.put("conf/cassandra.yaml", strings.Repeat("#\n", 33<<20)) }, restore.ErrInvalid, []string{"bytes"}},
		"a cassandra.yaml that is none": {func(s *stopped) { s.put("conf/cassandra.yaml", "a: [b\n") }, restore.ErrInvalid, nil},
		"too little room":               {func(s *stopped) { s.r = restore.WithRoom(s.r, 10) }, transfer.ErrNoSpace, nil},
		"a directory not to be emptied": {func(s *stopped) { s.r.Allow = func(string) error { return denied } }, denied, nil},
		"logs among the data":           {func(s *stopped) { s.put("conf/cassandra.yaml", "commitlog_directory: "+s.logsInData()) }, restore.ErrInvalid, nil},
		"the system's data elsewhere": {func(s *stopped) {
			s.r.NewCluster = true
			s.put("conf/cassandra.yaml", "local_system_data_file_directory: "+s.dir+"/conf")
		}, restore.ErrInvalid, nil},
		"a schema that the backup lacks":   {func(s *stopped) { s.r.NewCluster = true; s.only("shop") }, restore.ErrNotInBackup, []string{"system_schema"}},
		"roles that the backup lacks":      {func(s *stopped) { s.r.SystemAuth = true; s.only("shop") }, restore.ErrNotInBackup, []string{"system_auth"}},
		"a host without a topology":        {func(s *stopped) { s.r.ResolveHost = true }, restore.ErrNoBackup, nil},
		"a table that is a link":           {func(s *stopped) { s.link("data1/" + ordersDir) }, restore.ErrInvalid, []string{"symbolic link"}},
		"a keyspace that is a link":        {func(s *stopped) { s.link("data1/shop") }, restore.ErrInvalid, []string{"symbolic link"}},
		"a table beside it that is a link": {func(s *stopped) { s.link("data0/" + laterDir) }, restore.ErrInvalid, []string{"symbolic link"}},
		"a key that climbs":                {func(s *stopped) { s.climb("data/shop/orders-00000000000000000000000000000001/1-1/../../x-Data.db") }, manifest.ErrCorrupt, nil},
		"a key with a name that climbs":    {func(s *stopped) { s.climb("data/../orders-00000000000000000000000000000001/1-1/nb-1-big-Data.db") }, manifest.ErrCorrupt, nil},
		"an SSTable without its Data.db":   {func(s *stopped) { s.climb("data/shop/orders-00000000000000000000000000000001/1-1/nb-1-big-Index.db") }, manifest.ErrCorrupt, nil},
		"a tag that is none":               {func(s *stopped) { s.r.SnapshotTag = "../x" }, restore.ErrInvalid, nil},
		"an unfinished one of another node": {func(s *stopped) {
			s.record(`{"version":1,"location":"s3://bucket/c/dc1/x","nodeId":"x","snapshotTag":"x"}`)
		}, restore.ErrUnfinished, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStopped(t)
			s.lay("data0", files{}.sstable(laterDir, "nb-1-big", "later"))
			c.change(s)
			s.refused(c.want, c.names...)
		})
	}
}

func (s *stopped) otherID() {
	s.lay("data0", files{}.sstable("shop/orders-0000000000000000000000000000000f", "nb-1-big", "of another"))
}

func (s *stopped) logsInData() string {
	s.put("data0/logs/CommitLog-7-1.log", "writes")
	return filepath.Join(s.r.DataDirs[0], "logs")
}

// only leaves in the backup what is of a keyspace.
func (s *stopped) only(keyspace string) {
	s.commit(tag, s.manifest(tag, s.held.of(keyspace), emptyDir))
}

func (s *stopped) link(name string) {
	path := filepath.Join(s.dir, name)
	s.noError(errors.Join(os.RemoveAll(path), os.MkdirAll(filepath.Dir(path), 0o755), os.Symlink(s.t.TempDir(), path)))
}

// climb has a manifest of one file.
func (s *stopped) climb(key string) {
	s.object(s.prefix()+manifest.ManifestKey(tag), fmt.Sprintf(`{"snapshot":{"name":%q,"keyspaces":{"shop":{"tables":{"orders":{
		"id":"00000000000000000000000000000001","sstables":{"nb-1-big":[{"objectKey":%q,"type":"FILE","size":1}]}}}}}},"tokens":["1"]}`, tag, key))
}

func (s *stopped) record(body string) { s.put("data1/.icarus-in-place/replacing.json", body) }

func TestAHostIsFoundInTheTopology(t *testing.T) {
	t.Parallel()
	s := newStopped(t)
	topology := func(tag, nodeID string) {
		s.object(manifest.TopologyKey(tag), fmt.Sprintf(`{"topology":[{"hostname":"cassandra-0.svc","nodeId":%q},{"hostname":"cassandra-01.svc","nodeId":"x"}]}`, nodeID))
	}
	topology(tag, hostID)
	// A backup that was removed has left its topology.
	topology(strings.Replace(tag, "1700000000000", "1800000000000", 1), "another")
	s.r.Location.NodeID, s.r.ResolveHost = "cassandra-0", true
	if result := s.must(); result.SnapshotTag != tag {
		t.Errorf("it restored %s", result.SnapshotTag)
	}
	s.wants(s.held.of("shop"))
	s.r.Location.NodeID = "cassandra-2"
	s.refused(restore.ErrNoBackup, "cassandra-2")
}

func TestResolveHost(t *testing.T) {
	t.Parallel()
	type node struct {
		Hostname string `json:"hostname"`
		NodeID   string `json:"nodeId"`
	}
	ring := []node{{"db-1.svc.local", "id-1"}, {"db-10.svc.local", "id-10"}, {"db-2", "id-2"}, {"twin.a", "id-3"}, {"twin.b", "id-4"}, {"bad", "../x"}}
	body, err := json.Marshal(map[string]any{"topology": ring})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		node, id string
		err      error
	}{
		"up to a dot":         {"db-1", "id-1", nil},
		"whole":               {"db-10.svc.local", "id-10", nil},
		"without a dot":       {"db-2", "id-2", nil},
		"by its id":           {"id-4", "id-4", nil},
		"the begin of a name": {"db", "", restore.ErrNoBackup},
		"nobody":              {"db-3", "", restore.ErrNoBackup},
		"two":                 {"twin", "", restore.ErrInvalid},
		"an id that climbs":   {"bad", "", manifest.ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if id, err := restore.ResolveHost(body, c.node); id != c.id || !errors.Is(err, c.err) {
				t.Errorf("%q, %v", id, err)
			}
		})
	}
	if _, err := restore.ResolveHost([]byte("{"), "db-1"); !errors.Is(err, manifest.ErrCorrupt) {
		t.Error(err)
	}
}

func TestCassandrasUserOwnsWhatIsRestoredInPlace(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	const uid, gid = 999, 998
	s := used(t)
	s.noError(os.RemoveAll(s.r.DataDirs[0])) // made anew, for the owner of what it is in
	s.r.UpdateYAML = true
	s.noError(filepath.WalkDir(s.dir, func(path string, _ os.DirEntry, err error) error { return errors.Join(err, os.Lchown(path, uid, gid)) }))
	s.noError(os.Chmod(filepath.Join(s.dir, "conf", "cassandra.yaml"), 0o640))
	s.must()
	for _, dir := range append([]string{filepath.Join(s.dir, "conf")}, s.r.DataDirs...) {
		wantOwner(t, dir, uid, gid)
	}
	info, err := os.Stat(filepath.Join(s.dir, "conf", "cassandra.yaml"))
	s.noError(err)
	if stat, ok := info.Sys().(*syscall.Stat_t); info.Mode().Perm() != 0o640 || !ok || stat.Uid != uid {
		t.Errorf("cassandra.yaml has mode %s", info.Mode())
	}
}

func TestACancelledRestoreInPlaceChangesNothingMore(t *testing.T) {
	t.Parallel()
	s := used(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var after files
	r := restore.WithBefore(s.r, func(change string) {
		if strings.HasPrefix(change, "moving in") && after == nil {
			cancel()
			after = s.found()
		}
	})
	_, err := restore.InPlace(ctx, s, s.bucket, r, nil)
	if !errors.Is(err, context.Canceled) || !s.begun() {
		t.Fatalf("%v, begun: %t", err, s.begun())
	}
	if now := s.found(); len(now)-len(after) > 1 { // the change that was about to be made
		t.Errorf("there were %d files, and are %d", len(after), len(now))
	}
	s.must()
	s.wants(s.held.of("shop").plus(s.kept(), s.held.of(schemaDir, authDir, localDir), files{}.sstable(localDir, "nb-6-big", "newer me")))
}

func TestDirectoriesOfCassandraYamlAreEmptied(t *testing.T) {
	t.Parallel()
	s := newStopped(t)
	logs := filepath.Join(s.dir, "elsewhere", "logs")
	s.put("elsewhere/logs/CommitLog-7-9.log", "writes")
	s.put("conf/cassandra.yaml", "commitlog_directory: "+logs+"\ndata_file_directories: [/other]\n")
	var asked []string
	s.r.Allow = func(dir string) error { asked = append(asked, dir); return nil }
	result := s.must()
	if left := s.below(logs); len(left) > 0 || len(asked) != 4 {
		t.Errorf("left are %v, asked for were %v", left, asked)
	}
	if len(result.Warnings) != 2 || !strings.Contains(result.Warnings[0], "/other") {
		t.Errorf("the warnings are %q", result.Warnings)
	}
}
