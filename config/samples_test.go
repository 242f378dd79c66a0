package config_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/icarus-sidecar/icarus/api/v1alpha1"
)

func TestSamplesAreGoodAndShowEveryField(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("samples", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no samples: %v", err)
	}
	servers := newServers(t)
	used := map[string]map[string]bool{"CassandraBackup": {}, "CassandraRestore": {}}
	names := map[string]string{}
	for _, file := range files {
		if !strings.HasPrefix(string(readFile(t, file)), "# ") {
			t.Errorf("%s does not say what it is for", file)
		}
		for _, document := range documents(t, file) {
			object := decode(t, document)
			kind := kindOf(object)
			if kind == "Secret" {
				continue
			}
			metadata := object["metadata"].(map[string]any)
			key := kind + "/" + metadata["name"].(string)
			if other, twice := names[key]; twice {
				t.Errorf("%s and %s have one name, %s", file, other, key)
			}
			names[key] = file
			checkSample(t, file, document, kind)
			_, errs := servers[kind].create(t, object)
			expect(t, errs, "", "")
			for field := range object["spec"].(map[string]any) {
				used[kind][field] = true
			}
		}
	}
	checkFields(t, reflect.TypeFor[v1alpha1.CassandraBackupSpec](), used["CassandraBackup"])
	checkFields(t, reflect.TypeFor[v1alpha1.CassandraRestoreSpec](), used["CassandraRestore"])
}

func documents(t *testing.T, file string) []string {
	t.Helper()
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(readFile(t, file))))
	var all []string
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("reading %s: %v", file, err)
		}
		all = append(all, string(document))
	}
}

func checkSample(t *testing.T, file, document, kind string) {
	t.Helper()
	var into any = new(v1alpha1.CassandraBackup)
	if kind == "CassandraRestore" {
		into = new(v1alpha1.CassandraRestore)
	}
	if err := yaml.UnmarshalStrict([]byte(document), into); err != nil {
		t.Errorf("%s is no %s: %v", file, kind, err)
	}
}

func checkFields(t *testing.T, spec reflect.Type, used map[string]bool) {
	t.Helper()
	known := map[string]bool{}
	for f := range spec.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		known[name] = true
	}
	if !maps.Equal(known, used) {
		t.Errorf("the samples of %s show %v of the fields %v", spec.Name(), used, known)
	}
}
