package server

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"

	"github.com/icarus-sidecar/icarus/api/rest/openapi"
)

const (
	docsPath  = "/docs"
	mediaHTML = "text/html"
)

// description is the API's account of itself, as a document and as a page. Both are
// made when somebody first asks.
type description struct {
	document func() *openapi.Document
	page     func() ([]byte, error)
}

func describe(c Config) description {
	document := sync.OnceValue(func() *openapi.Document { return openapi.New(c.Version.Version, c.Operations.Types()) })
	return description{document: document, page: sync.OnceValues(func() ([]byte, error) { return render(document()) })}
}

func (a *api) getDocument(g *gin.Context) { answer(g, http.StatusOK, a.description.document()) }

// getPage answers the document for people. The page has no script and fetches
// nothing, and a browser would not let it.
func (a *api) getPage(g *gin.Context) {
	page, err := a.description.page()
	if err != nil {
		fail(g, err)
		return
	}
	g.Header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	g.Header("X-Content-Type-Options", "nosniff")
	g.Data(http.StatusOK, mediaHTML+"; charset=utf-8", page)
}

//go:embed openapi.html
var pageText string

// pageTemplate escapes whatever the words of somebody's own kinds hold.
var pageTemplate = sync.OnceValues(func() (*template.Template, error) {
	return template.New("docs").Funcs(template.FuncMap{
		"upper":  strings.ToUpper,
		"name":   nameOf,
		"kind":   kindOf,
		"must":   func(s *openapi.Schema, field string) bool { return slices.Contains(s.Required, field) },
		"pretty": pretty,
		"text":   func(raw json.RawMessage) string { return string(raw) },
	}).Parse(pageText)
})

// page is what the template shows.
type page struct {
	*openapi.Document

	// Bodies are the examples of requests by the names of their schemas.
	Bodies map[string]json.RawMessage
}

func render(d *openapi.Document) ([]byte, error) {
	tmpl, err := pageTemplate()
	if err != nil {
		return nil, fmt.Errorf("reading the page of the API: %w", err)
	}
	var out bytes.Buffer
	if err := tmpl.Execute(&out, page{d, bodies(d)}); err != nil {
		return nil, fmt.Errorf("writing the page of the API: %w", err)
	}
	return out.Bytes(), nil
}

func bodies(d *openapi.Document) map[string]json.RawMessage {
	examples := map[string]json.RawMessage{}
	submit, ok := d.Find(http.MethodPost, "/operations")
	if !ok {
		return examples
	}
	media, _ := submit.RequestBody.Content.Get(mediaJSON)
	union, _ := d.Components.Schemas.Get(nameOf(media.Schema.Ref))
	for _, example := range media.Examples {
		examples[nameOf(union.Discriminator.Mapping[example.Name])] = example.Value.Value
	}
	return examples
}

// nameOf is the name of what a schema refers to.
func nameOf(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

// kindOf is the type of a field in a few words.
func kindOf(s *openapi.Schema) string {
	switch {
	case s == nil:
		return "anything"
	case s.Items != nil && s.Items.Ref != "":
		return "list of " + nameOf(s.Items.Ref)
	case s.Items != nil:
		return "list of " + kindOf(s.Items)
	case s.AdditionalProperties != nil && len(s.Properties) == 0:
		return "map of " + kindOf(s.AdditionalProperties)
	case s.Format != "":
		return s.Type + ", " + s.Format
	case len(s.OneOf) > 0:
		kinds := make([]string, 0, len(s.OneOf))
		for _, one := range s.OneOf {
			kinds = append(kinds, kindOf(one))
		}
		return strings.Join(kinds, " or ")
	case s.Type == "":
		return "anything"
	}
	return s.Type
}

func pretty(raw json.RawMessage) (string, error) {
	var out bytes.Buffer
	if err := json.Indent(&out, raw, "", "  "); err != nil {
		return "", fmt.Errorf("writing an example: %w", err)
	}
	return out.String(), nil
}
