package controller

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8srest "k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/yaml"

	"github.com/icarus-sidecar/icarus/api/v1alpha1"
	"github.com/icarus-sidecar/icarus/hack/kubernetes/apiserver"
)

// patience is far above what anything takes here, on a machine that is busy too.
const patience = 90 * time.Second

// TestOnARealAPIServer runs the controller as its ServiceAccount, with the rights of
// config/rbac alone, against a kube-apiserver with the CRDs of config/crd.
func TestOnARealAPIServer(t *testing.T) {
	t.Parallel()
	e := startEnvironment(t)

	t.Run("a backup and its restore are carried out", e.mainJob)
	t.Run("a backup that is deleted is cancelled and let go", e.deletion)
	t.Run("a backup waits for its Secret", e.secret)
	t.Run("the CRDs refuse what makes no sense", e.refusals)
	t.Run("a new leader sends nothing for what has ended", e.leaders)
	t.Run("the controller may do nothing else", e.rights)
}

type environment struct {
	admin  client.Client
	config *k8srest.Config
	ring   *fakeRing
	stop   func()
}

func startEnvironment(t *testing.T) *environment {
	t.Helper()
	ctrl.SetLogger(logr.Discard())
	env := &envtest.Environment{
		BinaryAssetsDirectory: apiserver.ForTest(t),
		CRDDirectoryPaths:     []string{filepath.Join("..", "..", "config", "crd")}, ErrorIfCRDPathMissing: true,
	}
	config, err := env.Start()
	if err != nil {
		t.Fatalf("starting the API server: %v", err)
	}
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Error(err)
		}
	})
	scheme, err := Scheme()
	if err != nil {
		t.Fatal(err)
	}
	e := &environment{ring: newFakeRing(t, 3)}
	httpClient, err := k8srest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(httpClient.CloseIdleConnections)
	if e.admin, err = client.New(config, client.Options{Scheme: scheme, HTTPClient: httpClient}); err != nil {
		t.Fatal(err)
	}
	e.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	for i, s := range e.ring.sidecars {
		p := pod(i, s.address)
		for j := range p.Spec.Containers {
			p.Spec.Containers[j].Image = "none"
		}
		status := p.Status
		e.create(t, p)
		p.Status = status
		if err := e.admin.Status().Update(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	e.config = e.serviceAccount(t, config)
	e.startController(t)
	return e
}

func (e *environment) create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		if err := e.admin.Create(t.Context(), o); err != nil {
			t.Fatalf("creating %T %s: %v", o, o.GetName(), err)
		}
	}
}

// serviceAccount makes the account of the controller, with the role that is
// generated, in the one namespace that is watched.
func (e *environment) serviceAccount(t *testing.T, admin *k8srest.Config) *k8srest.Config {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "config", "rbac", "role.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	role := &rbacv1.ClusterRole{}
	if err := yaml.UnmarshalStrict([]byte(strings.TrimPrefix(string(text), "---\n")), role); err != nil {
		t.Fatal(err)
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: Name}}
	e.create(t, role, account, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: Name}},
	})
	token := &authenticationv1.TokenRequest{}
	if err := e.admin.SubResource("token").Create(t.Context(), account, token); err != nil {
		t.Fatal(err)
	}
	config := k8srest.AnonymousClientConfig(admin)
	config.BearerToken = token.Status.Token
	return config
}

