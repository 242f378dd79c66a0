package commitlog_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/commitlog"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
)

func active(ids ...int64) func(context.Context) ([]string, error) {
	return func(context.Context) ([]string, error) {
		var all []string
		for _, id := range ids {
			all = append(all, nameOf(id))
		}
		return all, nil
	}
}

func TestSegmentsAreBackedUpUnderTheTimeOfTheirLastChange(t *testing.T) {
	t.Parallel()
	dir, b := t.TempDir(), storetest.NewMemory()
	write(t, dir, 1, 1000, "one")
	write(t, dir, 2, 2000, "two")
	writeFile(t, dir, "CommitLog-7-2_cdc.idx", []byte("x"), 1)
	writeFile(t, dir, "CommitLog-7-2.log.tmp", []byte("x"), 1)
	noError(t, os.Mkdir(filepath.Join(dir, nameOf(3)), 0o750))
	var phases []commitlog.Phase
	result, err := commitlog.Backup(t.Context(), b, commitlog.BackupRequest{Dir: dir}, func(p commitlog.Progress) {
		if len(phases) == 0 || phases[len(phases)-1] != p.Phase {
			phases = append(phases, p.Phase)
		}
	})
	noError(t, err)
	if diff := cmp.Diff([]string{"commitlog/CommitLog-7-1.log.1000", "commitlog/CommitLog-7-2.log.2000"}, keys(t, b)); diff != "" {
		t.Error(diff)
	}
	if got := get(t, b, "commitlog/CommitLog-7-1.log.1000"); got != string(segment(1, "one")) {
		t.Errorf("the object is %q", got)
	}
	if c := result.Counts; c.FilesDone != 2 || c.FilesReused != 0 || c.BytesDone != 30 || len(result.Warnings)+len(result.Written) > 0 {
		t.Errorf("the result is %+v", result)
	}
	if diff := cmp.Diff([]commitlog.Phase{commitlog.PhaseHash, commitlog.PhaseUpload}, phases); diff != "" {
		t.Error(diff)
	}
	// Again, after one has grown.
	write(t, dir, 2, 2500, "two and more")
	result, err = commitlog.Backup(t.Context(), b, commitlog.BackupRequest{Dir: dir}, nil)
	noError(t, err)
	if c := result.Counts; c.FilesDone != 2 || c.FilesReused != 1 {
		t.Errorf("the second time: %+v", c)
	}
	if all := keys(t, b); len(all) != 3 || all[2] != "commitlog/CommitLog-7-2.log.2500" {
		t.Errorf("there are %v", all)
	}
}

func TestASegmentThatIsInTheBucketIsNotRead(t *testing.T) {
	t.Parallel()
	dir, faulty := t.TempDir(), storetest.NewFaulty(storetest.NewMemory())
	write(t, dir, 1, 1000, "one")
	put(t, faulty, "commitlog/CommitLog-7-1.log.1000", segment(1, "eno")) // as long as it
	before := faulty.Calls(storetest.Get) + faulty.Calls(storetest.Put)
	result, err := commitlog.Backup(t.Context(), faulty, commitlog.BackupRequest{Dir: dir}, nil)
	noError(t, err)
	if after := faulty.Calls(storetest.Get) + faulty.Calls(storetest.Put); after != before || result.Counts.FilesReused != 1 {
		t.Errorf("%d calls, %+v", after-before, result)
	}
}

func TestHalfASegmentInTheBucketIsNotOverwritten(t *testing.T) {
	t.Parallel()
	dir, b := t.TempDir(), storetest.NewMemory()
	write(t, dir, 1, 1000, "one")
	const half = "commitlog/CommitLog-7-1.log.1000"
	put(t, b, half, segment(1, "o"))
	for range 2 {
		_, err := commitlog.Backup(t.Context(), b, commitlog.BackupRequest{Dir: dir}, nil)
		noError(t, err)
		if diff := cmp.Diff([]string{half, "commitlog/CommitLog-7-1.log.1001"}, keys(t, b)); diff != "" {
			t.Error(diff)
		}
	}
	if get(t, b, half) != string(segment(1, "o")) || get(t, b, "commitlog/CommitLog-7-1.log.1001") != string(segment(1, "one")) {
		t.Error("the objects have other content")
	}
}

