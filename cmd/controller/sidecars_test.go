package main

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/icarus-sidecar/icarus/hack/certs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve is a sidecar at 127.0.0.1 with a certificate for some address.
func serve(t *testing.T, by *certs.Authority, address string) *httptest.Server {
	t.Helper()
	pair := by.Issue(t, address)
	cert, err := tls.X509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}}
	s.Config.ErrorLog = nil
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func call(t *testing.T, config *tls.Config, url string) error {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: config}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := (&http.Client{Transport: transport}).Do(req)
	if err == nil {
		err = answer.Body.Close()
	}
	return err
}

func TestWhomTheControllerTrusts(t *testing.T) {
	t.Parallel()
	ours, others := certs.New(t), certs.New(t)
	ca := ours.File(t)
	f := &sidecarFlags{ca: ca}
	o, err := f.options()
	if err != nil || o.Scheme() != schemeHTTPS {
		t.Fatalf("the options are %+v, %v", o, err)
	}
	if err := call(t, o.TLS("127.0.0.1"), serve(t, ours, "127.0.0.1").URL); err != nil {
		t.Errorf("a sidecar of ours: %v", err)
	}
	if err := call(t, o.TLS("127.0.0.1"), serve(t, ours, "10.0.0.7").URL); err == nil {
		t.Error("the certificate of another sidecar was good enough")
	}
	server := serve(t, others, "127.0.0.1")
	if err := call(t, o.TLS("127.0.0.1"), server.URL); err == nil {
		t.Error("a stranger's certificate was good enough")
	}
	// The authority is replaced while the controller runs.
	config := o.TLS("127.0.0.1")
	write(t, ca, others.PEM())
	if err := call(t, config, server.URL); err != nil {
		t.Errorf("the new authority is not known: %v", err)
	}
}

func TestTheTokenIsReadAgain(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	write(t, file, []byte("first\n"))
	f := &sidecarFlags{tokenFile: file, allowCredentialsOverHTTP: true}
	o, err := f.options()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"first", "second"} {
		write(t, file, []byte(want+"\n"))
		if got, err := o.Token(context.WithoutCancel(t.Context())); err != nil || got != want {
			t.Errorf("the token is %q, %v", got, err)
		}
	}
}

func TestFlagsThatDoNotGoTogether(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, []byte("two words"))
	for name, f := range map[string]sidecarFlags{
		"an unknown scheme":              {scheme: "ftp"},
		"a certificate without its key":  {cert: file},
		"an authority and plain HTTP":    {scheme: schemeHTTP, ca: file},
		"a token in plain HTTP":          {tokenFile: file},
		"a token that is none":           {tokenFile: file, allowCredentialsOverHTTP: true},
		"a token that is not there":      {tokenFile: file + "-", allowCredentialsOverHTTP: true},
		"an authority that is none":      {ca: file},
		"an authority that is not there": {ca: file + "-"},
		"a pair that is none":            {cert: file, key: file},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if o, err := f.options(); err == nil {
				t.Errorf("that makes %+v", o)
			}
		})
	}
}

func TestTheNamespacesThatAreWatched(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		named []string
		own   string
		want  []string
	}{
		"those that are named":        {[]string{"a", " b", ""}, "own", []string{"a", "b"}},
		"the own where none is named": {nil, "own", []string{"own"}},
		"never all":                   {nil, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &flags{namespaces: c.named}
			got, err := f.watched(c.own)
			if !slices.Equal(got, c.want) || (err != nil) != (c.want == nil) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func write(t *testing.T, file string, text []byte) {
	t.Helper()
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
