package commitlog_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/commitlog"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
)

const (
	archivingFile = "commitlog_archiving.properties"
	envFile       = "cassandra-env.sh"
	// end is a whole second, for which 2030\:01\:23 14\:36\:32 stands.
	end = 1895409392000
)

// world is a stopped node and a bucket.
type world struct {
	t                     *testing.T
	bucket                *storetest.Faulty
	root, log, conf, down string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	root := t.TempDir()
	w := &world{
		t: t, bucket: storetest.NewFaulty(storetest.NewMemory()), root: root, log: filepath.Join(root, "commitlog"),
		conf: filepath.Join(root, "conf"), down: filepath.Join(root, "downloads"),
	}
	noError(t, os.Mkdir(w.conf, 0o750))
	for id, ms := range map[int64]int64{1: end - 3000, 2: end - 2000, 3: end + 1, 4: end + 5000} {
		w.put(id, ms, "x")
	}
	write(t, w.log, 8, 1, "former")
	write(t, w.log, 9, 1, "former")
	return w
}

func (w *world) put(id, ms int64, content string) {
	w.t.Helper()
	put(w.t, w.bucket, "commitlog/"+nameOf(id)+"."+strconv.FormatInt(ms, 10), segment(id, content))
}

func (w *world) request(change func(r *commitlog.RestoreRequest)) commitlog.RestoreRequest {
	r := commitlog.RestoreRequest{
		Start: time.UnixMilli(0), End: time.UnixMilli(end), CommitLogDir: w.log, ConfigDir: w.conf, DownloadDir: w.down, Aside: "commitlogs-77",
	}
	if change != nil {
		change(&r)
	}
	return r
}

func (w *world) restore(change func(r *commitlog.RestoreRequest)) (commitlog.RestoreResult, error) {
	w.t.Helper()
	return commitlog.Restore(w.t.Context(), w.bucket, w.request(change), nil)
}

func (w *world) config(name string) string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.conf, name))
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	noError(w.t, err)
	return string(text)
}

// untouched fails if anything of the node has changed.
func (w *world) untouched() {
	w.t.Helper()
	if diff := cmp.Diff([]string{nameOf(8), nameOf(9)}, names(w.t, w.log)); diff != "" {
		w.t.Errorf("the commit log: %s", diff)
	}
	if all := names(w.t, w.down); len(all) > 0 {
		w.t.Errorf("downloads are left: %v", all)
	}
	if text := w.config(archivingFile); text != "" {
		w.t.Errorf("Cassandra is told %q", text)
	}
	if all := names(w.t, filepath.Join(w.root, "commitlogs-77")); len(all) > 0 {
		w.t.Errorf("files were moved: %v", all)
	}
}

func TestACommitLogIsRestored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	result, err := w.restore(nil)
	noError(t, err)
	want := commitlog.RestoreResult{
		Segments: 3, First: time.UnixMilli(end - 3000), Last: time.UnixMilli(end + 1), PointInTime: time.UnixMilli(end),
		MovedTo: filepath.Join(w.root, "commitlogs-77"), Moved: 2,
	}
	if diff := cmp.Diff(want, result); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{nameOf(1), nameOf(2), nameOf(3)}, names(t, w.down)); diff != "" {
		t.Error(diff)
	}
	if got, err := os.ReadFile(filepath.Join(w.down, nameOf(3))); err != nil || string(got) != string(segment(3, "x")) {
		t.Errorf("%q %v", got, err)
	}
	if diff := cmp.Diff([]string{nameOf(8), nameOf(9)}, names(t, want.MovedTo)); diff != "" || len(names(t, w.log)) > 0 {
		t.Errorf("%s, and %v are left", diff, names(t, w.log))
	}
	const archiving = `restore_point_in_time=2030\:01\:23 14\:36\:32` + "\nrestore_command=cp -f %from %to\n"
	if diff := cmp.Diff("restore_directories="+w.down+"\n"+archiving, w.config(archivingFile)); diff != "" {
		t.Error(diff)
	}
}

func TestWhichSegmentsAreNeeded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		start, end int64
		want       []int64
		warnings   int
	}{
		"from the very beginning":                {0, end, []int64{1, 2, 3}, 0},
		"from the time of one":                   {end - 2000, end, []int64{2, 3}, 0},
		"from after it":                          {end - 1999, end, []int64{3}, 0},
		"to before all":                          {0, end - 4000, []int64{1}, 0},
		"to the time of one":                     {0, end - 2000, []int64{1, 2, 3}, 0},
		"to the time of the last":                {end + 5000, end + 5000, []int64{4}, 0},
		"to what nothing in the bucket tells of": {end - 2000, end + 6000, []int64{2, 3, 4}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			result, err := w.restore(func(r *commitlog.RestoreRequest) { r.Start, r.End = time.UnixMilli(c.start), time.UnixMilli(c.end) })
			noError(t, err)
			var want []string
			for _, id := range c.want {
				want = append(want, nameOf(id))
			}
			if diff := cmp.Diff(want, names(t, w.down)); diff != "" || len(result.Warnings) != c.warnings {
				t.Errorf("%s %v", diff, result.Warnings)
			}
		})
	}
}

func TestOfASegmentTheLatestIsTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(2, end-100, "grown")
	w.put(3, end-2500, "not yet all")
	put(t, w.bucket, "commitlog/readme", []byte("x")) // nobody's
	result, err := w.restore(nil)
	noError(t, err)
	if result.Segments != 3 {
		t.Errorf("%+v", result)
	}
	for id, want := range map[int64]string{2: "grown", 3: "x"} {
		if got, err := os.ReadFile(filepath.Join(w.down, nameOf(id))); err != nil || string(got) != string(segment(id, want)) {
			t.Errorf("%q %v", got, err)
		}
	}
}

func TestARestoreThatFailsChangesNothing(t *testing.T) {
	t.Parallel()
	running, broken := errors.New("it runs"), errors.New("the connection broke")
	for name, c := range map[string]struct {
		before func(w *world)
		change func(r *commitlog.RestoreRequest)
		want   error
		names  string
	}{
		"no segment in the time": {nil, func(r *commitlog.RestoreRequest) { r.Start, r.End = time.UnixMilli(end+6000), time.UnixMilli(end+7000) }, commitlog.ErrNone, "2030-01-23"},
		"end before start":       {nil, func(r *commitlog.RestoreRequest) { r.Start = time.UnixMilli(end + 1) }, commitlog.ErrInvalid, ""},
		"a running node":         {nil, func(r *commitlog.RestoreRequest) { r.Idle = func(context.Context) error { return running } }, running, ""},
		"a node that is started meanwhile": {nil, func(r *commitlog.RestoreRequest) {
			calls := 0
			r.Idle = func(context.Context) error {
				if calls++; calls > 1 {
					return running
				}
				return nil
			}
		}, running, ""},
		"no configuration":      {nil, func(r *commitlog.RestoreRequest) { r.ConfigDir += "-not" }, fs.ErrNotExist, "conf-not"},
		"tables and no script":  {nil, func(r *commitlog.RestoreRequest) { r.Tables = []string{"shop.items"} }, fs.ErrNotExist, envFile},
		"a directory of blanks": {nil, func(r *commitlog.RestoreRequest) { r.DownloadDir += "/a b" }, commitlog.ErrInvalid, "a b"},
		"a list of directories": {nil, func(r *commitlog.RestoreRequest) { r.DownloadDir += ",/b" }, commitlog.ErrInvalid, ",/b"},
		"a relative directory":  {nil, func(r *commitlog.RestoreRequest) { r.CommitLogDir = "commitlog" }, commitlog.ErrInvalid, "commitlog"},
		"into the commit log":   {nil, func(r *commitlog.RestoreRequest) { r.DownloadDir = r.CommitLogDir + "/x" }, commitlog.ErrInvalid, ""},
		"an aside that climbs":  {nil, func(r *commitlog.RestoreRequest) { r.Aside = "../x" }, commitlog.ErrInvalid, "../x"},
		"an aside that is it":   {nil, func(r *commitlog.RestoreRequest) { r.Aside = "commitlog" }, commitlog.ErrInvalid, "commitlog"},
		"properties that are a link": {func(w *world) {
			noError(w.t, os.Symlink("/etc/hostname", filepath.Join(w.conf, envFile)))
		}, nil, commitlog.ErrInvalid, envFile},
		"a segment that is broken off": {func(w *world) {
			w.bucket.Before = func(_ context.Context, op storetest.Op, key string) error {
				if op == storetest.Get && strings.Contains(key, nameOf(3)) {
					return broken
				}
				return nil
			}
		}, nil, broken, nameOf(3)},
		"a segment of fewer bytes than the bucket tells": {func(w *world) {
			w.bucket.Body = func(_ string, r io.Reader) io.Reader { return storetest.Truncated(r, 5) }
		}, nil, io.ErrUnexpectedEOF, "CommitLog"},
		"an object that is no segment": {func(w *world) {
			put(w.t, w.bucket, "commitlog/"+nameOf(0)+"."+strconv.FormatInt(end-100, 10), make([]byte, 40))
		}, nil, commitlog.ErrNotSegment, nameOf(0)},
		"an object that is empty": {func(w *world) {
			put(w.t, w.bucket, "commitlog/"+nameOf(0)+"."+strconv.FormatInt(end-100, 10), nil)
		}, nil, commitlog.ErrNotSegment, nameOf(0)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if c.before != nil {
				c.before(w)
			}
			result, err := w.restore(c.change)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.names) {
				t.Errorf("%+v, %v", result, err)
			}
			w.untouched()
		})
	}
}

