// Package cache is where the workshop keeps what it fetched or built: outside
// the tree, by pinned version, shared by every checkout and every test binary.
//
// Whoever fills a place holds its lock, and fills a place beside it that is
// renamed when it is whole. So what exists is complete, even after a kill.
package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// lockPoll is how often a held lock is tried again. Locks here are held for
// seconds to minutes; a tenth of a second is not noticed.
const lockPoll = 100 * time.Millisecond

// Dir returns the path of parts below the cache: $ICARUS_CACHE, or else icarus
// in $XDG_CACHE_HOME or ~/.cache. The Makefile follows the same rule.
func Dir(parts ...string) (string, error) {
	root := os.Getenv("ICARUS_CACHE")
	if xdg := os.Getenv("XDG_CACHE_HOME"); root == "" && xdg != "" {
		root = filepath.Join(xdg, "icarus")
	}
	if root == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("finding the cache directory (set ICARUS_CACHE to name one): %w", err)
		}
		root = filepath.Join(home, ".cache", "icarus")
	}
	root, err := filepath.Abs(root)
	if err != nil {
		return "", fmt.Errorf("finding the cache directory: %w", err)
	}
	return filepath.Join(append([]string{root}, parts...)...), nil
}

// InTree returns the path of parts below the tree of the module that this process
// runs in: tests run in their package's directory, commands wherever the tree is.
func InTree(ctx context.Context, parts ...string) (string, error) {
	said, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("finding the module: %w", err)
	}
	mod := strings.TrimSpace(string(said))
	if mod == "" || mod == os.DevNull {
		return "", errors.New("finding the module: run this inside the tree of Icarus")
	}
	inner := filepath.Join(parts...)
	// test/gocloud is a module below that of Icarus.
	for dir := filepath.Dir(mod); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		path := filepath.Join(dir, inner)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return filepath.Join(filepath.Dir(mod), inner), nil
}

// Lock takes the machine-wide lock of a path (a file path.lock beside it) and
// returns what gives it back. It waits as long as ctx lasts. A process that
// dies gives its locks back.
func Lock(ctx context.Context, path string) (unlock func(), err error) {
	name := path + ".lock"
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, fmt.Errorf("making the place of a lock: %w", err)
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening a lock: %w", err)
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			_ = f.Close()
			return nil, fmt.Errorf("locking %s: %w", name, err)
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("waiting for another process to release %s: %w", name, context.Cause(ctx))
		case <-time.After(lockPoll):
		}
	}
}

// Fill makes dir by calling fill with a fresh directory beside it, under the
// lock of that directory, and renames it when fill succeeded. A dir that exists
// is whole and left alone.
func Fill(ctx context.Context, dir string, fill func(partial string) error) error {
	if exists(dir) {
		return nil
	}
	unlock, err := Lock(ctx, dir)
	if err != nil {
		return err
	}
	defer unlock()
	if exists(dir) {
		return nil
	}
	partial := dir + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return fmt.Errorf("clearing an unfinished directory: %w", err)
	}
	if err := os.MkdirAll(partial, 0o755); err != nil {
		return fmt.Errorf("making a directory in the cache: %w", err)
	}
	if err := fill(partial); err != nil {
		return errors.Join(err, os.RemoveAll(partial))
	}
	if err := os.Rename(partial, dir); err != nil {
		return fmt.Errorf("finishing a directory in the cache: %w", err)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
