// Package debian gets from Debian what the workshop needs and cannot build.
package debian

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/icarus-sidecar/icarus/hack/cache"
)

// Install gets packages where there is apt and root, and says so; elsewhere its
// error names the command: mac is that of a Mac.
func Install(ctx context.Context, out io.Writer, what, mac string, packages ...string) error {
	command := "apt-get install -y --no-install-recommends " + strings.Join(packages, " ")
	apt, err := exec.LookPath("apt-get")
	switch {
	case err != nil && runtime.GOOS == "darwin":
		return fmt.Errorf("install %s: %s", what, mac)
	case err != nil:
		return fmt.Errorf("install %s with this system's packages (Debian's are %s)", what, strings.Join(packages, ", "))
	case os.Geteuid() != 0:
		return fmt.Errorf("install %s: sudo %s", what, command)
	}
	dir, err := cache.Dir("apt")
	if err != nil {
		return err
	}
	unlock, err := cache.Lock(ctx, dir)
	if err != nil {
		return err
	}
	defer unlock()
	fmt.Fprintf(out, "Installing %s from Debian: %s\n", what, command)
	for _, args := range [][]string{{"update", "-q"}, append([]string{"install", "-y", "-q", "--no-install-recommends"}, packages...)} {
		cmd := exec.CommandContext(ctx, apt, args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if said, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("installing %s with %s: %w\n%s", what, command, err, said)
		}
	}
	return nil
}
