package controller

import (
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/icarus-sidecar/icarus/api/v1alpha1"
)

var _ = Describe("CassandraBackup", func() {
	for name, m := range misbehaviours() {
		It("whose sidecar "+name, func(ctx SpecContext) {
			m.begin()
			b := newBackup("sidecar-"+strings.ReplaceAll(name, " ", "-"), e.ring)
			e.create(ctx, b)
			m.outcome(ctx, b)
		})
	}

	for name, status := range map[string]int{"conflicts": http.StatusConflict, "errors": http.StatusInternalServerError} {
		It("is carried out among "+name+" of the API server, and nothing begins twice", func(ctx SpecContext) {
			e.refuse(everySecondWrite(status))
			b := newBackup("among-"+name, e.ring)
			e.create(ctx, b)
			e.eventually(ctx, b, finished)
			expectTrue(b, v1alpha1.ConditionComplete)
			e.ring.each(func(s *fakeSidecar) { Expect(s.started["backup"]).To(Equal(1), s.address) })
		})
	}

	It("is cancelled and let go when it is deleted", func(ctx SpecContext) {
		e.ring.slow(1 << 20)
		b := newBackup("unwanted", e.ring)
		e.create(ctx, b)
		e.eventually(ctx, b, func(s *v1alpha1.OperationStatus) bool {
			return len(s.Nodes) == 3 && s.Nodes[2].Submission == v1alpha1.SubmissionAccepted
		})
		Expect(e.admin.Delete(ctx, b)).To(Succeed())
		Eventually(func() bool {
			return apierrors.IsNotFound(e.admin.Get(ctx, client.ObjectKeyFromObject(b), b))
		}).WithTimeout(patience).Should(BeTrue())
	})

	It("waits for its Secret", func(ctx SpecContext) {
		b := newBackup("guarded", e.ring)
		b.Spec.CredentialsSecretRef = &v1alpha1.SecretReference{Name: "keys"}
		e.create(ctx, b)
		e.eventually(ctx, b, func(s *v1alpha1.OperationStatus) bool {
			c := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionPeersDiscovered)
			return c != nil && c.Reason == v1alpha1.ReasonSecretNotFound
		})
		e.create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "keys"},
			StringData: map[string]string{keyAccessKeyID: "AKIA", keySecretAccessKey: "hush"},
		})
		e.eventually(ctx, b, finished)
		expectTrue(b, v1alpha1.ConditionComplete)
	})

	It("without a selection of pods is refused", func(ctx SpecContext) {
		b := newBackup("everything", e.ring)
		b.Spec.Cluster.PodSelector = metav1.LabelSelector{}
		Expect(apierrors.IsInvalid(e.admin.Create(ctx, b))).To(BeTrue())
	})
})
