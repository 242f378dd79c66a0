package store

import (
	"errors"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// renameExclusively renames a file within its directory if the name is free.
func renameExclusively(root *os.Root, from, to string) error {
	dir, err := root.Open(path.Dir(from))
	if err != nil {
		return err
	}
	fd := int(dir.Fd())
	err = unix.Renameat2(fd, path.Base(from), fd, path.Base(to), unix.RENAME_NOREPLACE)
	if err != nil {
		err = &os.LinkError{Op: "renameat2", Old: from, New: to, Err: err}
	}
	return errors.Join(err, dir.Close())
}
