package restore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// inPlaceDoneFile lies in each data directory. It is not hidden, so that whoever
// empties the directory takes it along.
const inPlaceDoneFile = "icarus-restored.json"

// inPlaceDone says that a restore is done, or that there was nothing to restore: to
// do it later would take what was written since.
type inPlaceDone struct {
	inPlaceRecord
	// Absent says that there was no such backup.
	Absent bool `json:"absent,omitempty"`
	// Dirs are the directories of the tables that got data.
	Dirs []string `json:"dirs"`
	// Tokens are the node's. Its cassandra.yaml may not last as long as its data.
	Tokens []string `json:"tokens"`
}

// Repeated reports whether this very restore in place is done already, or was
// skipped by SkipInPlace, in all data directories. Of what InPlace does it then does
// the last alone, the tokens in cassandra.yaml. It needs no bucket.
func Repeated(ctx context.Context, probe Probe, r InPlaceRequest) (result Result, done bool, err error) {
	if err := r.check(); err != nil {
		return Result{}, false, err
	}
	j := &inPlace{InPlaceRequest: r, probe: probe}
	if err := j.refuseRunning(ctx); err != nil {
		return Result{}, false, err
	}
	if begun, err := j.findRecord(); begun != nil || err != nil {
		return Result{}, false, err
	}
	was, at, err := j.findDone()
	if was == nil || err != nil {
		return Result{}, false, err
	}
	at = at.UTC()
	if was.Absent {
		j.warn("nothing was done: at %s this restore was skipped, since there was no backup; what was written since would be lost. force does it",
			at.Format(time.RFC3339))
		return Result{Warnings: j.warnings}, true, nil
	}
	j.warn("nothing was done: at %s this restore, of backup %s, was completed here; what was written since would be lost. force does it again",
		at.Format(time.RFC3339), was.SnapshotTag)
	settings, err := j.readSettings()
	if err != nil {
		return Result{}, false, err
	}
	if j.yaml, err = j.planYAML(settings, was.Tokens); err != nil {
		return Result{}, false, err
	}
	return Result{SnapshotTag: was.SnapshotTag, Warnings: j.warnings}, true, j.writeYAML(ctx)
}

// SkipInPlace remembers that there was no backup to restore, so that the restore is
// not done when there is one, at another start of a node that has data by then.
func SkipInPlace(ctx context.Context, r InPlaceRequest) error {
	if err := r.check(); err != nil {
		return err
	}
	j := &inPlace{InPlaceRequest: r}
	defer j.close()
	if err := j.openDisks(); err != nil {
		return err
	}
	done := inPlaceDone{inPlaceRecord: j.record(), Absent: true}
	done.SnapshotTag = r.SnapshotTag
	return j.writeDone(ctx, done)
}

// done is that of this run.
func (j *inPlace) done() inPlaceDone {
	d := inPlaceDone{inPlaceRecord: j.record(), Tokens: j.tokens}
	for _, p := range j.parts {
		keyspace, table, _ := strings.Cut(p.dir, "/")
		table, _, _ = strings.Cut(table, "/") // not an index
		d.Dirs = append(d.Dirs, keyspace+"/"+table)
	}
	slices.Sort(d.Dirs)
	d.Dirs = slices.Compact(d.Dirs)
	return d
}

func (j *inPlace) writeDone(ctx context.Context, done inPlaceDone) error {
	for _, d := range j.disks {
		p := place{root: d.root, path: d.path}
		err := j.do(ctx, "marking", filepath.Join(d.path, inPlaceDoneFile), func() error {
			return p.writeFor(d.owner, inPlaceDoneFile, done)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// findDone reads what a run of the same request left in all data directories, and
// when that was; nil where it did not, or where all that it restored is gone.
func (j *inPlace) findDone() (done *inPlaceDone, at time.Time, err error) {
	for _, dir := range j.DataDirs {
		if done, at, err = readInPlaceDone(dir); done == nil || err != nil {
			return nil, at, err
		}
		same := j.isSame(done.inPlaceRecord)
		if done.Absent {
			same = done.Location == j.Location.String() && done.Scope == j.scopeText() && done.SnapshotTag == j.SnapshotTag
		}
		if !same {
			return nil, at, nil
		}
	}
	if there, err := j.anyOf(done.Dirs); !there || err != nil {
		return nil, at, err
	}
	return done, at, nil
}

func readInPlaceDone(dataDir string) (*inPlaceDone, time.Time, error) {
	root, err := os.OpenRoot(dataDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, time.Time{}, nil
	}
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("looking for an earlier restore: %w", err)
	}
	defer root.Close()
	p := place{root: root, path: dataDir}
	var done inPlaceDone
	info, err := root.Stat(inPlaceDoneFile)
	if err == nil {
		err = p.read(inPlaceDoneFile, &done)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, time.Time{}, nil
	case err == nil && done.Version != inPlaceRecordVersion:
		err = fmt.Errorf("%w: %s is of another version of this program", ErrInvalid, filepath.Join(dataDir, inPlaceDoneFile))
	}
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("looking whether the restore was done before: %w; delete the file, or force the restore", err)
	}
	return &done, info.ModTime(), nil
}

// anyOf reports whether some of the directories are there: where none is, somebody
// has lost or removed the data. No directories cannot be missed.
func (j *inPlace) anyOf(dirs []string) (bool, error) {
	for _, dataDir := range j.DataDirs {
		for _, dir := range dirs {
			_, err := os.Lstat(filepath.Join(dataDir, filepath.FromSlash(dir)))
			if err == nil || !errors.Is(err, fs.ErrNotExist) {
				return err == nil, err
			}
		}
	}
	return len(dirs) == 0, nil
}
