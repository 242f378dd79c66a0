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

// tool is a program that is built from a module which hack/tools/go.mod pins.
type tool struct{ name, module, program string }

var (
	gateway = tool{"versitygw", "github.com/versity/versitygw", "github.com/versity/versitygw/cmd/versitygw"}
	fakeGCS = tool{"fake-gcs-server", "github.com/fsouza/fake-gcs-server", "github.com/fsouza/fake-gcs-server"}
)

// Fetch brings all servers into the cache. It tries each, so that one look shows
// all that is missing.
func Fetch(ctx context.Context, out io.Writer) error {
	_, s3Err := Build(ctx, out)
	_, gcsErr := BuildGCS(ctx, out)
	_, _, azureErr := FetchAzurite(ctx, out)
	return errors.Join(s3Err, gcsErr, azureErr)
}

// Build brings the S3 server into the cache, as far as it is not there, and
// returns its path. The Makefile builds the same file.
func Build(ctx context.Context, out io.Writer) (string, error) { return gateway.build(ctx, out) }

// BuildGCS brings the GCS server into the cache, as far as it is not there, and
// returns its path.
func BuildGCS(ctx context.Context, out io.Writer) (string, error) { return fakeGCS.build(ctx, out) }

func (t tool) build(ctx context.Context, out io.Writer) (string, error) {
	tools, err := cache.InTree(ctx, "hack", "tools")
	if err != nil {
		return "", err
	}
	version, err := pinned(filepath.Join(tools, "go.mod"), t.module)
	if err != nil {
		return "", err
	}
	path, err := cache.Dir("bin", t.name+"-"+version)
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
	fmt.Fprintf(out, "Building %s %s from its Go module (once)\n", t.name, version)
	partial := path + ".building"
	cmd := exec.CommandContext(ctx, "go", "build", "-o", partial, t.program)
	cmd.Dir, cmd.Env = tools, append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", t.program, err, said)
	}
	if err := os.Rename(partial, path); err != nil {
		return "", fmt.Errorf("finishing the build of %s: %w", t.name, err)
	}
	return path, nil
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
