package cluster

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/icarus-sidecar/icarus/api/rest"
)

// RestorePlan is a restore of every node of a ring. INIT finds the newest
// backup that every node holds, and from then on there is no other; DOWNLOAD
// finds the tables that every node holds of it, and from then on there are no
// others. Tables keep their names as in the backup; rename is carried out by
// the sidecars.
//
// A request for a single phase goes through those before it that decide, which
// change nothing: INIT, and for TRUNCATE and IMPORT also DOWNLOAD, which
// verifies what is there.
func RestorePlan(id uuid.UUID, req *rest.RestoreRequest, ring Ring) (Plan, error) {
	if req.RestorationStrategyType == rest.StrategyInPlace || req.RestorationStrategyType == "" {
		return Plan{}, fmt.Errorf("%w: strategy %s is for one node that is stopped", ErrPlan, rest.StrategyInPlace)
	}
	entities, err := rest.ParseEntities(req.Entities)
	if err != nil {
		return Plan{}, fmt.Errorf("%w: entities: %w", ErrPlan, err)
	}
	nodes, locations, err := ring.locate()
	if err != nil {
		return Plan{}, err
	}
	r := restore{req: *req, entities: entities, locations: locations}
	r.req.Rename = maps.Clone(req.Rename)
	phases := r.phases()
	if req.SinglePhase {
		if phases = only(phases, req.RestorationPhase); phases == nil {
			return Plan{}, fmt.Errorf("%w: a restore has no phase %q", ErrPlan, req.RestorationPhase)
		}
	}
	return Plan{ID: id, Kind: rest.TypeRestore, Nodes: nodes, Phases: phases, Timeout: hours(req.Timeout)}, nil
}

// restore is what the functions of the phases share. Nothing in it changes.
type restore struct {
	req       rest.RestoreRequest
	entities  rest.Entities
	locations map[string]string
}

func (r restore) phases() []Phase {
	// Once tables are truncated, everything that can be brought back is: a node
	// that fails is no reason to leave the others empty.
	return []Phase{
		{Name: string(rest.PhaseInit), Scope: EveryNode, Weight: 2, Request: r.request(rest.PhaseInit), Settle: r.pin},
		{
			Name: string(rest.PhaseDownload), Scope: EveryNode, Weight: 70,
			Request: r.request(rest.PhaseDownload), Settle: r.downloaded, Recall: recallTag,
		},
		{
			Name: string(rest.PhaseTruncate), Scope: OneNode, Weight: 3, LetFinish: true,
			Request: r.request(rest.PhaseTruncate), Recall: recallTables, Remedy: r.afterTruncate,
		},
		{
			Name: string(rest.PhaseImport), Scope: EveryNode, Weight: 20, LetFinish: true,
			Request: r.request(rest.PhaseImport), Recall: recallTables, Remedy: r.afterImport,
		},
		{
			Name: string(rest.PhaseCleanup), Scope: EveryNode, Weight: 5, LetFinish: true,
			Request: r.cleanup, Recall: recallTables, Remedy: r.afterCleanup,
		},
	}
}

// only keeps one phase, and those before it that it builds upon.
func only(phases []Phase, phase rest.RestorePhase) []Phase {
	if !slices.ContainsFunc(phases, func(ph Phase) bool { return ph.Name == string(phase) }) {
		return nil
	}
	return slices.DeleteFunc(phases, func(ph Phase) bool {
		switch ph.Name {
		case string(phase), string(rest.PhaseInit):
			return false
		case string(rest.PhaseDownload):
			return phase != rest.PhaseTruncate && phase != rest.PhaseImport
		default:
			return true
		}
	})
}

// request writes the request of a phase. Tables are its entities as soon as
// they are known, and then it renames nothing else.
func (r restore) request(phase rest.RestorePhase) func(Facts, Child) (rest.Request, error) {
	return func(f Facts, c Child) (rest.Request, error) {
		req := r.req
		req.ID, req.StorageLocation = c.ID, r.locations[c.Node.HostID]
		req.GlobalRequest, req.SinglePhase, req.DC = false, false, ""
		req.RestorationPhase = phase
		if f.SnapshotTag != "" {
			req.SnapshotTag = f.SnapshotTag
		}
		if len(f.Tables) > 0 {
			req.Entities = strings.Join(f.Tables, ",")
			req.Rename = map[string]string{}
			for from, to := range r.req.Rename {
				if _, found := slices.BinarySearch(f.Tables, from); found {
					req.Rename[from] = to
				}
			}
		}
		return &req, nil
	}
}

// cleanup has nothing to do where everything is to be kept.
func (r restore) cleanup(f Facts, c Child) (rest.Request, error) {
	if r.req.NoDeleteTruncates && r.req.NoDeleteDownloads {
		return nil, nil //nolint:nilnil // that is how a phase says so
	}
	return r.request(rest.PhaseCleanup)(f, c)
}

// recallTag reads the backup that a child was sent to download.
func recallTag(f Facts, op *rest.Operation) (Facts, error) {
	var req rest.RestoreRequest
	if _, err := rest.DecodeInto(op.Request, &req); err != nil {
		return f, err
	}
	f.SnapshotTag = req.SnapshotTag
	return f, nil
}

// recallTables reads the tables too.
func recallTables(f Facts, op *rest.Operation) (Facts, error) {
	var req rest.RestoreRequest
	if _, err := rest.DecodeInto(op.Request, &req); err != nil {
		return f, err
	}
	entities, err := rest.ParseEntities(req.Entities)
	if err != nil {
		return f, err
	}
	f.SnapshotTag, f.Tables = req.SnapshotTag, nil
	if len(entities.Tables) > 0 {
		f.Tables = entities.Strings()
	}
	return f, nil
}

func (r restore) afterTruncate(f Facts, sent bool) string {
	if !sent {
		return ""
	}
	return "the tables may have been truncated, in all datacenters: " + r.wayOn(f)
}

func (r restore) afterImport(f Facts, _ bool) string {
	if r.req.SinglePhase {
		return ""
	}
	return "the tables were truncated, in all datacenters, and are not restored on every node: " + r.wayOn(f)
}

func (r restore) wayOn(f Facts) string {
	targets := make([]string, len(f.Tables))
	for i, table := range f.Tables {
		targets[i] = table
		if to, renamed := r.req.Rename[table]; renamed {
			targets[i] = to
		}
	}
	return fmt.Sprintf("%s. Submit the restore again with snapshotTag %s; what was downloaded is kept and not downloaded again",
		listed(targets), f.SnapshotTag)
}

func (r restore) afterCleanup(Facts, bool) string {
	if r.req.SinglePhase {
		return ""
	}
	return "the data is restored on every node; only downloads, or snapshots that the truncation made, are left to delete"
}

// listed is a list that a person reads.
func listed(names []string) string {
	const most = 20
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
