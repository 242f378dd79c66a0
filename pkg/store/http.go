package store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"k8s.io/utils/clock"
)

const (
	// defaultConnections is what the original makes.
	defaultConnections = 10

	dialTimeout      = 3 * time.Second
	handshakeTimeout = 5 * time.Second
	// stallTimeout is how long a connection may stand still, while a request is
	// on its way, in either direction. There is no limit on the whole: a large
	// object over a slow line takes what it takes.
	stallTimeout = time.Minute
	// idleTimeout is shorter than the servers' own, as a request on a connection
	// that is being closed is a request lost.
	idleTimeout = 30 * time.Second
)

func connections(o Options) int {
	if o.Connections <= 0 {
		return defaultConnections
	}
	return o.Connections
}

// parseEndpoint makes a URL of an endpoint, "" of none.
func parseEndpoint(endpoint string, insecure bool) (string, error) {
	if endpoint == "" {
		return "", nil
	}
	if !strings.Contains(endpoint, "://") {
		scheme := "https"
		if insecure {
			scheme = "http"
		}
		endpoint = scheme + "://" + endpoint
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil:
		return "", invalid("the endpoint of the store is no URL") // not quoted: it may have a password in it
	case u.User != nil:
		return "", invalid("the endpoint of the store has credentials in it, which are configured elsewhere")
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.RawQuery != "", u.Fragment != "":
		return "", invalid("the endpoint %q of the store is not of the form https://host:port", endpoint)
	}
	return u.String(), nil
}

func newHTTPClient(o Options) (*http.Client, error) {
	roots, err := trusted(o.CAFile, o.CABundle)
	if err != nil {
		return nil, err
	}
	proxy := http.ProxyFromEnvironment
	if o.ProxyURL != nil {
		proxy = http.ProxyURL(o.ProxyURL)
	}
	dialer := &net.Dialer{Timeout: dialTimeout}
	return &http.Client{
		// S3 answers a wrong region with a redirect, which is an error to be told
		// and not a place to send the next request to; GCS uses 308 for "go on".
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: proxy,
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				c, err := dialer.DialContext(ctx, network, address)
				if err != nil {
					return nil, err
				}
				return &watchedConn{Conn: c, clock: clock.RealClock{}, limit: stallTimeout}, nil
			},
			TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:   handshakeTimeout,
			ResponseHeaderTimeout: stallTimeout,
			IdleConnTimeout:       idleTimeout,
			// Every worker's, and those of the parts and small requests between:
			// two are the default, and all others would be opened anew each time.
			MaxIdleConnsPerHost: 2 * connections(o),
			DisableCompression:  true, // ranges and sizes are those of the object
		},
	}, nil
}

func trusted(file, bundle string) (*x509.CertPool, error) {
	if file == "" && bundle == "" {
		return nil, nil // those of the system
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("reading the certificates of the system: %w", err)
	}
	if file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading the certificates to trust: %w", err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, invalid("reading the certificates to trust: %w", errors.New(file+" has none"))
		}
	}
	if bundle != "" && !pool.AppendCertsFromPEM([]byte(bundle)) {
		return nil, invalid("the bundle of certificates has none in PEM")
	}
	return pool, nil
}

// watchedConn ends a connection on which nothing moves. A peer that vanished
// does not say so, and a read without an end would keep an operation for ever.
type watchedConn struct {
	net.Conn
	clock clock.PassiveClock
	limit time.Duration
}

// Read waits for a byte no longer than the limit.
func (c *watchedConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(c.clock.Now().Add(c.limit)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Write gives the read that waits for the answer its time anew: while a body is
// sent nothing comes back.
func (c *watchedConn) Write(p []byte) (int, error) {
	if err := c.SetDeadline(c.clock.Now().Add(c.limit)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	if err != nil {
		return n, err
	}
	return n, c.SetReadDeadline(c.clock.Now().Add(c.limit))
}
