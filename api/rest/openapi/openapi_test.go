package openapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/api/rest/openapi"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

// schemaOf is the schema of a kind of request.
func schemaOf(t *testing.T, d *openapi.Document, kind string) *openapi.Schema {
	t.Helper()
	union, ok := d.Components.Schemas.Get("Request")
	if !ok {
		t.Fatal("there is no Request")
	}
	return resolve(t, d, union.Discriminator.Mapping[kind])
}

func resolve(t *testing.T, d *openapi.Document, ref string) *openapi.Schema {
	t.Helper()
	s, ok := d.Components.Schemas.Get(strings.TrimPrefix(ref, "#/components/schemas/"))
	if !ok || s == nil {
		t.Fatalf("%q refers to nothing", ref)
	}
	return s
}

// examplesOf are the examples of requests, by their kind.
func examplesOf(t *testing.T, d *openapi.Document) openapi.Map[openapi.Example] {
	t.Helper()
	post, ok := d.Find("POST", "/operations")
	if !ok {
		t.Fatal("there is no POST /operations")
	}
	media, _ := post.RequestBody.Content.Get("application/json")
	return media.Examples
}

func kinds() []string { return slices.Sorted(maps.Keys(rest.BuiltinTypes())) }

// Whoever adds a field or a kind says what it is, here or nowhere.
func TestEveryKindAndFieldOfARequestHasWordsAndExamples(t *testing.T) {
	t.Parallel()
	if faults := openapi.Faults(rest.BuiltinTypes()); len(faults) > 0 {
		t.Errorf("the document says too little:\n%s\nSee the doc and example tags of the other fields.", strings.Join(faults, "\n"))
	}
	d := openapi.New("1.0.0", rest.BuiltinTypes())
	if got := len(examplesOf(t, d)); got != len(kinds()) {
		t.Errorf("%d examples of %d kinds", got, len(kinds()))
	}
}

// What lacks words is told, so that the test above can fail.
func TestFaultsNameWhatLacksWords(t *testing.T) {
	t.Parallel()
	type silent struct {
		rest.Header
		Keyspace string `json:"keyspace" validate:"required"`
		Ratio    int    `json:"ratio" doc:"A ratio." example:"{"`
	}
	faults := openapi.Faults(rest.Types{"silent": func() rest.Request { return &silent{} }})
	want := []string{
		"silent.keyspace: has no words", "silent.ratio: has an example that is no JSON",
		"silent: has no words: its Header has no doc tag", "silent.keyspace: is required and has no example",
	}
	if diff := cmp.Diff(want, faults); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestExamplesAreTakenAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, example := range examplesOf(t, openapi.New("1.0.0", rest.BuiltinTypes())) {
		req, warnings, err := rest.Decode(example.Value.Value)
		if err != nil || len(warnings) > 0 || req.RequestType() != example.Name {
			t.Fatalf("%s %s: %v %v", example.Name, example.Value.Value, err, warnings)
		}
		if err := operation.Validate(req); err != nil {
			t.Errorf("%s %s: %v", example.Name, example.Value.Value, err)
		}
	}
}

// The rules that the document tells are those that requests are judged by: what
// breaks one is refused, or replaced with a warning, and the field is named.
func TestWhatBreaksARuleOfTheDocumentIsNotTaken(t *testing.T) {
	t.Parallel()
	d := openapi.New("1.0.0", rest.BuiltinTypes())
	broken := 0
	for _, example := range examplesOf(t, d) {
		s := schemaOf(t, d, example.Name)
		for _, field := range s.Properties {
			for _, value := range breaking(t, field.Value, slices.Contains(s.Required, field.Name)) {
				broken++
				if told := judge(t, example.Value.Value, field.Name, value); !strings.Contains(told, field.Name) {
					t.Errorf("a %s with %s %v is taken: %s", example.Name, field.Name, value, told)
				}
			}
		}
	}
	const few = 50 // there are several in each kind
	if broken < few {
		t.Errorf("only %d rules are in the document", broken)
	}
}

