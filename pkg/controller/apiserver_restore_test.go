package controller

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/icarus-sidecar/icarus/api/v1alpha1"
)

var _ = Describe("CassandraRestore", func() {
	It("of a backup waits for it, and is carried out", func(ctx SpecContext) {
		b, r := newBackup("nightly", e.ring), newRestore("back", e.ring)
		r.Spec = v1alpha1.CassandraRestoreSpec{BackupRef: &v1alpha1.BackupReference{Name: "nightly"}}
		e.create(ctx, b, r)
		e.eventually(ctx, b, finished)
		expectTrue(b, v1alpha1.ConditionComplete)
		e.ring.each(func(s *fakeSidecar) { s.manifest = b.Status.SnapshotTag })
		e.eventually(ctx, r, finished)
		expectTrue(r, v1alpha1.ConditionComplete)
		Expect([]string{r.Status.SnapshotTag, r.Status.NodeSummary}).To(Equal([]string{b.Status.SnapshotTag, "3/3"}), describeStatus(r))
		// The pass after the last lets go of what holds no data.
		Eventually(func() ([]string, error) {
			err := errors.Join(e.admin.Get(ctx, client.ObjectKeyFromObject(b), b), e.admin.Get(ctx, client.ObjectKeyFromObject(r), r))
			return append(slices.Clip(b.Finalizers), r.Finalizers...), err
		}).WithTimeout(patience).Should(BeEmpty())
		Eventually(func() ([]string, error) {
			var events eventsv1.EventList
			err := e.admin.List(ctx, &events, client.InNamespace(namespace))
			var reasons []string
			for _, event := range events.Items {
				if event.Regarding.Kind == "CassandraRestore" && event.Regarding.Name == r.Name {
					reasons = append(reasons, event.Reason)
				}
			}
			return reasons, err
		}).WithTimeout(patience).Should(ContainElements("Initializing", "Downloading", "Truncating", "Importing", "Cleaning", "Completed"))
	})

	for name, m := range misbehaviours() {
		It("whose sidecar "+name, func(ctx SpecContext) {
			m.begin()
			r := newRestore("sidecar-"+strings.ReplaceAll(name, " ", "-"), e.ring)
			e.create(ctx, r)
			m.outcome(ctx, r)
			if m.reason != "" {
				e.ring.each(func(s *fakeSidecar) { Expect(s.started["TRUNCATE"]).To(BeZero(), s.address) })
			}
		})
	}

	for name, status := range map[string]int{"conflicts": http.StatusConflict, "errors": http.StatusInternalServerError} {
		It("is carried out among "+name+" of the API server, and nothing begins twice", func(ctx SpecContext) {
			e.refuse(everySecondWrite(status))
			r := newRestore("among-"+name, e.ring)
			e.create(ctx, r)
			e.eventually(ctx, r, finished)
			expectTrue(r, v1alpha1.ConditionComplete)
			truncations := 0
			e.ring.each(func(s *fakeSidecar) {
				for _, phase := range restoreEvery {
					Expect(s.started[phase]).To(Equal(1), "%s %s", s.address, phase)
				}
				truncations += s.started["TRUNCATE"]
			})
			Expect(truncations).To(Equal(1))
		})
	}

	It("with two sources is refused", func(ctx SpecContext) {
		r := newRestore("both", e.ring)
		r.Spec.BackupRef = &v1alpha1.BackupReference{Name: "nightly"}
		Expect(apierrors.IsInvalid(e.admin.Create(ctx, r))).To(BeTrue())
	})
})
