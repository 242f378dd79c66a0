package restore_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/restore"
)

const doneFile = "icarus-restored.json"

// repeated asks whether the restore is done, which changes nothing of the data.
func (s *stopped) repeated() (restore.Result, bool, error) {
	s.t.Helper()
	before := s.found()
	result, done, err := restore.Repeated(s.t.Context(), s, s.r)
	if diff := cmp.Diff(before, s.found()); diff != "" {
		s.t.Errorf("it changed what is there (-before +after):\n%s", diff)
	}
	return result, done, err
}

func TestARestoreThatIsDoneIsKnown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(s *stopped)
		done   bool
	}{
		"the same request":                    {func(*stopped) {}, true},
		"with the tag's whole name":           {func(s *stopped) { s.r.SnapshotTag = tag }, true},
		"although a newer backup has come":    {func(s *stopped) { s.commit(newer, s.manifest(newer, s.held, emptyDir)) }, true},
		"although its backup is gone":         {func(s *stopped) { s.bucket = nil }, true},
		"although a table has more data":      {func(s *stopped) { s.lay("data1", files{}.sstable(ordersDir, "nb-9-big", "nine")) }, true},
		"although a table is gone":            {func(s *stopped) { s.loses(schemaDir) }, true},
		"of another backup":                   {func(s *stopped) { s.r.SnapshotTag = "weekly" }, false},
		"of more tables":                      {func(s *stopped) { s.r.SystemAuth = true }, false},
		"of another node":                     {func(s *stopped) { s.r.Location.NodeID = "other" }, false},
		"where all that was restored is gone": {func(s *stopped) { s.loses(schemaDir); s.loses(ordersDir) }, false},
		"where a disk was changed":            {func(s *stopped) { s.noError(os.RemoveAll(s.r.DataDirs[1])) }, false},
		"where a disk was emptied":            {func(s *stopped) { s.noError(os.Remove(filepath.Join(s.r.DataDirs[0], doneFile))) }, false},
		"where another has begun meanwhile": {func(s *stopped) {
			s.record(`{"version":1,"location":"` + s.r.Location.String() + `","nodeId":"` + hostID + `","snapshotTag":"` + tag + `","scope":"` + scopeOfAll + `"}`)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStopped(t)
			s.r.NewCluster = true
			if _, done, err := s.repeated(); done || err != nil {
				t.Errorf("before the first it is done: %t, %v", done, err)
			}
			s.must()
			c.change(s)
			result, done, err := s.repeated()
			if done != c.done || err != nil {
				t.Fatalf("it is done: %t, %v", done, err)
			}
			if done && (result.SnapshotTag != tag || len(result.Warnings) != 1 || !strings.Contains(result.Warnings[0], "force")) {
				t.Errorf("it tells %+v", result)
			}
		})
	}
}

const scopeOfAll = "entities= newCluster=true system=false systemAuth=false"

var newer = strings.Replace(tag, "1700000000000", "1800000000000", 1)

// loses takes a directory away from whichever disk has it.
func (s *stopped) loses(dir string) {
	s.t.Helper()
	for _, disk := range s.r.DataDirs {
		s.noError(os.RemoveAll(filepath.Join(disk, dir)))
	}
}

func TestTokensAreWrittenThoughTheRestoreIsDone(t *testing.T) {
	t.Parallel()
	s := newStopped(t)
	s.r.UpdateYAML = true
	s.must()
	want := s.everything()["conf/cassandra.yaml"]
	s.put("conf/cassandra.yaml", yamlBefore) // its volume began empty
	if _, done, err := s.repeated(); !done || err != nil {
		t.Fatalf("it is done: %t, %v", done, err)
	}
	if got := s.everything()["conf/cassandra.yaml"]; got != want || want == yamlBefore {
		t.Errorf("cassandra.yaml is %q, and was %q", got, want)
	}
}

func TestASkippedRestoreIsNotDoneAtAnotherStart(t *testing.T) {
	t.Parallel()
	s := newStopped(t)
	s.r.SnapshotTag = "weekly"
	s.refused(restore.ErrNoBackup)
	s.noError(restore.SkipInPlace(t.Context(), s.r))
	result, done, err := s.repeated()
	if !done || err != nil || result.SnapshotTag != "" || len(result.Warnings) != 1 {
		t.Errorf("it is done: %t, %+v, %v", done, result, err)
	}
	s.r.SnapshotTag = "nightly" // somebody had mistyped it
	if _, done, err := s.repeated(); done || err != nil {
		t.Errorf("another is done: %t, %v", done, err)
	}
	s.must()
	if _, done, err := s.repeated(); !done || err != nil {
		t.Errorf("it is done: %t, %v", done, err)
	}
}

func TestNobodyGuessesWhetherARestoreIsDone(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"damaged": "{", "of another version": `{"version":2}`} {
		s := newStopped(t)
		s.must()
		s.put("data0/"+doneFile, body)
		if _, done, err := s.repeated(); done || err == nil || !strings.Contains(err.Error(), doneFile) {
			t.Errorf("what is %s: done %t, %v", name, done, err)
		}
	}
	s := newStopped(t)
	s.must()
	s.up = []bool{true}
	if _, done, err := s.repeated(); done || err == nil {
		t.Errorf("while Cassandra runs: done %t, %v", done, err)
	}
}
