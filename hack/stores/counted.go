package stores

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
)

// Counted is a way to a server on which requests are counted.
type Counted struct {
	// Endpoint is where it is.
	Endpoint string
	requests atomic.Int64
}

// CountForTest is a way to the server at an endpoint. It is closed at the test's end.
func CountForTest(tb testing.TB, endpoint string) *Counted {
	tb.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		tb.Fatal(err)
	}
	c := &Counted{}
	transport := &http.Transport{}
	// The signature is of the Host that the client sees, and stays.
	pass := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
		Transport: transport,
	}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.requests.Add(1)
		pass.ServeHTTP(w, r)
	}))
	tb.Cleanup(func() { proxy.Close(); transport.CloseIdleConnections() })
	c.Endpoint = proxy.URL
	return c
}

// Take is how many requests came since it was last asked.
func (c *Counted) Take() int64 { return c.requests.Swap(0) }
