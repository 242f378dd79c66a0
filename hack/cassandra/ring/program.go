package ring

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/icarus-sidecar/icarus/hack/cache"
)

// copyArtifact is the goal that puts one artifact into a directory.
const copyArtifact = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"

// Program fetches a Java program that is all in one jar, by its coordinates in
// Maven's repository, with the Java that runs Cassandra.
func Program(ctx context.Context, out io.Writer, group, artifact, version string) (java, jarFile string, err error) {
	j, err := findJava(ctx, Options{Version: DefaultVersion, Output: out})
	if err != nil {
		return "", "", err
	}
	dir, err := cache.Dir(artifact, version)
	if err != nil {
		return "", "", err
	}
	err = cache.Fill(ctx, dir, func(partial string) error {
		return fetchProgram(ctx, out, j, group+":"+artifact+":"+version, partial)
	})
	if err != nil {
		return "", "", fmt.Errorf("fetching %s %s: %w", artifact, version, err)
	}
	jarFile, err = jar(dir, artifact)
	return j.bin(), jarFile, err
}

func fetchProgram(ctx context.Context, out io.Writer, j java, coordinates, dir string) error {
	mvn, err := maven(ctx, out)
	if err != nil {
		return err
	}
	all, err := cache.Dir("cassandra", "maven")
	if err != nil {
		return err
	}
	unlock, err := cache.Lock(ctx, all) // as fetch does
	if err != nil {
		return err
	}
	defer unlock()
	fmt.Fprintf(out, "Fetching %s with Maven (once)\n", coordinates)
	cmd := exec.CommandContext(ctx, mvn, "-q", "-B", copyArtifact, "-Dartifact="+coordinates, "-DoutputDirectory="+dir)
	cmd.Dir = filepath.Dir(dir) // where no pom.xml has a say
	cmd.Env = append(os.Environ(), "JAVA_HOME="+j.home)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("running Maven: %w\n%s", err, lastLines(string(said), 15))
	}
	return nil
}
