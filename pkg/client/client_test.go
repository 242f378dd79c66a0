package client_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	testclock "k8s.io/utils/clock/testing"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const id = "0b26a94e-0000-5000-8000-000000000001"

func serve(t *testing.T, handle http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return server
}

func dial(t *testing.T, address string, options ...client.Option) *client.Client {
	t.Helper()
	c, err := client.New(address, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestCallsAreWhatTheSidecarExpects(t *testing.T) {
	t.Parallel()
	operation := `{"id":"` + id + `","state":"RUNNING","errors":[],"progress":0.5,"type":"flush","keyspace":"k"}`
	cases := map[string]struct {
		call   func(ctx context.Context, c *client.Client) (any, error)
		want   string
		answer string
	}{
		"submit": {
			func(ctx context.Context, c *client.Client) (any, error) {
				return c.Submit(ctx, &rest.FlushRequest{Header: rest.Header{Type: "flush"}, Keyspace: "k"})
			},
			`POST /operations {"type":"flush","keyspace":"k"}`, operation,
		},
		"submit with an id": {
			func(ctx context.Context, c *client.Client) (any, error) {
				return c.Submit(ctx, &rest.FlushRequest{Header: rest.Header{Type: "flush", ID: id}, Keyspace: "k"})
			},
			`POST /operations key ` + id + ` {"type":"flush","id":"` + id + `","keyspace":"k"}`, operation,
		},
		"get": {
			func(ctx context.Context, c *client.Client) (any, error) { return c.Operation(ctx, id) },
			"GET /operations/" + id + " ", operation,
		},
		"an id that climbs stays one element": {
			func(ctx context.Context, c *client.Client) (any, error) { return c.Operation(ctx, "../x?y") },
			"GET /operations/..%2Fx%3Fy ", operation,
		},
		"list": {
			func(ctx context.Context, c *client.Client) (any, error) {
				return c.Operations(ctx, client.Filter{Types: []string{"flush", "backup"}, States: []rest.State{rest.StateFailed}})
			},
			"GET /operations?state=FAILED&type=flush&type=backup ", "[" + operation + "]",
		},
		"cancel": {
			func(ctx context.Context, c *client.Client) (any, error) { return nil, c.Cancel(ctx, id) },
			"DELETE /operations/" + id + " ", "",
		},
		"version": {
			func(ctx context.Context, c *client.Client) (any, error) { return c.Version(ctx) },
			"GET /version/sidecar ", `{"version":"icarus 1"}`,
		},
		"version of Cassandra": {
			func(ctx context.Context, c *client.Client) (any, error) { return c.CassandraVersion(ctx) },
			"GET /version/cassandra ", `{"major":4}`,
		},
		"version of the schema": {
			func(ctx context.Context, c *client.Client) (any, error) { return c.SchemaVersion(ctx) },
			"GET /version/schema ", `{"schemaVersion":"x"}`,
		},
		"status": {
			func(ctx context.Context, c *client.Client) (any, error) { return c.Status(ctx) },
			"GET /status ", `{"nodeState":"NORMAL"}`,
		},
		"topology": {
			func(ctx context.Context, c *client.Client) (any, error) { return c.Topology(ctx) },
			"GET /topology ", `{"clusterName":"c"}`,
		},
		"topology of some datacenters": {
			func(ctx context.Context, c *client.Client) (any, error) { return c.Topology(ctx, "dc1", "dc2") },
			"GET /topology/dc1%2Cdc2 ", `{"clusterName":"c"}`,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got string
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got = r.Method + " " + r.RequestURI + " "
				if key := r.Header.Get("Idempotency-Key"); key != "" {
					got += "key " + key + " "
				}
				got += string(body)
				if len(body) > 0 && r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Accept") != "application/json" {
					t.Errorf("headers are %v", r.Header)
				}
				_, _ = io.WriteString(w, c.answer)
			})
			answer, err := c.call(t.Context(), dial(t, server.URL))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if answer == nil {
				return
			}
			back, _ := json.Marshal(answer)
			if !strings.Contains(string(back), strings.Trim(c.answer, "[]{}")[:8]) {
				t.Errorf("got %s for %s", back, c.answer)
			}
		})
	}
}

