//nolint:thelper // the functions of rows are tests, and where they fail counts
package contract_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// field is one of a request.
type field struct {
	id, name string
	// absent is how an answer has it where a request does not: as JSON, "absent" or
	// "chosen", or how that is refused: "required", or "refused" for what is in it.
	absent string
	takes  []spelling
	with   string // further fields of the request
}

// spelling is a value as requests have it, and as answers do.
type spelling struct{ in, out string }

func same(values ...string) (s []spelling) {
	for _, v := range values {
		s = append(s, spelling{v, v})
	}
	return s
}

// boolean is what a flag may be written as.
var boolean = []spelling{{`true`, `true`}, {`"true"`, `true`}, {`"False"`, `false`}}

// whole is what a number may be written as.
func whole(n int) []spelling {
	return []spelling{{fmt.Sprint(n), fmt.Sprint(n)}, {fmt.Sprintf(`"%d"`, n), fmt.Sprint(n)}, {fmt.Sprintf("%d.0", n), fmt.Sprint(n)}}
}

var (
	path  = []spelling{{`"/srv/x"`, `"/srv/x"`}, {`"file:///srv/x"`, `"/srv/x"`}}
	uri   = []spelling{{`"/srv/x"`, `"file:///srv/x"`}, {`"file:///srv/x"`, `"file:///srv/x"`}}
	paths = []spelling{{`["/srv/x","file:///srv/y"]`, `["/srv/x","/srv/y"]`}}
	span  = []spelling{
		{`{"value":1,"unit":"HOURS"}`, `{"value":1,"unit":"HOURS"}`},
		{`{"value":"15","unit":"minutes"}`, `{"value":15,"unit":"MINUTES"}`},
		{`"1 hour"`, `"1 hour"`},
		{`"15m"`, `"15m"`},
		{`".25h"`, `".25h"`},
		{`"2d"`, `"2d"`},
	}
	rate = []spelling{
		{`{"value":10,"unit":"MBPS"}`, `{"value":10,"unit":"MBPS"}`},
		{`{"value":"10","unit":"kbps"}`, `{"value":10,"unit":"KBPS"}`},
		{`"10M"`, `"10M"`},
		{`"10mbps"`, `"10mbps"`},
		{`"1000"`, `"1000"`},
	}
)

// fields are the rows of fields that all kinds have. The bodies are of requests
// without them.
func fields(list []field, bodies ...string) (rows []row) {
	for _, f := range list {
		rows = append(rows, row{f.id, f.name, func(t *testing.T) { f.test(t, bodies) }, f.absent})
	}
	return rows
}

// ofKind puts the kind before the names of the fields of one.
func ofKind(kind, body string, list ...field) []row {
	rows := fields(list, body)
	for i := range rows {
		rows[i].title = kind + "." + rows[i].title
	}
	return rows
}

func (f field) test(t *testing.T, bodies []string) {
	// What becomes of the operations does not matter: they fail, since no node answers.
	r := newRing(t, options{enabled: []string{rest.TypeTruncate}})
	s := r.sidecars[0]
	s.node.Stop()
	for _, body := range bodies {
		body = merge(body, f.with)
		for _, spelled := range f.takes {
			s.ends(merge(body, fmt.Sprintf(`{%q:%s}`, f.name, spelled.in))).want(f.name, spelled.out)
		}
		body = merge(body, fmt.Sprintf(`{%q:null}`, f.name))
		if last := f.takes[len(f.takes)-1]; !strings.Contains(f.name, ".") { // a name is taken in any case
			s.ends(merge(body, fmt.Sprintf(`{%q:%s}`, strings.ToUpper(f.name), last.in))).want(f.name, last.out)
		}
		switch f.absent {
		case "required":
			s.refused(body, f.name)
		case "refused": // for something in it
			s.post(body).is(http.StatusBadRequest).has(f.name + ".")
		case "absent":
			s.ends(body).want(f.name, "")
		case "chosen":
			if s.ends(body).text(f.name) == "" {
				t.Errorf("%s is empty", f.name)
			}
		default:
			s.ends(body).want(f.name, f.absent)
		}
	}
}

// ends is the answer to a request, given when the operation is over.
func (s *sidecar) ends(body string) *answer {
	s.t.Helper()
	a := s.post(body).is(http.StatusCreated)
	s.wait(a.text("id"))
	return a
}
