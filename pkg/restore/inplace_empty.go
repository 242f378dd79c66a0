package restore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

const settingCommitLog = "commitlog_directory"

// besides are the directories that Cassandra has beside its data, and where
// cassandra.yaml says that they are. "commitlogs" is what the original emptied.
var besides = []struct {
	names   []string
	setting string
	// always says that they are emptied in any case: what is cached of SSTables
	// would be taken for that of others with the same names.
	always bool
}{
	{[]string{"saved_caches"}, "saved_caches_directory", true},
	{[]string{"hints"}, "hints_directory", false},
	{[]string{"commitlog", "commitlogs"}, settingCommitLog, false},
}

// planEmptying finds the directories that are emptied. Commit logs would bring
// back what was written since the backup, but are of all tables.
func (j *inPlace) planEmptying(settings settings) error {
	for _, b := range besides {
		var dirs []string
		for _, name := range b.names {
			dirs = append(dirs, filepath.Join(j.CassandraDir, name))
		}
		if dir := settings.text(b.setting); filepath.IsAbs(dir) {
			dirs = append(dirs, filepath.Clean(dir))
		}
		for _, dir := range sorted(dirs) {
			files, err := filesIn(dir)
			if err != nil {
				return err
			}
			if len(files) == 0 {
				continue
			}
			if err := j.planDir(dir, b.setting, b.always); err != nil {
				return err
			}
		}
	}
	return nil
}

// planDir decides about a directory in which there are files.
func (j *inPlace) planDir(dir, setting string, always bool) error {
	switch {
	case always || j.scope.whole:
		j.others = append(j.others, dir)
		return j.mayEmpty(dir)
	case setting == settingCommitLog:
		j.warn("%s is kept, since other tables need it: unless the node was drained, Cassandra brings back from there what was written to restored tables", dir)
	}
	return nil
}

func (j *inPlace) mayEmpty(dir string) error {
	for _, data := range j.DataDirs {
		if within(dir, filepath.Clean(data)) || within(filepath.Clean(data), dir) {
			return fmt.Errorf("%w: %s, which is to be emptied, and data directory %s lie in each other", ErrInvalid, dir, data)
		}
	}
	if j.Allow == nil {
		return nil
	}
	return j.Allow(dir)
}

// filesIn lists the files of a directory, not those in directories below.
func filesIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what is to be emptied: %w", err)
	}
	var files []string
	for _, e := range entries {
		if e.Type().IsRegular() {
			files = append(files, e.Name())
		}
	}
	return files, nil
}

// empty removes the files of those directories.
func (j *inPlace) empty(ctx context.Context) error {
	for _, dir := range j.others {
		if err := j.emptyDir(ctx, dir); err != nil {
			return fmt.Errorf("emptying %s: %w", dir, err)
		}
	}
	return nil
}

func (j *inPlace) emptyDir(ctx context.Context, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	files, err := filesIn(dir)
	if err != nil {
		return err
	}
	for _, name := range files {
		if err := j.do(ctx, "removing", filepath.Join(dir, name), func() error { return root.Remove(name) }); err != nil {
			return err
		}
	}
	return transfer.SyncDir(root.Open, ".")
}

// text is a setting of cassandra.yaml that is a text; "" if it is not there.
func (s settings) text(name string) string {
	text, _ := s.parsed[name].(string)
	return strings.TrimSpace(text)
}
