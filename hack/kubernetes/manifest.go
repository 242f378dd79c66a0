package kubernetes

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	sigsyaml "sigs.k8s.io/yaml"
)

// Edit changes a field of every object of a manifest that is of a kind.
type Edit struct {
	Kind  string
	Path  []string
	Value any // as JSON has it
}

// Manifest is the objects of a file, in its order.
type Manifest []*unstructured.Unstructured

// ReadManifest reads a file of objects, and makes some edits.
func ReadManifest(file string, edits ...Edit) (Manifest, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading a manifest: %w", err)
	}
	var m Manifest
	documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		o := &unstructured.Unstructured{}
		if err := sigsyaml.Unmarshal(document, &o.Object); err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		if len(o.Object) > 0 {
			m = append(m, o)
		}
	}
	if len(m) == 0 {
		return nil, fmt.Errorf("reading %s: it has no object", file)
	}
	return m, m.edit(edits)
}

func (m Manifest) edit(edits []Edit) error {
	for _, e := range edits {
		found := false
		for _, o := range m {
			if o.GetKind() != e.Kind {
				continue
			}
			found = true
			if err := unstructured.SetNestedField(o.Object, e.Value, e.Path...); err != nil {
				return fmt.Errorf("changing %s: %w", e.Kind, err)
			}
		}
		if !found {
			return fmt.Errorf("changing %s: the manifest has none", e.Kind)
		}
	}
	return nil
}

// Write writes the objects into a file.
func (m Manifest) Write(file string) error {
	var text bytes.Buffer
	for i, o := range m {
		document, err := sigsyaml.Marshal(o.Object)
		if err != nil {
			return fmt.Errorf("writing a manifest: %w", err)
		}
		if i > 0 {
			text.WriteString("---\n")
		}
		text.Write(document)
	}
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		return fmt.Errorf("writing a manifest: %w", err)
	}
	return nil
}

// owner is who has applied what Apply applied.
const owner = client.FieldOwner("kubectl")

// Apply does what kubectl apply --server-side does, in the namespace where an
// object names none.
func (c *Cluster) Apply(ctx context.Context, m Manifest) error {
	for _, o := range m {
		o := o.DeepCopy()
		if o.GetNamespace() == "" {
			o.SetNamespace(c.Namespace)
		}
		if err := c.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(o), owner, client.ForceOwnership); err != nil {
			return fmt.Errorf("applying %s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	return nil
}
