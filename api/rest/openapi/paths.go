package openapi

import (
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/icarus-sidecar/icarus/api/rest"
)

const (
	mediaJSON = "application/json"
	mediaHTML = "text/html"
	mediaYAML = "application/yaml"
)

// New describes the API of a sidecar of some version that has these kinds of
// operations.
func New(version string, types rest.Types) *Document {
	d, _ := build(version, types)
	return d
}

// Faults are the fields and kinds of requests that the document says too little
// about: those without words, or without an example where one is needed. It is for
// the tests of whoever adds kinds.
func Faults(types rest.Types) []string {
	_, faults := build("", types)
	return faults
}

func build(version string, types rest.Types) (*Document, []string) {
	b := &builder{names: map[reflect.Type]string{}, answers: map[reflect.Type]bool{}}
	b.operation()
	d := &Document{
		OpenAPI: "3.1.0",
		Info: Info{
			Title: "Icarus", Version: version, Description: about,
			License: License{Name: "Apache License 2.0", Identifier: "Apache-2.0"},
		},
		Security: []SecurityNeeds{{}, {"token": {}}},
	}
	for _, e := range endpoints() {
		at := slices.IndexFunc(d.Paths, func(p Entry[Path]) bool { return p.Name == e.path })
		if at < 0 {
			at = len(d.Paths)
			d.Paths = append(d.Paths, Entry[Path]{Name: e.path})
		}
		path := &d.Paths[at].Value
		*path = append(*path, Entry[*Operation]{strings.ToLower(e.method), b.endpoint(e)})
	}
	examples := b.requests(types)
	if submit, ok := d.Find(http.MethodPost, "/operations"); ok {
		submit.RequestBody = &Body{
			Description: "An object with a type and the fields of that type. Names of fields match in any case, a field that is not known is " +
				"ignored and named among the warnings of the operation, null is as good as nothing, \"true\" does for true and \"10\" for 10. " +
				"At most " + strconv.Itoa(rest.MaxBody) + " bytes.",
			Required: true,
			Content:  Map[Media]{{mediaJSON, Media{Schema: &Schema{Ref: refPrefix + requestSchema}, Examples: examples}}},
		}
	}
	d.Components = Components{Schemas: b.schemas, SecuritySchemes: map[string]SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "Needed where the sidecar has tokens (--token-file)."},
	}}
	return d, b.faults
}

// Find is the operation of a method and a path.
func (d *Document) Find(method, path string) (*Operation, bool) {
	methods, _ := d.Paths.Get(path)
	return methods.Get(strings.ToLower(method))
}

func (b *builder) endpoint(e endpoint) *Operation {
	o := &Operation{OperationID: e.id, Summary: e.summary, Description: e.description, Parameters: e.parameters}
	if e.body != nil {
		t := reflect.TypeOf(e.body)
		o.RequestBody = &Body{
			Description: "What is to be changed.", Required: true,
			Content: Map[Media]{{mediaJSON, Media{Schema: b.schema(t, reflect.Zero(t))}}},
		}
	}
	for _, answer := range e.answers {
		response := Response{Description: answer.means}
		if answer.located {
			response.Headers = Map[Header]{{"Location", Header{"Address of the operation.", &Schema{Type: "string", Format: "uri"}}}}
		}
		switch {
		case answer.media == mediaYAML: // whose schema is of what it says
			response.Content = Map[Media]{{mediaYAML, Media{Schema: &Schema{Type: "object"}}}}
		case answer.media != "":
			response.Content = Map[Media]{{answer.media, Media{Schema: &Schema{Type: "string"}}}}
		case answer.body != nil:
			t := reflect.TypeOf(answer.body)
			response.Content = Map[Media]{{mediaJSON, Media{Schema: b.schema(t, reflect.Zero(t))}}}
		}
		o.Responses = append(o.Responses, Entry[Response]{strconv.Itoa(answer.status), response})
	}
	for _, status := range slices.Sorted(slices.Values(append(e.errors, everywhere...))) {
		o.Responses = append(o.Responses, Entry[Response]{strconv.Itoa(status), b.error(status)})
	}
	return o
}

func (b *builder) error(status int) Response {
	t := reflect.TypeFor[rest.Error]()
	r := Response{
		Description: errors[status],
		Content:     Map[Media]{{mediaJSON, Media{Schema: b.schema(t, reflect.Zero(t))}}},
	}
	switch status {
	case http.StatusTooManyRequests:
		r.Headers = Map[Header]{{"Retry-After", Header{"Seconds to wait.", &Schema{Type: "integer"}}}}
	case http.StatusUnauthorized:
		r.Headers = Map[Header]{{"WWW-Authenticate", Header{"How to say who one is.", &Schema{Type: "string"}}}}
	}
	return r
}
