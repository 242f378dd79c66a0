package restore

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

// copyIn has Cassandra import the directory of a table's downloads.
func (im importer) copyIn(ctx context.Context, t table, dirs liveDirs, st *state) error {
	keyspace, name, _ := strings.Cut(t.Target, ".")
	if st.Step == stepLoading {
		// The call of an earlier life may not have ended. This one waits until it
		// has, and takes up what is in the table's directories without being used.
		if err := im.node.LoadNewSSTables(ctx, keyspace, name); err != nil {
			return err
		}
		if taken, err := im.taken(t, dirs); taken || err != nil {
			return err
		}
	}
	st.Step = stepLoading
	if err := im.place.keep(t.Target, *st); err != nil {
		return err
	}
	err := im.node.Import(ctx, keyspace, name, []string{filepath.Join(im.place.path, t.Dir)}, im.Import)
	if answered(err) {
		st.Step = ""
		return errors.Join(err, im.place.keep(t.Target, *st))
	}
	return err
}

// taken reports whether all SSTables of a table are in its directories: Cassandra
// makes hard links where it can.
func (im importer) taken(t table, dirs liveDirs) (bool, error) {
	there, err := dirs.scan()
	if err != nil {
		return false, err
	}
	for base := range t.bases() {
		info, err := im.place.root.Lstat(path.Join(t.Dir, base+"-"+dataComponent))
		if err != nil {
			return false, err
		}
		if !there.has(info) {
			return false, nil
		}
	}
	return true, nil
}

// answered reports whether an error is Cassandra's own word, after which it does
// no more, and not the loss of it.
func answered(err error) bool {
	var exception *jmx.Exception
	return errors.As(err, &exception)
}

// handOver gives the downloads of a table to Cassandra's user, who is to read and
// to delete them.
func (p *place) handOver(t table, dirs liveDirs) error {
	if len(dirs) == 0 || dirs[0].owner == nil {
		return nil
	}
	to := dirs[0].owner
	names := []string{t.Dir}
	for _, f := range t.Files {
		names = append(names, path.Join(t.Dir, f.Name))
	}
	for _, name := range names {
		if err := p.root.Lchown(name, to.uid, to.gid); err != nil {
			return fmt.Errorf("giving downloads to Cassandra's user: %w", err)
		}
	}
	return nil
}
