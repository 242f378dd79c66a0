package store_test

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/icarus-sidecar/icarus/pkg/store"
)

// cloudOf is a store and what gives out its tokens, by HTTPS as the clouds want it.
type cloudOf struct {
	*httptest.Server
	ca string // file

	mu   sync.Mutex
	seen []string // who asked the store
}

// newCloud is a store that tells who asks it, and gives out what the test says.
func newCloud(t *testing.T, tokens http.HandlerFunc) *cloudOf {
	t.Helper()
	c := &cloudOf{}
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.URL.Path, "bucket") {
			tokens(w, r)
			return
		}
		c.mu.Lock()
		c.seen = append(c.seen, r.Header.Get("Authorization")+" "+r.Header.Get("X-Amz-Security-Token"))
		c.mu.Unlock()
		http.Error(w, "", http.StatusNotFound)
	}))
	c.Config.ErrorLog = log.New(io.Discard, "", 0)
	c.StartTLS()
	t.Cleanup(c.Close)
	c.ca = fileOf(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate().Raw})))
	return c
}

func fileOf(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// asks is who a store of the environment is asked by.
func (c *cloudOf) asks(t *testing.T, location string, change func(o *store.Options)) (string, error) {
	t.Helper()
	o, err := store.OptionsFromEnv(os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	o.CAFile, o.Retry = c.ca, quickly
	o.Endpoint, o.PathStyle = c.URL, true
	o.GCS.Endpoint, o.Azure.Endpoint = c.URL, c.URL+"/account"
	if change != nil {
		change(&o)
	}
	c.seen = nil
	_, err = open(t, location, o, false).Stat(t.Context(), "k")
	return strings.Join(c.seen, "|"), err
}

// clean is an environment without any account.
func clean(t *testing.T) {
	t.Helper()
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		for _, prefix := range []string{"AWS_", "AZURE_", "GOOGLE_", "GCE_", "CLOUDSDK_", "STORAGE_", "IDENTITY_", "MSI_"} {
			if strings.HasPrefix(name, prefix) {
				t.Setenv(name, "")
				os.Unsetenv(name) // Setenv brings it back
			}
		}
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

// The order is request, environment, identity of the workload: each is used where
// those before it say nothing.
func TestAWorkloadOfAmazonIsKnownByItsToken(t *testing.T) {
	clean(t)
	denied := false
	cloud := newCloud(t, func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("Action") != "AssumeRoleWithWebIdentity" || r.FormValue("WebIdentityToken") != "projected" || denied {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, "<ErrorResponse><Error><Code>ExpiredTokenException</Code><Message>expired</Message></Error></ErrorResponse>")
			return
		}
		fmt.Fprintf(w, `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>pods</AccessKeyId>
<SecretAccessKey>hunter2</SecretAccessKey><SessionToken>session</SessionToken><Expiration>%s</Expiration></Credentials>
</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	})
	t.Setenv("AWS_CA_BUNDLE", cloud.ca)
	t.Setenv("AWS_REGION", "us-east-1")
	t.Setenv("AWS_ENDPOINT_URL_STS", cloud.URL)
	t.Setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/r")
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", fileOf(t, "projected"))
	if who, err := cloud.asks(t, "s3://bucket", nil); !errors.Is(err, store.ErrNotFound) || !strings.Contains(who, "Credential=pods/") || !strings.HasSuffix(who, " session") {
		t.Errorf("by the workload: %s, %v", who, err)
	}
	denied = true
	if who, err := cloud.asks(t, "s3://bucket", nil); !errors.Is(err, store.ErrDenied) || who != "" {
		t.Errorf("by a token that is expired: %s, %v", who, err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "environments")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	if who, _ := cloud.asks(t, "s3://bucket", nil); !strings.Contains(who, "Credential=environments/") {
		t.Errorf("by the environment: %s", who)
	}
	who, _ := cloud.asks(t, "s3://bucket", func(o *store.Options) {
		o.Credentials = store.Credentials{AccessKeyID: "requests", SecretAccessKey: "s"}
	})
	if !strings.Contains(who, "Credential=requests/") {
		t.Errorf("by the request: %s", who)
	}
}

// The role of a container, as EKS Pod Identity gives it.
func TestAContainerOfAmazonIsKnownByItsRole(t *testing.T) {
	clean(t)
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "pods token" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Fprintf(w, `{"AccessKeyId":"containers","SecretAccessKey":"hunter2","Token":"session","Expiration":%q}`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	}))
	t.Cleanup(metadata.Close)
	cloud := newCloud(t, http.NotFound)
	t.Setenv("AWS_REGION", "us-east-1")
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", metadata.URL)
	t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", fileOf(t, "pods token"))
	if who, err := cloud.asks(t, "s3://bucket", nil); !errors.Is(err, store.ErrNotFound) || !strings.Contains(who, "Credential=containers/") {
		t.Errorf("%s, %v", who, err)
	}
}

func TestAWorkloadOfGoogleIsKnownToItsMetadataServer(t *testing.T) {
	clean(t)
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Metadata-Flavor", "Google")
		if strings.HasSuffix(r.URL.Path, "/token") {
			fmt.Fprint(w, `{"access_token":"workloads","expires_in":3600,"token_type":"Bearer"}`)
		}
	}))
	t.Cleanup(metadata.Close)
	cloud := newCloud(t, func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("subject_token") != "projected" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token":"federated","issued_token_type":"urn:ietf:params:oauth:token-type:access_token","token_type":"Bearer","expires_in":3600}`)
	})
	t.Setenv("GCE_METADATA_HOST", strings.TrimPrefix(metadata.URL, "http://"))
	if who, err := cloud.asks(t, "gcp://bucket", nil); !errors.Is(err, store.ErrNotFound) || who != "Bearer workloads " {
		t.Errorf("by the workload: %s, %v", who, err)
	}
	document, err := json.Marshal(map[string]any{
		"type": "external_account", "audience": "//iam.googleapis.com/x", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
		"token_url": cloud.URL + "/v1/token", "credential_source": map[string]string{"file": fileOf(t, "projected")},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", fileOf(t, string(document)))
	if who, err := cloud.asks(t, "gcp://bucket", nil); !errors.Is(err, store.ErrNotFound) || who != "Bearer federated " {
		t.Errorf("by the environment's federated identity: %s, %v", who, err)
	}
}

func TestAWorkloadOfAzureIsKnownToItsIdentityServer(t *testing.T) {
	clean(t)
	cloud := newCloud(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.Header.Get("X-Identity-Header") == "machines":
			fmt.Fprintf(w, `{"access_token":"managed","expires_on":"%d","token_type":"Bearer","resource":"https://storage.azure.com"}`, time.Now().Add(time.Hour).Unix())
		case r.FormValue("client_assertion") == "projected":
			fmt.Fprint(w, `{"access_token":"federated","expires_in":3600,"token_type":"Bearer"}`)
		case strings.HasSuffix(r.URL.Path, "openid-configuration"):
			base := "https://" + r.Host + "/adfs"
			fmt.Fprintf(w, `{"token_endpoint":"%[1]s/token","authorization_endpoint":"%[1]s/authorize","issuer":"%[1]s"}`, base)
		default:
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error":"invalid_request"}`)
		}
	})
	t.Setenv("AZURE_STORAGE_ACCOUNT", "account")
	t.Setenv("IDENTITY_ENDPOINT", cloud.URL+"/msi/token")
	t.Setenv("IDENTITY_HEADER", "machines")
	if who, err := cloud.asks(t, "azure://bucket", nil); !errors.Is(err, store.ErrNotFound) || who != "Bearer managed " {
		t.Errorf("by the managed identity: %s, %v", who, err)
	}
	// The one tenant whose authority is not looked up at Microsoft first.
	t.Setenv("AZURE_AUTHORITY_HOST", cloud.URL)
	t.Setenv("AZURE_TENANT_ID", "adfs")
	t.Setenv("AZURE_CLIENT_ID", "client")
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", fileOf(t, "projected"))
	if who, err := cloud.asks(t, "azure://bucket", nil); !errors.Is(err, store.ErrNotFound) || who != "Bearer federated " {
		t.Errorf("by the workload's identity: %s, %v", who, err)
	}
	t.Setenv("AZURE_STORAGE_KEY", "a2V5")
	if who, _ := cloud.asks(t, "azure://bucket", nil); !strings.HasPrefix(who, "SharedKey account:") {
		t.Errorf("by the environment's key: %s", who)
	}
}
