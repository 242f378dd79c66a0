package kubernetes

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

var samples = filepath.Join("..", "..", "config", "samples")

func TestAManifestIsChangedWhereItIsAskedFor(t *testing.T) {
	t.Parallel()
	file := filepath.Join(samples, "backup-with-secret.yaml")
	edited := [][]string{{"stringData", "awsregion"}, {"spec", "storageLocation"}}
	m, err := ReadManifest(file, Edit{"Secret", edited[0], "eu-north-1"}, Edit{"CassandraBackup", edited[1], "s3://other"})
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "copy.yaml")
	if err := m.Write(copied); err != nil {
		t.Fatal(err)
	}
	again, err := ReadManifest(copied)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, again); diff != "" || len(again) != 2 {
		t.Fatalf("the copy is another:\n%s", diff)
	}
	for i, want := range []string{"eu-north-1", "s3://other"} {
		if got, _, err := unstructured.NestedString(again[i].Object, edited[i]...); err != nil || got != want {
			t.Errorf("%v is %q, want %q: %v", edited[i], got, want, err)
		}
	}
	want, err := ReadManifest(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, path := range edited {
		for _, o := range []*unstructured.Unstructured{again[i], want[i]} {
			unstructured.RemoveNestedField(o.Object, path...)
		}
	}
	if diff := cmp.Diff(want, again); diff != "" {
		t.Errorf("something else was changed:\n%s", diff)
	}
}

func TestAManifestThatCannotBeChangedAsAskedForIsAnError(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]Edit{
		"no such kind":           {"CassandraRestore", []string{"spec", "rename"}, "x"},
		"a field of what is one": {"CassandraBackup", []string{"kind", "name"}, "x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if m, err := ReadManifest(filepath.Join(samples, "backup.yaml"), e); err == nil {
				t.Errorf("that makes %+v", m)
			}
		})
	}
	if m, err := ReadManifest(filepath.Join(samples, "nosuch.yaml")); err == nil {
		t.Errorf("a file that is not there has %+v", m)
	}
}
