package nodeops

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/client"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
	"github.com/icarus-sidecar/icarus/pkg/operation"
	"github.com/icarus-sidecar/icarus/pkg/store"
)

// Peers finds the sidecars of the ring at the addresses of their nodes, all by one
// scheme, http or https, and at one port.
func Peers(scheme, port string, options ...client.Option) func(n cluster.Node) (cluster.Peer, error) {
	var mu sync.Mutex
	known := map[string]*client.Client{} // with their idle connections
	return func(n cluster.Node) (cluster.Peer, error) {
		mu.Lock()
		defer mu.Unlock()
		if c, ok := known[n.Address]; ok {
			return c, nil
		}
		c, err := client.New(scheme+"://"+net.JoinHostPort(n.Address, port), options...)
		if err != nil {
			return nil, err
		}
		known[n.Address] = c
		return c, nil
	}
}

// coordination is what a coordinator remembers: the ring as it was when the
// operation began, and what was decided since.
type coordination struct {
	Nodes []cluster.Node `json:"nodes"`
	Facts cluster.Facts  `json:"facts"`
	// Cluster is the name that stands in locations.
	Cluster string `json:"cluster"`
}

// begin recalls the ring of an earlier life, or finds out what it is. It is
// kept once it is known to be up and ready says that nothing else is in the
// way: until then nothing was asked of any node.
func (d *Deps) begin(ctx context.Context, datacenters string, h *operation.Handle, ready func() error) (c coordination, resumed bool, err error) {
	if resumed, err = h.Kept(&c); resumed || err != nil {
		return c, resumed, err
	}
	members, err := d.ringFor(ctx, rest.SplitDatacenters(datacenters), h)
	if err != nil {
		return c, false, err
	}
	if err := ready(); err != nil {
		return c, false, err
	}
	ring, err := topology(ctx, d.Node, members, d.Clock.Now())
	if err != nil {
		return c, false, err
	}
	c.Nodes, c.Cluster = clusterNodes(ring), ring.ClusterName
	return c, false, h.Keep(c)
}

// ring tells each node where its part of the bucket is.
func (c coordination) ring(location store.Location) cluster.Ring {
	return cluster.Ring{Nodes: c.Nodes, Locate: func(n cluster.Node) (string, error) {
		return location.WithNode(c.Cluster, n.Datacenter, n.HostID).String(), nil
	}}
}

// coordinate carries a plan out and tells the operation how it went.
func (d *Deps) coordinate(ctx context.Context, plan cluster.Plan, c coordination, resumed bool, h *operation.Handle) error {
	plan.Patience = d.Patience
	decision, err := cluster.Run(ctx, plan, cluster.Board{Facts: c.Facts, Resumed: resumed}, cluster.Driver{
		Peers: d.Peer,
		Keep: func(f cluster.Facts) error {
			c.Facts = f
			return h.Keep(c)
		},
		Report: reportRing(h),
		// A sidecar that stops goes on at its next start; the nodes need not wait for it.
		Leave: func(cause error) bool { return errors.Is(cause, operation.ErrClosed) },
		Clock: d.Clock,
	})
	if err != nil {
		return err
	}
	switch decision.Verdict {
	case cluster.Succeeded:
		return nil
	case cluster.Cancelled:
		for _, e := range decision.Errors {
			h.Warn(strings.TrimPrefix(e.Source+": "+e.Message, ": "))
		}
		// An earlier life may have been the one that was told to stop.
		return cmp.Or(context.Cause(ctx), errStopped)
	default:
		for _, e := range decision.Errors {
			h.Fail(e.Source, e.Message)
		}
		if len(decision.Errors) == 0 {
			return fmt.Errorf("the operation ended as %s without a reason", decision.Verdict)
		}
		return nil
	}
}

// errStopped is for an operation that was being wound up, as a cancelled one is,
// when the sidecar went away, and that is over now.
var errStopped = errors.New("the operation was stopped before it was complete")

// reportRing passes on how the ring is doing.
func reportRing(h *operation.Handle) func(r cluster.Report) {
	phase, warned := "", 0
	return func(r cluster.Report) {
		if r.Phase != phase {
			phase = r.Phase
			h.SetPhase(phase)
		}
		for ; warned < len(r.Warnings); warned++ {
			h.Warn(r.Warnings[warned])
		}
		h.SetNodes(r.Nodes)
		h.SetProgress(r.Progress)
	}
}

// parentID is the id of an operation, from which those of its children come.
func parentID(h *operation.Handle) (uuid.UUID, error) {
	id, err := uuid.Parse(h.ID())
	if err != nil {
		return uuid.Nil, fmt.Errorf("reading the operation's id: %w", err)
	}
	return id, nil
}

// backupRing backs up every node under one tag.
func (d *Deps) backupRing(ctx context.Context, r *rest.BackupRequest, h *operation.Handle) error {
	location, err := store.ParseLocation(r.StorageLocation)
	if err != nil {
		return err
	}
	c, resumed, err := d.begin(ctx, r.DC, h, func() error { return d.readyForBackup(ctx, r, location) })
	if err != nil {
		return err
	}
	if err := d.completeTag(ctx, r, h, func(*rest.BackupRequest) {}); err != nil {
		return err
	}
	id, err := parentID(h)
	if err != nil {
		return err
	}
	child := *r
	child.SkipBucketVerification, child.CreateMissingBucket = true, false // done above, once for all
	plan, err := cluster.BackupPlan(id, &child, c.ring(location))
	if err != nil {
		return err
	}
	return d.coordinate(ctx, plan, c, resumed, h)
}

// readyForBackup checks, before any node is asked for anything, what would
// fail on all of them.
func (d *Deps) readyForBackup(ctx context.Context, r *rest.BackupRequest, location store.Location) error {
	if err := d.requireAgreement(ctx); err != nil {
		return err
	}
	if err := d.requireEntities(ctx, r.Entities); err != nil {
		return err
	}
	return d.withBucket(ctx, r.Store, location, r.CreateMissingBucket, func(store.Bucket) error { return nil })
}

// restoreRing restores every node.
func (d *Deps) restoreRing(ctx context.Context, r *rest.RestoreRequest, h *operation.Handle) error {
	location, err := store.ParseLocation(r.StorageLocation)
	if err != nil {
		return err
	}
	c, resumed, err := d.begin(ctx, r.DC, h, func() error { return d.readyForRestore(ctx, r, location) })
	if err != nil {
		return err
	}
	id, err := parentID(h)
	if err != nil {
		return err
	}
	child := *r
	child.SkipBucketVerification = true // done above, once for all
	plan, err := cluster.RestorePlan(id, &child, c.ring(location))
	if err != nil {
		return err
	}
	return d.coordinate(ctx, plan, c, resumed, h)
}

func (d *Deps) readyForRestore(ctx context.Context, r *rest.RestoreRequest, location store.Location) error {
	if err := d.allow(ctx, "import.sourceDir", string(r.Import.SourceDir)); err != nil {
		return err
	}
	if err := d.Node.CheckHealth(ctx); err != nil {
		return err
	}
	return d.withBucket(ctx, r.Store, location, false, func(store.Bucket) error { return nil })
}
