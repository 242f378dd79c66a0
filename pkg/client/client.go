package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/api/rest"
)

var (
	// ErrUnreachable is for a call that got no answer, or not a whole one.
	ErrUnreachable = errors.New("sidecar is unreachable")
	// ErrNotFound is for an operation, datacenter or path that is not there.
	ErrNotFound = errors.New("not found")
	// ErrConflict is for a request that another operation is in the way of.
	ErrConflict = errors.New("conflict")
	// ErrBusy is for a request that the queue had no room for: try it later.
	ErrBusy = errors.New("sidecar is busy")
	// ErrDenied is for a call without the right to make it.
	ErrDenied = errors.New("denied")
	// ErrInvalid is for a request that is wrong and stays so.
	ErrInvalid = errors.New("invalid request")
	// ErrExposed is for a call that was not made, because it would have shown
	// credentials to whoever sees the network.
	ErrExposed = errors.New("credentials do not travel in plain HTTP")
)

// sentinels of the statuses that callers branch on.
var sentinels = map[int]error{
	http.StatusBadRequest:            ErrInvalid,
	http.StatusUnauthorized:          ErrDenied,
	http.StatusForbidden:             ErrDenied,
	http.StatusNotFound:              ErrNotFound,
	http.StatusConflict:              ErrConflict,
	http.StatusRequestEntityTooLarge: ErrInvalid,
	http.StatusUnsupportedMediaType:  ErrInvalid,
	http.StatusTooManyRequests:       ErrBusy,
}

const (
	defaultTimeout = 30 * time.Second
	dialTimeout    = 5 * time.Second
	// maxAnswer holds the longest history of operations that a sidecar keeps.
	maxAnswer = 32 << 20
	// maxErrorAnswer is more than any error says; the rest of a page from
	// some proxy is of no use.
	maxErrorAnswer = 64 << 10
	// maxHeader is far above what a sidecar sends.
	maxHeader = 64 << 10
)

// Client talks to one sidecar. It may be used from any goroutine.
type Client struct {
	base    *url.URL
	http    *http.Client
	token   func(ctx context.Context) (string, error)
	exposed bool // what is sent can be seen by others, and that was not allowed
	timeout time.Duration
	clock   clock.Clock
}

// Option changes a Client that New makes.
type Option func(*settings)

type settings struct {
	tls      func(host string) *tls.Config
	token    func(ctx context.Context) (string, error)
	overHTTP bool
	timeout  time.Duration
	clock    clock.Clock
}

// WithTLS sets certificates and authorities for an https address.
func WithTLS(config *tls.Config) Option {
	return func(s *settings) { s.tls = func(string) *tls.Config { return config } }
}

// WithTLSFiles sets certificates and authorities that may be replaced while the
// client is in use.
func WithTLSFiles(f TLSFiles) Option { return func(s *settings) { s.tls = f.Config } }

// WithToken sends a bearer token with every call. The function is asked each
// time, because tokens that are mounted into pods rotate.
func WithToken(token func(ctx context.Context) (string, error)) Option {
	return func(s *settings) { s.token = token }
}

// WithCredentialsOverHTTP lets tokens, and requests that carry credentials, go to an
// http address that is not of the loopback.
func WithCredentialsOverHTTP() Option { return func(s *settings) { s.overHTTP = true } }

// WithTimeout bounds each call; 30 s by default.
func WithTimeout(d time.Duration) Option { return func(s *settings) { s.timeout = d } }

// WithClock replaces the clock that Watch polls by.
func WithClock(c clock.Clock) Option { return func(s *settings) { s.clock = c } }

// New makes a client of the sidecar at an address such as "http://10.0.0.1:4567".
func New(baseURL string, options ...Option) (*Client, error) {
	base, err := url.Parse(baseURL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("parsing the address of a sidecar: %w", err)
	case base.Scheme != "http" && base.Scheme != "https", base.Host == "":
		return nil, fmt.Errorf("address %q of a sidecar is not of the form http://host:4567", baseURL)
	case base.User != nil, base.RawQuery != "", base.Fragment != "":
		return nil, fmt.Errorf("address %q of a sidecar holds more than scheme, host, port and path", base.Redacted())
	}
	s := settings{tls: func(string) *tls.Config { return nil }, timeout: defaultTimeout, clock: clock.RealClock{}}
	for _, set := range options {
		set(&s)
	}
	transport := &http.Transport{
		// Peers are reached directly: a proxy that the environment names is for buckets.
		Proxy:                  nil,
		DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSClientConfig:        s.tls(base.Hostname()),
		TLSHandshakeTimeout:    dialTimeout,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxHeader,
		ForceAttemptHTTP2:      true,
	}
	return &Client{
		base:    base,
		http:    &http.Client{Transport: transport, CheckRedirect: refuseRedirect},
		token:   s.token,
		exposed: base.Scheme == "http" && !s.overHTTP && !loopback(base.Hostname()),
		timeout: s.timeout,
		clock:   s.clock,
	}, nil
}

