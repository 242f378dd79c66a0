package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Document is an OpenAPI document.
type Document struct {
	OpenAPI    string          `json:"openapi"`
	Info       Info            `json:"info"`
	Paths      Map[Path]       `json:"paths"`
	Components Components      `json:"components"`
	Security   []SecurityNeeds `json:"security"`
}

// Info says what the API is.
type Info struct {
	Title       string  `json:"title"`
	Description string  `json:"description"`
	Version     string  `json:"version"`
	License     License `json:"license"`
}

// License of the API.
type License struct {
	Name       string `json:"name"`
	Identifier string `json:"identifier"`
}

// SecurityNeeds are names of security schemes that a caller needs together; none
// is a caller who needs nothing.
type SecurityNeeds map[string][]string

// Components are what the rest of a document refers to.
type Components struct {
	Schemas         Map[*Schema]              `json:"schemas"`
	SecuritySchemes map[string]SecurityScheme `json:"securitySchemes"`
}

// SecurityScheme is a way to say who one is.
type SecurityScheme struct {
	Type        string `json:"type"`
	Scheme      string `json:"scheme,omitempty"`
	Description string `json:"description"`
}

// Path are the operations of a path by their methods in lower case.
type Path = Map[*Operation]

// Operation is a method of a path.
type Operation struct {
	OperationID string        `json:"operationId"`
	Summary     string        `json:"summary"`
	Description string        `json:"description,omitempty"`
	Parameters  []Parameter   `json:"parameters,omitempty"`
	RequestBody *Body         `json:"requestBody,omitempty"`
	Responses   Map[Response] `json:"responses"`
}

// Parameter of a path or a query.
type Parameter struct {
	Name        string  `json:"name"`
	In          string  `json:"in"`
	Description string  `json:"description"`
	Required    bool    `json:"required,omitempty"`
	Schema      *Schema `json:"schema"`
}

// Body of a request.
type Body struct {
	Description string     `json:"description"`
	Required    bool       `json:"required"`
	Content     Map[Media] `json:"content"`
}

// Response is what a status comes with.
type Response struct {
	Description string      `json:"description"`
	Headers     Map[Header] `json:"headers,omitempty"`
	Content     Map[Media]  `json:"content,omitempty"`
}

// Header of a response.
type Header struct {
	Description string  `json:"description"`
	Schema      *Schema `json:"schema"`
}

// Media is a body of some media type.
type Media struct {
	Schema   *Schema      `json:"schema"`
	Examples Map[Example] `json:"examples,omitempty"`
}

// Example of a body.
type Example struct {
	Value json.RawMessage `json:"value"`
}

// Schema of a value, as JSON Schema 2020-12 has it.
type Schema struct {
	Ref                  string          `json:"$ref,omitempty"`
	Type                 string          `json:"type,omitempty"`
	Description          string          `json:"description,omitempty"`
	Format               string          `json:"format,omitempty"`
	Pattern              string          `json:"pattern,omitempty"`
	Enum                 []string        `json:"enum,omitempty"`
	Default              json.RawMessage `json:"default,omitempty"`
	Examples             []any           `json:"examples,omitempty"`
	Minimum              json.Number     `json:"minimum,omitempty"`
	Maximum              json.Number     `json:"maximum,omitempty"`
	MinLength            json.Number     `json:"minLength,omitempty"`
	MaxLength            json.Number     `json:"maxLength,omitempty"`
	MinItems             json.Number     `json:"minItems,omitempty"`
	MaxItems             json.Number     `json:"maxItems,omitempty"`
	ReadOnly             bool            `json:"readOnly,omitempty"`
	Items                *Schema         `json:"items,omitempty"`
	Properties           Map[*Schema]    `json:"properties,omitempty"`
	Required             []string        `json:"required,omitempty"`
	AdditionalProperties *Schema         `json:"additionalProperties,omitempty"`
	OneOf                []*Schema       `json:"oneOf,omitempty"`
	AnyOf                []*Schema       `json:"anyOf,omitempty"`
	Discriminator        *Discriminator  `json:"discriminator,omitempty"`
}

// Discriminator tells which of several schemas an object is of.
type Discriminator struct {
	PropertyName string            `json:"propertyName"`
	Mapping      map[string]string `json:"mapping"`
}

// Map is a JSON object whose fields keep their order: a reader finds them where
// the types have them.
type Map[V any] []Entry[V]

// Entry is a field of a Map.
type Entry[V any] struct {
	Name  string
	Value V
}

// Get finds the value of a name.
func (m Map[V]) Get(name string) (value V, ok bool) {
	for _, e := range m {
		if e.Name == name {
			return e.Value, true
		}
	}
	return value, false
}

// MarshalJSON writes an object.
func (m Map[V]) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, e := range m {
		if i > 0 {
			out.WriteByte(',')
		}
		name, err := json.Marshal(e.Name)
		if err != nil {
			return nil, fmt.Errorf("encoding a name: %w", err)
		}
		value, err := json.Marshal(e.Value)
		if err != nil {
			return nil, fmt.Errorf("encoding %s: %w", e.Name, err)
		}
		out.Write(name)
		out.WriteByte(':')
		out.Write(value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}
