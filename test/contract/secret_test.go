package contract_test

import (
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/icarus-sidecar/icarus/pkg/secret"
)

// halfOfAnAccount lets requests name the Secret cloud in the namespace cassandra,
// the pod's own. It has the one key of S3 and not the other, so that it shows whether
// it was read, and nothing goes to Amazon.
func halfOfAnAccount(t *testing.T) secret.Reader {
	t.Helper()
	api := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/namespaces/cassandra/secrets/cloud" {
			t.Errorf("%s was asked for", r.URL.Path)
		}
		_, _ = w.Write([]byte(`{"kind":"Secret","data":{"awsaccesskeyid":"aWQ="}}`))
	}))
	t.Cleanup(api.Close)
	host, port, err := net.SplitHostPort(api.Listener.Addr().String())
	noError(t, err)
	dir := t.TempDir()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: api.Certificate().Raw})
	for name, body := range map[string][]byte{"namespace": []byte("cassandra"), "token": []byte("token"), "ca.crt": ca} {
		noError(t, os.WriteFile(filepath.Join(dir, name), body, 0o600))
	}
	return secret.Reader{Pod: secret.Pod{Host: host, Port: port, AccountDir: dir}, Allowed: []secret.Name{{Name: "cloud"}}}
}
