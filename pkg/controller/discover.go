package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/api/v1alpha1"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
)

// missingGrace is how long a member of the ring may have no pod before that
// decides: a pod that is replaced has none for a moment.
const missingGrace = time.Minute

// leftOut ends the warning by which a backup without some nodes is known.
const leftOut = ": they are not backed up, and no restore of all nodes is possible"

// discover finds the nodes that take part, and checks that the sidecar of each
// answers and that they agree about the schema.
func (r *reconciler) discover(ctx context.Context, s *scope) (ctrl.Result, error) {
	for i := range s.pods {
		if unready(&s.pods[i]) == "" && portOf(&s.pods[i], s.job.settings().cluster) == 0 {
			return s.wait(later, v1alpha1.ReasonPortNotFound, "no container of pod %s has a port named %q; name one that it has, or give the number",
				s.pods[i].Name, s.job.settings().cluster.Port.StrVal)
		}
	}
	topology, trouble := r.ring(ctx, s)
	if ctx.Err() != nil {
		return ctrl.Result{}, ctx.Err()
	}
	if trouble != nil {
		return s.wait(later, trouble.reason, "%s", trouble.message)
	}
	nodes, unknown := members(topology, s.job.settings().cluster.Datacenters)
	switch {
	case len(unknown) > 0:
		return s.fail(v1alpha1.ReasonDatacenterNotFound, "cluster %s has no datacenter %s; its nodes are in %s",
			topology.ClusterName, strings.Join(unknown, ", "), strings.Join(datacentersOf(topology), ", "))
	case len(nodes) > v1alpha1.MaxNodes:
		return s.fail(v1alpha1.ReasonTooManyNodes, "the cluster has %d nodes, and one object is about at most %d", len(nodes), v1alpha1.MaxNodes)
	}
	if twice := doubled(nodes); twice != "" {
		return s.wait(later, v1alpha1.ReasonRingInconsistent, "%s; wait until the ring is settled, or remove the node that is gone", twice)
	}
	if result, err := r.match(s, nodes, topology); err != nil || !result.IsZero() || s.ended() {
		return result, err
	}
	s.clusterName, s.schema = topology.ClusterName, topology.SchemaVersion
	return r.agree(ctx, s)
}

func datacentersOf(t *rest.Topology) []string {
	names := make([]string, 0, len(t.Topology))
	for _, n := range t.Topology {
		names = append(names, n.DC)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// match finds the pod of each member, and the member of each pod.
func (r *reconciler) match(s *scope, members []cluster.Node, topology *rest.Topology) (ctrl.Result, error) {
	pods, twice := podsByAddress(s.pods)
	if twice != "" {
		return s.wait(later, v1alpha1.ReasonRingInconsistent, "%s, and so one host id; each pod needs a node of its own", twice)
	}
	in := make(map[string]bool, len(topology.Topology))
	for _, n := range topology.Topology {
		in[plain(n.IPAddress)] = true
	}
	var missing []string
	taking := map[string]bool{}
	for _, m := range members {
		p, ok := pods[m.Address]
		if !ok {
			missing = append(missing, fmt.Sprintf("%s (host id %s)", m.Address, m.HostID))
			continue
		}
		taking[p.Name] = true
		s.nodes = append(s.nodes, node{Node: m, pod: p.Name, port: portOf(p, s.job.settings().cluster)})
	}
	// A pod that the ring does not know may be the one of a missing member.
	var notReady, strangers []string
	for i := range s.pods {
		p := &s.pods[i]
		address := plain(p.Status.PodIP)
		switch why := unready(p); {
		case why != "" && (taking[p.Name] || !in[address]):
			notReady = append(notReady, fmt.Sprintf("pod %s %s", p.Name, why))
		case why == "" && !in[address]:
			strangers = append(strangers, p.Name)
		}
	}
	switch {
	case len(notReady) > 0:
		return s.wait(later, v1alpha1.ReasonPodsNotReady, "%s; all are waited for", listed(notReady))
	case len(strangers) > 0:
		return s.wait(later, v1alpha1.ReasonRingInconsistent,
			"the ring does not know the pods %s: they join still, or are of another cluster that cluster.podSelector must not choose", listed(strangers))
	case len(missing) > 0:
		return r.missing(s, missing)
	}
	s.mind.missing = time.Time{}
	return ctrl.Result{}, nil
}

// missing decides about members of the ring that have no pod.
func (r *reconciler) missing(s *scope, missing []string) (ctrl.Result, error) {
	if s.mind.missing.IsZero() {
		s.mind.missing = s.now
	}
	waited := s.now.Sub(s.mind.missing)
	text := "no pod that cluster.podSelector chooses has the nodes " + listed(missing)
	switch {
	case waited < missingGrace:
		return s.wait(later, v1alpha1.ReasonNodesMissing, "%s; that is waited for until %s", text, s.mind.missing.Add(missingGrace).UTC().Format(time.TimeOnly))
	case !s.job.settings().allowMissing:
		return s.fail(v1alpha1.ReasonNodesMissing, "%s; without them it would not be whole", text)
	case len(s.nodes) == 0:
		return s.fail(v1alpha1.ReasonNodesMissing, "%s, and there are no others", text)
	}
	s.leftOut = text + leftOut
	return ctrl.Result{}, nil
}

// agree asks every sidecar for the version of the schema, which shows too that
// each of them answers.
func (r *reconciler) agree(ctx context.Context, s *scope) (ctrl.Result, error) {
	versions, troubles := make([]string, len(s.nodes)), make([]*obstacle, len(s.nodes))
	var group errgroup.Group
	group.SetLimit(r.calls)
	for i := range s.nodes {
		group.Go(func() error {
			var err error
			if versions[i], err = r.schemaOf(ctx, &s.nodes[i]); err != nil {
				troubles[i] = troubleWith(s.nodes[i].pod, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil || ctx.Err() != nil {
		return ctrl.Result{}, ctx.Err()
	}
	for i, n := range s.nodes {
		switch {
		case troubles[i] != nil:
			return s.wait(later, troubles[i].reason, "%s", troubles[i].message)
		case !strings.EqualFold(versions[i], s.schema):
			return s.wait(later, v1alpha1.ReasonRingInconsistent,
				"the node of pod %s has schema version %.40s, and others %s: wait until they agree, or see nodetool describecluster", n.pod, versions[i], s.schema)
		}
	}
	return ctrl.Result{}, nil
}

func (r *reconciler) schemaOf(ctx context.Context, n *node) (string, error) {
	sidecar, err := r.sidecars.at(n.Address, n.port)
	if err != nil {
		return "", err
	}
	version, err := sidecar.SchemaVersion(ctx)
	switch {
	case err != nil:
		return "", err
	case version.SchemaVersion == "":
		return "", fmt.Errorf("%w: it has no schema version", errAnswer)
	}
	return version.SchemaVersion, nil
}

// listed is a list that a person reads.
func listed(names []string) string {
	const most = 10
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
