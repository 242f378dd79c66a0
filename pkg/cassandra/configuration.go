package cassandra

import (
	"context"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

const configurationFile = "cassandra.yaml"

// ConfigurationFiles are the paths at which Cassandra looks for cassandra.yaml, in
// its order: it takes the first that is there. They are those of its host, or its
// container.
func (n *Node) ConfigurationFiles(ctx context.Context) (files []string, err error) {
	err = n.with(ctx, func(c Conn) error {
		told, err := read(ctx, c, javaRuntime, "InputArguments", "ClassPath")
		if err != nil {
			return err
		}
		arguments, err := told.list("InputArguments")
		if err != nil {
			return err
		}
		classPath, err := told.text("ClassPath")
		files = configurationFiles(arguments, filepath.SplitList(classPath))
		return err
	})
	return files, doing(err, "asking the node for its configuration file")
}

// configurationFiles follow from a setting that names one, by an address or by a
// name in a directory of the class path. Without, that name is cassandra.yaml.
func configurationFiles(arguments, classPath []string) (files []string) {
	name := configurationFile
	for _, argument := range arguments {
		if given, ok := strings.CutPrefix(argument, "-Dcassandra.config="); ok {
			name = given
		}
	}
	if u, err := url.Parse(name); err == nil && u.Scheme == "file" {
		return []string{filepath.Clean(u.Path)}
	}
	for _, dir := range classPath {
		if filepath.IsAbs(dir) && !slices.Contains([]string{".jar", ".zip"}, filepath.Ext(dir)) {
			files = append(files, filepath.Join(dir, name))
		}
	}
	return files
}
