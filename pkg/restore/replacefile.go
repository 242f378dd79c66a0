package restore

import (
	"os"
	"path/filepath"
	"syscall"

	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// replaceFile puts other content under a name, whole or not at all, with the mode
// and the owner that it had.
func replaceFile(path string, body []byte) error {
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer root.Close()
	name := filepath.Base(path)
	info, err := root.Lstat(name)
	if err != nil {
		return err
	}
	return transfer.WriteFile(root, name, body, 0o600, func(f *os.File) error {
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && (int(stat.Uid) != os.Geteuid() || int(stat.Gid) != os.Getegid()) {
			if err := f.Chown(int(stat.Uid), int(stat.Gid)); err != nil {
				return err
			}
		}
		return f.Chmod(info.Mode().Perm())
	})
}
