package ring

import (
	"context"
	"fmt"
	"io"

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
		coordinates := group + ":" + artifact + ":" + version
		return runMaven(ctx, out, coordinates, j.home, partial, copyArtifact, "-Dartifact="+coordinates, "-DoutputDirectory="+partial)
	})
	if err != nil {
		return "", "", fmt.Errorf("fetching %s %s: %w", artifact, version, err)
	}
	jarFile, err = jar(dir, artifact)
	return j.bin(), jarFile, err
}