// startController starts one, and returns when it leads.
func (e *environment) startController(t *testing.T) {
	t.Helper()
	scheme, err := Scheme()
	if err != nil {
		t.Fatal(err)
	}
	yes := true
	config := ctrl.Options{
		Scheme: scheme, Cache: CacheOptions([]string{namespace}), Metrics: server.Options{BindAddress: "0"},
		LeaderElection: true, LeaderElectionID: Name, LeaderElectionNamespace: namespace, LeaderElectionReleaseOnCancel: true,
	}
	config.Controller.SkipNameValidation = &yes // the next one has the same names
	manager, err := ctrl.NewManager(e.config, config)
	if err != nil {
		t.Fatal(err)
	}
	sidecars := NewSidecars(SidecarOptions{AllowCredentialsOverHTTP: true})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	if err := SetupWithManager(ctx, manager, Options{Sidecars: sidecars}); err != nil {
		cancel()
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- manager.Start(ctx) }()
	var once sync.Once
	e.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("the controller ended with %v", err)
			}
			sidecars.Close()
			manager.GetHTTPClient().CloseIdleConnections()
		})
	}
	t.Cleanup(e.stop)
	select {
	case <-manager.Elected():
	case err := <-ended:
		ended <- err
		t.Fatalf("the controller did not start: %v", err)
	}
}

func (e *environment) eventually(t *testing.T, o client.Object, is func(s *v1alpha1.OperationStatus) bool) {
	t.Helper()
	g := NewWithT(t)
	g.Eventually(func(g Gomega) {
		g.Expect(e.admin.Get(t.Context(), client.ObjectKeyFromObject(o), o)).To(Succeed())
		g.Expect(is(statusOf(o))).To(BeTrue(), "at %s", describeStatus(o))
	}).WithTimeout(patience).WithPolling(100 * time.Millisecond).Should(Succeed())
}

func finished(s *v1alpha1.OperationStatus) bool { return s.IsFinished() }

func isTrue(t *testing.T, o client.Object, condition string) {
	t.Helper()
	if !meta.IsStatusConditionTrue(statusOf(o).Conditions, condition) {
		t.Errorf("%s is not true at %s", condition, describeStatus(o))
	}
}

func (e *environment) mainJob(t *testing.T) {
	b, r := newBackup("nightly", e.ring), newRestore("back", e.ring)
	b.Spec.CredentialsSecretRef = nil
	r.Spec = v1alpha1.CassandraRestoreSpec{BackupRef: &v1alpha1.BackupReference{Name: "nightly"}}
	e.create(t, b, r)
	e.eventually(t, b, finished)
	isTrue(t, b, v1alpha1.ConditionComplete)
	for _, s := range e.ring.sidecars {
		s.mu.Lock()
		s.manifest = b.Status.SnapshotTag
		s.mu.Unlock()
	}
	e.eventually(t, r, finished)
	isTrue(t, r, v1alpha1.ConditionComplete)
	if r.Status.SnapshotTag != b.Status.SnapshotTag || r.Status.NodeSummary != "3/3" {
		t.Errorf("it is %s", describeStatus(r))
	}
	// The pass after the last lets go of what holds no data.
	NewWithT(t).Eventually(func() ([]string, error) {
		err := errors.Join(e.admin.Get(t.Context(), client.ObjectKeyFromObject(b), b), e.admin.Get(t.Context(), client.ObjectKeyFromObject(r), r))
		return append(slices.Clip(b.Finalizers), r.Finalizers...), err
	}).WithTimeout(time.Minute).Should(BeEmpty())
	NewWithT(t).Eventually(func() []string {
		var events eventsv1.EventList
		if err := e.admin.List(t.Context(), &events, client.InNamespace(namespace)); err != nil {
			return []string{err.Error()}
		}
		var reasons []string
		for _, event := range events.Items {
			if event.Regarding.Kind == "CassandraRestore" {
				reasons = append(reasons, event.Reason)
			}
		}
		return reasons
	}).WithTimeout(patience).Should(ContainElements("Initializing", "Downloading", "Truncating", "Importing", "Cleaning", "Completed"))
}

