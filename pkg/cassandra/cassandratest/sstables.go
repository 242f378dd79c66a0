package cassandratest

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/sstable"
)

// store is what a node has of a table.
type store struct {
	memtable   []string
	generation int
	// live are the SSTables in use, those of indexes too: "<directory>/<base>".
	live map[string]bool
}

// tableOn is a table on a node.
type tableOn struct {
	*tableSchema
	*store
	node *Fake
}

func (f *Fake) on(t *tableSchema) *tableOn { return &tableOn{t, f.stores[t.id], f} }

// Write writes rows, which stay in memory until they are flushed.
func (f *Fake) Write(keyspace, table string, rows ...string) {
	f.tb.Helper()
	f.with(keyspace, table, func(t *tableOn) error {
		t.memtable = append(t.memtable, rows...)
		return nil
	})
}

// AddSSTable writes an SSTable with rows, past memory, and returns its base:
// "nb-1-big".
func (f *Fake) AddSSTable(keyspace, table string, rows ...string) (base string) {
	f.tb.Helper()
	f.with(keyspace, table, func(t *tableOn) (err error) {
		base, err = t.add(rows, 0)
		return err
	})
	return base
}

// Compact makes one SSTable, of level 1, of all that are in use.
func (f *Fake) Compact(keyspace, table string) {
	f.tb.Helper()
	f.with(keyspace, table, func(t *tableOn) error {
		rows, err := t.rows()
		if err != nil {
			return err
		}
		old := slices.Sorted(maps.Keys(t.live))
		if _, err := t.add(rows, 1); err != nil {
			return err
		}
		return t.remove(old)
	})
}

// Rows are those in memory and in the SSTables in use, sorted, each once.
func (f *Fake) Rows(keyspace, table string) (rows []string) {
	f.tb.Helper()
	f.with(keyspace, table, func(t *tableOn) (err error) {
		rows, err = t.rows()
		rows = append(rows, t.memtable...)
		return err
	})
	slices.Sort(rows)
	return slices.Compact(rows)
}

// Live are the SSTables in use, without those of indexes: "<directory>/<base>".
func (f *Fake) Live(keyspace, table string) (live []string) {
	f.tb.Helper()
	f.with(keyspace, table, func(t *tableOn) error {
		for _, dir := range f.paths(t.tableSchema) {
			live = append(live, t.liveIn(dir)...)
		}
		return nil
	})
	return live
}

// Idle are the files that lie in the directories of a table, or of its indexes,
// and that are in no use.
func (f *Fake) Idle(keyspace, table string) (idle []string) {
	f.tb.Helper()
	f.with(keyspace, table, func(t *tableOn) error {
		for _, dir := range t.dirs() {
			entries, err := os.ReadDir(dir)
			if err != nil {
				return err
			}
			for _, e := range entries {
				if name, _ := sstable.ParseName(e.Name()); !e.IsDir() && !t.live[filepath.Join(dir, name.Base)] {
					idle = append(idle, filepath.Join(dir, e.Name()))
				}
			}
		}
		return nil
	})
	return idle
}

// dirs are the directories of the table and of its indexes.
func (t *tableOn) dirs() []string {
	var dirs []string
	for _, dir := range t.node.paths(t.tableSchema) {
		dirs = append(dirs, dir)
		for _, index := range t.indexes {
			dirs = append(dirs, filepath.Join(dir, "."+index))
		}
	}
	return dirs
}

// liveIn are the SSTables in use in one directory, sorted.
func (t *tableOn) liveIn(dir string) []string {
	var live []string
	for path := range t.live {
		if filepath.Dir(path) == dir {
			live = append(live, path)
		}
	}
	slices.Sort(live)
	return live
}

func (t *tableOn) rows() ([]string, error) {
	var rows []string
	for _, dir := range t.node.paths(t.tableSchema) {
		for _, path := range t.liveIn(dir) {
			body, err := os.ReadFile(path + "-Data.db")
			if err != nil {
				return nil, err
			}
			rows = append(rows, strings.Fields(string(body))...)
		}
	}
	return rows, nil
}

