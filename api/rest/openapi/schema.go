package openapi

import (
	"encoding"
	"encoding/json"
	"path"
	"reflect"
	"strings"
	"time"

	"github.com/icarus-sidecar/icarus/api/rest"
)

const refPrefix = "#/components/schemas/"

// builder makes schemas of Go types. Structs become components, which other
// schemas refer to.
type builder struct {
	schemas Map[*Schema]
	names   map[reflect.Type]string
	// answers are the types that only answers have.
	answers map[reflect.Type]bool
	// asking is set while requests are described: their fields have defaults, and
	// only those that a rule requires must be there.
	asking bool
	faults []string
}

func (b *builder) fault(place, what string) { b.faults = append(b.faults, place+": "+what) }

// known are the types whose JSON is not that of their Go type.
var known = map[reflect.Type]Schema{
	reflect.TypeFor[json.RawMessage](): {},
	reflect.TypeFor[time.Time]():       {Type: "string", Format: "date-time"},
	reflect.TypeFor[rest.Secret]():     {Type: "string", Format: "password", Description: "Answers and logs have *** in its place."},
	reflect.TypeFor[rest.Path]():       {Type: "string", Pattern: "^(/|file:)", Description: "An absolute path, or a file URI."},
	reflect.TypeFor[rest.URI]():        {Type: "string", Pattern: "^(/|file:)", Description: "An absolute path, or a file URI, which answers have."},
	reflect.TypeFor[rest.State](): {Type: "string", Enum: []string{
		string(rest.StatePending), string(rest.StateRunning), string(rest.StateCompleted), string(rest.StateFailed), string(rest.StateCancelled),
	}},
	reflect.TypeFor[rest.Strategy](): {Type: "string", Enum: []string{
		string(rest.StrategyInPlace), string(rest.StrategyHardlinks), string(rest.StrategyImport),
	}},
	reflect.TypeFor[rest.RestorePhase](): {Type: "string", Enum: []string{
		string(rest.PhaseInit), string(rest.PhaseDownload), string(rest.PhaseTruncate), string(rest.PhaseImport), string(rest.PhaseCleanup),
	}},
	reflect.TypeFor[rest.Duration]():  quantity("1 hour", "SECONDS", "MINUTES", "HOURS", "DAYS"),
	reflect.TypeFor[rest.Bandwidth](): quantity("10M", "BPS", "KBPS", "MBPS", "GBPS"),
}

func quantity(example string, units ...string) Schema {
	return Schema{
		Description: "A number and a unit, as a string or as an object. Answers have the form in which it came.",
		OneOf: []*Schema{
			{Type: "string", Pattern: `^[0-9]+(\.[0-9]+)? ?[A-Za-z]+$`, Examples: []any{example}, Description: "The unit may be cut short."},
			{Type: "object", Required: []string{"value", "unit"}, Properties: Map[*Schema]{
				{"value", &Schema{Type: "integer", Minimum: "0", Description: "The number."}},
				{"unit", &Schema{Type: "string", Enum: units, Description: "The unit."}},
			}},
		},
	}
}

// schema describes a type. The value is what a request has by default.
func (b *builder) schema(t reflect.Type, value reflect.Value) *Schema {
	if s, ok := known[t]; ok {
		return &s
	}
	if t == reflect.TypeFor[rest.Operation]() { // it only adds the request's fields to its own
		return b.component(t, value)
	}
	switch reflect.New(t).Interface().(type) {
	case json.Marshaler, json.Unmarshaler, encoding.TextMarshaler, encoding.TextUnmarshaler:
		return &Schema{} // of somebody's own making; its field has the words
	}
	switch t.Kind() { //nolint:exhaustive // the rest may be anything
	case reflect.Pointer:
		if value.IsNil() {
			value = reflect.New(t.Elem())
		}
		return b.schema(t.Elem(), value.Elem())
	case reflect.Struct:
		return b.component(t, value)
	case reflect.Slice, reflect.Array:
		return &Schema{Type: "array", Items: b.schema(t.Elem(), reflect.Zero(t.Elem()))}
	case reflect.Map:
		return &Schema{Type: "object", AdditionalProperties: b.schema(t.Elem(), reflect.Zero(t.Elem()))}
	case reflect.Bool:
		return &Schema{Type: "boolean"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return &Schema{Type: "integer"}
	case reflect.Float32, reflect.Float64:
		return &Schema{Type: "number"}
	case reflect.String:
		return &Schema{Type: "string"}
	}
	return &Schema{}
}

// component refers to the schema of a struct, which is made the first time. A
// request within a request has no Header: it is a part of the other.
func (b *builder) component(t reflect.Type, value reflect.Value) *Schema {
	name, ok := b.names[t]
	if !ok {
		name = t.Name()
		if isRequest(t) {
			name = strings.TrimSuffix(name, "Request") + "Options"
		}
		name = b.free(t, name)
		b.names[t] = name
		b.answers[t] = !b.asking
		b.schemas = append(b.schemas, Entry[*Schema]{name, nil}) // its place is before what it refers to
		s := b.object(t, value, name, isRequest(t))
		b.set(name, s)
	}
	return &Schema{Ref: refPrefix + name, ReadOnly: b.asking && b.answers[t]}
}

func (b *builder) set(name string, s *Schema) {
	for i := range b.schemas {
		if b.schemas[i].Name == name {
			b.schemas[i].Value = s
		}
	}
}

// free is a name that no other type has: kinds of one's own may be called as ours.
func (b *builder) free(t reflect.Type, name string) string {
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune("[]*/, ", r) { // of a generic type
			return '_'
		}
		return r
	}, name)
	for {
		if _, taken := b.schemas.Get(name); !taken {
			return name
		}
		name = path.Base(t.PkgPath()) + "." + name
	}
}

