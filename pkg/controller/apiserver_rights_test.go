package controller

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/icarus-sidecar/icarus/api/v1alpha1"
)

var _ = Describe("The controller", func() {
	It("sends nothing for what has ended when it leads anew", func(ctx SpecContext) {
		ended := newBackup("ended", e.ring)
		e.create(ctx, ended)
		e.eventually(ctx, ended, finished)
		// The pass after the last lets go of what holds no data.
		Eventually(func() []string { return held(ctx) }).WithTimeout(patience).Should(BeEmpty())
		e.stop()
		before, requests := versions(ctx), e.ring.requests()
		e.startController()
		// Something new shows that all that was there has had its turn.
		b := newBackup("afterwards", e.ring)
		e.create(ctx, b)
		e.eventually(ctx, b, func(s *v1alpha1.OperationStatus) bool { return s.StartTime != nil })
		sent := e.ring.requests() - requests
		e.eventually(ctx, b, finished)
		after := versions(ctx)
		delete(after, b.UID)
		Expect(after).To(Equal(before))
		Expect(sent).To(BeNumerically("<=", 1+3+3), "requests")
	})

	It("may do nothing else", func(ctx SpecContext) {
		may := func(namespace, group, resource, verb string) bool {
			review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
				User: "system:serviceaccount:databases:" + Name, Groups: []string{"system:serviceaccounts", "system:authenticated"},
				ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: namespace, Group: group, Resource: resource, Verb: verb},
			}}
			Expect(e.admin.Create(ctx, review)).To(Succeed())
			return review.Status.Allowed
		}
		Expect(may(namespace, "", "secrets", "get")).To(BeTrue(), "it may not read the Secrets of its namespace")
		for _, c := range [][4]string{
			{"default", "", "secrets", "get"},
			{namespace, "", "secrets", "list"},
			{namespace, "", "secrets", "watch"},
			{namespace, "", "pods", "delete"},
			{namespace, "icarus.io", "cassandrabackups", "delete"},
			{namespace, "icarus.io", "cassandrabackups", "create"},
			{"default", "icarus.io", "cassandrabackups", "list"},
		} {
			Expect(may(c[0], c[1], c[2], c[3])).To(BeFalse(), "%s %s in %s", c[3], c[2], c[0])
		}
	})
})

// objects are all that the controller works on.
func objects(ctx context.Context) []client.Object {
	GinkgoHelper()
	var backups v1alpha1.CassandraBackupList
	var restores v1alpha1.CassandraRestoreList
	Expect(e.admin.List(ctx, &backups)).To(Succeed())
	Expect(e.admin.List(ctx, &restores)).To(Succeed())
	var all []client.Object
	for i := range backups.Items {
		all = append(all, &backups.Items[i])
	}
	for i := range restores.Items {
		all = append(all, &restores.Items[i])
	}
	return all
}

// versions are those of all objects, by their UIDs.
func versions(ctx context.Context) map[types.UID]string {
	GinkgoHelper()
	all := map[types.UID]string{}
	for _, o := range objects(ctx) {
		all[o.GetUID()] = o.GetName() + " " + o.GetResourceVersion()
	}
	return all
}

// held are the names of those that have a finalizer.
func held(ctx context.Context) (names []string) {
	GinkgoHelper()
	for _, o := range objects(ctx) {
		if len(o.GetFinalizers()) > 0 {
			names = append(names, o.GetName())
		}
	}
	return names
}
