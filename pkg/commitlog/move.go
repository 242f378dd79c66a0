package commitlog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// moveAside empties the directory of the commit log into one beside it.
// Directories in it stay: Cassandra looks at files only.
func (j *recovery) moveAside(ctx context.Context) error {
	entries, err := os.ReadDir(j.CommitLogDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a node that has never been started
	}
	if err != nil {
		return fmt.Errorf("reading the directory of the commit log: %w", err)
	}
	aside := filepath.Join(filepath.Dir(j.CommitLogDir), j.Aside)
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if j.result.MovedTo == "" {
			if err := os.MkdirAll(aside, 0o750); err != nil {
				return fmt.Errorf("making a place for the former commit log: %w", err)
			}
			j.result.MovedTo = aside
		}
		if err := move(ctx, filepath.Join(j.CommitLogDir, e.Name()), filepath.Join(aside, e.Name())); err != nil {
			return fmt.Errorf("moving %s to %s: %w", e.Name(), aside, err)
		}
		j.result.Moved++
	}
	if j.result.MovedTo == "" {
		return nil
	}
	return errors.Join(transfer.SyncDir(os.Open, aside), transfer.SyncDir(os.Open, filepath.Dir(aside)), transfer.SyncDir(os.Open, j.CommitLogDir))
}

// move renames a file that is not overwritten, or copies it where its directory is
// a file system of its own, as volumes of containers are.
func move(ctx context.Context, from, to string) error {
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fs.ErrExist, err)
	}
	err := os.Rename(from, to)
	if !errors.Is(err, unix.EXDEV) {
		return err
	}
	return moveAcross(ctx, from, to)
}

func moveAcross(ctx context.Context, from, to string) error {
	temporary := filepath.Join(filepath.Dir(to), transfer.Hidden+filepath.Base(to))
	if err := copyWhole(ctx, from, temporary); err != nil {
		return errors.Join(err, removeIfThere(temporary))
	}
	if err := os.Rename(temporary, to); err != nil {
		return err
	}
	if err := transfer.SyncDir(os.Open, filepath.Dir(to)); err != nil { // before the other is gone
		return err
	}
	return os.Remove(from)
}

func copyWhole(ctx context.Context, from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	info, err := source.Stat()
	if err != nil {
		return err
	}
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, info.Mode().Perm())
	if err != nil {
		return err
	}
	n, err := transfer.Copy(ctx, target, source)
	if err == nil && n != info.Size() {
		err = fmt.Errorf("%d bytes were copied of %d", n, info.Size())
	}
	if err == nil {
		err = giveTo(target, info)
	}
	if err == nil {
		err = target.Sync()
	}
	if err := errors.Join(err, target.Close()); err != nil {
		return err
	}
	return os.Chtimes(to, info.ModTime(), info.ModTime())
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
