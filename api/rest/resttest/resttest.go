// Package resttest holds answers to those that Instaclustr Icarus 3.0.0 gave.
// Tests alone import it.
package resttest

import (
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"slices"
)

//go:embed icarus-3.0.0/*.json
var recorded embed.FS

// Names of the recorded answers, such as "operation-flush-completed.json".
func Names() []string {
	entries, err := recorded.ReadDir("icarus-3.0.0")
	if err != nil {
		return nil // the directory is embedded
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Recorded is one recorded answer.
func Recorded(name string) ([]byte, error) { return recorded.ReadFile(path.Join("icarus-3.0.0", name)) }

// Lacking lists the fields of a recorded answer that ours lacks, or has as
// another kind of value. Fields beyond those are fine: clients ignore them.
func Lacking(recorded, ours []byte) ([]string, error) {
	var want, got any
	if err := json.Unmarshal(recorded, &want); err != nil {
		return nil, fmt.Errorf("decoding the recorded answer: %w", err)
	}
	if err := json.Unmarshal(ours, &got); err != nil {
		return nil, fmt.Errorf("decoding our answer: %w", err)
	}
	all := lacking("", want, got)
	slices.Sort(all)
	return all, nil
}

func lacking(at string, want, got any) []string {
	if a, b := kind(want), kind(got); a != b {
		return []string{fmt.Sprintf("%s is %s, not %s", at, b, a)}
	}
	var all []string
	switch want := want.(type) {
	case map[string]any:
		object, _ := got.(map[string]any)
		for name, value := range want {
			if _, ok := object[name]; !ok {
				all = append(all, at+"."+name+" is missing")
				continue
			}
			all = append(all, lacking(at+"."+name, value, object[name])...)
		}
	case []any:
		if list, _ := got.([]any); len(want) > 0 && len(list) > 0 {
			all = lacking(at+"[0]", want[0], list[0])
		}
	}
	return all
}

func kind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case map[string]any:
		return "an object"
	case []any:
		return "an array"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	default:
		return "a number"
	}
}
