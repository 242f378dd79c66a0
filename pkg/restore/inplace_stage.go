package restore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"

	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// place says for each SSTable into which data directory it goes: the one that has
// it, or that a run before has staged it in, or else one after another.
func (j *inPlace) place() error {
	for i, p := range j.parts {
		if cassandra.IsLocal(p.keyspace) { // from 4.0 on they are there alone
			p.disk = j.disks[0]
			continue
		}
		p.disk = j.disks[i%len(j.disks)]
		data := p.files[len(p.files)-1]
		at, err := j.diskWith(func(d *dataDir) (bool, error) {
			info, err := d.lstat(path.Join(stagedDir, p.dir, data.Name))
			return info != nil, err
		})
		if at == nil && err == nil {
			at, err = j.diskWith(func(d *dataDir) (bool, error) {
				info, err := d.lstat(path.Join(p.dir, data.Name))
				return info != nil && info.Mode().IsRegular() && info.Size() == data.Size, err
			})
		}
		if err != nil {
			return err
		}
		if at != nil {
			p.disk = at
		}
	}
	return nil
}

func (j *inPlace) diskWith(has func(d *dataDir) (bool, error)) (*dataDir, error) {
	for _, d := range j.disks {
		if ok, err := has(d); ok || err != nil {
			return d, err
		}
	}
	return nil, nil //nolint:nilnil // none has it
}

// stage brings every file, verified, into the hidden directory of its data
// directory. What the node has of them is linked there, so that it is not
// downloaded, and stays there in place.
func (j *inPlace) stage(ctx context.Context) (transfer.Counts, error) {
	wanted := map[*dataDir]map[string]bool{}
	for _, d := range j.disks {
		wanted[d] = map[string]bool{}
		if err := j.do(ctx, "making", filepath.Join(d.path, stagedDir), func() error { return d.makeDirs(stagedDir) }); err != nil {
			return transfer.Counts{}, err
		}
	}
	for _, p := range j.parts {
		for _, f := range p.files {
			wanted[p.disk][path.Join(p.dir, f.Name)] = true
			if err := j.takeUp(ctx, p, f); err != nil {
				return transfer.Counts{}, err
			}
		}
	}
	for _, d := range j.disks {
		if err := j.pruneStaged(ctx, d, wanted[d]); err != nil {
			return transfer.Counts{}, err
		}
	}
	if err := j.checkRoom(); err != nil {
		return transfer.Counts{}, errors.Join(err, j.unstage(ctx))
	}
	counts, err := j.download(ctx)
	if err != nil {
		return counts, err
	}
	return counts, j.handOver(ctx)
}

// takeUp links a file that the node seems to have. Download compares what is in
// it. Without a digest nothing could be compared, and it is not taken.
func (j *inPlace) takeUp(ctx context.Context, p *part, f file) error {
	staged := path.Join(stagedDir, p.dir, f.Name)
	live := path.Join(p.dir, f.Name)
	info, err := p.disk.lstat(live)
	if err != nil || f.Hash == "" || info == nil || !info.Mode().IsRegular() || info.Size() != f.Size {
		return err
	}
	if there, err := p.disk.lstat(staged); there != nil || err != nil {
		return err
	}
	return j.do(ctx, "linking", filepath.Join(p.disk.path, staged), func() error {
		if err := p.disk.makeDirs(path.Dir(staged)); err != nil {
			return err
		}
		err := p.disk.root.Link(live, staged)
		if cannotLink(err) {
			return nil // then it is downloaded
		}
		return err
	})
}

// pruneStaged removes what a run of another backup has staged.
func (j *inPlace) pruneStaged(ctx context.Context, d *dataDir, wanted map[string]bool) error {
	staged, err := fs.Sub(d.root.FS(), stagedDir)
	if err != nil {
		return err
	}
	return fs.WalkDir(staged, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || wanted[name] {
			return err
		}
		full := path.Join(stagedDir, name)
		return j.do(ctx, "removing", filepath.Join(d.path, full), func() error { return d.root.Remove(full) })
	})
}

// checkRoom looks for room for what is to be downloaded beside what is there:
// nothing of that goes before.
func (j *inPlace) checkRoom() error {
	need, err := j.toDownload()
	if err != nil {
		return err
	}
	for _, d := range j.disks {
		together := need[d]
		for _, other := range j.disks {
			same, err := j.disk.sameDevice(d.path, other.path)
			if err != nil {
				return err
			}
			if same && other != d {
				together += need[other]
			}
		}
		free, err := j.disk.freeIn(d.path)
		if err != nil {
			return err
		}
		if together > free {
			return fmt.Errorf("%w: %d bytes are to be downloaded to the disk of %s, which has %d; what is there goes only when all of them are",
				transfer.ErrNoSpace, together, d.path, free)
		}
	}
	return nil
}

// toDownload is how many bytes are not staged yet.
func (j *inPlace) toDownload() (map[*dataDir]uint64, error) {
	need := map[*dataDir]uint64{}
	for _, p := range j.parts {
		for _, f := range p.files {
			info, err := p.disk.lstat(path.Join(stagedDir, p.dir, f.Name))
			if err != nil {
				return nil, err
			}
			if info == nil || info.Size() != f.Size {
				need[p.disk] += uint64(f.Size)
			}
		}
	}
	return need, nil
}

// download makes and verifies what is staged, one data directory after another.
func (j *inPlace) download(ctx context.Context) (transfer.Counts, error) {
	items := map[*dataDir][]transfer.Incoming{}
	var all transfer.Counts
	for _, p := range j.parts {
		for _, f := range p.files {
			items[p.disk] = append(items[p.disk], transfer.Incoming{Key: f.key, Path: path.Join(p.dir, f.Name), Size: f.Size, Hash: f.Hash})
			all.FilesTotal++
			all.BytesTotal += f.Size
		}
	}
	done := all // of the directories before, with the totals of all
	for _, d := range j.disks {
		before := done
		for _, item := range items[d] {
			before.FilesTotal--
			before.BytesTotal -= item.Size
		}
		options := transfer.Options{
			Parallel: j.Parallel, BytesPerSecond: j.BytesPerSecond, Limits: j.Limits, Stall: transfer.DefaultStall, Counted: before,
			Report: func(c transfer.Counts) {
				done = c
				j.report(Progress{Transfer: c})
			},
		}
		if err := transfer.Download(ctx, j.node, filepath.Join(d.path, stagedDir), items[d], options); err != nil {
			return done, err
		}
	}
	return done, nil
}

// handOver gives what is staged to Cassandra's user.
func (j *inPlace) handOver(ctx context.Context) error {
	for _, p := range j.parts {
		if p.disk.owner == nil {
			continue
		}
		for _, f := range p.files {
			name := path.Join(stagedDir, p.dir, f.Name)
			err := j.do(ctx, "giving to Cassandra's user", filepath.Join(p.disk.path, name), func() error {
				return p.disk.root.Lchown(name, p.disk.owner.uid, p.disk.owner.gid)
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// unstage removes what is staged.
func (j *inPlace) unstage(ctx context.Context) error {
	for _, d := range j.disks {
		err := j.do(ctx, "removing", filepath.Join(d.path, stagedDir), func() error { return d.root.RemoveAll(stagedDir) })
		if err != nil {
			return err
		}
	}
	return nil
}