func TestWhatCassandraWritesIsLeftForAnotherBackup(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		active  func(context.Context) ([]string, error)
		written []string
		keys    int
	}{
		"the last of several, and what was made in advance": {active(1, 2), []string{nameOf(2), nameOf(10)}, 1},
		"in any order":                 {active(2, 1), []string{nameOf(2), nameOf(10)}, 1},
		"the only one":                 {active(1), []string{nameOf(1), nameOf(2), nameOf(10)}, 0},
		"none, as the node is drained": {active(), nil, 3},
		"nobody writes":                {nil, nil, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, b := t.TempDir(), storetest.NewMemory()
			for _, id := range []int64{1, 2, 10} {
				write(t, dir, id, id*1000, "x")
			}
			result, err := commitlog.Backup(t.Context(), b, commitlog.BackupRequest{Dir: dir, Active: c.active}, nil)
			noError(t, err)
			if diff := cmp.Diff(c.written, result.Written); diff != "" || len(keys(t, b)) != c.keys || len(result.Warnings) > 0 {
				t.Errorf("%s %v %v", diff, keys(t, b), result.Warnings)
			}
		})
	}
}

func TestOneSegment(t *testing.T) {
	t.Parallel()
	dir, b := t.TempDir(), storetest.NewMemory()
	path := write(t, dir, 1, 1000, "one")
	write(t, dir, 2, 2000, "two")
	_, err := commitlog.Backup(t.Context(), b, commitlog.BackupRequest{File: path, Dir: "/not/there"}, nil)
	noError(t, err)
	if diff := cmp.Diff([]string{"commitlog/CommitLog-7-1.log.1000"}, keys(t, b)); diff != "" {
		t.Error(diff)
	}
}

func TestBackupsThatAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := write(t, dir, 1, 1000, "one")
	link := filepath.Join(dir, "a-directory", nameOf(5))
	noError(t, os.MkdirAll(link, 0o750))
	unknown := errors.New("no answer")
	for name, c := range map[string]struct {
		request commitlog.BackupRequest
		want    error
		names   string
	}{
		"nothing named":          {commitlog.BackupRequest{}, commitlog.ErrInvalid, ""},
		"a negative limit":       {commitlog.BackupRequest{Dir: dir, BytesPerSecond: -1}, commitlog.ErrInvalid, ""},
		"a directory of nothing": {commitlog.BackupRequest{Dir: "/not/there"}, fs.ErrNotExist, "/not/there"},
		"a segment of nothing":   {commitlog.BackupRequest{File: "/not/there/" + nameOf(4)}, fs.ErrNotExist, nameOf(4)},
		"even of a running node": {commitlog.BackupRequest{File: "/not/there/" + nameOf(4), Active: active(5)}, fs.ErrNotExist, nameOf(4)},
		"another file":           {commitlog.BackupRequest{File: "/etc/passwd"}, commitlog.ErrInvalid, "/etc/passwd"},
		"an id past all bounds":  {commitlog.BackupRequest{File: dir + "/CommitLog-7-9999999999999999999.log"}, commitlog.ErrInvalid, "9999"},
		"a directory as segment": {commitlog.BackupRequest{File: link}, commitlog.ErrNotSegment, nameOf(5)},
		"one that is written":    {commitlog.BackupRequest{File: path, Active: active(1)}, commitlog.ErrInUse, nameOf(1)},
		"Cassandra says nothing": {commitlog.BackupRequest{Dir: dir, Active: func(context.Context) ([]string, error) { return nil, unknown }}, unknown, ""},
		"Cassandra says what is no segment": {
			commitlog.BackupRequest{Dir: dir, Active: func(context.Context) ([]string, error) { return []string{"x"}, nil }}, commitlog.ErrInvalid, "x",
		},
		"a segment with another's header": {
			commitlog.BackupRequest{File: writeFile(t, t.TempDir(), nameOf(6), segment(7, ""), 1)}, commitlog.ErrNotSegment, nameOf(6),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := storetest.NewMemory()
			_, err := commitlog.Backup(t.Context(), b, c.request, nil)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.names) || len(keys(t, b)) > 0 {
				t.Errorf("%v, and the bucket has %v", err, keys(t, b))
			}
		})
	}
}

