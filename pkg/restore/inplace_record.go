package restore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
)

const (
	// inPlaceDir is hidden in a data directory, where moving a file into its
	// place is renaming it. No keyspace is called so.
	inPlaceDir = ".icarus-in-place"
	// stagedDir holds what a data directory is to have, under the paths that it
	// is to have there.
	stagedDir = inPlaceDir + "/files"
	// inPlaceRecordFile lies in the first data directory.
	inPlaceRecordFile    = "replacing.json"
	inPlaceRecordVersion = 1
)

// inPlaceRecord says that everything is staged and that data is being replaced.
// While it is there the node is neither what it was nor what it is to be.
type inPlaceRecord struct {
	Version     int    `json:"version"`
	Location    string `json:"location"`
	NodeID      string `json:"nodeId"`
	SnapshotTag string `json:"snapshotTag"`
	// Scope tells which tables.
	Scope string `json:"scope"`
}

// record is that of this run.
func (j *inPlace) record() inPlaceRecord {
	return inPlaceRecord{
		Version: inPlaceRecordVersion, Location: j.Location.String(), NodeID: j.nodeID, SnapshotTag: j.tag, Scope: j.scopeText(),
	}
}

func (r InPlaceRequest) scopeText() string {
	return fmt.Sprintf("entities=%s newCluster=%t system=%t systemAuth=%t",
		strings.Join(slices.Sorted(slices.Values(r.Entities)), ","), r.NewCluster, r.System, r.SystemAuth)
}

// findRecord reads the record of a run before, wherever it had its first data
// directory; nil if there is none. Another restore than that one is refused.
func (j *inPlace) findRecord() (*inPlaceRecord, error) {
	for _, dir := range j.DataDirs {
		rec, err := readInPlaceRecord(dir)
		if err != nil {
			return nil, err
		}
		if rec == nil {
			continue
		}
		if !j.isSame(*rec) {
			return nil, fmt.Errorf("%w: that of backup %s in %s (%s) began to replace data; run it again first, or give it up by deleting %s",
				ErrUnfinished, rec.SnapshotTag, rec.Location, rec.Scope, filepath.Join(dir, inPlaceDir))
		}
		return rec, nil
	}
	return nil, nil //nolint:nilnil // no run was interrupted
}

// isSame reports whether a record is of a run of the same request, which may mean
// several backups.
func (j *inPlace) isSame(rec inPlaceRecord) bool {
	return rec.Version == inPlaceRecordVersion && rec.Location == j.Location.String() && rec.Scope == j.scopeText() &&
		len(manifest.Match([]string{rec.SnapshotTag}, j.SnapshotTag, j.SchemaVersion)) == 1 && hostForm.MatchString(rec.NodeID)
}

func readInPlaceRecord(dataDir string) (*inPlaceRecord, error) {
	root, err := os.OpenRoot(filepath.Join(dataDir, inPlaceDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // no run was interrupted
	}
	if err != nil {
		return nil, fmt.Errorf("looking for an earlier restore: %w", err)
	}
	defer root.Close()
	p := place{root: root, path: root.Name()}
	var rec inPlaceRecord
	switch err := p.read(inPlaceRecordFile, &rec); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil //nolint:nilnil // it did not come so far
	case err != nil:
		return nil, err
	}
	return &rec, nil
}

// writeRecord puts the record into the first data directory.
func (d *dataDir) writeRecord(rec inPlaceRecord) error {
	root, err := d.root.OpenRoot(inPlaceDir)
	if err != nil {
		return err
	}
	p := place{root: root, path: path.Join(d.path, inPlaceDir)}
	return errors.Join(p.write(inPlaceRecordFile, rec), root.Close())
}
