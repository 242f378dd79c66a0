package restore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// put links a download into a directory of its table, or copies it where no link
// can be made.
func (im importer) put(ctx context.Context, from *os.Root, f file, to *liveDir, as string) error {
	if strings.HasSuffix(as, "-"+tocComponent) {
		return copyFile(ctx, from, f, to, as)
	}
	dir, err := from.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	err = im.disk.linkTo(dir, f.Name, to.dir, as)
	if cannotLink(err) {
		return copyFile(ctx, from, f, to, as)
	}
	return err
}

// copyFile puts a copy of a download into a directory. Under its name there is
// all of it or nothing.
func copyFile(ctx context.Context, from *os.Root, f file, to *liveDir, as string) (err error) {
	source, err := from.Open(f.Name)
	if err != nil {
		return err
	}
	defer source.Close()
	temporary := transfer.Hidden + as
	target, err := to.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666) // less the umask, as Cassandra's own
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, to.root.Remove(temporary))
		}
	}()
	if err := errors.Join(fill(ctx, target, source, f.Size, to.owner), target.Close()); err != nil {
		return err
	}
	if _, err := to.root.Lstat(as); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("%s: %w", as, fs.ErrExist), err)
	}
	return to.root.Rename(temporary, as)
}

func fill(ctx context.Context, target *os.File, source io.Reader, size int64, to *owner) error {
	n, err := transfer.Copy(ctx, target, source)
	switch {
	case err != nil:
		return err
	case n != size:
		return fmt.Errorf("%d bytes were copied of %d", n, size)
	}
	if to != nil {
		if err := target.Chown(to.uid, to.gid); err != nil {
			return err
		}
	}
	return target.Sync()
}