func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && address.Unmap().IsLoopback())
}

// refuseRedirect keeps requests, and tokens, with the sidecar that was meant.
func refuseRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Close gives back idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// call is one exchange. into is filled from the body of an answer in 2xx; nil
// ignores it.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, req rest.Request, into any) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	call, err := c.request(ctx, method, path, query, req)
	if err != nil {
		return err
	}
	if err := c.exchange(call, into); err != nil {
		return fmt.Errorf("%s %s: %w", method, call.URL.Redacted(), err)
	}
	return nil
}

func (c *Client) request(ctx context.Context, method, path string, query url.Values, req rest.Request) (*http.Request, error) {
	if c.exposed && (c.token != nil || (req != nil && rest.HasSecrets(req))) {
		return nil, c.exposure()
	}
	var body []byte
	if req != nil {
		var err error
		if body, err = rest.Encode(req); err != nil {
			return nil, err
		}
	}
	target := c.base.JoinPath(path)
	target.RawQuery = query.Encode()
	call, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, target.Redacted(), err)
	}
	call.Header.Set("Accept", "application/json")
	if req != nil {
		call.Header.Set("Content-Type", "application/json")
		if id := req.RequestID(); id != "" {
			// net/http may send a POST again, on a connection that turns out to be
			// closed, only with this header; the sidecar starts nothing twice.
			call.Header.Set("Idempotency-Key", id)
		}
	}
	if c.token != nil {
		token, err := c.token(ctx)
		if err != nil {
			return nil, fmt.Errorf("getting the token for %s: %w", target.Redacted(), err)
		}
		call.Header.Set("Authorization", "Bearer "+token)
	}
	return call, nil
}

// exposure has the form of an answer, because trying again changes nothing.
func (c *Client) exposure() error {
	return fmt.Errorf("%w: %w", ErrExposed, &rest.Error{
		Code:    http.StatusForbidden,
		Message: fmt.Sprintf("nothing was sent to %s: reach it by https, or allow this with --allow-credentials-over-http", c.base.Redacted()),
	})
}

func (c *Client) exchange(call *http.Request, into any) (err error) {
	answer, err := c.http.Do(call)
	if err != nil {
		var transport *url.Error
		if errors.As(err, &transport) {
			err = transport.Err // its text repeats method and address
		}
		if errors.Is(call.Context().Err(), context.Canceled) {
			return err // the caller went away, not the sidecar
		}
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return failure(answer)
	}
	body, err := readAll(answer.Body, maxAnswer)
	switch {
	case err != nil:
		return fmt.Errorf("%w: reading the answer: %w", ErrUnreachable, err)
	case into == nil:
		return nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("decoding the answer: %w", err)
	}
	return nil
}

var errTooLong = errors.New("it is longer than any answer of a sidecar")

func readAll(r io.Reader, most int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(body)) > most {
		err = errTooLong
	}
	return body, err
}

// failure makes a *rest.Error of an answer outside 2xx, whoever sent it.
func failure(answer *http.Response) error {
	told := new(rest.Error)
	body, err := readAll(answer.Body, maxErrorAnswer)
	if err != nil || json.Unmarshal(body, told) != nil || told.Message == "" {
		const enough = 500
		text := strings.ToValidUTF8(string(body[:min(len(body), enough)]), "")
		*told = rest.Error{Message: strings.TrimSpace(answer.Status + " " + strings.TrimSpace(text))}
	}
	told.Code = answer.StatusCode
	if sentinel, ok := sentinels[answer.StatusCode]; ok {
		return fmt.Errorf("%w: %w", sentinel, told)
	}
	return told
}
