package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/icarus-sidecar/icarus/api/v1alpha1"
	"github.com/icarus-sidecar/icarus/hack/kubernetes/apiserver"
)

// Account is the ServiceAccount of the controller.
const Account = "icarus-controller"

// Cluster is the client of one who may do everything, in one namespace.
type Cluster struct {
	client.Client
	Namespace string

	server *apiserver.Server
	config *rest.Config
	http   *http.Client
}

// New returns the client for a namespace, which need not exist yet.
func New(s *apiserver.Server, namespace string) (*Cluster, error) {
	config, err := s.Admin()
	if err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("making the scheme: %w", err)
	}
	c := &Cluster{Namespace: namespace, server: s, config: config}
	if c.http, err = rest.HTTPClientFor(config); err != nil {
		return nil, fmt.Errorf("making a client of the API server: %w", err)
	}
	if c.Client, err = client.New(config, client.Options{Scheme: scheme, HTTPClient: c.http}); err != nil {
		return nil, fmt.Errorf("making a client of the API server: %w", err)
	}
	return c, nil
}

// Close gives back the idle connections.
func (c *Cluster) Close() { c.http.CloseIdleConnections() }

// Install makes what a person makes before the controller starts: the definitions
// of the directory config, the namespace, and in it the account of the controller
// with the rights of config/rbac.
func (c *Cluster) Install(ctx context.Context, config string) error {
	definitions := filepath.Join(config, "crd")
	if _, err := envtest.InstallCRDs(c.config, envtest.CRDInstallOptions{Paths: []string{definitions}, ErrorIfPathMissing: true}); err != nil {
		return fmt.Errorf("installing the definitions of %s: %w", definitions, err)
	}
	roles, err := ReadManifest(filepath.Join(config, "rbac", "role.yaml"))
	if err != nil {
		return err
	}
	role := roles[0] // controller-gen writes one
	for _, o := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: c.Namespace}},
		role,
		&corev1.ServiceAccount{ObjectMeta: c.named(Account)},
		&rbacv1.RoleBinding{
			ObjectMeta: c.named(Account),
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.GetName()},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: c.Namespace, Name: Account}},
		},
	} {
		if err := c.Create(ctx, o); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("creating %T %s: %w", o, o.GetName(), err)
		}
	}
	return nil
}

// AccountKubeconfig writes the file with which a program reaches the API server as
// the controller's account.
func (c *Cluster) AccountKubeconfig(ctx context.Context, file string) error {
	const lifetime = int64(24 * 60 * 60) // seconds; no kubelet renews it
	seconds := lifetime
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	if err := c.SubResource("token").Create(ctx, &corev1.ServiceAccount{ObjectMeta: c.named(Account)}, request); err != nil {
		return fmt.Errorf("asking for a token of the controller: %w", err)
	}
	return c.server.WriteKubeconfig(file, request.Status.Token, c.Namespace)
}

// AddPod makes a pod that is ready at an address, and whose container icarus has
// the port.
func (c *Cluster) AddPod(ctx context.Context, name, address string, port int32, labels map[string]string) error {
	p := &corev1.Pod{
		ObjectMeta: c.named(name),
		Spec: corev1.PodSpec{Containers: []corev1.Container{
			{Name: "cassandra", Image: "cassandra"},
			{Name: "icarus", Image: "icarus", Ports: []corev1.ContainerPort{{Name: "icarus", ContainerPort: port}}},
		}},
	}
	p.Labels = labels
	if err := c.Create(ctx, p); err != nil {
		return fmt.Errorf("creating pod %s: %w", name, err)
	}
	p.Status = corev1.PodStatus{
		Phase: corev1.PodRunning, PodIP: address, PodIPs: []corev1.PodIP{{IP: address}},
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
	}
	if err := c.Status().Update(ctx, p); err != nil {
		return fmt.Errorf("telling the status of pod %s: %w", name, err)
	}
	return nil
}

func (c *Cluster) named(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: c.Namespace, Name: name}
}
