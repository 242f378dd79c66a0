package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/api/v1alpha1"
	"github.com/icarus-sidecar/icarus/pkg/client"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
)

// askedForRing is how many sidecars are asked in turn; the ring that one sees is
// what the others see.
const askedForRing = 3

// ring asks a sidecar for the ring as its node sees it. The obstacle is the
// trouble with the last that was asked.
func (r *reconciler) ring(ctx context.Context, s *scope) (*rest.Topology, *obstacle) {
	trouble := &obstacle{v1alpha1.ReasonPodsNotReady, errNoPod.Error()}
	for _, n := range s.askable(askedForRing) {
		if ctx.Err() != nil {
			break
		}
		topology, err := r.topology(ctx, n)
		if err == nil {
			return topology, nil
		}
		trouble = troubleWith(n.pod, err)
	}
	return nil, trouble
}

// errNoPod is for a cluster of which no sidecar can be asked.
var errNoPod = errors.New("no pod of the cluster is ready; see kubectl describe pod")

// askable are the sidecars of the first ready pods.
func (s *scope) askable(most int) []node {
	var nodes []node
	for i := range s.pods {
		p := &s.pods[i]
		port := portOf(p, s.job.settings().cluster)
		if unready(p) == "" && port != 0 && len(nodes) < most {
			nodes = append(nodes, node{Node: cluster.Node{Address: p.Status.PodIP}, pod: p.Name, port: port})
		}
	}
	return nodes
}

func (r *reconciler) topology(ctx context.Context, n node) (*rest.Topology, error) {
	sidecar, err := r.sidecars.at(n.Address, n.port)
	if err != nil {
		return nil, err
	}
	topology, err := sidecar.Topology(ctx)
	if err != nil {
		return nil, err
	}
	return topology, checkTopology(topology)
}

// errAnswer is for an answer that makes no sense.
var errAnswer = errors.New("the answer makes no sense")

// checkTopology refuses what cannot be a ring: it decides where data goes.
func checkTopology(t *rest.Topology) error {
	if t.ClusterName == "" || len(t.ClusterName) > maxCluster || t.SchemaVersion == "" || len(t.SchemaVersion) > maxID || len(t.Topology) == 0 {
		return fmt.Errorf("%w: it has no cluster name, no schema version or no node", errAnswer)
	}
	for _, n := range t.Topology {
		switch {
		case n.NodeID == "" || len(n.NodeID) > maxID, n.IPAddress == "" || len(n.IPAddress) > maxName:
			return fmt.Errorf("%w: a node of the ring has no host id or no address", errAnswer)
		case n.DC == "" || len(n.DC) > maxShortName, len(n.Rack) > maxShortName:
			return fmt.Errorf("%w: node %s of the ring has no datacenter, or names that are too long", errAnswer, n.NodeID)
		}
	}
	return nil
}

// troubleWith sorts the errors of asking one sidecar.
func troubleWith(pod string, err error) *obstacle {
	var told *rest.Error
	switch {
	case errors.Is(err, client.ErrDenied):
		return &obstacle{v1alpha1.ReasonSidecarUnauthorized, fmt.Sprintf(
			"the sidecar of pod %s does not accept the controller: %v; give the controller the token or certificate that it wants", pod, err)}
	case errors.Is(err, client.ErrNotFound), errors.Is(err, client.ErrInvalid), errors.Is(err, errAnswer), !errors.As(err, &told) && !errors.Is(err, client.ErrUnreachable):
		return &obstacle{v1alpha1.ReasonSidecarAnswerInvalid, fmt.Sprintf(
			"what listens in pod %s does not answer as a sidecar does: %v; look at cluster.port", pod, err)}
	case told != nil:
		return &obstacle{v1alpha1.ReasonSidecarUnreachable, fmt.Sprintf("the sidecar of pod %s cannot answer now: %v; look at its log, and at Cassandra", pod, err)}
	default:
		return &obstacle{v1alpha1.ReasonSidecarUnreachable, fmt.Sprintf("the sidecar of pod %s gives no answer: %v; look whether it runs, and at cluster.port and network policies", pod, err)}
	}
}

// members are the nodes of the ring in the datacenters that are meant.
func members(t *rest.Topology, datacenters []string) (nodes []cluster.Node, unknown []string) {
	found := map[string]bool{}
	for _, n := range t.Topology {
		found[n.DC] = true
		if len(datacenters) > 0 && !slices.Contains(datacenters, n.DC) {
			continue
		}
		nodes = append(nodes, cluster.Node{
			HostID: strings.ToLower(n.NodeID), Hostname: n.Hostname, Address: plain(n.IPAddress), Datacenter: n.DC, Rack: n.Rack,
		})
	}
	for _, dc := range datacenters {
		if !found[dc] {
			unknown = append(unknown, dc)
		}
	}
	return nodes, unknown
}

// doubled finds a host id or an address that two members have.
func doubled(nodes []cluster.Node) string {
	hosts, addresses := map[string]string{}, map[string]string{}
	for _, n := range nodes {
		if other, twice := hosts[n.HostID]; twice {
			return fmt.Sprintf("%s and %s have the same host id %s", other, n.Address, n.HostID)
		}
		if other, twice := addresses[n.Address]; twice {
			return fmt.Sprintf("nodes %s and %s have the same address %s", other, n.HostID, n.Address)
		}
		hosts[n.HostID], addresses[n.Address] = n.Address, n.HostID
	}
	return ""
}

// podsByAddress finds the pods; two pods at one address are told.
func podsByAddress(pods []corev1.Pod) (by map[string]*corev1.Pod, twice string) {
	by = make(map[string]*corev1.Pod, len(pods))
	for i := range pods {
		p := &pods[i]
		if p.Status.PodIP == "" {
			continue
		}
		ip := plain(p.Status.PodIP)
		if other, taken := by[ip]; taken {
			// A pod that is going away may share its address with the next one.
			if p.DeletionTimestamp != nil {
				continue
			}
			if other.DeletionTimestamp == nil {
				twice = fmt.Sprintf("pods %s and %s have the same address %s", other.Name, p.Name, ip)
			}
		}
		by[ip] = p
	}
	return by, twice
}
