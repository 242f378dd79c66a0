package client_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/hack/certs"
	"github.com/icarus-sidecar/icarus/pkg/client"
)

func file(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTokensAreRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want []string // nil where it is refused
	}{
		"one":                           {"hunter2", []string{"hunter2"}},
		"one, and the line ends":        {"hunter2\n", []string{"hunter2"}},
		"two, one of another system":    {"hunter2\r\n\n  aGk.b_~+/-==\n", []string{"hunter2", "aGk.b_~+/-=="}},
		"none":                          {"\n \n", nil},
		"nothing":                       {"", nil},
		"two in a line":                 {"hunter2 hunter3\n", nil},
		"one that a header cannot hold": {"hunter2\nhünter2\n", nil},
		"one with a control character":  {"hunter2\x00", nil},
		"more than anyone needs":        {strings.Repeat("hunter2\n", 101), nil},
		"without an end":                {strings.Repeat("hunter2", 20000), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := client.ReadTokens(file(t, c.text))
			if !slices.Equal(got, c.want) || (err == nil) != (c.want != nil) {
				t.Errorf("got %q, %v", got, err)
			}
			if err != nil && strings.Contains(err.Error(), "nter2") {
				t.Errorf("the error shows a token: %v", err)
			}
		})
	}
	if _, err := client.ReadTokens(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestTheFirstTokenOfNowIsSent(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 1)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Get("Authorization")
		_, _ = io.WriteString(w, `{}`)
	})
	path := file(t, "one\ntwo\n")
	c := dial(t, server.URL, client.WithToken(client.TokenFile(path)))
	for _, want := range []string{"one", "two"} {
		if err := os.WriteFile(path, []byte(want+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Version(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := <-seen; got != "Bearer "+want {
			t.Errorf("sent %q, want the token %s", got, want)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Version(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the file: %v", err)
	}
}

func TestCredentialsStayAtHomeWithoutTLS(t *testing.T) {
	t.Parallel()
	secret := defaults(t)
	secret.ProxySettings = &rest.ProxySettings{ProxyPassword: "hunter2"}
	token := client.WithToken(func(context.Context) (string, error) { return "hunter2", nil })
	gone, cancel := context.WithCancel(t.Context())
	cancel() // what would be sent is not: there is no such host
	for name, c := range map[string]struct {
		address string
		options []client.Option
		req     *rest.BackupRequest
		exposed bool
	}{
		"credentials in plain HTTP":              {"http://192.0.2.1:4567", nil, secret, true},
		"credentials to a name":                  {"http://node1:4567", nil, secret, true},
		"credentials by IPv6":                    {"http://[fd00::1]:4567", nil, secret, true},
		"a token in plain HTTP":                  {"http://192.0.2.1:4567", []client.Option{token}, defaults(t), true},
		"with leave":                             {"http://192.0.2.1:4567", []client.Option{token, client.WithCredentialsOverHTTP()}, secret, false},
		"by TLS":                                 {"https://192.0.2.1:4567", []client.Option{token}, secret, false},
		"on the loopback":                        {"http://127.0.0.2:4567", []client.Option{token}, secret, false},
		"on the loopback by IPv6":                {"http://[::1]:4567", []client.Option{token}, secret, false},
		"on the loopback by name":                {"http://localhost:4567", []client.Option{token}, secret, false},
		"a request without any, and no token":    {"http://192.0.2.1:4567", nil, defaults(t), false},
		"a name that begins like that of a host": {"http://localhost.example:4567", nil, secret, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := dial(t, c.address, c.options...).Submit(gone, c.req)
			if errors.Is(err, client.ErrExposed) != c.exposed {
				t.Errorf("the error is %v", err)
			}
			// It is final for whoever coordinates.
			if told := new(rest.Error); c.exposed && (!errors.As(err, &told) || told.Code != http.StatusForbidden) {
				t.Errorf("the error is %v, and not a refusal", err)
			}
			if err == nil || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func defaults(t *testing.T) *rest.BackupRequest {
	t.Helper()
	req, ok := rest.NewRequest(rest.TypeBackup)
	if !ok {
		t.Fatal("there is no backup")
	}
	return req.(*rest.BackupRequest)
}

// secure is a sidecar at 127.0.0.1 with a certificate for some host.
func secure(t *testing.T, by *certs.Authority, host string) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{}`) }))
	pair := by.Issue(t, host)
	cert, err := tls.X509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequestClientCert}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func TestWhomAClientTrusts(t *testing.T) {
	t.Parallel()
	ours, others := certs.New(t), certs.New(t)
	ca := ours.File(t)
	here := secure(t, ours, "127.0.0.1").URL
	stranger := secure(t, others, "127.0.0.1").URL
	for name, c := range map[string]struct {
		url   string
		files client.TLSFiles
		ok    bool
	}{
		"a sidecar of ours":                  {here, client.TLSFiles{CA: ca}, true},
		"that of another address":            {secure(t, ours, "10.0.0.7").URL, client.TLSFiles{CA: ca}, false},
		"one by its name":                    {secure(t, ours, "sidecar").URL, client.TLSFiles{CA: ca, ServerName: "sidecar"}, true},
		"one by another name":                {secure(t, ours, "sidecar").URL, client.TLSFiles{CA: ca, ServerName: "other"}, false},
		"a stranger":                         {stranger, client.TLSFiles{CA: ca}, false},
		"ours, where the system's are known": {here, client.TLSFiles{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := dial(t, c.url, client.WithTLSFiles(c.files)).Version(t.Context())
			if c.ok != (err == nil) || (err != nil && !errors.Is(err, client.ErrUnreachable)) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestAuthoritiesRotate(t *testing.T) {
	t.Parallel()
	former, next := certs.New(t), certs.New(t)
	ca := former.File(t)
	url := secure(t, next, "127.0.0.1").URL
	c := dial(t, url, client.WithTLSFiles(client.TLSFiles{CA: ca}))
	if _, err := c.Version(t.Context()); !errors.Is(err, client.ErrUnreachable) {
		t.Fatalf("a stranger is trusted: %v", err)
	}
	if err := os.WriteFile(ca, next.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Version(t.Context()); err != nil {
		t.Errorf("the next authority is not known: %v", err)
	}
}

func TestFilesAreChecked(t *testing.T) {
	t.Parallel()
	a := certs.New(t)
	cert, key := a.Issue(t, "caller").Files(t)
	if err := (client.TLSFiles{CA: a.File(t), Cert: cert, Key: key}).Check(); err != nil {
		t.Error(err)
	}
	for name, files := range map[string]client.TLSFiles{
		"a certificate without its key":  {Cert: cert},
		"a key without its certificate":  {Key: key},
		"a key for a certificate":        {Cert: key, Key: key},
		"authorities that are none":      {CA: key},
		"authorities that are not there": {CA: key + "-"},
	} {
		if err := files.Check(); err == nil {
			t.Errorf("%s will do", name)
		}
	}
}
