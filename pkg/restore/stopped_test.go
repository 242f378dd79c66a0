package restore_test

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/restore"
	"github.com/icarus-sidecar/icarus/pkg/sstable"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
)

// The directories of the tables of a stopped node.
const (
	ordersDir = "shop/orders-00000000000000000000000000000001"
	emptyDir  = "shop/empty-00000000000000000000000000000002"
	laterDir  = "shop/later-00000000000000000000000000000009"
	newDir    = "newer/things-0000000000000000000000000000000a"
	schemaDir = "system_schema/tables-00000000000000000000000000000003"
	authDir   = "system_auth/roles-00000000000000000000000000000004"
	localDir  = "system/local-00000000000000000000000000000005"
)

const yamlBefore = "# Ours.\ncluster_name: 'shop' # the name\nnum_tokens: 2\n\nseed_provider:\n    - class_name: x\n# The end.\n"

// files are what lies in data directories, by paths in them.
type files map[string]string

// sstable adds one whose components hold text.
func (f files) sstable(dir, base, text string) files {
	for component, body := range componentsOf(text) {
		f[dir+"/"+base+"-"+component] = body
	}
	return f
}

// of are the files below some directories.
func (f files) of(dirs ...string) files {
	found := files{}
	for name, body := range f {
		for _, dir := range dirs {
			if strings.HasPrefix(name, dir+"/") {
				found[name] = body
			}
		}
	}
	return found
}

func (f files) plus(others ...files) files {
	all := maps.Clone(f)
	for _, other := range others {
		maps.Copy(all, other)
	}
	return all
}

// stopped is a node that is stopped, with its part of a bucket.
type stopped struct {
	t      *testing.T
	dir    string
	held   files // in the backup
	bucket store.Bucket
	r      restore.InPlaceRequest
	// up is what the probe answers to each question, false after that.
	up  []bool
	err error
}

func (s *stopped) Up(context.Context) (bool, error) {
	if len(s.up) == 0 {
		return false, s.err
	}
	up := s.up[0]
	s.up = s.up[1:]
	return up, s.err
}

// newStopped has the backup of a whole node in the bucket, and nothing on its two
// disks.
func newStopped(t *testing.T) *stopped {
	t.Helper()
	dir := t.TempDir()
	s := &stopped{t: t, dir: dir, bucket: storetest.NewMemory(), held: files{}}
	s.held.sstable(ordersDir, "nb-1-big", "one").sstable(ordersDir, "nb-2-big", "two").sstable(ordersDir, "nb-3-big", "three")
	s.held.sstable(ordersDir+"/.by_name", "nb-1-big", "names")
	s.held.sstable(schemaDir, "nb-1-big", "create shop").sstable(schemaDir, "nb-2-big", "create more")
	s.held.sstable(authDir, "nb-7-big", "admin").sstable(localDir, "nb-4-big", "me").sstable(localDir, "nb-5-big", "my tokens")
	s.r = restore.InPlaceRequest{
		SnapshotTag: "nightly", Location: store.Location{Provider: store.S3, Bucket: "bucket"}.WithNode("c", "dc1", hostID),
		DataDirs:     []string{filepath.Join(dir, "data0"), filepath.Join(dir, "data1")},
		CassandraDir: dir, ConfigDir: filepath.Join(dir, "conf"),
	}
	s.commit(tag, s.manifest(tag, s.held, emptyDir))
	s.put("conf/cassandra.yaml", yamlBefore)
	s.put("commitlog/CommitLog-7-1.log", "later writes")
	s.put("commitlog/archive/CommitLog-7-0.log", "kept")
	s.put("hints/a-1-1.hints", "a hint")
	s.put("saved_caches/KeyCache-e.db", "a cache")
	return s
}