// breaking are values that a schema does not allow; nil is none.
func breaking(t *testing.T, s *openapi.Schema, required bool) []any {
	t.Helper()
	var values []any
	if required {
		values = append(values, nil)
	}
	if len(s.Enum) > 0 {
		values = append(values, "neither")
	}
	if s.Format == "uuid" {
		values = append(values, "not-a-uuid")
	}
	for bound, beyond := range map[json.Number]int64{s.Minimum: -1, s.Maximum: 1} {
		if bound == "" {
			continue
		}
		n, err := bound.Int64()
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, n+beyond)
	}
	if s.Type == "integer" {
		values = append(values, "many")
	}
	if s.Type == "array" {
		values = append(values, "not a list")
	}
	if s.Pattern != "" {
		values = append(values, "relative/path")
	}
	return values
}

// judge is what is said of an example whose field has another value.
func judge(t *testing.T, example json.RawMessage, field string, value any) string {
	t.Helper()
	var tree map[string]any
	if err := json.Unmarshal(example, &tree); err != nil {
		t.Fatal(err)
	}
	if tree[field] = value; value == nil {
		delete(tree, field)
	}
	body, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	req, warnings, err := rest.Decode(body)
	if err == nil {
		err = operation.Validate(req)
	}
	said := slices.Clone(warnings)
	if refused := new(rest.Error); errors.As(err, &refused) {
		for _, v := range refused.Violations {
			said = append(said, v.Field)
		}
	}
	return strings.Join(said, ", ")
}

func TestSchemas(t *testing.T) {
	t.Parallel()
	d := openapi.New("1.0.0", rest.BuiltinTypes())
	for place, want := range map[string]string{
		"backup.type":                     `{"type":"string","enum":["backup"]}`,
		"backup.id":                       `{"type":"string","format":"uuid"}`,
		"backup.storageLocation":          `{"type":"string","minLength":1,"examples":["s3://backups"]}`,
		"backup.concurrentConnections":    `{"type":"integer","minimum":1,"maximum":1000,"default":10}`,
		"backup.insecure":                 `{"type":"boolean","default":false}`,
		"backup.metadataDirective":        `{"type":"string","enum":["COPY","REPLACE"],"default":"COPY"}`,
		"backup.retry":                    `{"$ref":"#/components/schemas/Retry"}`,
		"backup.dataDirs":                 `{"type":"array","items":{"type":"string","pattern":"^(/|file:)","description":"An absolute path, or a file URI."}}`,
		"restore.import":                  `{"$ref":"#/components/schemas/ImportOptions","examples":[{"sourceDir":"/var/lib/cassandra/downloads"}]}`,
		"restore.rename":                  `{"type":"object","additionalProperties":{"type":"string"},"default":{}}`,
		"restore.restorationStrategyType": `{"type":"string","enum":["IN_PLACE","HARDLINKS","IMPORT"],"default":"IN_PLACE","examples":["HARDLINKS"]}`,
		"list.response":                   `{"$ref":"#/components/schemas/ListResult","readOnly":true}`,
		"decommission.force":              `{"type":"boolean"}`,
		"repair.jobThreads":               `{"type":"integer","minimum":1,"maximum":4,"default":1}`,
		"garbagecollect.granularity":      `{"type":"string","enum":["ROW","CELL"],"default":"ROW"}`,
	} {
		kind, name, _ := strings.Cut(place, ".")
		s, ok := schemaOf(t, d, kind).Properties.Get(name)
		if !ok {
			t.Errorf("%s is not described", place)
			continue
		}
		if s.Description == "" {
			t.Errorf("%s has no words", place)
		}
		same := *s
		same.Description = ""
		if diff := cmp.Diff(tree(t, []byte(want)), tree(t, encode(t, same))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", place, diff)
		}
	}
}

