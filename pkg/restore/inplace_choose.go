package restore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/manifest"
	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/transfer"
)

// choose finds the backup that the request means, and whose it is in the bucket.
// Where a run before has begun to replace data, its backup is the one.
func (j *inPlace) choose(ctx context.Context) (*manifest.Manifest, error) {
	var err error
	if j.begun, err = j.findRecord(); err != nil {
		return nil, err
	}
	switch {
	case j.begun != nil:
		m, err := j.manifestOf(ctx, j.begun.NodeID, j.begun.SnapshotTag)
		if errors.Is(err, ErrNoBackup) { // here it is no reason to go on without
			return nil, fmt.Errorf("%w, and its backup %s is gone from %s", ErrUnfinished, j.begun.SnapshotTag, j.Location)
		}
		return m, err
	case j.ResolveHost:
		return j.resolve(ctx)
	}
	tags, err := j.at(j.Location.NodeID).candidates(ctx)
	if err != nil {
		return nil, err
	}
	return j.manifestOf(ctx, j.Location.NodeID, tags[0])
}

// at is what the phases of other restores need to find backups of a node.
func (j *inPlace) at(nodeID string) *job {
	l := j.Location.WithNode(j.Location.Cluster, j.Location.Datacenter, nodeID)
	return &job{
		Request: Request{SnapshotTag: j.SnapshotTag, SchemaVersion: j.SchemaVersion, ExactSchemaVersion: j.SchemaVersion != "", Location: l.String()},
		bucket:  store.Prefixed(j.root, l.NodePrefix()),
	}
}

func (j *inPlace) manifestOf(ctx context.Context, nodeID, tag string) (*manifest.Manifest, error) {
	job := j.at(nodeID)
	m, err := job.manifest(ctx, tag)
	if err != nil {
		return nil, err
	}
	j.tag, j.nodeID, j.node = tag, nodeID, job.bucket
	return m, nil
}

// resolve finds the node by the topology of the newest backup that is still there:
// a topology may outlive its backup.
func (j *inPlace) resolve(ctx context.Context) (*manifest.Manifest, error) {
	var tags []string
	for object, err := range j.root.List(ctx, manifest.TopologyPrefix) {
		if err != nil {
			return nil, fmt.Errorf("listing topologies: %w", err)
		}
		if tag, ok := manifest.TagOfTopologyKey(object.Key); ok {
			tags = append(tags, tag)
		}
	}
	for _, tag := range manifest.Match(tags, j.SnapshotTag, j.SchemaVersion) {
		nodeID, err := j.resolveIn(ctx, tag)
		if err != nil {
			return nil, err
		}
		m, err := j.manifestOf(ctx, nodeID, tag)
		if !errors.Is(err, ErrNoBackup) {
			return m, err
		}
	}
	return nil, fmt.Errorf("%w: %s with a topology", ErrNoBackup, j.at(j.Location.NodeID).meant(j.SchemaVersion))
}

func (j *inPlace) resolveIn(ctx context.Context, tag string) (string, error) {
	body, err := transfer.Read(ctx, j.root, manifest.TopologyKey(tag), manifest.MaxTopologyBytes)
	if err != nil {
		return "", err
	}
	nodeID, err := resolveHost(body, j.Location.NodeID)
	if err != nil {
		return "", fmt.Errorf("looking for %s in %s: %w", j.Location.NodeID, manifest.TopologyKey(tag), err)
	}
	return nodeID, nil
}

// resolveHost is the host id of the node of a topology that is called so: that has
// the id, or the hostname, or that name up to a dot.
func resolveHost(topology []byte, node string) (string, error) {
	var ring struct {
		Topology []struct {
			Hostname string `json:"hostname"`
			NodeID   string `json:"nodeId"`
		} `json:"topology"`
	}
	if err := json.Unmarshal(topology, &ring); err != nil {
		return "", fmt.Errorf("%w: %w", manifest.ErrCorrupt, err)
	}
	var found []string
	for _, n := range ring.Topology {
		if n.NodeID == node || n.Hostname == node || strings.HasPrefix(n.Hostname, node+".") {
			found = append(found, n.NodeID)
		}
	}
	switch {
	case len(found) == 0:
		return "", fmt.Errorf("%w: none of its %d nodes is called so", ErrNoBackup, len(ring.Topology))
	case len(found) > 1:
		return "", fmt.Errorf("%w: %d of its nodes are called so: %s", ErrInvalid, len(found), strings.Join(found, ", "))
	case !hostForm.MatchString(found[0]):
		return "", fmt.Errorf("%w: %.100q is no host id", manifest.ErrCorrupt, found[0])
	}
	return found[0], nil
}