func isRequest(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[rest.Request]())
}

// object describes the fields of a struct, those of embedded ones among them.
func (b *builder) object(t reflect.Type, value reflect.Value, place string, headless bool) *Schema {
	s := &Schema{Type: "object"}
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "" || name == "-" || headless && ofHeader(t, f) {
			continue
		}
		property := b.property(f, value.FieldByIndex(f.Index), place+"."+name, strings.Contains(options, "omitempty"))
		s.Properties = append(s.Properties, Entry[*Schema]{name, property})
		optional := strings.Contains(options, "omitempty")
		if b.asking {
			optional = !required(f)
		}
		if !optional {
			s.Required = append(s.Required, name)
		}
	}
	return s
}

func ofHeader(t reflect.Type, f reflect.StructField) bool {
	return len(f.Index) > 1 && t.Field(f.Index[0]).Type == reflect.TypeFor[rest.Header]()
}

func required(f reflect.StructField) bool {
	first, _, _ := strings.Cut(f.Tag.Get("validate"), ",")
	return first == "required"
}

// property is a field with what its tags and its value say of it.
func (b *builder) property(f reflect.StructField, value reflect.Value, place string, omitempty bool) *Schema {
	s := b.schema(f.Type, value)
	doc := f.Tag.Get("doc")
	if doc == "" {
		b.fault(place, "has no words")
	}
	s.Description = strings.TrimSpace(doc + " " + s.Description)
	if !b.asking {
		return s
	}
	rules(s, f.Tag.Get("validate"))
	if s.Ref == "" && !required(f) {
		s.Default = defaultOf(value, omitempty)
	}
	if example, ok := f.Tag.Lookup("example"); ok {
		raw, err := exampleOf(f.Type, example)
		if err != nil {
			b.fault(place, "has an example that is no JSON")
			return s
		}
		s.Examples = []any{raw}
	}
	return s
}

// defaultOf is what a field is where a request leaves it out, nil where that is
// nothing that a client would write.
func defaultOf(value reflect.Value, omitempty bool) json.RawMessage {
	if value.Kind() == reflect.Pointer && value.IsNil() || omitempty && value.IsZero() {
		return nil
	}
	raw, err := json.Marshal(value.Interface())
	if err != nil || string(raw) == "null" || string(raw) == `""` {
		return nil
	}
	return raw
}

// exampleOf reads an example: a string as it stands there, anything else as JSON.
func exampleOf(t reflect.Type, text string) (json.RawMessage, error) {
	if t.Kind() == reflect.String {
		return json.Marshal(text)
	}
	var raw json.RawMessage
	err := json.Unmarshal([]byte(text), &raw)
	return raw, err
}

// rules adds what the tag says of a value. A rule that JSON Schema does not have
// is told as it is written.
func rules(s *Schema, tag string) {
	for _, r := range strings.Split(tag, ",") {
		name, param, _ := strings.Cut(r, "=")
		switch name {
		case "", "omitempty":
		case "dive":
			if s.Items == nil {
				return
			}
			s = s.Items
		case "required":
			if s.Type == "string" {
				s.MinLength = "1"
			}
		case "uuid":
			s.Format = "uuid"
		case "oneof":
			s.Enum = strings.Fields(param)
		case "gte", "min":
			bound(s, json.Number(param), &s.Minimum, &s.MinLength, &s.MinItems)
		case "lte", "max":
			bound(s, json.Number(param), &s.Maximum, &s.MaxLength, &s.MaxItems)
		default:
			s.Description += " (" + strings.TrimSpace(name+" "+param) + ")"
		}
	}
}

func bound(s *Schema, n json.Number, ofNumber, ofString, ofList *json.Number) {
	switch s.Type {
	case "integer", "number":
		*ofNumber = n
	case "string":
		*ofString = n
	case "array":
		*ofList = n
	}
}
