// Package apiserver builds a real kube-apiserver and its etcd from their Go modules,
// for tests and the demo, and runs them: hack/kubernetes/programs pins them. They are
// kept in the cache, and built again only where the pins change.
package apiserver

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/icarus-sidecar/icarus/hack/cache"
)

const (
	kubernetes = "k8s.io/kubernetes"
	apiserver  = kubernetes + "/cmd/kube-apiserver"
	etcd       = "./etcd"
)

// Build brings the programs into the cache, as far as they are not there, and returns
// their directory: what envtest calls BinaryAssetsDirectory. The first time takes
// ten minutes of two cores.
func Build(ctx context.Context, out io.Writer) (string, error) {
	programs, err := programsDir(ctx)
	if err != nil {
		return "", err
	}
	version, err := version(ctx, programs)
	if err != nil {
		return "", err
	}
	dir, err := cache.Dir("bin", "kubernetes-"+version)
	if err != nil {
		return "", err
	}
	return dir, cache.Fill(ctx, dir, func(partial string) error {
		fmt.Fprintf(out, "Building kube-apiserver %s and etcd from their Go modules (once)\n", version)
		return build(ctx, programs, partial, version)
	})
}

func build(ctx context.Context, programs, into, version string) error {
	const stamp = "k8s.io/component-base/version"
	major, minor, ok := majorMinor(version)
	if !ok {
		return fmt.Errorf("reading the version of Kubernetes: %q is none", version)
	}
	// Without these the program calls itself v0.0.0-master, and refuses features by that.
	flags := fmt.Sprintf("-s -w -X %[1]s.gitVersion=%[2]s -X %[1]s.gitMajor=%[3]s -X %[1]s.gitMinor=%[4]s", stamp, version, major, minor)
	cmd := exec.CommandContext(ctx, "go", "build", "-o", into+string(filepath.Separator), "-ldflags", flags, apiserver, etcd)
	cmd.Dir, cmd.Env = programs, append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building kube-apiserver and etcd: %w\n%s", err, said)
	}
	return nil
}

// majorMinor are 1 and 37 of v1.37.2.
func majorMinor(version string) (major, minor string, ok bool) {
	parts := strings.Split(strings.TrimPrefix(version, "v"), ".")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" {
		return "", "", false
	}
	return parts[0], parts[1], true
}

// programsDir has the go.mod of the programs.
func programsDir(ctx context.Context) (string, error) {
	return cache.InTree(ctx, "hack", "kubernetes", "programs")
}

func version(ctx context.Context, programs string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Version}}", kubernetes)
	cmd.Dir = programs
	said, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("finding the version of Kubernetes: %w", err)
	}
	return strings.TrimSpace(string(said)), nil
}

// ForTest returns the directory of the programs, and builds them where they are not
// there. It never skips, but with -short.
func ForTest(tb testing.TB) string {
	tb.Helper()
	if testing.Short() {
		tb.Skip("needs a kube-apiserver, which -short leaves out")
	}
	dir, err := Build(tb.Context(), os.Stderr)
	if err != nil {
		tb.Fatal(err)
	}
	return dir
}
