//go:build !linux

package store

import (
	"errors"
	"os"
)

// renameExclusively has no system call that is the same everywhere.
func renameExclusively(_ *os.Root, from, to string) error {
	return &os.LinkError{Op: "rename", Old: from, New: to, Err: errors.New("the file system has no hard links")}
}
