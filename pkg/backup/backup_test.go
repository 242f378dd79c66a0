package backup_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/backup"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
)

func sum(body []byte) string {
	s := sha256.Sum256(body)
	return hex.EncodeToString(s[:])
}

var _ backup.Node = (*cassandra.Node)(nil)

func TestTheFirstBackupHoldsEverything(t *testing.T) {
	t.Parallel()
	n, t1 := small(t)
	b := storetest.NewMemory()
	var progress []backup.Progress
	result, err := backup.Run(t.Context(), n, b, request(1), func(p backup.Progress) { progress = append(progress, p) })
	noError(t, err)
	m := checkCommitted(t, n, b, tag(1))

	want := backup.Result{Tag: tag(1), SchemaVersion: schemaVersion, ManifestKey: "manifests/" + tag(1) + ".json", Tables: 3}
	want.Counts.FilesTotal, want.Counts.FilesDone = smallFiles, smallFiles
	want.Counts.BytesTotal, want.Counts.BytesDone = m.Size, m.Size
	if diff := cmp.Diff(want, result); diff != "" {
		t.Error(diff)
	}
	var phases []backup.Phase
	for _, p := range progress {
		phases = append(phases, p.Phase)
	}
	if diff := cmp.Diff([]backup.Phase{"TABLES", "SNAPSHOT", "HASH", "UPLOAD", "COMMIT"}, slices.Compact(phases)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want.Counts, progress[len(progress)-1].Counts); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"-5", "7"}, m.Tokens); diff != "" {
		t.Error(diff)
	}
	table, _ := m.Table("ks1", "t1")
	if table.ID != t1.ID || table.SchemaContent != "CREATE TABLE ks1.t1" || m.SchemaVersion != schemaVersion {
		t.Errorf("the manifest has %+v, %s", table, m.SchemaVersion)
	}
	dir := "data/ks1/t1-" + t1.ID + "/"
	for _, key := range []string{"1-12345/nb-1-big-Data.db", "2-12345/nb-2-big-TOC.txt", ".t1idx/1-12345/nb-1-big-Statistics.db"} {
		if !slices.Contains(keys(t, b, dir), dir+key) {
			t.Errorf("%s is not there", dir+key)
		}
	}
	if got := len(table.SSTables["nb-1-big"]); got != 8 {
		t.Errorf("the table's SSTable and the index's have %d entries together", got)
	}
}

func TestABackupOfTheSameUploadsNothing(t *testing.T) {
	t.Parallel()
	n, _ := small(t)
	b := storetest.NewFaulty(storetest.Files(t))
	first := run(t, n, b, request(1))
	puts := b.Calls(storetest.Put)
	second := run(t, n, b, request(2))
	if got := b.Calls(storetest.Put); got != puts {
		t.Errorf("%d files were offered again", got-puts)
	}
	want := first.Counts
	want.FilesReused, want.BytesReused = want.FilesTotal, want.BytesTotal
	if diff := cmp.Diff(want, second.Counts); diff != "" {
		t.Error(diff)
	}
}

func TestOnlyWhatIsNewIsUploaded(t *testing.T) {
	t.Parallel()
	n, t1 := small(t)
	b := storetest.NewMemory()
	run(t, n, b, request(1))
	n.sstable(t1.DataPaths[0], "nb-3-big", "three")
	result := run(t, n, b, request(2))
	if result.Counts.FilesTotal != smallFiles+4 || result.Counts.FilesReused != smallFiles {
		t.Errorf("it counted %+v", result.Counts)
	}
}

func TestARewrittenStatisticsGetsAKeyOfItsOwn(t *testing.T) {
	t.Parallel()
	n, t1 := small(t)
	b := storetest.NewMemory()
	run(t, n, b, request(1))
	key := "data/ks1/t1-" + t1.ID + "/1-12345/nb-1-big-Statistics.db"
	former := get(t, b, key)

	rewritten := strings.ToUpper(string(former)) // of the same size
	n.component(t1.DataPaths[0], "nb-1-big-Statistics.db", rewritten)
	for number := range int64(2) { // the second one reuses it
		run(t, n, b, request(2+number))
		m := checkCommitted(t, n, b, tag(2+number))
		own := "data/ks1/t1-" + t1.ID + "/1-12345-" + sum([]byte(rewritten))[:16] + "/nb-1-big-Statistics.db"
		if !slices.Contains(entries(m, "ks1", "t1"), own) || slices.Contains(entries(m, "ks1", "t1"), key) {
			t.Errorf("the manifest names %v", entries(m, "ks1", "t1"))
		}
	}
	if string(get(t, b, key)) != string(former) {
		t.Error("the former one was overwritten")
	}
	checkCommitted(t, n, b, tag(1))

	// And back again: the first object serves.
	n.component(t1.DataPaths[0], "nb-1-big-Statistics.db", string(former))
	if got := run(t, n, b, request(9)).Counts; got.FilesReused != smallFiles {
		t.Errorf("it counted %+v", got)
	}
}

