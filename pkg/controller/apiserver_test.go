package controller

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8srest "k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/yaml"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/api/v1alpha1"
	"github.com/icarus-sidecar/icarus/hack/kubernetes/apiserver"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
)

// patience is far above what anything takes here, on a machine that is busy too.
const patience = 90 * time.Second

// TestOnARealAPIServer runs the controller as its ServiceAccount, with the rights of
// config/rbac alone, against a kube-apiserver with the CRDs of config/crd. What a
// kind does there is in the file of its name.
func TestOnARealAPIServer(t *testing.T) {
	t.Parallel()
	assets = apiserver.ForTest(t)
	RegisterFailHandler(Fail)
	RunSpecs(t, "The controller on a real API server")
}

var (
	assets string // where kube-apiserver and etcd are
	e      *environment
)

var _ = BeforeSuite(func(ctx SpecContext) { e = startEnvironment(ctx) })

// What a spec told the sidecars and the API server to do ends with it.
var _ = AfterEach(func() {
	e.refuse(nil)
	e.ring.each(func(s *fakeSidecar) {
		s.answer, s.finish, s.polls, s.manifest, s.started = nil, nil, 1, finalTag, map[string]int{}
	})
})

type environment struct {
	admin  client.Client
	http   *http.Client // the admin's
	server string
	config *k8srest.Config
	ring   *fakeRing
	stop   func()

	mu      sync.Mutex
	refusal func(r *http.Request) int
}

func startEnvironment(ctx context.Context) *environment {
	ctrl.SetLogger(logr.Discard())
	env := &envtest.Environment{
		BinaryAssetsDirectory: assets,
		CRDDirectoryPaths:     []string{filepath.Join("..", "..", "config", "crd")}, ErrorIfCRDPathMissing: true,
	}
	config, err := env.Start()
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(env.Stop)
	scheme, err := Scheme()
	Expect(err).NotTo(HaveOccurred())
	e := &environment{ring: newFakeRing(GinkgoTB(), 3)}
	httpClient, err := k8srest.HTTPClientFor(config)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(httpClient.CloseIdleConnections)
	e.http, e.server = httpClient, strings.TrimSuffix(config.Host, "/")
	e.admin, err = client.New(config, client.Options{Scheme: scheme, HTTPClient: httpClient})
	Expect(err).NotTo(HaveOccurred())
	e.create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	for i, s := range e.ring.sidecars {
		p := pod(i, s.address)
		for j := range p.Spec.Containers {
			p.Spec.Containers[j].Image = "none"
		}
		status := p.Status
		e.create(ctx, p)
		p.Status = status
		Expect(e.admin.Status().Update(ctx, p)).To(Succeed())
	}
	e.config = e.serviceAccount(ctx, config)
	e.config.Wrap(func(next http.RoundTripper) http.RoundTripper { return refusing{e, next} })
	e.startController()
	DeferCleanup(func() { e.stop() })
	return e
}

func (e *environment) create(ctx context.Context, objects ...client.Object) {
	GinkgoHelper()
	for _, o := range objects {
		Expect(e.admin.Create(ctx, o)).To(Succeed(), "%T %s", o, o.GetName())
	}
}

// serviceAccount makes the account of the controller, with the role that is
// generated, in the one namespace that is watched.
func (e *environment) serviceAccount(ctx context.Context, admin *k8srest.Config) *k8srest.Config {
	text, err := os.ReadFile(filepath.Join("..", "..", "config", "rbac", "role.yaml"))
	Expect(err).NotTo(HaveOccurred())
	role := &rbacv1.ClusterRole{}
	Expect(yaml.UnmarshalStrict([]byte(strings.TrimPrefix(string(text), "---\n")), role)).To(Succeed())
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: Name}}
	e.create(ctx, role, account, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: Name}},
	})
	token := &authenticationv1.TokenRequest{}
	Expect(e.admin.SubResource("token").Create(ctx, account, token)).To(Succeed())
	config := k8srest.AnonymousClientConfig(admin)
	config.BearerToken = token.Status.Token
	return config
}

// startController starts one, and returns when it leads.
func (e *environment) startController() {
	scheme, err := Scheme()
	Expect(err).NotTo(HaveOccurred())
	yes := true
	config := ctrl.Options{
		Scheme: scheme, Cache: CacheOptions([]string{namespace}), Metrics: server.Options{BindAddress: "0"},
		LeaderElection: true, LeaderElectionID: Name, LeaderElectionNamespace: namespace, LeaderElectionReleaseOnCancel: true,
	}
	config.Controller.SkipNameValidation = &yes // the next one has the same names
	manager, err := ctrl.NewManager(e.config, config)
	Expect(err).NotTo(HaveOccurred())
	sidecars := NewSidecars(SidecarOptions{AllowCredentialsOverHTTP: true})
	ctx, cancel := context.WithCancel(context.Background()) // it outlives the spec
	const soonLost = 5 * time.Second
	Expect(SetupWithManager(ctx, manager, Options{
		Sidecars: sidecars, Patience: cluster.Patience{Submit: soonLost, Answer: soonLost, WindUp: soonLost},
	})).To(Succeed())
	ended := make(chan error, 1)
	go func() { ended <- manager.Start(ctx) }()
	e.stop = sync.OnceFunc(func() {
		cancel()
		Expect(<-ended).To(Succeed(), "the controller ended")
		sidecars.Close()
		manager.GetHTTPClient().CloseIdleConnections()
	})
	Eventually(manager.Elected()).WithTimeout(patience).Should(BeClosed(), "the controller did not start")
}

