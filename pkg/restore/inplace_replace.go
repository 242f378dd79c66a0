package restore

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/sstable"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// replace removes what is not of the backup and moves in what is staged. From its
// first change on the record is there.
func (j *inPlace) replace(ctx context.Context) error {
	first := j.disks[0]
	err := j.do(ctx, "writing", filepath.Join(first.path, inPlaceDir, inPlaceRecordFile), func() error { return first.writeRecord(j.record()) })
	if err != nil {
		return err
	}
	for _, d := range j.disks {
		if err := j.clear(ctx, d); err != nil {
			return err
		}
	}
	for _, p := range j.parts {
		if err := j.moveIn(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// clear removes from the tables in scope what is not of the backup.
func (j *inPlace) clear(ctx context.Context, d *dataDir) error {
	tables, err := d.tables()
	if err != nil {
		return err
	}
	for _, t := range tables {
		if t.link || !j.scope.clears(t) {
			continue
		}
		entries, err := d.list(t.path())
		if err != nil {
			return err
		}
		dirs := []string{t.path()}
		for _, e := range entries {
			if e.IsDir() && strings.HasPrefix(e.Name(), ".") { // an index; snapshots and backups are left
				dirs = append(dirs, path.Join(t.path(), e.Name()))
			}
		}
		for _, dir := range dirs {
			if err := j.clearDir(ctx, d, dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// clearDir removes SSTables, Data.db first so that what a crash leaves is none. A
// file that is staged under its own name, and is the same, stays.
func (j *inPlace) clearDir(ctx context.Context, d *dataDir, dir string) error {
	entries, err := d.list(dir)
	if err != nil {
		return err
	}
	var doomed []string
	for _, e := range entries {
		_, ok := sstable.ParseName(e.Name())
		log := isTransactionLog(e.Name())
		if e.IsDir() || !ok && !log {
			continue
		}
		same, err := d.isStaged(path.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		if !same {
			doomed = append(doomed, e.Name())
		}
	}
	if len(doomed) == 0 {
		return nil
	}
	slices.SortFunc(doomed, func(a, b string) int {
		if isTransactionLog(a) != isTransactionLog(b) {
			if isTransactionLog(a) {
				return -1
			}
			return 1
		}
		return -dataLast(a, b)
	})
	for _, name := range doomed {
		full := path.Join(dir, name)
		if err := j.do(ctx, "removing", filepath.Join(d.path, full), func() error { return d.root.Remove(full) }); err != nil {
			return err
		}
	}
	return transfer.SyncDir(d.root.Open, dir)
}

// isStaged reports whether a file is the very one that is staged for its place.
func (d *dataDir) isStaged(name string) (bool, error) {
	staged, err := d.lstat(path.Join(stagedDir, name))
	if staged == nil || err != nil {
		return false, err
	}
	info, err := d.lstat(name)
	return info != nil && os.SameFile(info, staged), err
}

// moveIn gives an SSTable its place, Data.db last.
func (j *inPlace) moveIn(ctx context.Context, p *part) error {
	d := p.disk
	if err := j.do(ctx, "making", filepath.Join(d.path, p.dir), func() error { return d.makeDirs(p.dir) }); err != nil {
		return err
	}
	for _, f := range p.files {
		staged, place := path.Join(stagedDir, p.dir, f.Name), path.Join(p.dir, f.Name)
		err := j.do(ctx, "moving in", filepath.Join(d.path, place), func() error { return d.root.Rename(staged, place) })
		if err != nil {
			return err
		}
	}
	return transfer.SyncDir(d.root.Open, p.dir)
}

// finish marks the restore as done and removes the record, when nothing is left to
// do, and the hidden directories.
func (j *inPlace) finish(ctx context.Context) error {
	if err := j.unstage(ctx); err != nil {
		return err
	}
	if err := j.writeDone(ctx, j.done()); err != nil {
		return err
	}
	// The one that a run before left may lie in another directory.
	for _, d := range j.disks {
		record := path.Join(inPlaceDir, inPlaceRecordFile)
		err := j.do(ctx, "removing", filepath.Join(d.path, record), func() error {
			err := d.root.Remove(record)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return errors.Join(err, transfer.SyncDir(d.root.Open, inPlaceDir))
		})
		if err != nil {
			return err
		}
	}
	for _, d := range j.disks {
		err := j.do(ctx, "removing", filepath.Join(d.path, inPlaceDir), func() error {
			return errors.Join(d.root.RemoveAll(inPlaceDir), transfer.SyncDir(d.root.Open, "."))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// writeYAML puts the tokens into cassandra.yaml.
func (j *inPlace) writeYAML(ctx context.Context) error {
	if j.yaml == nil {
		return nil
	}
	return j.do(ctx, "changing", j.yaml.path, func() error { return replaceFile(j.yaml.path, j.yaml.body) })
}
