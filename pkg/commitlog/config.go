package commitlog

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

const (
	archivingFile = "commitlog_archiving.properties"
	envFile       = "cassandra-env.sh"
	// pointInTimeForm is Cassandra's, in UTC.
	pointInTimeForm = "2006:01:02 15:04:05"
	maxConfig       = 1 << 20 // far above any
)

// config is Cassandra's directory of configuration, with what a restore changes in
// it as it was found. No link in it leads out.
type config struct {
	root      *os.Root
	archiving *document
	env       *document // nil where there is none
}

// openConfig reads what will be changed, so that what cannot be is found before
// anything is.
func openConfig(dir string, tables []string) (c *config, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening Cassandra's directory of configuration: %w", err)
	}
	c = &config{root: root}
	if c.archiving, err = readDocument(root, archivingFile); err == nil {
		c.env, err = readDocument(root, envFile)
	}
	if err == nil && c.env == nil && len(tables) > 0 {
		err = fmt.Errorf("%s is not there, which would tell Cassandra the tables to replay: %w", filepath.Join(dir, envFile), fs.ErrNotExist)
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return c, nil
}

func (c *config) close() { _ = c.root.Close() } // nothing was written through it

// replayFlag begins what Cassandra replays only some tables by. The original
// writes the very same line.
const replayFlag = `JVM_OPTS="$JVM_OPTS -Dcassandra.replayList=`

// setReplayList makes Cassandra replay these tables only, or all where none is
// named, and tells whether that was a change.
func (c *config) setReplayList(tables []string) (changed bool, err error) {
	if c.env == nil {
		return false, nil
	}
	var kept []string
	for line := range strings.Lines(string(c.env.text)) {
		if !strings.HasPrefix(strings.TrimSpace(line), replayFlag) {
			kept = append(kept, line)
		}
	}
	text := strings.Join(kept, "")
	if len(tables) > 0 {
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		text += replayFlag + strings.Join(tables, ",") + "\"\n"
	}
	if text == string(c.env.text) {
		return false, nil
	}
	return true, c.env.write(c.root, envFile, text)
}

// setArchiving makes Cassandra restore from a directory up to a point in time.
// Whatever else is configured stays, an archive_command above all.
func (c *config) setArchiving(dir string, pointInTime time.Time) error {
	former := ""
	if c.archiving != nil {
		former = string(c.archiving.text)
	}
	text := setProperties(former, []property{
		{"restore_directories", dir},
		{"restore_point_in_time", pointInTime.UTC().Format(pointInTimeForm)},
		{"restore_command", "cp -f %from %to"},
	})
	return c.archiving.write(c.root, archivingFile, text)
}

// document is a file as it was found.
type document struct {
	text []byte
	info fs.FileInfo
}

// readDocument reads a file, nil where there is none.
func readDocument(root *os.Root, name string) (*document, error) {
	info, err := root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil //nolint:nilnil // most nodes have none
	case err != nil:
		return nil, fmt.Errorf("looking at %s: %w", name, err)
	case !info.Mode().IsRegular() || info.Size() > maxConfig:
		return nil, fmt.Errorf("%w: %s in %s is no regular file of at most %d bytes", ErrInvalid, name, root.Name(), maxConfig)
	}
	text, err := root.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return &document{text, info}, nil
}

// write puts a text in the place of a document, or where there was none, in one
// step. It belongs to whom it belonged.
func (d *document) write(root *os.Root, name, text string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("writing %s in %s: %w", name, root.Name(), err)
		}
	}()
	if d != nil && bytes.Equal(d.text, []byte(text)) {
		return nil
	}
	return transfer.WriteFile(root, name, []byte(text), 0o600, func(f *os.File) error {
		if d == nil {
			return f.Chmod(0o644) // whatever the umask: Cassandra may be another user
		}
		return errors.Join(f.Chmod(d.info.Mode().Perm()), giveTo(f, d.info))
	})
}

// giveTo makes a file belong to whom another belongs, which only root has to do:
// where somebody else may write, it is his own.
func giveTo(f *os.File, like fs.FileInfo) error {
	owner, ok := like.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	return f.Chown(int(owner.Uid), int(owner.Gid))
}
