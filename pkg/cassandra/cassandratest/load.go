package cassandratest

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/sstable"
)

// load is the operation: SSTables that lie in the table's directories and are not
// in use get the next names, and are.
func (t *tableOn) load() error {
	for _, dir := range t.node.paths(t.tableSchema) {
		found, err := group(dir)
		if err != nil {
			return err
		}
		for _, base := range slices.Sorted(maps.Keys(found)) {
			if t.live[filepath.Join(dir, base)] || t.foreign(base) {
				continue
			}
			if err := t.takeUp(dir, dir, base, found[base], importOptions{resetLevel: true}, os.Rename); err != nil {
				return err
			}
		}
	}
	return nil
}

// importOptions are those arguments of the operation that matter here.
type importOptions struct{ resetLevel, verify bool }

// tablePath is where 5.0 looks for SSTables.
var tablePath = regexp.MustCompile(`/\w+/\w+(-[0-9a-f]{32})?(/backups|/snapshots/[^/]+)?$`)

// importFrom is the operation that copies: by hard links, as the real one does
// where it can. It returns the directories that could not be imported.
func (t *tableOn) importFrom(dirs []string, o importOptions) ([]any, error) {
	for _, dir := range dirs {
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			return nil, thrown("java.lang.RuntimeException", "Directory %s does not exist", dir)
		}
	}
	failed := []any{}
	for _, dir := range dirs {
		if t.node.ring.release.Major >= 5 && !tablePath.MatchString(dir) {
			continue // and nobody is told
		}
		found, err := group(dir)
		if err != nil {
			return nil, err
		}
		bases := slices.DeleteFunc(slices.Sorted(maps.Keys(found)), t.foreign)
		if o.verify && !sound(dir, bases) {
			failed = append(failed, dir)
			continue
		}
		paths := t.node.paths(t.tableSchema)
		for _, base := range bases {
			if err := t.takeUp(dir, paths[t.generation%len(paths)], base, found[base], o, os.Link); err != nil {
				return nil, err
			}
		}
	}
	return failed, nil
}

// sound is whether all SSTables have the data that their digests tell.
func sound(dir string, bases []string) bool {
	for _, base := range bases {
		data, err := os.ReadFile(filepath.Join(dir, base+"-Data.db"))
		if err != nil {
			return false
		}
		digest, err := os.ReadFile(filepath.Join(dir, base+"-Digest.crc32"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil || string(digest) != strconv.FormatUint(uint64(crc32.ChecksumIEEE(data)), 10) {
			return false
		}
	}
	return true
}

// foreign is whether an SSTable is of a format or version that the release does
// not know, and so of none to it.
func (t *tableOn) foreign(base string) bool {
	latest, formats := "nz", []string{"big"}
	if t.node.ring.release.Major >= 5 {
		latest, formats = "oz", []string{"big", "bti"}
	}
	name, ok := sstable.ParseName(base + "-Data.db")
	return !ok || !slices.Contains(formats, name.Format) || name.Format == "big" && base[:2] > latest
}

// takeUp puts an SSTable into use under the next name.
func (t *tableOn) takeUp(from, to, base string, files []string, o importOptions, put func(from, to string) error) error {
	if !slices.Contains(files, base+"-Data.db") {
		return thrown("java.lang.AssertionError", "Data component is missing for sstable %s", filepath.Join(from, base))
	}
	name, _ := sstable.ParseName(files[0])
	if o.resetLevel {
		if err := resetLevel(filepath.Join(from, base+"-Statistics.db")); err != nil {
			return err
		}
	}
	version, _, _ := strings.Cut(base, "-")
	as := t.nextOf(to, version, name.Format)
	for _, file := range files {
		if err := put(filepath.Join(from, file), filepath.Join(to, as+strings.TrimPrefix(file, base))); err != nil {
			return fmt.Errorf("taking up %s: %w", file, err)
		}
	}
	t.live[filepath.Join(to, as)] = true
	body, err := os.ReadFile(filepath.Join(to, as+"-Data.db"))
	if err != nil {
		return err
	}
	return t.addToIndexes(to, strings.Fields(string(body)))
}

// resetLevel puts another file under the name of Statistics.db, unless it tells
// level 0 already.
func resetLevel(statistics string) error {
	body, err := os.ReadFile(statistics)
	if errors.Is(err, fs.ErrNotExist) || err == nil && string(body) == levelText(0) {
		return nil
	}
	if err != nil {
		return err
	}
	temporary := statistics + "-tmp"
	if err := os.WriteFile(temporary, []byte(levelText(0)), 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, statistics)
}
