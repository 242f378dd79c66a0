package nodeops

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// allow refuses directories of a request that lie outside of the roots:
// Cassandra's data directories, which may be links or lie in /, their parents,
// where downloads can be hard-linked from, and what the administrator allowed.
// Links are resolved as far as the path exists, so that none leads out.
func (d *Deps) allow(ctx context.Context, field string, dirs ...string) error {
	if len(dirs) == 0 {
		return nil
	}
	data, err := d.Node.DataDirectories(ctx)
	if err != nil {
		return err
	}
	roots := slices.Clone(d.AllowedDirectories)
	for _, dir := range data {
		roots = append(roots, dir)
		if parent := filepath.Dir(dir); parent != "/" {
			roots = append(roots, parent)
		}
	}
	for _, dir := range dirs {
		if err := allowIn(roots, field, dir); err != nil {
			return err
		}
	}
	return nil
}

// allowIn refuses a directory that lies in none of the roots.
func allowIn(roots []string, field, dir string) error {
	real, err := resolve(dir)
	if err != nil {
		return fmt.Errorf("resolving %s %s: %w", field, dir, err)
	}
	for _, root := range roots {
		// In one that cannot be resolved, such as a link that leads somewhere for
		// Cassandra only, nothing lies.
		if realRoot, err := resolve(root); err == nil && within(real, realRoot) {
			return nil
		}
	}
	return fmt.Errorf("%s %s is in none of the directories that requests may name: %s; --allow-directory adds one",
		field, dir, strings.Join(roots, ", "))
}

// within reports whether path is root or lies in it.
func within(path, root string) bool {
	rel, err := filepath.Rel(root, path)
	return err == nil && filepath.IsLocal(rel)
}

// resolve follows the links of the longest part of a path that exists.
func resolve(path string) (string, error) {
	path = filepath.Clean(path)
	rest := ""
	for {
		real, err := filepath.EvalSymlinks(path)
		if err == nil {
			return filepath.Join(real, rest), nil
		}
		parent := filepath.Dir(path)
		info, lerr := os.Lstat(path)
		switch {
		case lerr == nil && errors.Is(err, fs.ErrNotExist) && info.Mode().Type() != fs.ModeSymlink:
			continue // it was made meanwhile
		case !errors.Is(lerr, fs.ErrNotExist) || parent == path:
			return "", err // a link to nowhere, too
		}
		rest, path = filepath.Join(filepath.Base(path), rest), parent
	}
}
