package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// describe writes the page of one definition: its names, and a table of fields for
// the spec and for the status of each version.
func describe(crd *apiextensionsv1.CustomResourceDefinition) string {
	var b strings.Builder
	names := crd.Spec.Names
	fmt.Fprintf(&b, "# %s\n\nWritten by `make generate`; see `kubectl explain %s` for the same on a cluster.\n", names.Kind, names.Singular)
	for _, v := range crd.Spec.Versions {
		root := v.Schema.OpenAPIV3Schema
		fmt.Fprintf(&b, "\n%s\n\n", flow(root.Description))
		fmt.Fprintf(&b, "`apiVersion: %s/%s`, %s; short names %s; category `%s`.\n",
			crd.Spec.Group, v.Name, strings.ToLower(string(crd.Spec.Scope)), quoted(names.ShortNames), strings.Join(names.Categories, "`, `"))
		for _, part := range []string{"spec", "status"} {
			p := root.Properties[part]
			fmt.Fprintf(&b, "\n## %s\n\n%s\n\n", part, flow(p.Description))
			b.WriteString("| field | type | meaning |\n|---|---|---|\n")
			rows(&b, "", &p)
			for _, rule := range p.XValidations {
				fmt.Fprintf(&b, "\nIt %s.\n", rule.Message)
			}
		}
		for _, rule := range root.XValidations {
			fmt.Fprintf(&b, "\n%s.\n", rule.Message)
		}
	}
	return b.String()
}

// external are types of Kubernetes itself, which its own reference describes.
var external = map[string]string{"podSelector": "LabelSelector", "conditions": "[]Condition"}

func rows(b *strings.Builder, prefix string, s *apiextensionsv1.JSONSchemaProps) {
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		kind, known := external[name]
		if !known {
			kind = typeOf(&p)
		}
		meaning := flow(p.Description)
		if slices.Contains(s.Required, name) {
			meaning = "**Required.** " + meaning
		}
		if extra := limits(&p); extra != "" {
			meaning += " *" + extra + "*"
		}
		fmt.Fprintf(b, "| `%s%s` | %s | %s |\n", prefix, name, kind, escape(meaning))
		switch {
		case known:
		case p.Items != nil && p.Items.Schema != nil:
			rows(b, prefix+name+"[].", p.Items.Schema)
		default:
			rows(b, prefix+name+".", &p)
		}
	}
}

func typeOf(s *apiextensionsv1.JSONSchemaProps) string {
	switch {
	case s.XIntOrString:
		return "int or string"
	case s.Items != nil && s.Items.Schema != nil:
		return "[]" + typeOf(s.Items.Schema)
	case s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil:
		return "map of " + typeOf(s.AdditionalProperties.Schema)
	case s.Format == "date-time":
		return "time"
	default:
		return s.Type
	}
}

// limits tells what a value must be like, as far as it is short.
func limits(s *apiextensionsv1.JSONSchemaProps) string {
	var all []string
	if len(s.Enum) > 0 {
		words := make([]string, len(s.Enum))
		for i, word := range s.Enum {
			words[i] = strings.Trim(string(word.Raw), `"`)
		}
		all = append(all, "One of "+strings.Join(words, ", "))
	}
	if s.Default != nil {
		all = append(all, "Default "+strings.Trim(string(s.Default.Raw), `"`))
	}
	if s.Minimum != nil && s.Maximum != nil {
		all = append(all, fmt.Sprintf("%v to %v", *s.Minimum, *s.Maximum))
	}
	if n := cmp.Or(s.MaxItems, s.MaxProperties); n != nil {
		all = append(all, fmt.Sprintf("At most %d", *n))
	}
	for _, rule := range s.XValidations {
		if !strings.Contains(rule.Rule, "oldSelf") { // said once, of the spec
			all = append(all, strings.ToUpper(rule.Message[:1])+rule.Message[1:])
		}
	}
	if len(all) == 0 {
		return ""
	}
	return strings.Join(all, ". ") + "."
}

func quoted(names []string) string { return "`" + strings.Join(names, "`, `") + "`" }

// flow makes one line of a description.
func flow(s string) string { return strings.Join(strings.Fields(s), " ") }

func escape(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