func TestSecretsAreSent(t *testing.T) {
	t.Parallel()
	var body []byte
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"id":"x"}`)
	})
	_, err := dial(t, server.URL).Submit(t.Context(), &rest.BackupRequest{
		Header: rest.Header{Type: "backup"}, Store: rest.Store{ProxySettings: &rest.ProxySettings{ProxyPassword: "hunter2"}},
	})
	if err != nil || !strings.Contains(string(body), "hunter2") {
		t.Errorf("sent %s, %v", body, err)
	}
}

func TestErrorsAreToldApart(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		status  int
		body    string
		want    error
		message string
	}{
		"not found":          {404, `{"code":404,"message":"no such operation"}`, client.ErrNotFound, "no such operation"},
		"conflict":           {409, `{"code":409,"message":"another"}`, client.ErrConflict, "another"},
		"invalid":            {400, `{"code":400,"message":"bad","violations":[{"field":"x","message":"y"}]}`, client.ErrInvalid, "bad"},
		"too large":          {413, `{"code":413,"message":"large"}`, client.ErrInvalid, "large"},
		"busy":               {429, `{"code":429,"message":"later"}`, client.ErrBusy, "later"},
		"denied":             {403, ``, client.ErrDenied, "403 Forbidden"},
		"a proxy's page":     {502, `<html>bad gateway</html>`, nil, "502 Bad Gateway <html>bad gateway</html>"},
		"a page without end": {500, strings.Repeat("x", 1<<20), nil, "500 Internal Server Error " + strings.Repeat("x", 500)},
		"a redirect":         {302, ``, nil, "302 Found"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/elsewhere" {
					t.Error("the redirect was followed")
				}
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			_, err := dial(t, server.URL).Operation(t.Context(), id)
			var told *rest.Error
			if !errors.As(err, &told) || told.Code != c.status || told.Message != c.message {
				t.Fatalf("error is %v", err)
			}
			if c.want != nil && !errors.Is(err, c.want) || errors.Is(err, client.ErrUnreachable) {
				t.Errorf("error is %v, want %v", err, c.want)
			}
			if c.status == 400 && len(told.Violations) != 1 {
				t.Errorf("violations are %v", told.Violations)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := "http://" + listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := dial(t, gone).Status(t.Context()); !errors.Is(err, client.ErrUnreachable) || !strings.Contains(err.Error(), gone) {
		t.Errorf("refused: %v", err)
	}

	release := make(chan struct{})
	hanging := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	if _, err := dial(t, hanging.URL, client.WithTimeout(time.Millisecond)).Status(t.Context()); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("hanging: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := dial(t, hanging.URL).Status(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, client.ErrUnreachable) {
		t.Errorf("cancelled: %v", err)
	}

	torn := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"nodeState"`)
	})
	if _, err := dial(t, torn.URL).Status(t.Context()); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("torn: %v", err)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		chunk := []byte(strings.Repeat(" ", 1<<20))
		for range 40 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	if _, err := dial(t, server.URL).Operations(t.Context(), client.Filter{}); err == nil {
		t.Error("40 MiB were taken")
	}
	other := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"error":"other service"}`) })
	if _, err := dial(t, other.URL).Operation(t.Context(), id); err == nil {
		t.Error("what is no operation was taken")
	}
}

// A connection that dies after the request was sent leaves open whether the
// sidecar got it: only a request that starts nothing twice is sent again.
func TestOnlyRequestsWithAnIDAreSentAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		id    string
		posts int64
	}{
		"with an id":    {id, 2},
		"without an id": {"", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var posts atomic.Int64
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost && posts.Add(1) == 1 {
					if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
						_ = conn.Close()
					}
					return
				}
				_, _ = io.WriteString(w, `{"id":"`+id+`"}`)
			})
			cl := dial(t, server.URL)
			if _, err := cl.Operation(t.Context(), id); err != nil { // leaves a connection to reuse
				t.Fatal(err)
			}
			_, err := cl.Submit(t.Context(), &rest.FlushRequest{Header: rest.Header{Type: "flush", ID: c.id}, Keyspace: "k"})
			if posts.Load() != c.posts || (err == nil) != (c.id != "") {
				t.Errorf("%d posts, %v", posts.Load(), err)
			}
		})
	}
}

func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	var opened atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"nodeState":"NORMAL"}`)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	c := dial(t, server.URL)
	for range 10 {
		if _, err := c.Status(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if opened.Load() != 1 {
		t.Errorf("%d connections", opened.Load())
	}
}

func TestTLSAndToken(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `{"nodeState":%q}`, r.Header.Get("Authorization"))
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	token := func(context.Context) (string, error) { return "t0ken", nil }
	c := dial(t, server.URL, client.WithTLS(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}), client.WithToken(token))
	if got, err := c.Status(t.Context()); err != nil || got.NodeState != "Bearer t0ken" {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := dial(t, server.URL).Status(t.Context()); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("an unknown authority: %v", err)
	}
	none := errors.New("no token file")
	failing := dial(t, server.URL, client.WithToken(func(context.Context) (string, error) { return "", none }))
	if _, err := failing.Status(t.Context()); !errors.Is(err, none) {
		t.Errorf("no token: %v", err)
	}
}

func TestAddressesAreChecked(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "10.0.0.1:4567", "ftp://host", "http://", "http://user:pass@host", "http://host?x=1", "http://host#x", ":"} {
		if _, err := client.New(address); err == nil {
			t.Errorf("%q is taken", address)
		} else if strings.Contains(err.Error(), "pass") {
			t.Errorf("%v shows the password", err)
		}
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	const missing = 3
	var polls atomic.Int64
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		state := rest.StateRunning
		switch n := polls.Add(1); {
		case n == missing:
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_ = conn.Close()
			}
			return
		case n > 10:
			state = rest.StateCompleted
		}
		_, _ = fmt.Fprintf(w, `{"id":%q,"state":%q}`, id, state)
	})
	clk := testclock.NewFakeClock(time.Unix(0, 0))
	c := dial(t, server.URL, client.WithClock(clk))
	type result struct {
		op  *rest.Operation
		err error
	}
	done := make(chan result)
	seen := 0
	go func() {
		op, err := c.Watch(t.Context(), id, func(rest.Operation) { seen++ })
		done <- result{op, err}
	}()
	for {
		select {
		case got := <-done:
			if got.err != nil || got.op.State != rest.StateCompleted {
				t.Fatalf("got %+v", got)
			}
			// 0.1 + 0.2 + 0.4 + 0.8 + 1.6 and then 2 s each.
			if spent := clk.Since(time.Unix(0, 0)); spent < 11*time.Second || spent > 12*time.Second || seen < 10 {
				t.Errorf("%d answers in %v", seen, spent)
			}
			return
		default:
			if clk.HasWaiters() {
				clk.Step(100 * time.Millisecond)
			}
		}
	}
}

func TestWatchGivesUp(t *testing.T) {
	t.Parallel()
	unknown := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	if _, err := dial(t, unknown.URL).Watch(t.Context(), id, func(rest.Operation) {}); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("error is %v", err)
	}
	running := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"id":"x","state":"RUNNING"}`) })
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := dial(t, running.URL).Watch(ctx, id, func(rest.Operation) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}
