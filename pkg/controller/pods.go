package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/icarus-sidecar/icarus/api/v1alpha1"
)

// listPods finds the pods of the cluster.
func (r *reconciler) listPods(ctx context.Context, s *scope) (ctrl.Result, error) {
	selector, err := selectorOf(s.job.settings().cluster)
	if err != nil {
		return s.fail(v1alpha1.ReasonInvalidSpec, "%v", err)
	}
	var pods corev1.PodList
	err = r.client.List(ctx, &pods, client.InNamespace(s.job.object().GetNamespace()),
		client.MatchingLabelsSelector{Selector: selector}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("listing the pods of the cluster: %w", err)
	}
	s.pods = slices.DeleteFunc(slices.Clone(pods.Items), func(p corev1.Pod) bool {
		return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	})
	slices.SortFunc(s.pods, func(a, b corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	if len(s.pods) == 0 && !s.started() {
		return s.wait(later, v1alpha1.ReasonPodsNotFound,
			"no pod of namespace %s has the labels %s; correct them in another object, or start the cluster", s.job.object().GetNamespace(), selector)
	}
	return ctrl.Result{}, nil
}

// selectorOf refuses the selector that would choose every pod.
func selectorOf(c v1alpha1.ClusterReference) (labels.Selector, error) {
	selector, err := metav1.LabelSelectorAsSelector(&c.PodSelector)
	switch {
	case err != nil:
		return nil, fmt.Errorf("cluster.podSelector: %w", err)
	case selector.Empty():
		return nil, errors.New("cluster.podSelector chooses every pod of the namespace")
	}
	return selector, nil
}

// unready tells why a pod cannot take part now, or "".
func unready(p *corev1.Pod) string {
	switch {
	case p.DeletionTimestamp != nil:
		return "is being deleted"
	case p.Status.PodIP == "":
		return "has no address yet"
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return ""
		}
	}
	return "is not ready"
}

// portOf finds where the sidecar of a pod listens; 0 where no container has a
// port of that name.
func portOf(p *corev1.Pod, c v1alpha1.ClusterReference) int32 {
	switch {
	case c.Port == nil:
		return v1alpha1.DefaultPort
	case c.Port.Type == intstr.Int:
		return c.Port.IntVal
	}
	// A sidecar may be an init container that stays.
	for _, containers := range [][]corev1.Container{p.Spec.Containers, p.Spec.InitContainers} {
		for _, container := range containers {
			for _, port := range container.Ports {
				if port.Name == c.Port.StrVal {
					return port.ContainerPort
				}
			}
		}
	}
	return 0
}

// plain is an address in the one form that compares.
func plain(address string) string {
	if a, err := netip.ParseAddr(address); err == nil {
		return a.Unmap().WithZone("").String()
	}
	return address
}