// manifest is of files and of tables without any, whose objects it puts into the
// bucket.
func (s *stopped) manifest(tag string, held files, empty ...string) *manifest.Manifest {
	s.t.Helper()
	m := &manifest.Manifest{Tokens: []string{"-5", "17"}, SchemaVersion: schemaVersion, Snapshot: manifest.Snapshot{Name: tag}}
	tables := map[manifest.TableName]manifest.Table{}
	of := func(dir string) (manifest.TableName, manifest.Table) {
		keyspace, rest, _ := strings.Cut(dir, "/")
		table, id, _ := strings.Cut(rest, "-")
		name := manifest.TableName{Keyspace: keyspace, Table: table}
		if t, ok := tables[name]; ok {
			return name, t
		}
		return name, manifest.Table{ID: id, SSTables: map[string][]manifest.Entry{}}
	}
	for path, body := range held {
		parts := strings.Split(path, "/")
		name, t := of(parts[0] + "/" + parts[1])
		file, _ := sstable.ParseName(parts[len(parts)-1])
		key := manifest.DataKey{Keyspace: name.Keyspace, Table: name.Table, TableID: t.ID, Dir: file.Generation + "-1", File: parts[len(parts)-1]}
		if len(parts) == 4 {
			key.Index = parts[2]
		}
		e := entry(key.String(), []byte(body))
		s.object(s.prefix()+e.ObjectKey, body)
		t.SSTables[file.Base] = append(t.SSTables[file.Base], e)
		tables[name] = t
	}
	for _, dir := range empty {
		name, t := of(dir)
		tables[name] = t
	}
	for name, t := range tables {
		m.Add(name, t)
	}
	return m
}

func (s *stopped) prefix() string { return s.r.Location.NodePrefix() }

func (s *stopped) commit(tag string, m *manifest.Manifest) {
	s.t.Helper()
	body, err := m.Encode()
	s.noError(err)
	s.object(s.prefix()+manifest.ManifestKey(tag), string(body))
}

func (s *stopped) object(key, body string) {
	s.t.Helper()
	s.noError(s.bucket.Replace(s.t.Context(), key, []byte(body)))
}

func (s *stopped) noError(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// put writes a file of the node.
func (s *stopped) put(name, body string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	s.noError(errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(body), 0o644)))
}

// lay puts files into a data directory.
func (s *stopped) lay(dataDir string, fs files) {
	s.t.Helper()
	for name, body := range fs {
		s.put(dataDir+"/"+name, body)
	}
}

// found are all files in the data directories; one that is in both is an error.
func (s *stopped) found() files {
	s.t.Helper()
	all := files{}
	for _, dir := range s.r.DataDirs {
		for name, body := range s.below(dir) {
			if _, twice := all[name]; twice {
				s.t.Errorf("%s is in both data directories", name)
			}
			all[name] = body
		}
	}
	return all
}

// below are the files in a directory but those that are staged, and what tells that
// a restore is done.
func (s *stopped) below(dir string) files {
	s.t.Helper()
	found := files{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case e.Name() == ".icarus-in-place":
			return fs.SkipDir
		case e.IsDir(), e.Name() == "icarus-restored.json":
			return nil
		case e.Type()&fs.ModeSymlink != 0:
			found[strings.TrimPrefix(path, dir+"/")] = "a link"
			return nil
		}
		body, err := os.ReadFile(path)
		found[strings.TrimPrefix(path, dir+"/")] = string(body)
		return err
	})
	s.noError(err)
	return found
}

func (s *stopped) run() (restore.Result, error) {
	s.t.Helper()
	return restore.InPlace(s.t.Context(), s, s.bucket, s.r, nil)
}

func (s *stopped) must() restore.Result {
	s.t.Helper()
	result, err := s.run()
	s.noError(err)
	return result
}

// refused runs a restore that fails in a known way and changes nothing.
func (s *stopped) refused(want error, names ...string) {
	s.t.Helper()
	before := s.everything()
	_, err := s.run()
	if !errors.Is(err, want) {
		s.t.Fatalf("got error %v, want %v", err, want)
	}
	for _, name := range names {
		if !strings.Contains(err.Error(), name) {
			s.t.Errorf("error %q does not name %q", err, name)
		}
	}
	if diff := cmp.Diff(before, s.everything()); diff != "" {
		s.t.Errorf("it changed what is there (-before +after):\n%s", diff)
	}
}

// everything of the node, but what is staged.
func (s *stopped) everything() files { s.t.Helper(); return s.below(s.dir) }

func (s *stopped) wants(want files) {
	s.t.Helper()
	if diff := cmp.Diff(want, s.found()); diff != "" {
		s.t.Errorf("the data directories (-want +got):\n%s", diff)
	}
	for _, dir := range s.r.DataDirs {
		if _, err := os.Lstat(filepath.Join(dir, ".icarus-in-place")); !errors.Is(err, fs.ErrNotExist) {
			s.t.Errorf("what was staged in %s is left: %v", dir, err)
		}
	}
}
