package contract_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// answer is what a sidecar said.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

// ask sends one request with further headers, in pairs.
func (s *sidecar) ask(method, path, body string, headers ...string) *answer {
	t := s.t
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	noError(t, err)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	noError(t, err)
	defer func() { noError(t, resp.Body.Close()) }()
	read, err := io.ReadAll(resp.Body)
	noError(t, err)
	http.DefaultTransport.(*http.Transport).CloseIdleConnections() // none is left when tests end
	return &answer{t, resp.StatusCode, resp.Header, read}
}

func (s *sidecar) get(path string) *answer {
	s.t.Helper()
	return s.ask(http.MethodGet, path, "").is(http.StatusOK)
}

func (s *sidecar) post(body string) *answer {
	s.t.Helper()
	return s.ask(http.MethodPost, "/operations", body)
}

// submit is a post that is taken.
func (s *sidecar) submit(body string) *answer {
	s.t.Helper()
	return s.post(body).is(http.StatusCreated)
}

// run is the operation when it is finished.
func (s *sidecar) run(body string) *answer {
	s.t.Helper()
	return s.wait(s.submit(body).text("id"))
}

func (s *sidecar) wait(id string) *answer {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	_, err := s.manager.Wait(ctx, id)
	noError(s.t, err)
	return s.get("/operations/" + id)
}

// completed runs what must go well.
func (s *sidecar) completed(body string) *answer {
	s.t.Helper()
	return s.run(body).want("state", `"COMPLETED"`).want("errors", `[]`)
}

// failed runs what must fail with an error that has these words.
func (s *sidecar) failed(body string, words ...string) *answer {
	s.t.Helper()
	a := s.run(body).want("state", `"FAILED"`)
	for _, word := range words {
		if !strings.Contains(a.raw("errors"), word) {
			s.t.Errorf("no error has %q: %s", word, a.raw("errors"))
		}
	}
	return a
}

// refused posts what is refused because of a field.
func (s *sidecar) refused(body, field string, words ...string) *answer {
	s.t.Helper()
	a := s.post(body).is(http.StatusBadRequest)
	var told struct {
		Violations []struct{ Field, Message string }
	}
	noError(s.t, json.Unmarshal(a.body, &told))
	for _, v := range told.Violations {
		if v.Field == field && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(v.Message, w) }) {
			return a
		}
	}
	s.t.Errorf("%s\nis not refused for %s with %q: %s", body, field, words, a.body)
	return a
}

// is makes sure of the status.
func (a *answer) is(status int) *answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("the status is %d, not %d: %s", a.status, status, a.body)
	}
	return a
}

// lookup is the JSON at a path such as "errors.0.message"; "" where there is none.
func lookup(t *testing.T, body []byte, path string) string {
	t.Helper()
	current := json.RawMessage(body)
	for _, step := range strings.Split(path, ".") {
		if i, err := strconv.Atoi(step); err == nil {
			var list []json.RawMessage
			if json.Unmarshal(current, &list) != nil || i >= len(list) {
				return ""
			}
			current = list[i]
			continue
		}
		var object map[string]json.RawMessage
		if json.Unmarshal(current, &object) != nil {
			return ""
		}
		value, ok := object[step]
		if !ok {
			return ""
		}
		current = value
	}
	var compact bytes.Buffer
	noError(t, json.Compact(&compact, current))
	return compact.String()
}

func (a *answer) raw(path string) string { a.t.Helper(); return lookup(a.t, a.body, path) }

// text is the string at a path.
func (a *answer) text(path string) (text string) {
	a.t.Helper()
	if err := json.Unmarshal([]byte(a.raw(path)), &text); err != nil {
		a.t.Fatalf("%s is no string in %s", path, a.body)
	}
	return text
}

// want makes sure of the JSON at a path; "" is of none.
func (a *answer) want(path, want string) *answer {
	a.t.Helper()
	if got := a.raw(path); !equalJSON(a.t, got, want) {
		a.t.Errorf("%s is %s, not %s, in %s", path, got, want, a.body)
	}
	return a
}

// has makes sure that the body has these words.
func (a *answer) has(words ...string) *answer {
	a.t.Helper()
	for _, word := range words {
		if !strings.Contains(string(a.body), word) {
			a.t.Errorf("%q is not in %s", word, a.body)
		}
	}
	return a
}

func equalJSON(t *testing.T, a, b string) bool {
	t.Helper()
	if a == "" || b == "" {
		return a == b
	}
	var x, y any
	noError(t, json.Unmarshal([]byte(a), &x))
	noError(t, json.Unmarshal([]byte(b), &y))
	return cmp.Equal(x, y)
}

// merge lays fields over an object; null removes one, and a name with a dot is one
// in another object.
func merge(object, fields string) string {
	tree, over := parse(object), parse(fields)
	for path, value := range over {
		at := tree
		outer, name, nested := strings.Cut(path, ".")
		if nested {
			inner, _ := at[outer].(map[string]any)
			if inner == nil {
				inner = map[string]any{}
			}
			at[outer], at = inner, inner
		} else {
			name = outer
		}
		if at[name] = value; value == nil {
			delete(at, name)
		}
	}
	body, err := json.Marshal(tree)
	if err != nil {
		panic(err) // it was JSON before
	}
	return string(body)
}

func parse(object string) map[string]any {
	tree := map[string]any{}
	if object == "" {
		return tree
	}
	dec := json.NewDecoder(strings.NewReader(object))
	dec.UseNumber()
	if err := dec.Decode(&tree); err != nil {
		panic("not an object: " + object)
	}
	return tree
}
