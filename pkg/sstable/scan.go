package sstable

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// ErrIncomplete is for an SSTable that lacks a part, or that cannot be told apart.
var ErrIncomplete = errors.New("incomplete SSTable")

// Component is a file of an SSTable.
type Component struct {
	File string
	// Path is where it lies in the file system that was scanned.
	Path     string
	Size     int64
	Modified time.Time
}

// SSTable is one SSTable with all its files.
type SSTable struct {
	Base, Generation string
	// Digest is of letters and digits, mostly the decimal CRC-32 of the data.
	Digest string
	// Index is "", or the ".name" of the directory of a secondary index.
	Index string
	// Components are sorted by File.
	Components []Component
}

// Dir is the name of the directory that holds it in a bucket.
func (t SSTable) Dir() string { return t.Generation + "-" + t.Digest }

// indexForm is the directory of a secondary index, in that of its table.
var indexForm = regexp.MustCompile(`^\.[A-Za-z0-9_]{1,254}$`)

// Scan reads the directory of a snapshot of one table: the SSTables of the
// table, then those of its secondary indexes, each by name. Other files, such as
// schema.cql and manifest.json, and other directories are left out.
//
// An SSTable without Data.db, or without a component that its TOC.txt names, is
// ErrIncomplete. A component that TOC.txt does not name belongs to it all the same.
// A directory that is not there is fs.ErrNotExist.
func Scan(fsys fs.FS, dir string) ([]SSTable, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, fmt.Errorf("listing a table's directory: %w", err)
	}
	found, err := scan(fsys, dir, "", entries)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), ".") {
			continue
		}
		inside, err := fs.ReadDir(fsys, path.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("listing an index's directory: %w", err)
		}
		more, err := scan(fsys, dir, e.Name(), inside)
		if err != nil {
			return nil, err
		}
		if len(more) > 0 && !indexForm.MatchString(e.Name()) {
			return nil, fmt.Errorf("%w: SSTables lie in %q, which is the directory of no index",
				ErrIncomplete, path.Join(dir, e.Name()))
		}
		found = append(found, more...)
	}
	return found, nil
}

// scan groups the files of one directory into SSTables.
func scan(fsys fs.FS, dir, index string, entries []fs.DirEntry) ([]SSTable, error) {
	names, files := map[string]Name{}, map[string]map[string]Component{}
	for _, e := range entries {
		at := path.Join(dir, index, e.Name())
		name, ok := ParseName(e.Name())
		if !ok {
			if strings.HasSuffix(e.Name(), "-"+dataFile) {
				return nil, fmt.Errorf("%w: %q has a name of a form that is not known", ErrIncomplete, at)
			}
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, fmt.Errorf("looking at a component: %w", err)
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%w: %s is not a regular file", ErrIncomplete, at)
		}
		if files[name.Base] == nil {
			names[name.Base], files[name.Base] = name, map[string]Component{}
		}
		files[name.Base][name.Component] = Component{File: e.Name(), Path: at, Size: info.Size(), Modified: info.ModTime()}
	}
	found := make([]SSTable, 0, len(names))
	for base, name := range names {
		t := SSTable{Base: base, Generation: name.Generation, Index: index}
		if err := t.complete(fsys, files[base]); err != nil {
			return nil, fmt.Errorf("reading SSTable %s: %w", path.Join(dir, index, base), err)
		}
		found = append(found, t)
	}
	slices.SortFunc(found, func(a, b SSTable) int { return cmp.Compare(a.Base, b.Base) })
	return found, nil
}

// complete checks that everything is there, and fills in the rest of t.
func (t *SSTable) complete(fsys fs.FS, files map[string]Component) (err error) {
	if _, there := files[dataFile]; !there {
		return fmt.Errorf("%w: it has no %s", ErrIncomplete, dataFile)
	}
	if err := checkTOC(fsys, files); err != nil {
		return err
	}
	if t.Digest, err = digest(fsys, files); err != nil {
		return err
	}
	for _, c := range files {
		t.Components = append(t.Components, c)
	}
	slices.SortFunc(t.Components, func(a, b Component) int { return cmp.Compare(a.File, b.File) })
	return nil
}

// checkTOC looks for the components that the table of contents names. Without
// one, Cassandra takes what is there, and so do we.
func checkTOC(fsys fs.FS, files map[string]Component) error {
	toc, there := files[tocFile]
	if !there {
		return nil
	}
	body, err := read(fsys, toc.Path, maxTOC+1)
	if err != nil {
		return err
	}
	named, err := ParseTOC(body)
	if err != nil {
		return err
	}
	for _, name := range named {
		if _, there := files[name]; !there && !canBeMade(name) {
			return fmt.Errorf("%w: %s names %s, which is not there", ErrIncomplete, toc.File, name)
		}
	}
	return nil
}
