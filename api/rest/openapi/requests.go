package openapi

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// requestSchema is the name of what POST /operations takes.
const requestSchema = "Request"

// results are what operations find out, by their type.
var results = map[string]reflect.Type{
	rest.TypeBackup:           reflect.TypeFor[rest.BackupResult](),
	rest.TypeRestore:          reflect.TypeFor[rest.RestoreResult](),
	rest.TypeList:             reflect.TypeFor[rest.ListResult](),
	rest.TypeRemoveBackup:     reflect.TypeFor[rest.RemoveBackupResult](),
	rest.TypeVerify:           reflect.TypeFor[rest.VerifyResult](),
	rest.TypeCommitLogBackup:  reflect.TypeFor[rest.CommitLogBackupResult](),
	rest.TypeCommitLogRestore: reflect.TypeFor[rest.CommitLogRestoreResult](),
}

// requests describes every kind of request, and answers an example of each.
func (b *builder) requests(types rest.Types) Map[Example] {
	b.asking = true
	union := &Schema{
		Description:   "What is to be done: type says which of these it is.",
		Discriminator: &Discriminator{PropertyName: "type", Mapping: map[string]string{}},
	}
	examples := make(Map[Example], 0, len(types))
	for _, kind := range slices.Sorted(maps.Keys(types)) {
		name, schema := b.request(kind, types[kind]())
		union.OneOf = append(union.OneOf, &Schema{Ref: refPrefix + name})
		union.Discriminator.Mapping[kind] = refPrefix + name
		examples = append(examples, Entry[Example]{kind, Example{Value: b.example(kind, schema)}})
	}
	b.schemas = append(b.schemas, Entry[*Schema]{requestSchema, union})
	return examples
}

func (b *builder) request(kind string, req rest.Request) (name string, s *Schema) {
	value := reflect.Indirect(reflect.ValueOf(req))
	t := value.Type()
	if name = t.Name(); name == "" {
		name = kind
	}
	name = b.free(t, name)
	b.schemas = append(b.schemas, Entry[*Schema]{name, nil})
	s = b.object(t, value, kind, false)
	s.Description = wordsOf(t)
	if s.Description == "" {
		b.fault(kind, "has no words: its Header has no doc tag")
	}
	if p, ok := s.Properties.Get("type"); ok {
		p.Enum, p.Default = []string{kind}, nil
	}
	s.Required = append([]string{"type"}, s.Required...)
	b.set(name, s)
	return name, s
}

// wordsOf is what the Header of a request says about it.
func wordsOf(t reflect.Type) string {
	header, ok := t.FieldByName("Header")
	if !ok {
		return ""
	}
	return header.Tag.Get("doc")
}

// example is a request with the examples of its fields. One without an example of
// what it requires is a fault: a reader could not send it.
func (b *builder) example(kind string, s *Schema) json.RawMessage {
	fields := Map[json.RawMessage]{{"type", quote(kind)}}
	for _, p := range s.Properties {
		if len(p.Value.Examples) > 0 {
			if raw, ok := p.Value.Examples[0].(json.RawMessage); ok {
				fields = append(fields, Entry[json.RawMessage]{p.Name, raw})
			}
		} else if p.Name != "type" && slices.Contains(s.Required, p.Name) {
			b.fault(kind+"."+p.Name, "is required and has no example")
		}
	}
	raw, err := fields.MarshalJSON()
	if err != nil {
		b.fault(kind, err.Error())
	}
	return raw
}

func quote(s string) json.RawMessage {
	raw, err := json.Marshal(s)
	if err != nil { // a string always has a form in JSON
		return json.RawMessage(`""`)
	}
	return raw
}

// operation describes the answers that no Go type says whole: the fields of a request
// stand among those of its operation, and results are of several shapes.
func (b *builder) operation() {
	t := reflect.TypeFor[rest.Operation]()
	ref := b.schema(t, reflect.Zero(t))
	s, _ := b.schemas.Get(strings.TrimPrefix(ref.Ref, refPrefix))
	s.Description = "An operation. The fields of its request, with defaults filled in and without secrets, stand beside these."
	s.AdditionalProperties = &Schema{Description: "A field of the request."}
	result, ok := s.Properties.Get("result")
	if !ok {
		return
	}
	for _, kind := range slices.Sorted(maps.Keys(results)) {
		r := b.schema(results[kind], reflect.Zero(results[kind]))
		r.Description = "Of a " + kind + "."
		result.AnyOf = append(result.AnyOf, r)
	}
	result.AnyOf = append(result.AnyOf, &Schema{Description: "Of another kind of operation."})
}