// refuse answers requests of the controller with the statuses that are not 0.
func (e *environment) refuse(refusal func(r *http.Request) int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refusal = refusal
}

// refusing stands between the controller and the API server.
type refusing struct {
	e    *environment
	next http.RoundTripper
}

// RoundTrip asks the spec first.
func (r refusing) RoundTrip(request *http.Request) (*http.Response, error) {
	r.e.mu.Lock()
	status := 0
	if r.e.refusal != nil {
		status = r.e.refusal(request)
	}
	r.e.mu.Unlock()
	if status == 0 {
		return r.next.RoundTrip(request)
	}
	reason := metav1.StatusReasonConflict
	if status != http.StatusConflict {
		reason = metav1.StatusReasonInternalError
	}
	body := `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"` + string(reason) + `","message":"refused by the test"}`
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: request,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}, nil
}

// everySecondWrite is refused so.
func everySecondWrite(status int) func(r *http.Request) int {
	n := 0
	return func(r *http.Request) int {
		if r.Method != http.MethodPatch || !strings.Contains(r.URL.Path, "/cassandra") {
			return 0
		}
		if n++; n%2 == 1 {
			return status
		}
		return 0
	}
}

func (r *fakeRing) each(do func(s *fakeSidecar)) {
	for _, s := range r.sidecars {
		s.mu.Lock()
		do(s)
		s.mu.Unlock()
	}
}

// fails ends what a node does with an error.
func fails(op *rest.Operation) {
	op.State, op.Errors = rest.StateFailed, []rest.OperationError{{Source: "host", Message: "the disk is full"}}
}

// misbehaviour is what one sidecar of three does, and what comes of it: "" for the
// work done, or the reason of a failure.
type misbehaviour struct {
	spoil  func(s *fakeSidecar)
	reason string
}

func misbehaviours() map[string]misbehaviour {
	return map[string]misbehaviour{
		"fails": {func(s *fakeSidecar) { s.finish = fails }, v1alpha1.ReasonNodeFailed},
		"vanishes": {func(s *fakeSidecar) {
			s.answer = func(w http.ResponseWriter, r *http.Request, body []byte) bool {
				return strings.HasPrefix(r.URL.Path, "/operations/") && hangingUp(w, r, body)
			}
		}, v1alpha1.ReasonNodeLost},
		"is restarted and has lost what it did": {func(s *fakeSidecar) {
			s.polls = 3
			restart := sync.OnceFunc(func() { s.restart(true) })
			s.answer = func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
				if strings.HasPrefix(r.URL.Path, "/operations/") {
					restart()
				}
				return false
			}
		}, ""},
		"is slow": {func(s *fakeSidecar) { s.polls = 4 }, ""},
		"lies about the operation": {func(s *fakeSidecar) {
			s.answer = answering(http.MethodPost, http.StatusCreated, `{"id":"another","state":"COMPLETED","type":"backup"}`)
		}, v1alpha1.ReasonSidecarRefused},
		"tells of another operation": {func(s *fakeSidecar) {
			s.answer = s.telling(func(op *rest.Operation) { op.ID, op.State = "another", rest.StateCompleted })
		}, v1alpha1.ReasonNodeLost},
		"tells of a total that shrinks": {func(s *fakeSidecar) {
			s.polls = 3
			total := int64(1 << 20)
			s.answer = s.telling(func(op *rest.Operation) {
				total /= 4
				op.Transfer = &rest.Transfer{BytesTotal: total, BytesDone: 1 << 19, FilesTotal: -1}
			})
		}, ""},
	}
}

// telling changes what a sidecar answers when it is asked for an operation.
func (s *fakeSidecar) telling(change func(op *rest.Operation)) func(w http.ResponseWriter, r *http.Request, body []byte) bool {
	return func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		if r.Method != http.MethodGet || !strings.HasPrefix(r.URL.Path, "/operations/") {
			return false
		}
		status, document := s.serve(r, body)
		if op, ok := document.(*rest.Operation); ok {
			change(op)
		}
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(document)
		return true
	}
}

func (m misbehaviour) begin() {
	s := e.ring.sidecars[1]
	s.mu.Lock()
	defer s.mu.Unlock()
	m.spoil(s)
}

// outcome checks how an object ended, and that it is not worked on any more.
func (m misbehaviour) outcome(ctx context.Context, o client.Object) {
	GinkgoHelper()
	e.eventually(ctx, o, finished)
	if m.reason == "" {
		expectTrue(o, v1alpha1.ConditionComplete)
		return
	}
	failed := meta.FindStatusCondition(statusOf(o).Conditions, v1alpha1.ConditionFailed)
	Expect(failed).NotTo(BeNil())
	Expect([]string{string(failed.Status), failed.Reason}).To(Equal([]string{string(metav1.ConditionTrue), m.reason}), describeStatus(o))
	Expect(failed.Message).To(HaveSuffix(remedies[m.reason]))
	Expect(statusOf(o).Errors).NotTo(BeEmpty())
}

func (e *environment) eventually(ctx context.Context, o client.Object, is func(s *v1alpha1.OperationStatus) bool) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		g.Expect(e.admin.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
		g.Expect(is(statusOf(o))).To(BeTrue(), "at %s", describeStatus(o))
	}).WithTimeout(patience).WithPolling(100 * time.Millisecond).Should(Succeed())
}

func finished(s *v1alpha1.OperationStatus) bool { return s.IsFinished() }

func expectTrue(o client.Object, condition string) {
	GinkgoHelper()
	Expect(meta.IsStatusConditionTrue(statusOf(o).Conditions, condition)).To(BeTrue(), "%s at %s", condition, describeStatus(o))
}
