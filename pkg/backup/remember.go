package backup

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// A memory is what the last backup of the same entities to the same place was
// made of, in a file of j.CacheDir. See the package's documentation for what is
// trusted of it. It is a line of JSON, a record for each file, and the SHA-256 of
// both; one that is not whole is as good as none.

const (
	memoryVersion = 1
	// settled is how old a file must be for its state to prove anything: one that
	// is written to twice within a tick of the file system's clock looks alike.
	settled = 2 * time.Second
	// forgotten is after what time a memory goes that no backup has used.
	forgotten = 60 * 24 * time.Hour
	// maxName is longer than any name in a memory.
	maxName = 1 << 10
)

// memoryHead begins a memory.
type memoryHead struct {
	Version int `json:"version"`
	// Manifest is what the records are claims of.
	Manifest store.Object `json:"manifest"`
}

// record is one file. Names are in the order of memoryNames.
type record struct {
	names   [memoryNames]string
	content content
	state   state
}

// The names of a record.
const (
	memoryKeyspace = iota
	memoryTable
	memoryTableID
	memoryIndex
	memoryDir
	memoryFile
	memoryNames
)

func (r record) key() manifest.DataKey {
	return manifest.DataKey{
		Keyspace: r.names[memoryKeyspace], Table: r.names[memoryTable], TableID: r.names[memoryTableID],
		Index: r.names[memoryIndex], Dir: r.names[memoryDir], File: r.names[memoryFile],
	}
}

// memoryPath is named by what is backed up.
func (j *job) memoryPath() string {
	sum := sha256.Sum256([]byte(strings.Join(slices.Concat(j.entities(), []string{""}, j.DataDirs), "\x00")))
	return filepath.Join(j.CacheDir, "backup-"+hex.EncodeToString(sum[:8]))
}

// remember takes from the memory the hashes of files that did not change, and
// the claims of its manifest if that is still there, whose place among the known
// ones it returns. That a memory cannot be read is no reason not to back up.
func (j *job) remember(ctx context.Context, c catalogue, files []*file) (known int) {
	if j.CacheDir == "" {
		return -1
	}
	if err := j.lookAtAll(ctx, files); err != nil {
		return -1 // a file that is not there is found out when it is read
	}
	known = -1
	err := readMemory(j.memoryPath(), func(head memoryHead) {
		known = slices.IndexFunc(j.known, func(m committed) bool { return m.same(head.Manifest) })
	}, func(r record) {
		f := c.find(r.key())
		if f == nil {
			return
		}
		if r.state == f.state && r.content.size == f.content.size {
			f.content, f.hashed = r.content, true
		}
		if known >= 0 {
			f.claim(r.names[memoryDir], claim{content: r.content, by: known})
		}
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		j.warn("what the last backup left in %s cannot be used: %v", j.memoryPath(), err)
	}
	return known
}

// lookAtAll finds out the states of the files.
func (j *job) lookAtAll(ctx context.Context, files []*file) error {
	return transfer.Each(ctx, len(files), transfer.Parallel(j.Parallel), func(_ context.Context, i int) (err error) {
		files[i].state, err = stateOf(files[i].path())
		return err
	})
}

// readMemory shows the records of a memory, after it saw that it is whole.
func readMemory(path string, begin func(memoryHead), show func(record)) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	length := info.Size() - sha256.Size
	h := sha256.New()
	if _, err := io.CopyN(h, f, max(length, 0)); err != nil {
		return err
	}
	want, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	if !bytes.Equal(want, h.Sum(nil)) {
		return errors.New("it was not written to its end, or changed since")
	}
	r := bufio.NewReader(io.NewSectionReader(f, 0, length))
	line, err := r.ReadBytes('\n')
	if err != nil {
		return err
	}
	var head memoryHead
	if err := json.Unmarshal(line, &head); err != nil {
		return err
	}
	if head.Version != memoryVersion {
		return nil // of another version of this program
	}
	begin(head)
	for {
		rec, err := readRecord(r)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		show(rec)
	}
}

// memorize leaves what the backup was made of for the next one. It comes after
// the commit, so that what goes wrong is no more than a warning.
func (j *job) memorize(ctx context.Context, files []*file) error {
	if j.CacheDir == "" {
		return nil
	}
	o, err := j.bucket.Stat(ctx, manifest.ManifestKey(j.Tag))
	if err != nil {
		return err
	}
	head := memoryHead{Version: memoryVersion, Manifest: o}
	if err := os.MkdirAll(j.CacheDir, 0o750); err != nil {
		return err
	}
	if err := j.forget(); err != nil {
		return err
	}
	return writeMemory(j.memoryPath(), head, func(write func(record) error) error {
		for _, f := range files {
			if err := write(j.record(f)); err != nil {
				return err
			}
		}
		return nil
	})
}

// record is what is kept of a file. One that may have changed unseen has no state,
// and is only a claim.
func (j *job) record(f *file) record {
	key := f.key(f.place)
	r := record{
		names:   [memoryNames]string{key.Keyspace, key.Table, key.TableID, key.Index, key.Dir, key.File},
		content: f.content, state: f.state,
	}
	if f.fresh {
		now, err := stateOf(f.path())
		if err != nil || now != f.state || j.begun.Sub(time.Unix(0, now.modified)) < settled {
			r.state = state{}
		}
	}
	return r
}

// forget removes memories that nobody uses any more, and those that were never
// whole.
func (j *job) forget() error {
	old, err := filepath.Glob(filepath.Join(j.CacheDir, "*backup-*"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if info, err := os.Stat(path); err == nil && j.begun.Sub(info.ModTime()) > forgotten {
			err = os.Remove(path)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

func writeMemory(path string, head memoryHead, records func(write func(record) error) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "new-backup-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	h := sha256.New()
	w := bufio.NewWriter(io.MultiWriter(f, h))
	err = writeRecords(w, head, records)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		_, err = f.Write(h.Sum(nil))
	}
	// It is not synced: one that a crash tore is seen by its sum.
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
