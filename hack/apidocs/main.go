// Command apidocs writes the reference of the Kubernetes API, one page for each
// definition.
//
//	go run ./hack/apidocs config/crd docs/api
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "apidocs:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: apidocs DIRECTORY-OF-DEFINITIONS DIRECTORY-OF-PAGES")
	}
	from, to := args[0], args[1]
	files, err := fs.Glob(os.DirFS(from), "*.yaml")
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("there is no definition in %s", from)
	}
	for _, file := range files {
		raw, err := os.ReadFile(filepath.Join(from, file))
		if err != nil {
			return err
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(raw, &crd); err != nil {
			return fmt.Errorf("reading %s: %w", file, err)
		}
		page := filepath.Join(to, strings.ToLower(crd.Spec.Names.Kind)+".md")
		if err := os.WriteFile(page, []byte(describe(&crd)), 0o644); err != nil {
			return err
		}
	}
	return nil
}
