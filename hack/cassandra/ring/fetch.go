package ring

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/icarus-sidecar/icarus/hack/cache"
	"github.com/icarus-sidecar/icarus/hack/debian"
)

// ErrNoMaven means that Maven, which fetches Cassandra, is not on this machine
// and could not be installed.
var ErrNoMaven = errors.New("no Maven")

// copyDependencies is the goal that puts an artifact's jars into a directory.
const copyDependencies = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"

//go:embed pom.xml.tmpl
var pomText string

var pomTemplate = template.Must(template.New("pom.xml").Parse(pomText))

// Fetch brings a version of Cassandra, the Java that runs it and Maven into
// place, as far as they are not. Up does it too; fetching ahead keeps the
// download out of a test's time.
func Fetch(ctx context.Context, o Options) error {
	o, err := o.withDefaults()
	if err != nil {
		return err
	}
	j, err := findJava(ctx, o)
	if err != nil {
		return err
	}
	_, err = fetch(ctx, o, j)
	return err
}

// fetch returns the directory of Cassandra's jars.
func fetch(ctx context.Context, o Options, j java) (string, error) {
	dir, err := cache.Dir("cassandra", o.Version)
	if err != nil {
		return "", err
	}
	err = cache.Fill(ctx, dir, func(partial string) error {
		return fetchCassandra(ctx, j, o, partial)
	})
	if err != nil {
		return "", fmt.Errorf("fetching Cassandra %s: %w", o.Version, err)
	}
	return filepath.Join(dir, "lib"), nil
}

func fetchCassandra(ctx context.Context, j java, o Options, dir string) error {
	pom := filepath.Join(dir, "pom.xml")
	f, err := os.Create(pom)
	if err != nil {
		return err
	}
	err = pomTemplate.Execute(f, map[string]any{"Version": o.Version, "Thrift": o.legacy()})
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", pom, err)
	}
	lib := filepath.Join(dir, "lib")
	home := j.home
	if o.legacy() {
		home = "" // too old to trust today's authorities: Maven has a Java of its own
	}
	err = runMaven(ctx, o.Output, "Cassandra "+o.Version, home, dir,
		"-f", pom, copyDependencies, "-DincludeScope=runtime", "-DoutputDirectory="+lib)
	if err == nil {
		_, err = jar(lib, "cassandra-all")
	}
	return err
}

// runMaven lets Maven fetch something in a directory, with the Java at home if there is one.
func runMaven(ctx context.Context, out io.Writer, what, home, dir string, args ...string) error {
	mvn, err := maven(ctx, out)
	if err != nil {
		return err
	}
	repository, err := cache.Dir("cassandra", "maven")
	if err != nil {
		return err
	}
	// Maven's own repository does not bear two writers.
	unlock, err := cache.Lock(ctx, repository)
	if err != nil {
		return err
	}
	defer unlock()
	fmt.Fprintf(out, "Fetching %s with Maven (once)\n", what)
	cmd := exec.CommandContext(ctx, mvn, append([]string{"-q", "-B"}, args...)...)
	cmd.Dir = dir // where no other pom.xml has a say
	if home != "" {
		cmd.Env = append(os.Environ(), "JAVA_HOME="+home)
	}
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("running Maven: %w\n%s", err, lastLines(string(said), 15))
	}
	return nil
}

// maven finds Maven, or gets it from Debian where there is apt and root.
func maven(ctx context.Context, out io.Writer) (string, error) {
	if mvn, err := findMaven(); err == nil {
		return mvn, nil
	}
	if err := debian.Install(ctx, out, "Maven", mac, "maven"); err != nil {
		return "", fmt.Errorf("%w: it is neither in PATH nor in MAVEN_HOME: %w", ErrNoMaven, err)
	}
	return findMaven()
}

func findMaven() (string, error) {
	mvn := filepath.Join(os.Getenv("MAVEN_HOME"), "bin", "mvn")
	if _, err := os.Stat(mvn); os.Getenv("MAVEN_HOME") != "" && err == nil {
		return mvn, nil
	}
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoMaven, err)
	}
	return mvn, nil
}

// jar is the jar in lib whose name starts so.
func jar(lib, name string) (string, error) {
	found, err := filepath.Glob(filepath.Join(lib, name+"-*.jar"))
	if err == nil && len(found) == 0 {
		err = errors.New("no such jar")
	}
	if err != nil {
		return "", fmt.Errorf("finding %s in %s: %w", name, lib, err)
	}
	return found[0], nil
}

// lastLines is the end of a text, for an error.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
