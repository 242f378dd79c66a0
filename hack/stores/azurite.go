package stores

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/icarus-sidecar/icarus/hack/cache"
	"github.com/icarus-sidecar/icarus/hack/debian"
)

// azuriteVersion is the last one that runs on the Node.js of Debian 12: the later
// ones want 21 and more.
const azuriteVersion = "3.35.0"

// oldestNode is what Azurite and its modules run on.
const oldestNode = 18

// mac is how a Mac gets both.
const mac = "brew install node"

// ErrNoNode means that no Node.js is on this machine, and that it could not be
// installed.
var ErrNoNode = errors.New("no suitable Node.js")

// FetchAzurite brings Azurite into the cache, as far as it is not there, and
// returns a Node.js to run it with and its program.
func FetchAzurite(ctx context.Context, out io.Writer) (node, program string, err error) {
	if node, err = findNode(ctx, out); err != nil {
		return "", "", err
	}
	dir, err := cache.Dir("npm", "azurite-"+azuriteVersion)
	if err != nil {
		return "", "", err
	}
	err = cache.Fill(ctx, dir, func(partial string) error {
		npm, err := findNPM(ctx, out)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "Fetching azurite %s with npm (once)\n", azuriteVersion)
		// Nothing of it needs the scripts that packages bring, and the databases
		// that it could use are optional.
		cmd := exec.CommandContext(ctx, npm, "install", "--prefix", partial, "--no-audit", "--no-fund", "--ignore-scripts", "--omit=optional",
			"--loglevel=error", "azurite@"+azuriteVersion)
		cmd.Dir = partial
		if said, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("fetching azurite with npm: %w\n%s", err, said)
		}
		return nil
	})
	if err != nil {
		return "", "", err
	}
	program = azuriteMain(dir)
	if _, err := os.Stat(program); err != nil {
		return "", "", fmt.Errorf("looking for azurite in what npm fetched: %w", err)
	}
	return node, program, nil
}

// findNode finds a Node.js, or gets Debian's.
func findNode(ctx context.Context, out io.Writer) (string, error) {
	for attempt := 0; ; attempt++ {
		for _, name := range []string{"node", "nodejs"} {
			if path, err := exec.LookPath(name); err == nil && nodeMajor(ctx, path) >= oldestNode {
				return path, nil
			}
		}
		if attempt > 0 {
			return "", fmt.Errorf("%w: Debian's was installed, yet no Node.js %d is in PATH", ErrNoNode, oldestNode)
		}
		if err := debian.Install(ctx, out, "Node.js", mac, "nodejs", "npm"); err != nil {
			return "", fmt.Errorf("%w: Azurite needs Node.js %d in PATH: %w", ErrNoNode, oldestNode, err)
		}
	}
}

func findNPM(ctx context.Context, out io.Writer) (string, error) {
	if path, err := exec.LookPath("npm"); err == nil {
		return path, nil
	}
	if err := debian.Install(ctx, out, "npm", mac, "npm"); err != nil {
		return "", fmt.Errorf("%w: fetching Azurite needs npm in PATH: %w", ErrNoNode, err)
	}
	return exec.LookPath("npm")
}

// nodeMajor is the 20 of v20.1.2, 0 for what is no Node.js.
func nodeMajor(ctx context.Context, path string) int {
	said, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return 0
	}
	major, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(string(said)), "v"), ".")
	n, err := strconv.Atoi(major)
	if err != nil {
		return 0
	}
	return n
}