func TestRequiredIsWhatRequestsLackOrAnswersHave(t *testing.T) {
	t.Parallel()
	d := openapi.New("1.0.0", rest.BuiltinTypes())
	for name, want := range map[string][]string{
		"RestoreRequest": {"type", "storageLocation", "snapshotTag"},
		"FlushRequest":   {"type", "keyspace"},
		"ImportOptions":  nil,
		"Retry":          nil,
		"Operation":      {"id", "creationTime", "state", "errors", "progress", "type"},
		"NodeStatus":     {"nodeState"},
		"Error":          {"code", "message"},
	} {
		if diff := cmp.Diff(want, resolve(t, d, name).Required); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	retry, _ := resolve(t, d, "Retry").Properties.Get("maxAttempts")
	if string(retry.Default) != "3" {
		t.Errorf("the default of a field within a field is %s", retry.Default)
	}
	if _, has := resolve(t, d, "ImportOptions").Properties.Get("type"); has {
		t.Error("an import within a restore has a type")
	}
}

// A kind of somebody's own stands among the others, under a name that is free.
func TestAKindOfOnesOwn(t *testing.T) {
	t.Parallel()
	type FlushRequest struct {
		rest.Header `doc:"Flushes otherwise."`
		Ratio       float64           `json:"ratio" validate:"gte=0,lte=0.5,ne=0.3" doc:"A ratio." example:"0.25"`
		Names       []string          `json:"names" validate:"max=3,dive,min=2" doc:"Some names."`
		Labels      map[string]string `json:"labels,omitempty" doc:"Some labels."`
		Anything    any               `json:"anything,omitempty" doc:"Whatever it is."`
	}
	types := rest.BuiltinTypes()
	types["flush-otherwise"] = func() rest.Request { return &FlushRequest{Ratio: 0.5} }
	if faults := openapi.Faults(types); len(faults) > 0 {
		t.Error(faults)
	}
	d := openapi.New("1.0.0", types)
	want := `{"type":"object","description":"Flushes otherwise.","required":["type"],"properties":{
		"type":{"type":"string","enum":["flush-otherwise"]},"id":{"type":"string","format":"uuid"},
		"ratio":{"type":"number","minimum":0,"maximum":0.5,"default":0.5,"examples":[0.25],"description":"A ratio. (ne 0.3)"},
		"names":{"type":"array","maxItems":3,"items":{"type":"string","minLength":2},"description":"Some names."},
		"labels":{"type":"object","additionalProperties":{"type":"string"},"description":"Some labels."},
		"anything":{"description":"Whatever it is."}}}`
	got := tree(t, encode(t, schemaOf(t, d, "flush-otherwise")))
	properties := got.(map[string]any)["properties"].(map[string]any)
	for _, name := range []string{"type", "id"} { // the words of all requests
		delete(properties[name].(map[string]any), "description")
	}
	if diff := cmp.Diff(tree(t, []byte(want)), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if same := schemaOf(t, d, "flush"); same == schemaOf(t, d, "flush-otherwise") {
		t.Error("two kinds have one schema")
	}
}

// Every word of the document is there, and what it refers to.
func TestTheDocumentIsWhole(t *testing.T) {
	t.Parallel()
	d := openapi.New("1.0.0", rest.BuiltinTypes())
	refs := 0
	walk("", tree(t, encode(t, d)), func(at string, object map[string]any) {
		if ref, ok := object["$ref"].(string); ok {
			refs++
			resolve(t, d, ref)
		}
		properties, _ := object["properties"].(map[string]any)
		for name, p := range properties {
			if property, ok := p.(map[string]any); ok && at != ".components.schemas" && property["description"] == nil {
				t.Errorf("%s.%s has no words", at, name)
			}
		}
	})
	if refs == 0 {
		t.Error("nothing refers to anything")
	}
	for _, path := range d.Paths {
		for _, method := range path.Value {
			o := method.Value
			if o.Summary == "" || o.OperationID == "" {
				t.Errorf("%s %s has no words", method.Name, path.Name)
			}
			for _, r := range o.Responses {
				status, err := strconv.Atoi(r.Name)
				if err != nil || r.Value.Description == "" {
					t.Errorf("%s %s: status %s has no words (%v)", method.Name, path.Name, r.Name, err)
				}
				if _, has := r.Value.Content.Get("application/json"); status >= 400 && !has {
					t.Errorf("%s %s: status %s has no body", method.Name, path.Name, r.Name)
				}
			}
		}
	}
}

func TestTheSameDocumentEachTime(t *testing.T) {
	t.Parallel()
	first := encode(t, openapi.New("1.0.0", rest.BuiltinTypes()))
	for range 5 {
		if string(encode(t, openapi.New("1.0.0", rest.BuiltinTypes()))) != string(first) {
			t.Fatal("another document")
		}
	}
}

func walk(at string, v any, visit func(at string, object map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(at, v)
		for name, below := range v {
			walk(at+"."+name, below, visit)
		}
	case []any:
		for i, below := range v {
			walk(fmt.Sprintf("%s[%d]", at, i), below, visit)
		}
	}
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func tree(t *testing.T, raw []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return v
}
