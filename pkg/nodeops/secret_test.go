package nodeops_test

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/nodeops"
	"github.com/icarus-sidecar/icarus/pkg/secret"
	"github.com/icarus-sidecar/icarus/pkg/store"
)

// readerOf reads one Secret, cloud, from an API server in a pod of namespace cassandra.
func readerOf(t *testing.T, data map[string]string) secret.Reader {
	t.Helper()
	values := map[string][]byte{}
	for key, value := range data {
		values[key] = []byte(value)
	}
	text, err := json.Marshal(map[string]any{"kind": "Secret", "data": values})
	noError(t, err)
	api := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/namespaces/cassandra/secrets/cloud" {
			t.Errorf("%s was asked for", r.URL.Path)
		}
		_, _ = w.Write(text)
	}))
	t.Cleanup(api.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: api.Certificate().Raw})
	return secret.Reader{Pod: podOf(t, api.Listener.Addr().String(), "cassandra", "token", ca), Allowed: []secret.Name{{Name: "cloud"}}}
}

// podOf is a pod with the files of a service account.
func podOf(t *testing.T, address, namespace, token string, ca []byte) secret.Pod {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	noError(t, err)
	dir := t.TempDir()
	for name, body := range map[string][]byte{"namespace": []byte(namespace), "token": []byte(token), "ca.crt": ca} {
		noError(t, os.WriteFile(filepath.Join(dir, name), body, 0o600))
	}
	return secret.Pod{Host: host, Port: port, AccountDir: dir}
}

func TestOptionsWithTheKeysOfASecret(t *testing.T) {
	t.Parallel()
	const gcp = `{"type":"service_account","private_key":"hunter2"}`
	all := map[string]string{
		"awsaccesskeyid": "id\n", "awssecretaccesskey": "hunter2", "awssessiontoken": "session", "awsregion": "r", "awsendpoint": "https://else",
		"gcp": gcp, "azurestorageaccount": "account", "azurestoragekey": "hunter2",
	}
	own := store.Options{Region: "own-1", Credentials: store.Credentials{AccessKeyID: "own", SecretAccessKey: "own"}}
	base := store.Options{Region: "own-1", Connections: 1}
	with := func(change func(o *store.Options)) store.Options {
		o := base
		change(&o)
		return o
	}
	cases := map[string]struct {
		location string
		spoil    func(data map[string]string)
		ask      func(s *rest.Store)
		want     store.Options
		fails    string // key that the error names
	}{
		"S3": {"s3://bucket", nil, nil, with(func(o *store.Options) {
			o.Credentials = store.Credentials{AccessKeyID: "id", SecretAccessKey: "hunter2", SessionToken: "session"}
			o.Region, o.Endpoint, o.PathStyle = "r", "https://else", true
			o.GCS, o.Azure = store.GCSOptions{}, store.AzureOptions{}
		}), ""},
		"the server of S3 alone, with the sidecar's account": {"s3://bucket", func(data map[string]string) {
			delete(data, "awsaccesskeyid")
			delete(data, "awssecretaccesskey")
		}, nil, with(func(o *store.Options) {
			o.Credentials, o.Region, o.Endpoint, o.PathStyle = own.Credentials, "r", "https://else", true
		}), ""},
		"Google": {"gs://bucket", nil, nil, with(func(o *store.Options) { o.GCS.Key = gcp }), ""},
		"Azure":  {"azure://bucket", nil, nil, with(func(o *store.Options) { o.Azure.Account, o.Azure.Key = "account", "hunter2" }), ""},
		"credentials of the request go before": {"s3://bucket", nil, func(s *rest.Store) {
			s.Credentials = &rest.Credentials{AccessKeyID: "mine", SecretAccessKey: "mine"}
		}, with(func(o *store.Options) {
			o.Credentials = store.Credentials{AccessKeyID: "mine", SecretAccessKey: "mine"}
		}), ""},
		"no Secret": {"s3://bucket", nil, func(s *rest.Store) { s.K8sSecretName = "" }, with(func(o *store.Options) { o.Credentials = own.Credentials }), ""},
		"a directory": {"file:///b/b/c/d/n", nil, nil, with(func(o *store.Options) {
			o.Credentials = own.Credentials
		}), ""},
		"half of an account":      {"s3://bucket", func(d map[string]string) { delete(d, "awsaccesskeyid") }, nil, base, "awsaccesskeyid"},
		"the other half":          {"ceph://bucket", func(d map[string]string) { d["awssecretaccesskey"] = " " }, nil, base, "awssecretaccesskey"},
		"an empty Secret":         {"s3://bucket", func(d map[string]string) { clear(d) }, nil, base, "awsaccesskeyid"},
		"no key of Google":        {"gcp://bucket", func(d map[string]string) { delete(d, "gcp") }, nil, base, "key gcp"},
		"a key of another type":   {"gcp://bucket", func(d map[string]string) { d["gcp"] = `{"type":"external_account","x":"hunter2"}` }, nil, base, "key gcp"},
		"no key of Azure":         {"azure://bucket", func(d map[string]string) { delete(d, "azurestoragekey") }, nil, base, "azurestoragekey"},
		"no name of Azure's user": {"azure://bucket", func(d map[string]string) { delete(d, "azurestorageaccount") }, nil, base, "azurestorageaccount"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := map[string]string{}
			for key, value := range all {
				data[key] = value
			}
			if c.spoil != nil {
				c.spoil(data)
			}
			s := rest.Store{StorageLocation: c.location, K8sSecretName: "cloud", ConcurrentConnections: 1}
			if c.ask != nil {
				c.ask(&s)
			}
			l, err := store.ParseLocation(c.location)
			noError(t, err)
			d := nodeops.Deps{Store: own, Secrets: readerOf(t, data)}
			got, err := d.SecretOptions(t.Context(), s, l.Provider)
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) || !strings.Contains(err.Error(), "Secret cassandra/cloud") ||
					strings.Contains(err.Error(), "hunter2") {
					t.Errorf("it is %v", err)
				}
				return
			}
			noError(t, err)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("options (-want +got):\n%s", diff)
			}
		})
	}
}

