package server_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/client"
	"github.com/icarus-sidecar/icarus/pkg/server"
)

func writeTokens(t *testing.T, path string, tokens ...string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(strings.Join(tokens, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// guarded is an API with a file of tokens.
func guarded(t *testing.T, o *operations, tokens ...string) (h http.Handler, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "tokens")
	writeTokens(t, file, tokens...)
	return handler(o, func(c *server.Config) {
		c.Authenticate = server.BearerTokens(func() ([]string, error) { return client.ReadTokens(file) })
	}), file
}

func with(token string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + token}
}

func TestEveryRouteIsClosedToStrangers(t *testing.T) {
	t.Parallel()
	asked := [][2]string{{"GET", "/"}, {"GET", "/nothing"}, {"PUT", "/operations"}, {"BREW", "/status"}}
	for _, r := range server.Routes() {
		asked = append(asked, r, [2]string{r[0], r[1] + "/"}, [2]string{http.MethodHead, r[1]}, [2]string{http.MethodOptions, r[1]})
	}
	o := &operations{}
	h, _ := guarded(t, o, "token-of-now")
	for name, header := range map[string]map[string]string{
		"nothing":                 {},
		"another token":           with("token-of-others"),
		"the beginning of one":    with("token-of"),
		"more than one":           with("token-of-now2"),
		"no token":                with(""),
		"the token alone":         {"Authorization": "token-of-now"},
		"the token as a password": {"Authorization": "Basic token-of-now"},
		"another header":          {"X-Token": "token-of-now", "Cookie": "token=token-of-now"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, a := range asked {
				answer := ask(t, h, exchange{a[0], a[1], `{"type":"flush","keyspace":"k"}`, header})
				body := read(t, answer)
				var told rest.Error
				if err := json.Unmarshal(body, &told); err != nil || told.Code != http.StatusUnauthorized || told.Message == "" {
					t.Errorf("%v: %s", a, body)
				}
				if answer.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(answer.Header.Get("WWW-Authenticate"), "Bearer") ||
					answer.Header.Get("Content-Type") != "application/json" {
					t.Errorf("%v: %d %v", a, answer.StatusCode, answer.Header)
				}
				if bytes.Contains(body, []byte("token-of")) {
					t.Errorf("%v shows a token: %s", a, body)
				}
			}
		})
	}
	t.Cleanup(func() {
		if len(o.submitted) > 0 {
			t.Errorf("a stranger has started %v", o.submitted)
		}
	})
}

func TestATokenLetsIn(t *testing.T) {
	t.Parallel()
	h, _ := guarded(t, &operations{}, "one", "two==")
	for _, authorization := range []string{"Bearer one", "bearer one", "BEARER  two==", "Bearer two=="} {
		answer := ask(t, h, exchange{"POST", "/operations", `{"type":"flush","keyspace":"k"}`, map[string]string{"Authorization": authorization}})
		if answer.StatusCode != http.StatusCreated {
			t.Errorf("%s: %d %s", authorization, answer.StatusCode, read(t, answer))
		}
	}
	if answer := ask(t, h, exchange{"GET", "/nothing", "", with("one")}); answer.StatusCode != http.StatusNotFound {
		t.Errorf("a path that is not there: %d", answer.StatusCode)
	}
}

func TestTwoHeadersAreNone(t *testing.T) {
	t.Parallel()
	h, _ := guarded(t, &operations{}, "one")
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/status", http.NoBody)
	r.Header["Authorization"] = []string{"Bearer two", "Bearer one"}
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != http.StatusUnauthorized {
		t.Errorf("the answer is %d", w.Code)
	}
}

func TestTokensRotate(t *testing.T) {
	t.Parallel()
	h, file := guarded(t, &operations{}, "old")
	status := func(token string) int {
		return ask(t, h, exchange{"GET", "/version", "", with(token)}).StatusCode
	}
	for _, now := range []struct {
		file     []string
		old, new int
	}{
		{[]string{"old"}, 200, 401},
		{[]string{"old", "new"}, 200, 200},
		{[]string{"new", "old"}, 200, 200},
		{[]string{"new"}, 401, 200}, // of the same length and in the same moment as the first
		{[]string{"old"}, 200, 401},
	} {
		writeTokens(t, file, now.file...)
		if o, n := status("old"), status("new"); o != now.old || n != now.new {
			t.Errorf("with %v, the old token is answered %d and the new one %d", now.file, o, n)
		}
	}
}