func (e *environment) deletion(t *testing.T) {
	e.ring.slow(1 << 20)
	defer e.ring.slow(1)
	b := newBackup("unwanted", e.ring)
	e.create(t, b)
	e.eventually(t, b, func(s *v1alpha1.OperationStatus) bool {
		return len(s.Nodes) == 3 && s.Nodes[2].Submission == v1alpha1.SubmissionAccepted
	})
	if err := e.admin.Delete(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	NewWithT(t).Eventually(func() bool {
		return apierrors.IsNotFound(e.admin.Get(t.Context(), client.ObjectKeyFromObject(b), b))
	}).WithTimeout(patience).Should(BeTrue())
}

func (e *environment) secret(t *testing.T) {
	b := newBackup("guarded", e.ring)
	b.Spec.CredentialsSecretRef = &v1alpha1.SecretReference{Name: "keys"}
	e.create(t, b)
	e.eventually(t, b, func(s *v1alpha1.OperationStatus) bool {
		c := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionPeersDiscovered)
		return c != nil && c.Reason == v1alpha1.ReasonSecretNotFound
	})
	e.create(t, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "keys"},
		StringData: map[string]string{keyAccessKeyID: "AKIA", keySecretAccessKey: "hush"},
	})
	e.eventually(t, b, finished)
	isTrue(t, b, v1alpha1.ConditionComplete)
}

func (e *environment) refusals(t *testing.T) {
	none := newBackup("everything", e.ring)
	none.Spec.Cluster.PodSelector = metav1.LabelSelector{}
	both := newRestore("both", e.ring)
	both.Spec.BackupRef = &v1alpha1.BackupReference{Name: "nightly"}
	for _, o := range []client.Object{none, both} {
		if err := e.admin.Create(t.Context(), o); !apierrors.IsInvalid(err) {
			t.Errorf("%s: %v", o.GetName(), err)
		}
	}
}

// leaders hands over to a new controller, which has finished objects alone.
func (e *environment) leaders(t *testing.T) {
	versions := func() map[string]string {
		all := map[string]string{}
		var backups v1alpha1.CassandraBackupList
		var restores v1alpha1.CassandraRestoreList
		if err := errors.Join(e.admin.List(t.Context(), &backups), e.admin.List(t.Context(), &restores)); err != nil {
			t.Fatal(err)
		}
		for _, b := range backups.Items {
			all["backup "+b.Name] = b.ResourceVersion
		}
		for _, r := range restores.Items {
			all["restore "+r.Name] = r.ResourceVersion
		}
		return all
	}
	e.stop()
	before, requests := versions(), e.ring.requests()
	e.startController(t)
	// Something new shows that all that was there has had its turn.
	b := newBackup("afterwards", e.ring)
	e.create(t, b)
	e.eventually(t, b, func(s *v1alpha1.OperationStatus) bool { return s.StartTime != nil })
	sent := e.ring.requests() - requests
	e.eventually(t, b, finished)
	after := versions()
	delete(after, "backup afterwards")
	NewWithT(t).Expect(after).To(Equal(before))
	if most := 1 + 3 + 3; sent > most {
		t.Errorf("%d requests were sent", sent)
	}
}

func (e *environment) rights(t *testing.T) {
	may := func(namespace, group, resource, verb string) bool {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: "system:serviceaccount:databases:" + Name, Groups: []string{"system:serviceaccounts", "system:authenticated"},
			ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: namespace, Group: group, Resource: resource, Verb: verb},
		}}
		if err := e.admin.Create(t.Context(), review); err != nil {
			t.Fatal(err)
		}
		return review.Status.Allowed
	}
	if !may(namespace, "", "secrets", "get") {
		t.Error("it may not read the Secrets of its namespace")
	}
	for _, c := range [][4]string{
		{"default", "", "secrets", "get"},
		{namespace, "", "secrets", "list"},
		{namespace, "", "secrets", "watch"},
		{namespace, "", "pods", "delete"},
		{namespace, "icarus.io", "cassandrabackups", "delete"},
		{namespace, "icarus.io", "cassandrabackups", "create"},
		{"default", "icarus.io", "cassandrabackups", "list"},
	} {
		if may(c[0], c[1], c[2], c[3]) {
			t.Errorf("it may %s %s in %s", c[3], c[2], c[0])
		}
	}
}