func TestASecretThatIsNotAllowedIsRefusedAtTheDoorByEveryKind(t *testing.T) {
	t.Parallel()
	r := newRing(t, "dc1")
	r.fill()
	s := rest.Store{StorageLocation: "s3://bucket", K8sSecretName: "cloud", K8sNamespace: "kube-system", ConcurrentConnections: 1}
	point := func(to *rest.Store) {
		to.StorageLocation, to.K8sSecretName, to.K8sNamespace = s.StorageLocation, s.K8sSecretName, s.K8sNamespace
	}
	for _, req := range []rest.Request{
		r.backup(func(q *rest.BackupRequest) { point(&q.Store) }),
		r.restore(rest.StrategyImport, func(q *rest.RestoreRequest) { point(&q.Store) }),
		newRequest(rest.TypeList, func(q *rest.ListRequest) { point(&q.Store) }),
		newRequest(rest.TypeRemoveBackup, func(q *rest.RemoveBackupRequest) { point(&q.Store); q.BackupName = "nightly" }),
		newRequest(rest.TypeVerify, func(q *rest.VerifyRequest) { point(&q.Store) }),
		newRequest(rest.TypeCommitLogBackup, func(q *rest.CommitLogBackupRequest) { point(&q.Store) }),
		newRequest(rest.TypeCommitLogRestore, func(q *rest.CommitLogRestoreRequest) {
			point(&q.Store)
			q.CommitLogDownloadDir, q.TimestampEnd = rest.URI(r.downloads), 1
		}),
	} {
		told := r.sidecars[0].refused(req)
		if len(told.Violations) != 1 || told.Violations[0].Field != "k8sSecretName" ||
			!strings.Contains(told.Violations[0].Message, "--allow-secret kube-system/cloud") {
			t.Errorf("%s is refused with %+v", req.RequestType(), told)
		}
	}
	err := nodeops.CheckStore(s)
	var refused *rest.Error
	if !errors.As(err, &refused) {
		t.Errorf("it is %v", err)
	}
	r.untouched()
}
