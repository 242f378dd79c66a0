package nodeops_test

import (
	"bytes"
	"context"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr/funcr"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	k8srest "k8s.io/client-go/rest"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/hack/kubernetes/apiserver"
	"github.com/icarus-sidecar/icarus/hack/stores"
	"github.com/icarus-sidecar/icarus/pkg/client"
	"github.com/icarus-sidecar/icarus/pkg/secret"
)

const cassandraNamespace = "cassandra"

// apiServer is a real one with the Secret cloud, whose keys are those of a real S3
// server.
type apiServer struct {
	t      *testing.T
	config *k8srest.Config
	client *kubernetes.Clientset
}

func startAPIServer(t *testing.T, s3 *stores.S3) *apiServer {
	t.Helper()
	apiserver.ForTest(t)
	server, err := apiserver.Up(t.Context(), apiserver.Options{Dir: t.TempDir(), DieWithParent: true, Output: os.Stderr})
	noError(t, err)
	t.Cleanup(func() {
		if err := server.Down(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	a := &apiServer{t: t}
	a.config, err = server.Admin()
	noError(t, err)
	reach, err := k8srest.HTTPClientFor(a.config)
	noError(t, err)
	t.Cleanup(reach.CloseIdleConnections)
	a.client, err = kubernetes.NewForConfigAndClient(a.config, reach)
	noError(t, err)
	_, err = a.client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: cassandraNamespace}}, metav1.CreateOptions{})
	noError(t, err)
	_, err = a.client.CoreV1().Secrets(cassandraNamespace).Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "cloud"},
		StringData: map[string]string{
			"awsaccesskeyid": stores.AccessKey, "awssecretaccesskey": stores.SecretKey + "\n", "awsregion": stores.Region, "awsendpoint": s3.Endpoint,
		},
	}, metav1.CreateOptions{})
	noError(t, err)
	return a
}

// account is a pod whose service account may read the Secrets that are named, one
// by one, and nothing else.
func (a *apiServer) account(name string, secrets ...string) secret.Pod {
	t := a.t
	t.Helper()
	meta := metav1.ObjectMeta{Name: name, Namespace: cassandraNamespace}
	_, err := a.client.CoreV1().ServiceAccounts(cassandraNamespace).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: meta}, metav1.CreateOptions{})
	noError(t, err)
	if len(secrets) > 0 {
		_, err = a.client.RbacV1().Roles(cassandraNamespace).Create(t.Context(), &rbacv1.Role{
			ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: secrets, Verbs: []string{"get"}}},
		}, metav1.CreateOptions{})
		noError(t, err)
		_, err = a.client.RbacV1().RoleBindings(cassandraNamespace).Create(t.Context(), &rbacv1.RoleBinding{
			ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: cassandraNamespace, Name: name}},
		}, metav1.CreateOptions{})
		noError(t, err)
	}
	token, err := a.client.CoreV1().ServiceAccounts(cassandraNamespace).CreateToken(t.Context(), name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	noError(t, err)
	at, err := url.Parse(a.config.Host)
	noError(t, err)
	return podOf(t, at.Host, cassandraNamespace, token.Status.Token, a.config.CAData)
}

// TestARingIsBackedUpWithTheKeysOfASecret is what CassKop asks for: the request names
// the Secret, and each sidecar reads it from a real API server as its service
// account, whose only right that is. The sidecars have no keys of their own.
func TestARingIsBackedUpWithTheKeysOfASecret(t *testing.T) {
	t.Parallel()
	s3 := stores.S3ForTest(t, "backups")
	a := startAPIServer(t, s3)
	r := newRing(t, "dc1", "dc1")
	r.fill()
	allow := func(names ...string) (allowed []secret.Name) {
		for _, name := range names {
			allowed = append(allowed, secret.Name{Name: name})
		}
		return allowed
	}
	pod := a.account("sidecar", "cloud", "gone")
	var mu sync.Mutex
	var logged strings.Builder
	for _, s := range r.sidecars {
		s.log = funcr.New(func(_, args string) {
			mu.Lock()
			defer mu.Unlock()
			logged.WriteString(args + "\n")
		}, funcr.Options{Verbosity: 9})
		s.secrets = secret.Reader{Pod: pod, Allowed: allow("cloud", "gone", "forbidden")}
		s.stop()
		s.start()
	}
	first := r.sidecars[0]
	at := func(s *rest.Store, name string) { s.StorageLocation, s.K8sSecretName = "s3://backups", name }
	op := first.completed(r.backup(func(b *rest.BackupRequest) {
		at(&b.Store, "cloud")
		b.CreateMissingBucket = false
	}))
	if !strings.Contains(string(op.Request), `"k8sSecretName":"cloud"`) {
		t.Errorf("the request is told as %s", op.Request)
	}
	first.node.Write("shop", "items", "later")
	first.completed(r.restore(rest.StrategyHardlinks, func(q *rest.RestoreRequest) { at(&q.Store, "cloud") }))
	wantRows(t, first, "shop.items", "apple", "item-of-127.0.0.1")
	list := func(name string) *rest.ListRequest {
		return newRequest(rest.TypeList, func(q *rest.ListRequest) { at(&q.Store, name); q.GlobalRequest = true })
	}
	answers := string(first.completed(list("cloud")).Result)
	answers += string(first.completed(newRequest(rest.TypeVerify, func(q *rest.VerifyRequest) { at(&q.Store, "cloud"); q.GlobalRequest = true })).Result)
	mentions(t, first.failed(list("gone")), "no such Secret", cassandraNamespace+"/gone")
	mentions(t, first.failed(list("forbidden")), cassandraNamespace+"/forbidden", "resourceNames: [forbidden], verbs: [get]")

	for _, s := range r.sidecars {
		s.secrets.Pod = a.account("nobody-" + s.node.HostID())
		s.stop()
		s.start()
	}
	mentions(t, first.failed(list("cloud")), cassandraNamespace+"/cloud", "resourceNames: [cloud], verbs: [get]")
	ops, err := first.client.Operations(t.Context(), client.Filter{})
	noError(t, err)
	for _, op := range ops {
		answers += string(op.Request) + string(op.Result)
		for _, e := range op.Errors {
			answers += e.Message
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if logged.Len() == 0 {
		t.Error("nothing was logged")
	}
	answers += logged.String()
	if strings.Contains(answers, stores.SecretKey) || strings.Contains(answers, stores.AccessKey) {
		t.Errorf("keys are in %s", answers)
	}
	for _, s := range r.sidecars {
		wantNoKeys(t, s.state, stores.SecretKey, stores.AccessKey)
	}
}

// wantNoKeys looks for texts in every file of a directory.
func wantNoKeys(t *testing.T, dir string, keys ...string) {
	t.Helper()
	files := 0
	noError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		body, err := os.ReadFile(path)
		for _, key := range keys {
			if bytes.Contains(body, []byte(key)) {
				t.Errorf("a key is in %s", path)
			}
		}
		return err
	}))
	if files == 0 {
		t.Errorf("there is nothing in %s", dir)
	}
}