func (t *tableOn) flush() error {
	if len(t.memtable) == 0 {
		return nil
	}
	if _, err := t.add(t.memtable, 0); err != nil {
		return err
	}
	t.memtable = nil
	return nil
}

// add writes an SSTable into one of the directories, in turn, and what the
// indexes have of it.
func (t *tableOn) add(rows []string, level int) (string, error) {
	paths := t.node.paths(t.tableSchema)
	dir := paths[t.generation%len(paths)]
	base := t.next(dir)
	if err := t.write(dir, base, rows, level); err != nil {
		return "", err
	}
	return base, t.addToIndexes(dir, rows)
}

func (t *tableOn) addToIndexes(dir string, rows []string) error {
	for _, index := range t.indexes {
		sub := filepath.Join(dir, "."+index)
		if err := os.MkdirAll(sub, 0o755); err != nil {
			return err
		}
		if err := t.write(sub, t.next(sub), rows, 0); err != nil {
			return err
		}
	}
	return nil
}

// next is the base of the next SSTable in a directory.
func (t *tableOn) next(dir string) string {
	version := "nb"
	if t.node.ring.release.Major < 4 {
		version = "me"
	}
	return t.nextOf(dir, version, "big")
}

func (t *tableOn) nextOf(dir, version, format string) string {
	for {
		t.generation++
		id := strconv.Itoa(t.generation)
		if t.node.ring.options.UUIDs {
			id = fmt.Sprintf("3gfz_1b2c_%018d", t.generation)
		}
		base := version + "-" + id + "-" + format
		if _, err := os.Lstat(filepath.Join(dir, base+"-Data.db")); errors.Is(err, fs.ErrNotExist) {
			return base
		}
	}
}

// write writes the files of an SSTable, which is in use then.
func (t *tableOn) write(dir, base string, rows []string, level int) error {
	for component, body := range Components(rows, level) {
		if err := os.WriteFile(filepath.Join(dir, base+"-"+component), []byte(body), 0o644); err != nil {
			return err
		}
	}
	t.live[filepath.Join(dir, base)] = true
	return nil
}

// Components are the files of an SSTable with rows: "Data.db", "TOC.txt" and so
// on, as a Fake reads and writes them.
func Components(rows []string, level int) map[string]string {
	data := strings.Join(rows, "\n") + "\n"
	components := map[string]string{
		"Data.db": data, "Index.db": "index of " + data, "Filter.db": "filter of " + data, "Summary.db": "summary of " + data,
		"Statistics.db": levelText(level), "CompressionInfo.db": "none",
		"Digest.crc32": strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(data))), 10),
		"TOC.txt":      "",
	}
	components["TOC.txt"] = strings.Join(slices.Sorted(maps.Keys(components)), "\n") + "\n"
	return components
}

// levelText is what Statistics.db tells of an SSTable.
func levelText(level int) string { return fmt.Sprintf("level %d\n", level) }

// remove deletes SSTables in use.
func (t *tableOn) remove(live []string) error {
	var errs []error
	for _, path := range live {
		files, err := filesOf(filepath.Dir(path), filepath.Base(path))
		errs = append(errs, err)
		for _, name := range files {
			errs = append(errs, os.Remove(filepath.Join(filepath.Dir(path), name)))
		}
		delete(t.live, path)
	}
	return errors.Join(errs...)
}

// filesOf are the names of the files of one SSTable.
func filesOf(dir, base string) ([]string, error) {
	all, err := group(dir)
	return all[base], err
}

// group lists the files of all SSTables in a directory, by their base.
func group(dir string) (map[string][]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	files := map[string][]string{}
	for _, e := range entries {
		if name, ok := sstable.ParseName(e.Name()); ok && !e.IsDir() {
			files[name.Base] = append(files[name.Base], e.Name())
		}
	}
	return files, nil
}