func TestTokensThatCannotBeReadLetNobodyIn(t *testing.T) {
	t.Parallel()
	h, file := guarded(t, &operations{}, "one")
	for name, spoil := range map[string]func() error{
		"no token": func() error { return os.WriteFile(file, []byte("\n"), 0o600) },
		"no file":  func() error { return os.Remove(file) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		answer := ask(t, h, exchange{"GET", "/version", "", with("one")})
		if body := read(t, answer); answer.StatusCode != http.StatusInternalServerError || bytes.Contains(body, []byte(file)) {
			t.Errorf("%s: %d %s", name, answer.StatusCode, body)
		}
		if answer := ask(t, h, exchange{"GET", "/version", "", nil}); answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s, and without a header: %d", name, answer.StatusCode)
		}
		writeTokens(t, file, "one")
		if answer := ask(t, h, exchange{"GET", "/version", "", with("one")}); answer.StatusCode != http.StatusOK {
			t.Errorf("after %s: %d", name, answer.StatusCode)
		}
	}
}

func TestNoTokenIsLogged(t *testing.T) {
	t.Parallel()
	var logged strings.Builder
	log := funcr.New(func(prefix, args string) { logged.WriteString(prefix + args + "\n") }, funcr.Options{Verbosity: 9})
	fail := false
	h := handler(&operations{}, func(c *server.Config) {
		c.Log = log
		c.Authenticate = server.BearerTokens(func() ([]string, error) {
			if fail {
				return nil, errors.New("the disk is gone")
			}
			return []string{"token-of-now"}, nil
		})
	})
	for _, token := range []string{"token-of-now", "token-of-others"} {
		ask(t, h, exchange{"GET", "/version", "", with(token)})
	}
	fail = true
	ask(t, h, exchange{"GET", "/version", "", with("token-of-now")})
	if text := logged.String(); strings.Contains(text, "token-of") || !strings.Contains(text, "the disk is gone") || !strings.Contains(text, "401") {
		t.Errorf("the log is\n%s", text)
	}
}

func TestCredentialsComeInSecretOnly(t *testing.T) {
	t.Parallel()
	const (
		plain  = `{"type":"backup","storageLocation":"s3://b"}`
		secret = `{"type":"backup","storageLocation":"s3://b","proxySettings":{"useProxy":true,"proxyHost":"p","proxyPort":1,"proxyPassword":"hunter2"}}`
	)
	for name, c := range map[string]struct {
		body, from string
		tls, allow bool
		code       int
	}{
		"credentials from another host":            {secret, "10.0.0.7:1234", false, false, 403},
		"credentials from another host by IPv6":    {secret, "[fd00::7]:1234", false, false, 403},
		"credentials from nobody knows where":      {secret, "@", false, false, 403},
		"credentials from another host by TLS":     {secret, "10.0.0.7:1234", true, false, 201},
		"credentials from another host with leave": {secret, "10.0.0.7:1234", false, true, 201},
		"credentials from this host":               {secret, "127.0.0.2:1234", false, false, 201},
		"credentials from this host by IPv6":       {secret, "[::1]:1234", false, false, 201},
		"credentials from this host by both":       {secret, "[::ffff:127.0.0.1]:1234", false, false, 201},
		"no credentials":                           {plain, "10.0.0.7:1234", false, false, 201},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := &operations{}
			h := handler(o, func(config *server.Config) { config.AllowCredentialsOverHTTP = c.allow })
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/operations", strings.NewReader(c.body))
			r.Header.Set("Content-Type", "application/json")
			r.RemoteAddr = c.from
			if c.tls {
				r.TLS = &tls.ConnectionState{HandshakeComplete: true}
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != c.code || (len(o.submitted) > 0) != (c.code == http.StatusCreated) || strings.Contains(w.Body.String(), "hunter2") {
				t.Errorf("%d %s, started %v", w.Code, w.Body, o.submitted)
			}
			if c.code == http.StatusForbidden && !strings.Contains(w.Body.String(), "--allow-credentials-over-http") {
				t.Errorf("no way out is told: %s", w.Body)
			}
		})
	}
}
