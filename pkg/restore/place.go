package restore

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// maxDocument bounds what is read of one of our own documents.
const maxDocument = 1 << 30

// place is the directory of a node's downloads of one backup. Everything in it
// is reached by paths that cannot leave it.
type place struct {
	root *os.Root
	// path is for those who cannot use root: Cassandra, and errors.
	path string
	tag  string
}

func (p *place) close() error { return p.root.Close() }

// makePlace makes the directory of a backup's downloads if need be.
func (j *job) makePlace(tag string) (*place, error) {
	if err := os.MkdirAll(j.SourceDir, 0o755); err != nil {
		return nil, fmt.Errorf("making the directory for downloads: %w", err)
	}
	return j.openPlace(tag, true)
}

// openPlace opens the directory of a backup's downloads; fs.ErrNotExist where
// there is none.
func (j *job) openPlace(tag string, create bool) (*place, error) {
	if err := manifest.ValidateTag(tag); err != nil {
		return nil, fmt.Errorf("%w: it cannot be the name of a directory: %w", ErrInvalid, err)
	}
	dir := filepath.Join(j.hostID, tag)
	source, err := os.OpenRoot(j.SourceDir)
	if err != nil {
		return nil, fmt.Errorf("opening the directory for downloads: %w", err)
	}
	defer source.Close()
	if create {
		if err := source.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("making the directory for downloads: %w", err)
		}
	}
	root, err := source.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the directory of downloads: %w", err)
	}
	return &place{root: root, path: filepath.Join(j.SourceDir, dir), tag: tag}, nil
}

// downloaded lists the tags of which this node has a directory.
func (j *job) downloaded() ([]string, error) {
	source, err := os.OpenRoot(j.SourceDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("opening the directory for downloads: %w", err)
	}
	defer source.Close()
	entries, err := fs.ReadDir(source.FS(), j.hostID)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing downloads: %w", err)
	}
	var tags []string
	for _, e := range entries {
		if e.IsDir() && manifest.ValidateTag(e.Name()) == nil {
			tags = append(tags, e.Name())
		}
	}
	return tags, nil
}

// findPlace opens the downloads that the request means: those of its exact tag,
// or of the newest that it may mean. The bucket has no say any more: a backup
// made meanwhile was not downloaded.
func (j *job) findPlace(schema string) (*place, error) {
	tags, err := j.downloaded()
	if err != nil {
		return nil, err
	}
	if !slices.Contains(tags, j.SnapshotTag) {
		if tags = manifest.Match(tags, j.SnapshotTag, schema); len(tags) == 0 {
			return nil, fmt.Errorf("%w: there is nothing of backup %s in %s", ErrNotDownloaded,
				j.meant(schema), filepath.Join(j.SourceDir, j.hostID))
		}
		return j.openPlace(tags[0], false)
	}
	return j.openPlace(j.SnapshotTag, false)
}

// write puts a document into place: whole, on disk, or not at all.
func (p *place) write(name string, document any) error { return p.writeFor(nil, name, document) }

// writeFor is write, and gives the file to somebody who is not nil.
func (p *place) writeFor(to *owner, name string, document any) error {
	body, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding %s: %w", name, err)
	}
	if err := p.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	var as func(f *os.File) error
	if to != nil {
		as = func(f *os.File) error { return f.Chown(to.uid, to.gid) }
	}
	if err := transfer.WriteFile(p.root, name, body, 0o644, as); err != nil {
		return fmt.Errorf("writing %s in %s: %w", name, p.path, err)
	}
	return nil
}

// read reads a document; fs.ErrNotExist where there is none.
func (p *place) read(name string, document any) error {
	f, err := p.root.Open(name)
	if err != nil {
		return err
	}
	body, err := readWhole(f, maxDocument)
	if err != nil {
		return fmt.Errorf("reading %s in %s: %w", name, p.path, err)
	}
	if err := json.Unmarshal(body, document); err != nil {
		return fmt.Errorf("decoding %s in %s: %w", name, p.path, err)
	}
	return nil
}

// readWhole reads a file and closes it. A part of one would be taken for all.
func readWhole(f *os.File, maxBytes int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if int64(len(body)) > maxBytes {
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrInvalid, maxBytes)
	}
	return body, nil
}
