package store

import (
	"log/slog"
	"net/url"
	"time"

	"k8s.io/utils/clock"
)

// Options say how a bucket is opened.
type Options struct {
	// Insecure is HTTP instead of HTTPS, where the endpoint does not say.
	Insecure bool
	// Retry is how often a call is tried.
	Retry Retry
	// Connections is how many calls the caller makes at once.
	Connections int

	// CAFile has certificates to trust besides those of the system, and CABundle is
	// such a file's content.
	CAFile, CABundle string
	// ProxyURL is an HTTP proxy; by default that of the environment.
	ProxyURL *url.URL

	// Endpoint is an S3 server other than Amazon's, as URL or host:port.
	Endpoint string
	// Region is where the bucket lies; us-east-1 by default with an Endpoint.
	Region string
	// PathStyle asks for endpoint/bucket/key instead of bucket.endpoint/key.
	PathStyle bool
	// FewerChecksums leaves out those that a request does not need, for servers
	// that know none.
	FewerChecksums bool
	// KMSKeyID is the key with which S3 encrypts what it stores, where Objects names
	// none.
	KMSKeyID string
	// Objects say how what is written is kept, by any provider.
	Objects Objects
	// Credentials are those of S3; where empty, the SDK finds some: from the
	// environment, a profile, or the role of the machine or pod.
	Credentials Credentials

	// GCS is for Google Cloud Storage, and Azure for Azure Blob Storage.
	GCS   GCSOptions
	Azure AzureOptions

	// Clock decides the pauses between attempts; the real one by default.
	Clock clock.Clock
}

// Retry says how often a call is tried, and when. What is zero has a default.
type Retry struct {
	// MaxAttempts counts the first one too.
	MaxAttempts int
	// Interval is before the second attempt.
	Interval time.Duration
	// Exponential doubles the interval before each further one.
	Exponential bool
}

// Credentials are an account of S3.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey Secret
	SessionToken    Secret
}

// GCSOptions are an account of Google Cloud Storage. Without a key the default
// credentials of the machine are found: those of gcloud, or of the workload's
// identity.
type GCSOptions struct {
	// Endpoint is a server other than Google's, as URL or host:port.
	Endpoint string
	// Anonymous sends no credentials, as an emulator wants it.
	Anonymous bool
	// KeyFile is the JSON file of a service account or of a federated identity,
	// and Key its content, which is used if it is set.
	KeyFile string
	Key     Secret
	// Project is whose a bucket becomes that has to be made; by default that of
	// the credentials.
	Project string
}

// AzureOptions are an account of Azure Blob Storage. Without a key, a connection
// string and a signature the default credentials of the machine are found: those
// of the environment, of the workload's or the machine's identity.
type AzureOptions struct {
	Account string
	Key     Secret
	// ConnectionString is instead of all others.
	ConnectionString Secret
	// SharedAccessSignature is a token in the form of a query.
	SharedAccessSignature Secret
	// Endpoint is a server other than Azure's, as URL with the account where it
	// is part of the path; Domain that of another cloud of Azure's, in which the
	// accounts are hosts.
	Endpoint, Domain string
}

// Secret is text that is never shown.
type Secret string

const redacted = "***"

// String hides the secret.
func (s Secret) String() string { return redacted }

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return redacted }

// MarshalJSON hides the secret.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// LogValue hides the secret from structured logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// Reveal is the secret itself, for the one place that needs it.
func (s Secret) Reveal() string { return string(s) }
