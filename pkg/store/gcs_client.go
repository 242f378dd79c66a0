package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
)

const (
	googleEndpoint = "https://storage.googleapis.com"
	// gcsScope allows objects and buckets, and nothing of their permissions.
	gcsScope = "https://www.googleapis.com/auth/devstorage.read_write"
	jsonType = "application/json"
	// tokenTimeout limits a request for a token, which does not end with the call
	// that needs it: the token is for the next calls too.
	tokenTimeout = 15 * time.Second
	// mostAnswer is more than a page of 1000 keys of 1024 bytes, escaped, takes.
	mostAnswer = 16 << 20
)

// gcsClient sends requests as someone.
type gcsClient struct {
	endpoint  string
	http      *http.Client
	o         GCSOptions
	tokenHTTP *http.Client

	mu     sync.Mutex
	source oauth2.TokenSource // nil until it is needed, as Open asks for nothing
	owner  string             // the project of the credentials
}

// request is a request of the JSON API.
type request struct {
	method, path string
	url          string // instead of the endpoint and the path
	query        url.Values
	header       http.Header
	contentType  string
	body         []byte
	// missing is what a 404 means: the API has one code for an object and a bucket.
	missing error
}

func newGCSClient(o Options) (*gcsClient, error) {
	endpoint, err := parseEndpoint(cmp.Or(o.GCS.Endpoint, googleEndpoint), o.Insecure)
	if err != nil {
		return nil, err
	}
	h, err := newHTTPClient(o)
	if err != nil {
		return nil, err
	}
	// The proxy is the store's, and not for who gives out credentials.
	tokens, err := newHTTPClient(Options{CAFile: o.CAFile, CABundle: o.CABundle})
	if err != nil {
		return nil, err
	}
	tokens.Timeout = tokenTimeout
	c := &gcsClient{endpoint: endpoint, http: h, o: o.GCS, tokenHTTP: tokens}
	if o.GCS.Key == "" && o.GCS.KeyFile != "" {
		key, err := os.ReadFile(o.GCS.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("reading the key of Google Cloud: %w", err)
		}
		c.o.Key = Secret(key)
	}
	return c, nil
}

// credentials finds out who we are, at the first call.
func (c *gcsClient) credentials(ctx context.Context) (oauth2.TokenSource, string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.source != nil {
		return c.source, c.owner, nil
	}
	ctx = context.WithValue(context.WithoutCancel(ctx), oauth2.HTTPClient, c.tokenHTTP)
	found, err := c.find(ctx)
	if err != nil {
		return nil, "", err
	}
	c.source, c.owner = oauth2.ReuseTokenSource(nil, found.TokenSource), found.ProjectID
	return c.source, c.owner, nil
}

func (c *gcsClient) find(ctx context.Context) (*google.Credentials, error) {
	if c.o.Key == "" {
		found, err := google.FindDefaultCredentials(ctx, gcsScope)
		if err != nil {
			return nil, fmt.Errorf("%w: finding credentials of Google Cloud: %w", ErrDenied, err)
		}
		return found, nil
	}
	var kind struct {
		Type google.CredentialsType `json:"type"`
	}
	// The error of the decoder is not told: it may quote the key.
	if json.Unmarshal([]byte(c.o.Key.Reveal()), &kind) != nil || kind.Type == "" {
		return nil, invalid("the key of Google Cloud is no JSON with a type")
	}
	found, err := google.CredentialsFromJSONWithType(ctx, []byte(c.o.Key.Reveal()), kind.Type, gcsScope)
	if err != nil {
		return nil, invalid("the key of Google Cloud, of type %.50q, cannot be used", kind.Type)
	}
	return found, nil
}

// project is whose new buckets are.
func (c *gcsClient) project(ctx context.Context) (string, error) {
	if c.o.Project != "" {
		return c.o.Project, nil
	}
	owner := ""
	if !c.o.Anonymous {
		var err error
		if _, owner, err = c.credentials(ctx); err != nil {
			return "", err
		}
	}
	if owner == "" {
		return "", invalid("no project is configured for Google Cloud, in which a bucket could be made; set GOOGLE_CLOUD_PROJECT")
	}
	return owner, nil
}

func (c *gcsClient) authorize(ctx context.Context, r *http.Request) error {
	if c.o.Anonymous {
		return nil
	}
	source, _, err := c.credentials(ctx)
	if err != nil {
		return err
	}
	token, err := source.Token()
	if err != nil {
		return fmt.Errorf("getting a token of Google Cloud: %w", err)
	}
	token.SetAuthHeader(r)
	return nil
}

// json sends a request, and reads its answer into v, if that is not nil.
func (c *gcsClient) json(ctx context.Context, q request, v any) error {
	answer, err := c.do(ctx, q)
	if err != nil {
		return err
	}
	body, err := whole(answer)
	if err != nil {
		return classify(ctx, err, kindOfGCS)
	}
	if v == nil && answer.StatusCode == http.StatusNoContent {
		return nil
	}
	if v == nil {
		v = new(any) // a page is no success
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("%w: the answer is no JSON: %w", ErrTransient, err) // a proxy's page, as a rule
	}
	return nil
}

// do sends a request. What is not a success is an error that has its sentinel.
func (c *gcsClient) do(ctx context.Context, q request) (*http.Response, error) {
	answer, err := c.send(ctx, q)
	if err != nil {
		return nil, classify(ctx, err, kindOfGCS)
	}
	if answer.StatusCode < http.StatusMultipleChoices {
		return answer, nil
	}
	return nil, classify(ctx, answerError(answer, q.missing), kindOfGCS)
}

func (c *gcsClient) send(ctx context.Context, q request) (*http.Response, error) {
	target := q.url
	if target == "" {
		target = c.endpoint + q.path
		if len(q.query) > 0 {
			target += "?" + q.query.Encode()
		}
	}
	r, err := http.NewRequestWithContext(ctx, q.method, target, bytes.NewReader(q.body))
	if err != nil {
		return nil, invalid("making the request: %w", err)
	}
	for name, values := range q.header {
		r.Header[name] = values
	}
	if q.contentType != "" {
		r.Header.Set("Content-Type", q.contentType)
	}
	if err := c.authorize(ctx, r); err != nil {
		return nil, err
	}
	answer, err := c.http.Do(r)
	var u *url.Error
	if errors.As(err, &u) {
		return nil, u.Err // its URL has the id of an upload in it
	}
	return answer, err
}

// whole reads an answer to its end, which leaves its connection to the next.
func whole(answer *http.Response) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswer))
	return body, errors.Join(err, answer.Body.Close())
}