func entries(m *manifest.Manifest, keyspace, table string) []string {
	t, _ := m.Table(keyspace, table)
	var list []string
	for e := range t.Entries() {
		list = append(list, e.ObjectKey)
	}
	return list
}

func TestAnObjectThatIsMissingIsPutBack(t *testing.T) {
	t.Parallel()
	n, t1 := small(t)
	b := storetest.Files(t)
	run(t, n, b, request(1))
	key := "data/ks1/t1-" + t1.ID + "/1-12345/nb-1-big-Data.db"
	noError(t, b.Delete(t.Context(), key))
	if got := run(t, n, b, request(2)).Counts; got.FilesReused != smallFiles-1 {
		t.Errorf("it counted %+v", got)
	}
	checkCommitted(t, n, b, tag(1))
}

func TestWhatNobodyVouchesForIsReadBeforeItIsReused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		there    string
		distinct bool
	}{
		"the same":                   {"one", false},
		"other bytes, the same size": {"ONE", true},
		"cut off":                    {"on", true},
		"nothing at all":             {"", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, t1 := small(t)
			b := storetest.NewMemory()
			key := "data/ks1/t1-" + t1.ID + "/1-12345/nb-1-big-Data.db"
			put(t, b, key, tc.there)
			result := run(t, n, b, request(1))
			if string(get(t, b, key)) != tc.there {
				t.Error("it was overwritten")
			}
			uses := slices.Contains(entries(checkCommitted(t, n, b, tag(1)), "ks1", "t1"), key)
			if uses == tc.distinct || (result.Counts.FilesReused == 1) == tc.distinct {
				t.Errorf("it is used: %v; counted: %+v", uses, result.Counts)
			}
		})
	}
	t.Run("both keys are taken by other bytes", func(t *testing.T) {
		t.Parallel()
		n, t1 := small(t)
		b := storetest.NewMemory()
		key := manifest.DataKey{Keyspace: "ks1", Table: "t1", TableID: t1.ID, Dir: "1-12345", File: "nb-1-big-Data.db"}
		put(t, b, key.String(), "ONE")
		put(t, b, key.Distinct(sum([]byte("one"))).String(), "1")
		_, err := backup.Run(t.Context(), n, b, request(1), nil)
		if !errors.Is(err, store.ErrExists) || !strings.Contains(err.Error(), "nb-1-big-Data.db") {
			t.Errorf("the error is %v", err)
		}
		checkNone(t, n, b, tag(1))
	})
}

func TestAManifestThatCannotBeReadIsNoReasonToReuseOrToFail(t *testing.T) {
	t.Parallel()
	n, _ := small(t)
	b := storetest.NewMemory()
	run(t, n, b, request(1))
	noError(t, b.Replace(t.Context(), manifest.ManifestKey(tag(1)), []byte(`{"snapshot": `)))
	result, err := backup.Run(t.Context(), n, b, request(2), nil)
	noError(t, err)
	if len(result.Warnings) != 1 || !strings.Contains(result.Warnings[0], manifest.ManifestKey(tag(1))) {
		t.Errorf("the warnings are %v", result.Warnings)
	}
	if result.Counts.FilesReused != smallFiles { // each of them compared
		t.Errorf("it counted %+v", result.Counts)
	}
}

// A manifest may lie: an object is trusted only if name, hash and size agree.
func TestAManifestOfAnotherTableIDIsNoReasonToReuse(t *testing.T) {
	t.Parallel()
	n, t1 := small(t)
	b := storetest.NewMemory()
	run(t, n, b, request(1))
	// The table was dropped and made anew, and has the same files again.
	n.tables[0].ID = strings.Repeat("a", 32)
	n.tables[0].DataPaths = []string{filepath.Join(n.dirs[0], "ks1", "t1-"+n.tables[0].ID)}
	n.sstable(n.tables[0].DataPaths[0], "nb-1-big", "one")
	noError(t, os.RemoveAll(t1.DataPaths[0]))
	run(t, n, b, request(2))
	for _, key := range entries(checkCommitted(t, n, b, tag(2)), "ks1", "t1") {
		if !strings.HasPrefix(key, "data/ks1/t1-"+n.tables[0].ID+"/") {
			t.Errorf("%s is of another table", key)
		}
	}
}

