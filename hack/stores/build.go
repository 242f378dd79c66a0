package stores

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/icarus-sidecar/icarus/hack/cache"
)

const (
	gatewayModule  = "github.com/versity/versitygw"
	gatewayProgram = gatewayModule + "/cmd/versitygw"
)

// Build brings the S3 server into the cache, as far as it is not there, and
// returns its path. The Makefile builds the same file.
func Build(ctx context.Context, out io.Writer) (string, error) {
	tools, err := toolsDir(ctx)
	if err != nil {
		return "", err
	}
	version, err := pinned(filepath.Join(tools, "go.mod"), gatewayModule)
	if err != nil {
		return "", err
	}
	path, err := cache.Dir("bin", "versitygw-"+version)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	unlock, err := cache.Lock(ctx, path)
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	fmt.Fprintf(out, "Building versitygw %s from its Go module (once)\n", version)
	partial := path + ".building"
	cmd := exec.CommandContext(ctx, "go", "build", "-o", partial, gatewayProgram)
	cmd.Dir, cmd.Env = tools, append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", gatewayProgram, err, said)
	}
	if err := os.Rename(partial, path); err != nil {
		return "", fmt.Errorf("finishing the build of versitygw: %w", err)
	}
	return path, nil
}

// toolsDir is hack/tools of the module that this process runs in: tests run in
// their package's directory, commands wherever the tree is.
func toolsDir(ctx context.Context) (string, error) {
	said, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("finding the module: %w", err)
	}
	mod := strings.TrimSpace(string(said))
	if mod == "" || mod == os.DevNull {
		return "", errors.New("finding the module: run this inside the tree of Icarus")
	}
	return filepath.Join(filepath.Dir(mod), "hack", "tools"), nil
}

// pinned is the version of a module in a go.mod file.
func pinned(file, module string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("reading the versions of the tools: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if words := strings.Fields(lines.Text()); len(words) >= 2 && words[0] == module {
			return words[1], nil
		}
	}
	if err := lines.Err(); err != nil {
		return "", fmt.Errorf("reading the versions of the tools: %w", err)
	}
	return "", fmt.Errorf("finding the version of %s: %s does not pin it", module, file)
}
