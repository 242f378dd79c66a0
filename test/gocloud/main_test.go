package gocloud_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
	"gocloud.dev/blob/azureblob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/gcsblob"
	"gocloud.dev/blob/s3blob"
	"gocloud.dev/gcp"

	"github.com/icarus-sidecar/icarus/hack/stores"
	"github.com/icarus-sidecar/icarus/pkg/store"
)

// mended is said where a plain driver keeps a promise that it broke before.
const mended = "this version of gocloud.dev keeps the promise: a driver of our own has one reason less (docs/stores.md)"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		roles[role]()
		return
	}
	os.Exit(m.Run())
}

func plainS3(t *testing.T, client *s3.Client) *blob.Bucket {
	t.Helper()
	b, err := s3blob.OpenBucket(t.Context(), client, "bucket", nil)
	return closing(t, b, err)
}

func plainFile(t *testing.T) *blob.Bucket {
	t.Helper()
	b, err := fileblob.OpenBucket(t.TempDir(), &fileblob.Options{NoTempDir: true})
	return closing(t, b, err)
}

func plainGCS(t *testing.T, server *stores.GCS) *blob.Bucket {
	t.Helper()
	t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(server.Endpoint, "http://"))
	b, err := gcsblob.OpenBucket(t.Context(), gcp.NewAnonymousHTTPClient(http.DefaultTransport), "bucket", nil)
	return closing(t, b, err)
}

func plainAzure(t *testing.T, serviceURL string) *blob.Bucket {
	t.Helper()
	b, err := openAzure(t.Context(), serviceURL)
	return closing(t, b, err)
}

func openAzure(ctx context.Context, serviceURL string) (*blob.Bucket, error) {
	account, err := container.NewSharedKeyCredential(stores.AzureAccount, stores.AzureKey)
	if err != nil {
		return nil, err
	}
	client, err := container.NewClientWithSharedKeyCredential(serviceURL+"/bucket", account, nil)
	if err != nil {
		return nil, err
	}
	return azureblob.OpenBucket(ctx, client, nil)
}

func closing(t *testing.T, b *blob.Bucket, err error) *blob.Bucket {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// ours is a bucket of package store.
func ours(t *testing.T, location string, o store.Options) store.Bucket {
	t.Helper()
	l, err := store.ParseLocation(location)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.CheckBucket(t.Context(), l, o, true); err != nil {
		t.Fatal(err)
	}
	b, err := store.Open(t.Context(), l, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func s3Options(endpoint string) store.Options {
	return store.Options{
		Endpoint: endpoint, PathStyle: true, Connections: 32,
		Credentials: store.Credentials{AccessKeyID: stores.AccessKey, SecretAccessKey: stores.SecretKey},
	}
}

func azureOptions(serviceURL string) store.Options {
	return store.Options{
		FewerChecksums: true, // which Azurite does not know
		Azure:          store.AzureOptions{Account: stores.AzureAccount, Key: stores.AzureKey, Endpoint: serviceURL},
	}
}

// before puts a proxy before a server.
func before(t *testing.T, endpoint string, handle func(w http.ResponseWriter, r *http.Request, pass http.Handler), state func()) string {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	pass := &httputil.ReverseProxy{
		// The signature is of the Host that the client sees.
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
		Transport: &http.Transport{MaxIdleConnsPerHost: 64},
	}
	proxy := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handle(w, r, pass) }))
	proxy.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if state != nil && s == http.StateNew {
			state()
		}
	}
	proxy.Start()
	t.Cleanup(proxy.Close)
	return proxy.URL
}

// through is a client of the server behind a proxy, as s3.NewFromConfig makes it.
func through(endpoint string, server *stores.S3) *s3.Client {
	o := server.Client().Options()
	o.BaseEndpoint, o.HTTPClient, o.RetryMaxAttempts = aws.String(endpoint), nil, 1
	return s3.New(o)
}
