package restore

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const (
	// recordFile has a "." in its name, which no keyspace beside it has.
	recordFile = "downloaded.json"
	// recordVersion is raised when an older sidecar could misread a record.
	recordVersion = 1
)

// record is what DOWNLOAD leaves behind when it is complete, and what the later
// phases go by.
type record struct {
	Version     int    `json:"version"`
	HostID      string `json:"hostId"`
	SnapshotTag string `json:"snapshotTag"`
	// Keyspaces are those of which all tables are here, if there are any.
	Keyspaces []string `json:"keyspaces"`
	Tables    []table  `json:"tables"` // by Name
}

// table is a table of the backup whose data is here.
type table struct {
	// Name is "keyspace.table" in the backup, and Target the one that takes the data.
	Name   string `json:"name"`
	Target string `json:"target"`
	// Dir holds the files, by a slash path in the place.
	Dir   string `json:"dir"`
	Files []file `json:"files,omitempty"`
	// Truncations are the snapshots that Cassandra had made of truncations of
	// Target before; they are not this restore's.
	Truncations []string `json:"truncations,omitempty"`
}

// file is one component of an SSTable.
type file struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	Hash string `json:"hash,omitempty"`

	key string
}

// bytes that a table has.
func (t table) bytes() (sum int64) {
	for _, f := range t.Files {
		sum += f.Size
	}
	return sum
}

var (
	nameForm = regexp.MustCompile(`^[A-Za-z0-9_]{1,222}$`)
	dirForm  = regexp.MustCompile(`^[A-Za-z0-9_]{1,222}/[A-Za-z0-9_]{1,222}-[0-9a-f]{32}$`)
)

// readRecord reads the record of a place that the later phases need.
func (j *job) readRecord(p *place) (*record, error) {
	var rec record
	err := p.read(recordFile, &rec)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: phase DOWNLOAD of backup %s did not come to its end on this node", ErrNotDownloaded, p.tag)
	case err != nil:
		return nil, err
	}
	if err := rec.check(j.hostID, p.tag); err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Join(p.path, recordFile), err)
	}
	return &rec, nil
}

// check trusts a record no more than any other file: others may write there.
func (rec *record) check(hostID, tag string) error {
	switch {
	case rec.Version != recordVersion:
		return fmt.Errorf("%w: its version is %d, not %d; run DOWNLOAD again", ErrNotDownloaded, rec.Version, recordVersion)
	case rec.HostID != hostID || rec.SnapshotTag != tag:
		return fmt.Errorf("%w: it is of backup %q of node %q; run DOWNLOAD again", ErrNotDownloaded, rec.SnapshotTag, rec.HostID)
	}
	for _, t := range rec.Tables {
		if !dirForm.MatchString(t.Dir) || !strings.HasPrefix(t.Dir, strings.Replace(t.Target, ".", "/", 1)+"-") {
			return fmt.Errorf("%w: %s cannot lie in %q; run DOWNLOAD again", ErrNotDownloaded, t.Target, t.Dir)
		}
		for _, f := range t.Files {
			if !isFileName(f.Name) || f.Size < 0 {
				return fmt.Errorf("%w: %s has a file %q; run DOWNLOAD again", ErrNotDownloaded, t.Target, f.Name)
			}
		}
	}
	return nil
}

// isFileName reports whether a name stays in the directory that it is put into.
func isFileName(name string) bool {
	return filepath.IsLocal(name) && path.Base(name) == name && filepath.Base(name) == name && !strings.HasPrefix(name, ".")
}

// selected are the tables of the record that the request means. What it names
// and the record lacks is an error, and so is another target than was
// downloaded for.
func (rec *record) selected(r Request) ([]table, error) {
	holds := func(entity string) bool {
		return slices.Contains(rec.Keyspaces, entity) ||
			slices.ContainsFunc(rec.Tables, func(t table) bool { return t.Name == entity })
	}
	if err := r.checkEntities(holds); err != nil {
		return nil, fmt.Errorf("%w: what DOWNLOAD left of backup %s: %w", ErrNotDownloaded, rec.SnapshotTag, err)
	}
	var tables []table
	var moves []move
	for _, t := range rec.Tables {
		if !r.includes(t.Name) {
			continue
		}
		if target := r.target(t.Name); target != t.Target {
			return nil, fmt.Errorf("%w: %s was downloaded for %s, not for %s", ErrNotDownloaded, t.Name, t.Target, target)
		}
		tables = append(tables, t)
		moves = append(moves, move{t.Name, t.Target})
	}
	if len(tables) == 0 {
		return nil, fmt.Errorf("%w: none of the tables that were downloaded of backup %s is meant", ErrNotDownloaded, rec.SnapshotTag)
	}
	return tables, r.checkTargets(moves)
}

func targetsOf(tables []table) []string {
	targets := make([]string, len(tables))
	for i, t := range tables {
		targets[i] = t.Target
	}
	return targets
}

func namesOf(tables []table) []string {
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.Name
	}
	return names
}
