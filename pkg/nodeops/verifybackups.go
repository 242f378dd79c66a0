package nodeops

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/operation"
	"github.com/icarus-sidecar/icarus/pkg/retention"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
	"github.com/icarus-sidecar/icarus/pkg/verify"
)

// verifyBackups finds out whether the backups in a bucket can still be restored.
func verifyBackups(d *Deps) operation.Kind {
	return operation.Define(rest.TypeVerify, operation.Spec[rest.VerifyRequest]{
		Run: func(ctx context.Context, r *rest.VerifyRequest, h *operation.Handle) error {
			s := scope{store: r.Store, global: r.GlobalRequest, resolve: r.ResolveNodes, dc: r.DC}
			return d.withPlaces(ctx, s, func(b store.Bucket, places []retention.Node) error {
				return d.limited(h, r.Bandwidth, func(rate *transfer.Limiter) error {
					job := &verifying{Deps: d, r: r, h: h, bucket: b, rate: rate, holders: map[string][]retention.Node{}}
					return job.run(ctx, places)
				})
			})
		},
		Check:     func(_ context.Context, r *rest.VerifyRequest) error { return d.checkStore(r.Store) },
		Resumable: true, // to read twice does no harm
	})
}

// verifying is one verification at work.
type verifying struct {
	*Deps
	r      *rest.VerifyRequest
	h      *operation.Handle
	bucket store.Bucket
	rate   *transfer.Limiter

	result rest.VerifyResult
	cost   verify.Cost
	// holders are the nodes that have each backup.
	holders map[string][]retention.Node
	// without are the nodes that have not the backup that was asked for.
	without []string
}

func (j *verifying) run(ctx context.Context, places []retention.Node) error {
	j.result = rest.VerifyResult{Level: j.r.Level, BadObjects: []rest.BadObject{}, Damaged: []rest.DamagedBackup{}}
	err := j.verify(ctx, places)
	j.result.Cost = rest.VerifyCost{
		Requests: j.cost.Requests, BytesRead: j.cost.BytesRead, Seconds: math.Round(j.cost.Time.Seconds()*1000) / 1000,
	}
	j.h.SetResult(j.result)
	return err
}

func (j *verifying) verify(ctx context.Context, places []retention.Node) error {
	for done, place := range places {
		err := j.node(ctx, place, func(part float64) { j.h.SetProgress((float64(done) + part) / float64(len(places))) })
		switch {
		case errors.Is(err, verify.ErrNotFound):
			j.without = append(j.without, place.String())
		case err != nil:
			return fmt.Errorf("verifying the backups of %s: %w", place, err)
		}
	}
	if j.result.Backups == 0 {
		return j.nothing(places)
	}
	if j.result.Unhashed > 0 && j.r.Level == rest.VerifyDigest {
		j.h.Warn(fmt.Sprintf("%d objects have no hash in the manifests: of those only the size was verified", j.result.Unhashed))
	}
	if !j.r.GlobalRequest {
		return nil
	}
	return j.ring(ctx)
}

// nothing is an error: whoever verifies backups believes that there are some.
func (j *verifying) nothing(places []retention.Node) error {
	of := "the bucket"
	if !j.r.GlobalRequest {
		of = places[0].String()
	}
	if j.r.SnapshotTag != "" {
		return fmt.Errorf("verifying the backups of %s: %w: %s", of, verify.ErrNotFound, j.r.SnapshotTag)
	}
	return fmt.Errorf("verifying the backups of %s: %w at all", of, verify.ErrNotFound)
}

func (j *verifying) options(report func(part float64)) verify.Options {
	return verify.Options{
		Level: verify.Level(j.r.Level), Tag: j.r.SnapshotTag, Parallel: j.r.ConcurrentConnections, Limits: j.limits(j.rate), Clock: j.Clock,
		Report: func(c transfer.Counts) {
			if c.BytesTotal > 0 {
				report(float64(c.BytesDone) / float64(c.BytesTotal))
			}
		},
	}
}

// node verifies the backups of one.
func (j *verifying) node(ctx context.Context, place retention.Node, report func(part float64)) error {
	found, err := verify.Node(ctx, place.Bucket(j.bucket), j.options(report))
	j.cost = j.cost.Plus(found.Cost)
	if err != nil {
		return err
	}
	report(1)
	j.result.Backups += len(found.Tags)
	j.result.Files += found.Objects.Files
	j.result.Size += found.Objects.Bytes
	j.result.Unhashed += found.Unhashed
	for _, tag := range found.Tags {
		j.holders[tag] = append(j.holders[tag], place)
	}
	for _, damage := range found.Damaged {
		if len(j.result.Damaged) < rest.MaxBadObjects {
			j.result.Damaged = append(j.result.Damaged, rest.DamagedBackup{Node: place.String(), Name: damage.Tag, Bad: damage.Bad})
		}
	}
	j.bad(place.String(), found.Bad)
	if len(found.Bad) > 0 {
		j.h.Fail(place.HostID, fmt.Sprintf("%s: %d objects are bad, and %d of %d backups damaged: %s",
			place, len(found.Bad), len(found.Damaged), len(found.Tags), tell(found.Bad)))
	}
	return nil
}

func (j *verifying) bad(node string, objects []verify.Bad) {
	j.result.Bad += len(objects)
	for _, bad := range objects[:min(len(objects), rest.MaxBadObjects-len(j.result.BadObjects))] {
		j.result.BadObjects = append(j.result.BadObjects, rest.BadObject{
			Node: node, ObjectKey: bad.Key, Problem: string(bad.Problem), Expected: bad.Expected, Found: bad.Found, Backups: len(bad.Backups),
		})
	}
}

// few is as many as a person reads in an error; the result has all.
const few = 5

// tell names the first of the bad objects.
func tell(objects []verify.Bad) string {
	texts := make([]string, 0, few+1)
	for _, bad := range objects[:min(len(objects), few)] {
		texts = append(texts, fmt.Sprintf("%s (%s: %s expected, %s found)", bad.Key, bad.Problem, bad.Expected, bad.Found))
	}
	if more := len(objects) - few; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, "; ")
}

// ring looks for nodes that have their part of a backup no more. A removal of a
// single node's backups leaves such gaps, too, so that they are an error only for
// one that was asked for by name.
func (j *verifying) ring(ctx context.Context) error {
	gaps, bad, cost, err := verify.Ring(ctx, j.bucket, j.holders, verify.Options{Parallel: j.r.ConcurrentConnections, Clock: j.Clock})
	j.cost = j.cost.Plus(cost)
	if err != nil {
		return err
	}
	j.bad("", bad)
	if len(bad) > 0 {
		j.h.Fail("", fmt.Sprintf("%d topologies cannot be read: %s", len(bad), tell(bad)))
	}
	if len(gaps) == 0 {
		if len(j.without) > 0 {
			j.h.Warn(fmt.Sprintf("%d nodes have no backup %s: %s", len(j.without), j.r.SnapshotTag, firstOf(j.without)))
		}
		return nil
	}
	texts := make([]string, 0, len(gaps))
	for _, gap := range gaps {
		texts = append(texts, gap.Tag+" of "+gap.Node.String())
	}
	text := fmt.Sprintf("%d backups are not there that a topology tells of, so that their ring cannot be restored whole: %s", len(gaps), firstOf(texts))
	if j.r.SnapshotTag == "" {
		j.h.Warn(text)
		return nil
	}
	j.h.Fail("", text)
	return nil
}

func firstOf(texts []string) string {
	if len(texts) > few {
		return strings.Join(texts[:few], ", ") + " and others"
	}
	return strings.Join(texts, ", ")
}