func TestADirectoryOfDownloadsThatIsNotEmpty(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	left := write(t, w.down, 1, 1, "y") // as long as the one in the bucket
	if _, err := w.restore(nil); !errors.Is(err, commitlog.ErrInUse) || !strings.Contains(err.Error(), nameOf(1)) {
		t.Error(err)
	}
	if got, err := os.ReadFile(left); err != nil || string(got) != string(segment(1, "y")) {
		t.Errorf("%q %v", got, err)
	}
	// What a former run of the same restore left is replaced.
	writeFile(t, w.down, ".icarus-half", []byte("half"), 1)
	_, err := w.restore(func(r *commitlog.RestoreRequest) { r.Resumed = true })
	noError(t, err)
	if got, err := os.ReadFile(left); err != nil || string(got) != string(segment(1, "x")) || len(names(t, w.down)) != 3 {
		t.Errorf("%q %v %v", got, err, names(t, w.down))
	}
}

func TestARestoreThatDiedGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	writeFile(t, filepath.Join(w.root, "commitlogs-77"), nameOf(8), segment(8, "former"), 1)
	noError(t, os.Remove(filepath.Join(w.log, nameOf(8))))
	write(t, w.down, 1, 1, "half")
	_, err := w.restore(func(r *commitlog.RestoreRequest) { r.Resumed = true })
	noError(t, err)
	if diff := cmp.Diff([]string{nameOf(8), nameOf(9)}, names(t, filepath.Join(w.root, "commitlogs-77"))); diff != "" {
		t.Error(diff)
	}
}

func TestNoFormerCommitLogIsOverwritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	former := writeFile(t, filepath.Join(w.root, "commitlogs-77"), nameOf(8), []byte("other"), 1)
	if _, err := w.restore(nil); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if got, err := os.ReadFile(former); err != nil || string(got) != "other" || w.config(archivingFile) != "" {
		t.Errorf("%q %v", got, err)
	}
}

func TestANodeThatHasNeverBeenStarted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	noError(t, os.RemoveAll(w.log))
	result, err := w.restore(nil)
	if err != nil || result.MovedTo != "" || w.config(archivingFile) == "" {
		t.Errorf("%+v %v", result, err)
	}
}

func TestTheTablesToReplay(t *testing.T) {
	t.Parallel()
	const script = "#!/bin/sh\nJVM_OPTS=\"$JVM_OPTS -Xss256k\""
	const line = "JVM_OPTS=\"$JVM_OPTS -Dcassandra.replayList=a.b,c.d\"\n"
	for name, c := range map[string]struct {
		former   string
		tables   []string
		want     string
		warnings int
	}{
		"some":                             {script, []string{"a.b", "c.d"}, script + "\n" + line, 0},
		"the same again":                   {script + "\n" + line, []string{"a.b", "c.d"}, script + "\n" + line, 0},
		"others than the last time":        {script + "\n" + strings.ReplaceAll(line, "c.d", "x.y"), []string{"a.b", "c.d"}, script + "\n" + line, 0},
		"all":                              {script, nil, script, 0},
		"all where there were some":        {script + "\n" + line, nil, script + "\n", 1},
		"the only ones in an empty script": {"", []string{"a.b", "c.d"}, line, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			path := filepath.Join(w.conf, envFile)
			noError(t, os.WriteFile(path, []byte(c.former), 0o600))
			noError(t, os.Chmod(path, 0o754))
			result, err := w.restore(func(r *commitlog.RestoreRequest) { r.Tables = c.tables })
			noError(t, err)
			if diff := cmp.Diff(c.want, w.config(envFile)); diff != "" || len(result.Warnings) != c.warnings {
				t.Errorf("%s %v", diff, result.Warnings)
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o754 {
				t.Errorf("%v %v", info.Mode(), err)
			}
			if diff := cmp.Diff([]string{envFile, archivingFile}, names(t, w.conf)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMillisecondsAreRoundedDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	result, err := w.restore(func(r *commitlog.RestoreRequest) { r.End = time.UnixMilli(end + 999) })
	noError(t, err)
	if !result.PointInTime.Equal(time.UnixMilli(end)) || len(result.Warnings) != 1 || !strings.Contains(w.config(archivingFile), `14\:36\:32`) {
		t.Errorf("%+v %s", result, w.config(archivingFile))
	}
}

func TestACancelledRestoreMovesNothing(t *testing.T) {
	t.Parallel()
	for _, at := range []commitlog.Phase{commitlog.PhaseDownload, commitlog.PhaseMove} {
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		_, err := commitlog.Restore(ctx, w.bucket, w.request(nil), func(p commitlog.Progress) {
			if p.Phase == at {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		w.untouched()
		cancel()
	}
}

func TestThePhasesOfARestore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var phases []commitlog.Phase
	_, err := commitlog.Restore(t.Context(), w.bucket, w.request(nil), func(p commitlog.Progress) { phases = append(phases, p.Phase) })
	noError(t, err)
	want := []commitlog.Phase{commitlog.PhaseDownload, commitlog.PhaseMove, commitlog.PhaseConfigure}
	if diff := cmp.Diff(want, slices.Compact(phases)); diff != "" {
		t.Error(diff)
	}
}
