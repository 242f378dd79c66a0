package store

import (
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/utils/clock"
)

// pair is a connection over loopback, whose other end the caller has.
func pair(t *testing.T, limit time.Duration) (ours *watchedConn, theirs net.Conn) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); theirs.Close() })
	return &watchedConn{Conn: c, clock: clock.RealClock{}, limit: limit}, theirs
}

// gocloud.dev's client waits for ever for a server that vanished.
func TestAConnectionThatStandsStillEnds(t *testing.T) {
	t.Parallel()
	c, _ := pair(t, 50*time.Millisecond)
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || !errors.Is(classifyS3(t.Context(), err), ErrTransient) {
		t.Errorf("reading: %v", err)
	}
	var err error
	for err == nil { // until the buffers are full
		_, err = c.Write(make([]byte, 1<<20))
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("writing: %v", err)
	}
}

func TestAReadMayWaitWhileTheBodyIsSent(t *testing.T) {
	t.Parallel()
	const limit = 500 * time.Millisecond
	c, theirs := pair(t, limit)
	read := make(chan error, 1)
	go func() {
		_, err := c.Read(make([]byte, 1))
		read <- err
	}()
	// Three limits long something is sent, and nothing comes back.
	body := make([]byte, 1)
	for start := time.Now(); time.Since(start) < 3*limit; {
		if _, err := c.Write(body); err != nil {
			t.Fatal(err)
		}
		if _, err := theirs.Read(body); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-read:
			t.Fatalf("the read ended: %v", err)
		default:
		}
	}
	if _, err := theirs.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := <-read; err != nil {
		t.Error(err)
	}
}

func TestACertificateIsTrustedWhenItsFileIsGiven(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it tells of the clients that do not trust it
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(file, ca, 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l := Location{Provider: S3, Bucket: "bucket"}
	o := Options{Endpoint: server.URL, PathStyle: true, Credentials: Credentials{AccessKeyID: "k", SecretAccessKey: "s"}}
	for name, c := range map[string]struct {
		file, endpoint string
		want           error
	}{
		"trusted": {file, server.URL, nil}, "unknown": {"", server.URL, ErrInvalid}, "without one in it": {empty, server.URL, ErrInvalid},
		"a file that is not there": {file + "x", server.URL, os.ErrNotExist},
	} {
		o.CAFile, o.Endpoint, o.CABundle = c.file, c.endpoint, ""
		if err := CheckBucket(t.Context(), l, o, false); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	o.CAFile, o.Endpoint, o.CABundle = "", server.URL, string(ca)
	if err := CheckBucket(t.Context(), l, o, false); err != nil {
		t.Errorf("trusted by its text: %v", err)
	}
	if o.CABundle = "none"; !errors.Is(CheckBucket(t.Context(), l, o, false), ErrInvalid) {
		t.Error("a text without a certificate is taken")
	}
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text     string
		insecure bool
		want     string
	}{
		{"", false, ""},
		{"https://s3.example.org", true, "https://s3.example.org"},
		{"http://127.0.0.1:9000", false, "http://127.0.0.1:9000"},
		{"minio:9000", false, "https://minio:9000"},
		{"minio:9000", true, "http://minio:9000"},
		{"minio", true, "http://minio"},
	} {
		if got, err := parseEndpoint(c.text, c.insecure); err != nil || got != c.want {
			t.Errorf("%q, insecure %v: %q, %v", c.text, c.insecure, got, err)
		}
	}
	for _, text := range []string{"ftp://host", "http://", "http://u:p@host", "http://host?x=y", "http://host#x", "ho st"} {
		if got, err := parseEndpoint(text, false); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

func TestS3NeedsARegion(t *testing.T) {
	t.Parallel()
	o := Options{Credentials: Credentials{AccessKeyID: "k", SecretAccessKey: "s"}}
	if _, err := Open(t.Context(), Location{Provider: S3, Bucket: "bucket"}, o); !errors.Is(err, ErrInvalid) {
		t.Error(err)
	}
	o.Region = "eu-west-1"
	b, err := Open(t.Context(), Location{Provider: S3, Bucket: "bucket"}, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}