func TestWhatIsNoSegmentIsLeftOutWithAWarning(t *testing.T) {
	t.Parallel()
	dir, b := t.TempDir(), storetest.NewMemory()
	write(t, dir, 1, 1000, "one")
	writeFile(t, dir, nameOf(2), nil, 2000) // Cassandra ended while it made this
	writeFile(t, dir, nameOf(3), make([]byte, 100), 3000)
	result, err := commitlog.Backup(t.Context(), b, commitlog.BackupRequest{Dir: dir}, nil)
	noError(t, err)
	if len(result.Warnings) != 2 || !strings.Contains(result.Warnings[0], nameOf(2)) || !strings.Contains(result.Warnings[1], nameOf(3)) || len(keys(t, b)) != 1 {
		t.Errorf("%v %v", result.Warnings, keys(t, b))
	}
	result, err = commitlog.Backup(t.Context(), b, commitlog.BackupRequest{Dir: t.TempDir()}, nil)
	if err != nil || len(result.Warnings) != 1 {
		t.Errorf("of an empty directory: %v %v", result, err)
	}
}

// What happens to a segment between the first look and the upload.
func TestASegmentThatIsNotWhatItWas(t *testing.T) {
	t.Parallel()
	vanish := func(path string) error { return os.Remove(path) }
	grow := func(path string) error { return os.WriteFile(path, segment(2, "two and more"), 0o600) }
	for name, c := range map[string]struct {
		change func(path string) error
		live   bool
		file   bool
		want   error // nil: a warning
	}{
		"vanishes from a running node": {vanish, true, false, nil},
		"vanishes from an archive":     {vanish, false, false, fs.ErrNotExist},
		"vanishes though it was named": {vanish, true, true, fs.ErrNotExist},
		"grows in a running node":      {grow, true, false, nil},
		"grows in an archive":          {grow, false, false, nil},
		"grows though it was named":    {grow, false, true, commitlog.ErrInUse},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, faulty := t.TempDir(), storetest.NewFaulty(storetest.NewMemory())
			write(t, dir, 1, 1000, "one")
			path := write(t, dir, 2, 2000, "two")
			r := commitlog.BackupRequest{Dir: dir, Parallel: 1}
			if c.live {
				r.Active = active(9)
			}
			if c.file {
				r.File = path
			}
			changed := false
			faulty.Before = func(_ context.Context, op storetest.Op, _ string) error {
				if changed || op != storetest.List {
					return nil
				}
				changed = true
				return c.change(path)
			}
			result, err := commitlog.Backup(t.Context(), faulty, r, nil)
			switch {
			case c.want != nil:
				if !errors.Is(err, c.want) || !strings.Contains(err.Error(), path) {
					t.Error(err)
				}
			case err != nil:
				t.Error(err)
			default:
				if diff := cmp.Diff([]string{"commitlog/CommitLog-7-1.log.1000"}, keys(t, faulty)); diff != "" ||
					len(result.Warnings) != 1 || !strings.Contains(result.Warnings[0], path) {
					t.Errorf("%s %v", diff, result.Warnings)
				}
			}
		})
	}
}

func TestAFailedUploadFailsTheBackup(t *testing.T) {
	t.Parallel()
	dir, faulty := t.TempDir(), storetest.NewFaulty(storetest.NewMemory())
	write(t, dir, 1, 1000, "one")
	full := errors.New("the bucket is full")
	faulty.Before = func(_ context.Context, op storetest.Op, _ string) error {
		if op == storetest.Put {
			return full
		}
		return nil
	}
	if _, err := commitlog.Backup(t.Context(), faulty, commitlog.BackupRequest{Dir: dir}, nil); !errors.Is(err, full) || !strings.Contains(err.Error(), nameOf(1)) {
		t.Error(err)
	}
}

func TestACancelledBackupWritesNothing(t *testing.T) {
	t.Parallel()
	dir, b := t.TempDir(), storetest.NewMemory()
	write(t, dir, 1, 1000, "one")
	ctx, cancel := context.WithCancel(t.Context())
	r := commitlog.BackupRequest{Dir: dir, Duration: time.Hour, BytesPerSecond: 1}
	_, err := commitlog.Backup(ctx, b, r, func(commitlog.Progress) { cancel() })
	if !errors.Is(err, context.Canceled) || len(keys(t, b)) > 0 {
		t.Errorf("%v %v", err, keys(t, b))
	}
}