func TestEntitiesAreWhatIsBackedUp(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		keyspaces, tables []string
		want              []string
		err               error
	}{
		"nothing is everything":   {want: []string{"ks1.t1", "ks1.t2", "system.local"}},
		"a keyspace":              {keyspaces: []string{"ks1", "ks1"}, want: []string{"ks1.t1", "ks1.t2"}},
		"with an empty keyspace":  {keyspaces: []string{"ks1", "bare"}, want: []string{"ks1.t1", "ks1.t2"}},
		"an empty keyspace only":  {keyspaces: []string{"bare"}, err: backup.ErrInvalid},
		"tables":                  {tables: []string{"ks1.t2", "system.local", "ks1.t2"}, want: []string{"ks1.t2", "system.local"}},
		"an unknown keyspace":     {keyspaces: []string{"ks1", "nope"}, err: cassandra.ErrUnknownKeyspace},
		"an unknown table":        {tables: []string{"ks1.t1", "ks1.nope"}, err: cassandra.ErrUnknownTable},
		"a table of no keyspace":  {tables: []string{"nope.t1"}, err: cassandra.ErrUnknownKeyspace},
		"a table without a name":  {tables: []string{"ks1."}, err: backup.ErrInvalid},
		"keyspaces and tables":    {keyspaces: []string{"ks1"}, tables: []string{"ks1.t1"}, err: backup.ErrInvalid},
		"a table without a point": {tables: []string{"ks1"}, err: backup.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, _ := small(t)
			b := storetest.NewFaulty(storetest.NewMemory())
			n.snapshotting = func(string) error {
				if tc.err != nil {
					t.Error("a snapshot was taken")
				}
				return nil
			}
			r := request(1)
			r.Keyspaces, r.Tables = tc.keyspaces, tc.tables
			_, err := backup.Run(t.Context(), n, b, r, nil)
			if tc.err != nil {
				if !errors.Is(err, tc.err) || b.Calls(storetest.Create)+b.Calls(storetest.Put) > 0 {
					t.Errorf("the error is %v, and %v was written", err, keys(t, b, ""))
				}
				return
			}
			noError(t, err)
			if diff := cmp.Diff(tc.want, checkCommitted(t, n, b, tag(1)).TableNames()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRequestsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(r *backup.Request){
		"no tag":              func(r *backup.Request) { r.Tag = "" },
		"a tag that climbs":   func(r *backup.Request) { r.Tag = "../x" },
		"no owner":            func(r *backup.Request) { r.Owner = "" },
		"a negative rate":     func(r *backup.Request) { r.BytesPerSecond = -1 },
		"a negative duration": func(r *backup.Request) { r.Duration = -1 },
		"a negative parallel": func(r *backup.Request) { r.Parallel = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, _ := small(t)
			r := request(1)
			spoil(&r)
			if _, err := backup.Run(t.Context(), n, storetest.NewMemory(), r, nil); !errors.Is(err, backup.ErrInvalid) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestAnEmptyTableIsInTheBackup(t *testing.T) {
	t.Parallel()
	n, _ := small(t)
	n.table("ks1.empty")
	b := storetest.NewMemory()
	run(t, n, b, request(1))
	table, there := checkCommitted(t, n, b, tag(1)).Table("ks1", "empty")
	if !there || len(table.SSTables) != 0 || table.SchemaContent != "CREATE TABLE ks1.empty" {
		t.Errorf("it is there: %v, with %+v", there, table)
	}
	if !strings.Contains(string(get(t, b, manifest.ManifestKey(tag(1)))), `"sstables": {}`) {
		t.Error("the manifest has another form for it")
	}
}

func TestSeveralDataDirectoriesMakeOneTable(t *testing.T) {
	t.Parallel()
	n := newNode(t, 3)
	table := n.table("ks1.t1")
	n.sstable(table.DataPaths[0], "nb-1-big", "one")
	n.sstable(table.DataPaths[2], "nb-2-big", "two")
	b := storetest.NewMemory()
	run(t, n, b, request(1))
	if got := len(entries(checkCommitted(t, n, b, tag(1)), "ks1", "t1")); got != 8 {
		t.Errorf("it has %d files", got)
	}

	t.Run("which a request may name by other paths", func(t *testing.T) {
		seen := filepath.Join(t.TempDir(), "mount")
		noError(t, os.Mkdir(seen, 0o700))
		r := request(2)
		for i, dir := range n.dirs {
			link := filepath.Join(seen, fmt.Sprint(i))
			noError(t, os.Symlink(dir, link))
			r.DataDirs = append(r.DataDirs, link)
		}
		if got := run(t, n, b, r).Counts; got.FilesReused != 8 {
			t.Errorf("it counted %+v", got)
		}
	})
	for name, dirs := range map[string][]string{
		"but not leave out the one with the list": n.dirs[1:],
		"nor one without":                         n.dirs[:2],
		"nor name them wrong":                     {"/nonexistent"},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(3)
			r.DataDirs = dirs
			if _, err := backup.Run(t.Context(), n, b, r, nil); !errors.Is(err, backup.ErrIncomplete) || !strings.Contains(err.Error(), "ks1.t1") {
				t.Errorf("the error is %v", err)
			}
			checkNone(t, n, b, tag(3))
		})
	}

	t.Run("in which a name must not repeat", func(t *testing.T) {
		n.sstable(table.DataPaths[1], "nb-1-big", "another one")
		if _, err := backup.Run(t.Context(), n, b, request(4), nil); !errors.Is(err, backup.ErrIncomplete) {
			t.Errorf("the error is %v", err)
		}
		checkNone(t, n, b, tag(4))
	})
}

func TestASnapshotThatLacksSomethingIsAnError(t *testing.T) {
	t.Parallel()
	for name, remove := range map[string]string{
		"a table":         "",
		"a data file":     "nb-2-big-Data.db",
		"a component":     "nb-2-big-Statistics.db",
		"a whole SSTable": "nb-2-big-*",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, t1 := small(t)
			n.snapshotting = func(tag string) error {
				dir := filepath.Join(t1.DataPaths[0], "snapshots", tag)
				if remove == "" {
					return os.RemoveAll(dir)
				}
				files, err := filepath.Glob(filepath.Join(dir, remove))
				noError(t, err)
				for _, f := range files {
					noError(t, os.Remove(f))
				}
				return nil
			}
			b := storetest.NewMemory()
			_, err := backup.Run(t.Context(), n, b, request(1), nil)
			if err == nil || !strings.Contains(err.Error(), "ks1.t1") {
				t.Errorf("the error is %v", err)
			}
			checkNone(t, n, b, tag(1))
			if left := keys(t, b, ""); left != nil {
				t.Errorf("the bucket has %v", left)
			}
		})
	}
}

func TestTablesThatComeAndGoDuringTheSnapshot(t *testing.T) {
	t.Parallel()
	n, _ := small(t)
	n.snapshotting = func(string) error {
		// n is locked: the first table goes, and another one comes.
		n.tables = append(slices.Clone(n.tables[1:]), cassandra.Table{
			Keyspace: "ks1", Name: "late", ID: strings.Repeat("b", 32), DataPaths: []string{t.TempDir()},
		})
		return nil
	}
	b := storetest.NewMemory()
	run(t, n, b, request(1))
	if diff := cmp.Diff([]string{"ks1.t2", "system.local"}, checkCommitted(t, n, b, tag(1)).TableNames()); diff != "" {
		t.Error(diff)
	}
}

func TestASnapshotOfSomebodyElseIsLeftAlone(t *testing.T) {
	t.Parallel()
	n, _ := small(t)
	noError(t, n.Snapshot(t.Context(), tag(1), nil))
	b := storetest.NewMemory()
	if _, err := backup.Run(t.Context(), n, b, request(1), nil); !errors.Is(err, cassandra.ErrSnapshotExists) {
		t.Errorf("the error is %v", err)
	}
	if len(n.snapshots(tag(1))) != 3 {
		t.Error("it was cleared")
	}
	if left := keys(t, b, ""); left != nil {
		t.Errorf("the bucket has %v", left)
	}
}

func TestTheManifestHasTheFormOfTheOriginal(t *testing.T) {
	t.Parallel()
	n := newNode(t, 1)
	t1 := n.table("ks1.t1")
	n.component(t1.DataPaths[0], "nb-1-big-Data.db", "data")
	n.component(t1.DataPaths[0], "nb-1-big-Digest.crc32", "2603539308")
	n.component(filepath.Join(t1.DataPaths[0], ".t1idx"), "nb-1-big-Data.db", "index")
	n.component(filepath.Join(t1.DataPaths[0], ".t1idx"), "nb-1-big-Digest.crc32", "1252791436")
	n.table("system.empty")
	b := storetest.NewMemory()
	run(t, n, b, request(1795409334496))
	golden := filepath.Join("testdata", "manifest.json")
	got := get(t, b, manifest.ManifestKey(tag(1795409334496)))
	if os.Getenv("UPDATE_GOLDEN") != "" {
		noError(t, os.WriteFile(golden, got, 0o600))
	}
	want, err := os.ReadFile(golden)
	noError(t, err)
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestCancelledBeforeItBegins(t *testing.T) {
	t.Parallel()
	n, _ := small(t)
	b := storetest.NewMemory()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := backup.Run(ctx, n, b, request(1), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	checkNone(t, n, b, tag(1))
}
