package cluster

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// The phases of a backup.
const (
	PhaseUpload   = "Upload"
	PhaseTopology = "Topology"
)

// BackupPlan is a backup of every node of a ring: all upload, each commits its
// own manifest, and when all have, the topology seals the whole. The snapshot
// tag of the request is the final one, so that it is the same on every node;
// what the request says of coordination is done here and goes no further.
func BackupPlan(id uuid.UUID, req *rest.BackupRequest, ring Ring) (Plan, error) {
	schema, ok := schemaOf(req.SnapshotTag)
	if !ok {
		return Plan{}, fmt.Errorf("%w: tag %q of a backup of several nodes does not end in schema version and time", ErrPlan, req.SnapshotTag)
	}
	nodes, locations, err := ring.locate()
	if err != nil {
		return Plan{}, err
	}
	b := backup{req: *req, schema: schema, locations: locations}
	return Plan{
		ID: id, Kind: rest.TypeBackup, Nodes: nodes,
		Timeout: hours(req.Timeout),
		Phases: []Phase{
			{Name: PhaseUpload, Scope: EveryNode, Weight: 99, Request: b.upload, Settle: b.uploaded},
			{Name: PhaseTopology, Scope: OneNode, Weight: 1, Request: b.topology, Recall: b.recall},
		},
	}, nil
}

// backup is what the functions of the phases share. Nothing in it changes.
type backup struct {
	req       rest.BackupRequest
	schema    string
	locations map[string]string
}

func (b backup) upload(_ Facts, c Child) (rest.Request, error) {
	req := b.req
	req.ID, req.StorageLocation = c.ID, b.locations[c.Node.HostID]
	req.GlobalRequest, req.DC, req.UploadClusterTopology = false, "", false
	return &req, nil
}

// uploaded checks that the parts are of one backup: manifests of different
// tags or schemas would not be restored together.
func (b backup) uploaded(f Facts, done []Finished) (Facts, []rest.OperationError) {
	var errs []rest.OperationError
	for _, d := range done {
		var result rest.BackupResult
		if err := d.Op.DecodeResult(&result); err != nil {
			errs = append(errs, d.fail("%s: %v", PhaseUpload, err))
			continue
		}
		switch {
		case result.SnapshotTag != b.req.SnapshotTag:
			errs = append(errs, d.fail("the backup of this node is named %q, when %q was meant", result.SnapshotTag, b.req.SnapshotTag))
		case !strings.EqualFold(result.SchemaVersion, b.schema):
			errs = append(errs, d.fail("the schema changed during the backup: this node has version %q, when %s was that of the cluster; "+
				"back up again when all nodes agree", result.SchemaVersion, b.schema))
		}
	}
	f.SnapshotTag = b.req.SnapshotTag
	return f, errs
}

func (b backup) topology(f Facts, c Child) (rest.Request, error) {
	req := &rest.UploadTopologyRequest{
		Header:      rest.Header{Type: rest.TypeUploadTopology, ID: c.ID},
		Store:       b.req.Store,
		SnapshotTag: f.SnapshotTag,
	}
	req.StorageLocation = b.locations[c.Node.HostID]
	return req, nil
}

func (b backup) recall(f Facts, op *rest.Operation) (Facts, error) {
	var req rest.UploadTopologyRequest
	if _, err := rest.DecodeInto(op.Request, &req); err != nil {
		return f, err
	}
	f.SnapshotTag = req.SnapshotTag
	return f, nil
}

// schemaOf is the schema version in a final tag, <tag>-<schema version>-<milliseconds>.
func schemaOf(tag string) (string, bool) {
	const length = 36 // of a UUID as text
	i := strings.LastIndexByte(tag, '-')
	if i <= length+1 || tag[i-length-1] != '-' {
		return "", false
	}
	if _, err := strconv.ParseUint(tag[i+1:], 10, 63); err != nil {
		return "", false
	}
	schema := tag[i-length : i]
	_, err := uuid.Parse(schema)
	return schema, err == nil
}
