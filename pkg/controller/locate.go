package controller

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/api/v1alpha1"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
)

// follow finds the nodes of an operation that has begun where they were, and
// asks the ring where a pod was replaced.
func (r *reconciler) follow(ctx context.Context, s *scope) (ctrl.Result, error) {
	by := make(map[string]*corev1.Pod, len(s.pods))
	for i := range s.pods {
		by[s.pods[i].Name] = &s.pods[i]
	}
	moved := false
	for _, n := range s.job.status().Nodes {
		at := node{Node: cluster.Node{HostID: n.HostID, Address: n.Address, Datacenter: n.Datacenter, Rack: n.Rack}, pod: n.Pod}
		p, ok := by[n.Pod]
		switch {
		case n.Pod == "" || !ok:
			at.absent = "the node has no pod now"
		case plain(p.Status.PodIP) != n.Address:
			at.absent = fmt.Sprintf("pod %s was replaced, and the ring does not tell yet where the node is", n.Pod)
		default:
			at.reach(p, s.job.settings().cluster)
		}
		moved = moved || at.absent != ""
		s.nodes = append(s.nodes, at)
	}
	if moved {
		return ctrl.Result{}, r.locate(ctx, s)
	}
	return ctrl.Result{}, nil
}

// reach finds where the sidecar of the node's pod listens.
func (n *node) reach(p *corev1.Pod, c v1alpha1.ClusterReference) {
	n.absent = ""
	if n.port = portOf(p, c); n.port == 0 {
		n.absent = fmt.Sprintf("pod %s has no port of that name any more", p.Name)
	}
}

// locate asks the ring where the nodes are: once in a pass, before anything is
// sent. Without an answer the nodes that moved stay absent, and nothing is sent.
func (r *reconciler) locate(ctx context.Context, s *scope) error {
	if s.located {
		return nil
	}
	s.located = true
	topology, trouble := r.ring(ctx, s)
	if err := ctx.Err(); err != nil {
		return err
	}
	if trouble != nil {
		s.waiting = trouble
		return nil
	}
	all, _ := members(topology, nil)
	if twice := doubled(all); twice != "" {
		s.waiting = &obstacle{v1alpha1.ReasonRingInconsistent, twice + "; wait until the ring is settled"}
		return nil
	}
	s.place(topology)
	return nil
}

// place puts the nodes where the ring says that they are, if there is a pod.
func (s *scope) place(topology *rest.Topology) {
	chosen, _ := members(topology, s.job.settings().cluster.Datacenters)
	at := make(map[string]cluster.Node, len(chosen))
	for _, n := range chosen {
		at[n.HostID] = n
	}
	pods, _ := podsByAddress(s.pods)
	taken := map[string]bool{}
	for i := range s.nodes {
		n := &s.nodes[i]
		now, ok := at[n.HostID]
		p := pods[now.Address]
		switch {
		case !ok:
			n.pod, n.absent = "", "the ring does not know the node any more"
		case p == nil:
			n.pod, n.absent = "", fmt.Sprintf("no pod has the address %s that the ring knows of the node", now.Address)
		default:
			n.Address, n.pod = now.Address, p.Name
			n.reach(p, s.job.settings().cluster)
		}
		taken[n.Address] = taken[n.Address] || n.absent == ""
		delete(at, n.HostID)
	}
	for i := range s.nodes { // an address that another has by now is nobody's address
		if n := &s.nodes[i]; n.absent != "" && taken[n.Address] {
			n.Address = n.HostID
		}
	}
	s.newcomers(at)
}

// newcomers are members that joined since work began. They would lack what is
// restored, and a backup would lack them; once tables are truncated it is better
// to go on.
func (s *scope) newcomers(at map[string]cluster.Node) {
	step := step(s.job.status())
	before := []string{cluster.PhaseUpload, string(rest.PhaseInit), string(rest.PhaseDownload)}
	if s.job.settings().allowMissing || !slices.Contains(before, step) {
		return
	}
	for _, n := range at {
		s.joined = append(s.joined, n)
	}
	slices.SortFunc(s.joined, func(a, b cluster.Node) int { return cmp.Compare(a.HostID, b.HostID) })
}
