package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/api/rest/openapi"
	"github.com/icarus-sidecar/icarus/pkg/server"
)

// description is what the tests hold answers against.
var description = openapi.New("1.0.0", rest.BuiltinTypes())

var parameter = regexp.MustCompile(`:(\w+)`)

// Whoever adds a route describes it, and what is described exists.
func TestEveryRouteIsDescribed(t *testing.T) {
	t.Parallel()
	var routes, described []string
	for _, r := range server.Routes() {
		routes = append(routes, r[0]+" "+parameter.ReplaceAllString(r[1], "{$1}"))
	}
	for _, path := range description.Paths {
		for _, method := range path.Value {
			described = append(described, strings.ToUpper(method.Name)+" "+path.Name)
			for _, p := range method.Value.Parameters {
				if p.In == "path" && !strings.Contains(path.Name, "{"+p.Name+"}") {
					t.Errorf("%s has no %s", path.Name, p.Name)
				}
			}
		}
	}
	slices.Sort(routes)
	slices.Sort(described)
	if diff := cmp.Diff(routes, described); diff != "" {
		t.Errorf("package openapi describes other routes (-server +described):\n%s", diff)
	}
}

// described fails the test where an answer has a status, or a media type, that the
// document does not know. Every answer of these tests goes through it.
func described(t *testing.T, method, path string, answer *http.Response) {
	t.Helper()
	path, _, _ = strings.Cut(path, "?")
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	template, ok := templateOf(path)
	if !ok || method == http.MethodHead {
		return // 404 is for all paths that are not there
	}
	o, ok := description.Find(method, template)
	if !ok {
		return // and 405 for methods
	}
	response, ok := o.Responses.Get(strconv.Itoa(answer.StatusCode))
	if !ok {
		t.Errorf("%s %s answers %d, which is not described", method, template, answer.StatusCode)
	}
	media, _, _ := strings.Cut(answer.Header.Get("Content-Type"), ";")
	if _, ok := response.Content.Get(media); !ok && len(response.Content) > 0 {
		t.Errorf("%s %s answers %d with %q, which is not described", method, template, answer.StatusCode, media)
	}
}

// templateOf is the path in the document that a path is of.
func templateOf(path string) (string, bool) {
	found := ""
	for _, p := range description.Paths {
		if p.Name == path {
			return path, true
		}
		form := "^" + regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(p.Name), "[^/]+") + "$"
		if regexp.MustCompile(form).MatchString(path) {
			found = p.Name
		}
	}
	return found, found != ""
}

func TestTheDocumentIsServed(t *testing.T) {
	t.Parallel()
	answer := ask(t, handler(&operations{}, nil), exchange{method: "GET", path: "/openapi.json"})
	var served map[string]any
	if err := json.Unmarshal(read(t, answer), &served); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%d %v", answer.StatusCode, err)
	}
	version := served["info"].(map[string]any)["version"]
	if served["openapi"] != "3.1.0" || version != "icarus 1.0.0" || len(served["paths"].(map[string]any)) != len(description.Paths) {
		t.Errorf("OpenAPI %v of %v", served["openapi"], version)
	}
}

var fetches = regexp.MustCompile(`(?i)<(script|link|img|iframe|object|embed|base|form)\b|@import|url\(|\bsrc=|href="(?:https?:)?//`)

// The page shows the whole document, and needs nothing from anywhere.
func TestThePageShowsTheWholeDocument(t *testing.T) {
	t.Parallel()
	h := handler(&operations{}, nil)
	for _, accept := range []string{"text/html,application/xhtml+xml", "text/html", "*/*", "text/*"} {
		answer := ask(t, h, exchange{method: "GET", path: "/docs/", header: map[string]string{"Accept": accept}})
		if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/html; charset=utf-8" ||
			!strings.Contains(answer.Header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %d %v", accept, answer.StatusCode, answer.Header)
		}
	}
	if answer := ask(t, h, exchange{method: "GET", path: "/docs", header: map[string]string{"Accept": "image/png"}}); answer.StatusCode != http.StatusNotAcceptable {
		t.Errorf("a page as a picture: %d", answer.StatusCode)
	}
	page := string(read(t, ask(t, h, exchange{method: "GET", path: "/docs"})))
	if found := fetches.FindAllString(page, -1); len(found) > 0 {
		t.Errorf("the page fetches something: %q", found)
	}
	for _, path := range description.Paths {
		wants(t, page, "<code>"+path.Name+"</code>")
		for _, method := range path.Value {
			wants(t, page, `<section id="`+method.Value.OperationID+`">`)
		}
	}
	for _, s := range description.Components.Schemas {
		section := sectionOf(t, page, s.Name)
		for _, field := range s.Value.Properties {
			wants(t, section, "<code>"+field.Name+"</code>")
			if field.Value.Default != nil {
				wants(t, section, "Default <code>")
			}
		}
	}
	wants(t, sectionOf(t, page, "BackupRequest"), "Default <code>10</code>. At least 1. At most 1000.", "&#34;storageLocation&#34;: &#34;s3://backups&#34;", "required")
	for _, link := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(page, -1) {
		wants(t, page, `id="`+link[1]+`"`)
	}
}

func wants(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("there is no %s in %.80s...", part, text)
		}
	}
}

func sectionOf(t *testing.T, page, id string) string {
	t.Helper()
	_, after, ok := strings.Cut(page, fmt.Sprintf("<section id=%q>", id))
	section, _, closed := strings.Cut(after, "</section>")
	if !ok || !closed {
		t.Fatalf("there is no section %s", id)
	}
	return section
}

// hostile is a kind of somebody's own, with words that are no HTML.
type hostile struct {
	rest.Header `doc:"<script>alert(1)</script>"`
	Keyspace    string `json:"keyspace" validate:"required" doc:"\"><img src=x>" example:"</pre><script>"`
}

type hostileOperations struct{ operations }

func (*hostileOperations) Types() rest.Types {
	return rest.Types{"hostile": func() rest.Request { return &hostile{} }}
}

func TestThePageEscapesWordsAndShowsKindsOfOnesOwn(t *testing.T) {
	t.Parallel()
	h := handler(&operations{}, func(c *server.Config) { c.Operations = &hostileOperations{} })
	page := string(read(t, ask(t, h, exchange{method: "GET", path: "/docs"})))
	wants(t, sectionOf(t, page, "hostile"), "&lt;script&gt;alert(1)", "&lt;img src=x&gt;")
	if strings.Contains(page, "<script") || strings.Contains(page, "<img") {
		t.Error("the page has what the words hold")
	}
	if strings.Contains(page, "BackupRequest") {
		t.Error("the page shows a kind that the sidecar does not have")
	}
}
