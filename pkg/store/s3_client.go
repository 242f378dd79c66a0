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

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
	"k8s.io/utils/clock"
)

const (
	// defaultRegion is what servers that are not Amazon's call theirs.
	defaultRegion = "us-east-1"
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

func newS3Client(ctx context.Context, o Options) (*s3.Client, *http.Client, error) {
	endpoint, err := parseEndpoint(o.Endpoint, o.Insecure)
	if err != nil {
		return nil, nil, err
	}
	if o.Region == "" && endpoint != "" {
		o.Region = defaultRegion
	}
	account, err := accountOf(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	if account.Region == "" {
		return nil, nil, invalid("no region is configured for S3; set AWS_REGION")
	}
	h, err := newHTTPClient(o)
	if err != nil {
		return nil, nil, err
	}
	return s3.NewFromConfig(account, func(so *s3.Options) {
		if endpoint != "" {
			so.BaseEndpoint = aws.String(endpoint)
		}
		so.UsePathStyle = o.PathStyle
		so.EndpointOptions.DisableHTTPS = o.Insecure && endpoint == ""
		so.HTTPClient = h
		so.Retryer = aws.NopRetryer{} // the retrier is the one that tries again
		so.RetryMaxAttempts = 0
		so.Logger = logging.Nop{} // it would write to the standard error
		// Objects in parts have no checksum of the whole; the SDK would log that
		// for each.
		so.DisableLogOutputChecksumValidationSkipped = true
		so.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenSupported
		so.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenSupported
		if o.FewerChecksums {
			so.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
			so.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		}
	}), h, nil
}

// accountOf is who we are and where: what the options say, else what the SDK
// finds. It does not use our HTTP client, whose proxy is not for the services of
// the machine that give out credentials.
func accountOf(ctx context.Context, o Options) (aws.Config, error) {
	if c := o.Credentials; c.AccessKeyID != "" {
		provider := credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey.Reveal(), c.SessionToken.Reveal())
		return aws.Config{Region: o.Region, Credentials: aws.NewCredentialsCache(provider)}, nil
	}
	found, err := config.LoadDefaultConfig(ctx, config.WithRegion(o.Region))
	if err != nil {
		return aws.Config{}, invalid("reading the configuration of AWS: %w", err)
	}
	return found, nil
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
		return "", invalid("the endpoint of S3 is no URL") // not quoted: it may have a password in it
	case u.User != nil:
		return "", invalid("the endpoint of S3 has credentials in it, which are configured elsewhere")
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.RawQuery != "", u.Fragment != "":
		return "", invalid("the endpoint %q of S3 is not of the form https://host:port", endpoint)
	}
	return u.String(), nil
}

func newHTTPClient(o Options) (*http.Client, error) {
	roots, err := trusted(o.CAFile)
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
		// and not a place to send the next request to.
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

func trusted(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil // those of the system
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the certificates to trust: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("reading the certificates of the system: %w", err)
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, invalid("reading the certificates to trust: %w", errors.New(file+" has none"))
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
