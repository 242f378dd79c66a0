package server_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"

	"github.com/icarus-sidecar/icarus/hack/certs"
	"github.com/icarus-sidecar/icarus/pkg/client"
	"github.com/icarus-sidecar/icarus/pkg/server"
)

// serveTLS serves an API at an address of the loopback until the test ends.
func serveTLS(t *testing.T, files server.TLSFiles, log logr.Logger) (url string) {
	t.Helper()
	config, err := files.Config(log)
	if err != nil {
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	go func() {
		served <- server.Serve(ctx, tls.NewListener(l, config), handler(&operations{}, nil), logr.Discard())
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return "https://" + l.Addr().String()
}

// call makes one call on a connection of its own.
func call(t *testing.T, url string, files client.TLSFiles) error {
	t.Helper()
	c, err := client.New(url, client.WithTLSFiles(files))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Version(t.Context())
	return err
}

func authority(t *testing.T, a *certs.Authority) client.TLSFiles {
	t.Helper()
	return client.TLSFiles{CA: a.File(t)}
}

func TestServingTLS(t *testing.T) {
	t.Parallel()
	ours := certs.New(t)
	cert, key := ours.Issue(t, "127.0.0.1").Files(t)
	url := serveTLS(t, server.TLSFiles{Cert: cert, Key: key}, logr.Discard())
	if err := call(t, url, authority(t, ours)); err != nil {
		t.Error(err)
	}
	if err := call(t, url, authority(t, certs.New(t))); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("who trusts another authority gets %v", err)
	}
	if err := call(t, strings.Replace(url, "https", "http", 1), client.TLSFiles{}); err == nil {
		t.Error("plain HTTP is answered")
	}

	transport := &http.Transport{TLSClientConfig: authority(t, ours).Config("127.0.0.1"), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	for path, want := range map[string]string{"/version": "", "/operations": url + "/operations/" + id1} {
		method, body := http.MethodGet, ""
		if want != "" {
			method, body = http.MethodPost, `{"type":"flush","keyspace":"k"}`
		}
		r, err := http.NewRequestWithContext(t.Context(), method, url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		answer, err := (&http.Client{Transport: transport}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		read(t, answer)
		answer.Body.Close()
		if answer.ProtoMajor != 2 || answer.TLS.Version != tls.VersionTLS13 || answer.Header.Get("Location") != want {
			t.Errorf("%s by HTTP/%d, TLS %x, %v", path, answer.ProtoMajor, answer.TLS.Version, answer.Header)
		}
	}
}

func TestOldVersionsOfTLSAreRefused(t *testing.T) {
	t.Parallel()
	ours := certs.New(t)
	cert, key := ours.Issue(t, "127.0.0.1").Files(t)
	url := serveTLS(t, server.TLSFiles{Cert: cert, Key: key}, logr.Discard())
	config := authority(t, ours).Config("127.0.0.1")
	config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "https://"))
	if err == nil {
		conn.Close()
		t.Error("TLS 1.1 is spoken")
	}
}

func TestCertificatesRotate(t *testing.T) {
	t.Parallel()
	former, next := certs.New(t), certs.New(t)
	cert, key := former.Issue(t, "127.0.0.1").Files(t)
	logged := make(chan string, 10)
	log := funcr.New(func(_, args string) { logged <- args }, funcr.Options{})
	url := serveTLS(t, server.TLSFiles{Cert: cert, Key: key}, log)
	knowFormer, knowNext := authority(t, former), authority(t, next)
	if err := errors.Join(call(t, url, knowFormer), call(t, url, knowFormer)); err != nil {
		t.Fatal(err)
	}
	pair := next.Issue(t, "127.0.0.1")
	if err := os.WriteFile(cert, pair.Cert, 0o600); err != nil { // with the former key still there
		t.Fatal(err)
	}
	if err := errors.Join(call(t, url, knowFormer), call(t, url, knowFormer)); err != nil {
		t.Errorf("half replaced: %v", err)
	}
	if len(logged) != 1 {
		t.Errorf("that was logged %d times", len(logged))
	}
	pair.Replace(t, cert, key)
	if err := call(t, url, knowNext); err != nil {
		t.Errorf("the next certificate is not served: %v", err)
	}
	if err := call(t, url, knowFormer); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("the former certificate is still served: %v", err)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if err := call(t, url, knowNext); err != nil {
		t.Errorf("without the file: %v", err)
	}
}

func TestCallersShowACertificate(t *testing.T) {
	t.Parallel()
	ours, callers, others := certs.New(t), certs.New(t), certs.New(t)
	cert, key := ours.Issue(t, "127.0.0.1").Files(t)
	clientCA := callers.File(t)
	url := serveTLS(t, server.TLSFiles{Cert: cert, Key: key, ClientCA: clientCA}, logr.Discard())
	from := func(a *certs.Authority) client.TLSFiles {
		files := authority(t, ours)
		files.Cert, files.Key = a.Issue(t, "caller").Files(t)
		return files
	}
	known, stranger := from(callers), from(others)
	if err := call(t, url, known); err != nil {
		t.Errorf("one that is vouched for: %v", err)
	}
	for name, files := range map[string]client.TLSFiles{"without a certificate": authority(t, ours), "with that of a stranger": stranger} {
		if err := call(t, url, files); !errors.Is(err, client.ErrUnreachable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The authority is replaced while the API is served.
	if err := os.WriteFile(clientCA, others.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := call(t, url, stranger); err != nil {
		t.Errorf("vouched for by the next authority: %v", err)
	}
	if err := call(t, url, known); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("vouched for by the former authority: %v", err)
	}
	if err := os.WriteFile(clientCA, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := call(t, url, stranger); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("where there is no authority: %v", err)
	}
}

func TestCertificatesThatAreNone(t *testing.T) {
	t.Parallel()
	a := certs.New(t)
	cert, key := a.Issue(t, "127.0.0.1").Files(t)
	_, other := a.Issue(t, "127.0.0.1").Files(t)
	for name, files := range map[string]server.TLSFiles{
		"a file that is not there":       {Cert: cert + "-", Key: key},
		"a key that is not there":        {Cert: cert, Key: key + "-"},
		"the key of another":             {Cert: cert, Key: other},
		"a key for a certificate":        {Cert: key, Key: key},
		"authorities that are none":      {Cert: cert, Key: key, ClientCA: key},
		"authorities that are not there": {Cert: cert, Key: key, ClientCA: key + "-"},
	} {
		if _, err := files.Config(logr.Discard()); err == nil {
			t.Errorf("%s will do", name)
		}
	}
}
