package commitlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// local is a segment on this machine, as it was found.
type local struct {
	segment
	path    string
	size    int64
	changed time.Time
}

// find looks for the segments that are full.
func (b *backup) find(ctx context.Context) ([]local, error) {
	// Before the directory is read: what is made after this is not full either.
	written, err := b.written(ctx)
	if err != nil {
		return nil, err
	}
	if b.File != "" {
		return b.one(written)
	}
	entries, err := os.ReadDir(b.Dir)
	if err != nil {
		return nil, fmt.Errorf("reading the directory of the commit log: %w", err)
	}
	var segments []segment
	for _, e := range entries {
		if s, ok := parseSegment(e.Name()); ok && e.Type().IsRegular() {
			segments = append(segments, s)
		}
	}
	slices.SortFunc(segments, func(a, b segment) int { return cmp.Compare(a.id, b.id) })
	var found []local
	for _, s := range segments {
		if s.id >= written {
			b.result.Written = append(b.result.Written, s.name)
			continue
		}
		path := filepath.Join(b.Dir, s.name)
		l, err := look(path, s)
		switch {
		case err == nil:
			found = append(found, l)
		case errors.Is(err, ErrNotSegment):
			b.warn("%s was left out: %v", path, err)
		case b.tolerates(err):
			b.warnGone(path)
		default:
			return nil, fmt.Errorf("looking at %s: %w", path, err)
		}
	}
	if len(found) == 0 && len(b.result.Written) == 0 {
		b.warn("%s has no segment of a commit log", b.Dir)
	}
	return found, nil
}

// written is the id from which on segments are not full.
func (b *backup) written(ctx context.Context) (int64, error) {
	if b.Active == nil {
		return math.MaxInt64, nil
	}
	names, err := b.Active(ctx)
	if err != nil {
		return 0, fmt.Errorf("asking for the segment that is written: %w", err)
	}
	last := int64(-1)
	for _, name := range names {
		s, ok := parseSegment(name)
		if !ok {
			return 0, fmt.Errorf("asking for the segment that is written: %w: %.300q is no name of one", ErrInvalid, name)
		}
		last = max(last, s.id)
	}
	if last < 0 { // it is drained
		return math.MaxInt64, nil
	}
	return last, nil
}

// one is the segment that the request names.
func (b *backup) one(written int64) ([]local, error) {
	s, ok := parseSegment(filepath.Base(b.File))
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: %s is not named CommitLog-<version>-<id>.log", ErrInvalid, b.File)
	case s.id >= written:
		return nil, fmt.Errorf("%s is written by Cassandra: %w", b.File, ErrInUse)
	}
	l, err := look(b.File, s)
	if err != nil {
		return nil, fmt.Errorf("looking at %s: %w", b.File, err)
	}
	return []local{l}, nil
}

func look(path string, s segment) (l local, err error) {
	f, err := os.Open(path)
	if err != nil {
		return local{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return local{}, err
	}
	if !info.Mode().IsRegular() {
		return local{}, fmt.Errorf("%w: it is no regular file", ErrNotSegment)
	}
	if err := checkHeader(f, s); err != nil {
		return local{}, err
	}
	return local{s, path, info.Size(), info.ModTime()}, nil
}

// tolerates tells whether a segment may be gone: a running Cassandra deletes what
// it has flushed. Nobody deletes from an archive, and what was named is wanted.
func (b *backup) tolerates(err error) bool {
	return errors.Is(err, fs.ErrNotExist) && b.Active != nil && b.File == ""
}

func (b *backup) warnGone(path string) {
	b.warn("%s was deleted by Cassandra before it was backed up: no restore reaches a point in time in it; an archive_command misses none", path)
}
