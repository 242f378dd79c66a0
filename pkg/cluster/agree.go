package cluster

import (
	"fmt"
	"maps"
	"slices"

	"github.com/icarus-sidecar/icarus/api/rest"
)

func (d Finished) fail(format string, args ...any) rest.OperationError {
	return rest.OperationError{Source: d.Node.Address, Message: fmt.Sprintf(format, args...)}
}

// results decodes what the children of a phase of a restore found out.
func results(phase rest.RestorePhase, done []Finished) ([]rest.RestoreResult, []rest.OperationError) {
	all := make([]rest.RestoreResult, len(done))
	var errs []rest.OperationError
	for i, d := range done {
		if err := d.Op.DecodeResult(&all[i]); err != nil {
			errs = append(errs, d.fail("%s: %v", phase, err))
		}
	}
	return all, errs
}

// pin chooses the newest backup that every node holds. Every node tells its
// own newest first, and those of one backup have one tag.
func (r restore) pin(f Facts, done []Finished) (Facts, []rest.OperationError) {
	all, errs := results(rest.PhaseInit, done)
	if len(errs) > 0 {
		return f, errs
	}
	holders := map[string]int{}
	for _, result := range all {
		for _, tag := range slices.Compact(slices.Sorted(slices.Values(result.Manifests))) {
			holders[tag]++
		}
	}
	for _, tag := range all[0].Manifests {
		if holders[tag] == len(done) {
			f.SnapshotTag = tag
			break
		}
	}
	if f.SnapshotTag == "" {
		return f, lacking(done, all, holders, r.req.SnapshotTag)
	}
	f.Warnings = append(slices.Clip(f.Warnings), newer(done, all, f.SnapshotTag)...)
	if r.req.DC != "" {
		f.Warnings = append(f.Warnings, fmt.Sprintf(
			"only %s is restored; Cassandra truncates a table in all datacenters at once", r.req.DC))
	}
	return f, nil
}

// lacking names the nodes without the backup that the most nodes hold.
func lacking(done []Finished, all []rest.RestoreResult, holders map[string]int, want string) []rest.OperationError {
	var best string
	for _, result := range all {
		for _, tag := range result.Manifests {
			if holders[tag] > holders[best] {
				best = tag
			}
		}
	}
	if best == "" {
		return []rest.OperationError{{Message: "no node holds a backup " + want + " there; list (with globalRequest) names those of a location"}}
	}
	var errs []rest.OperationError
	for i, d := range done {
		if !slices.Contains(all[i].Manifests, best) {
			errs = append(errs, d.fail("there is no backup %s that every node holds: this node lacks %s, which %d of %d nodes hold; name another, "+
				"or the datacenters that hold it all",
				want, best, holders[best], len(done)))
		}
	}
	return errs
}

// newer tells of backups that were passed over, because some node lacks them.
func newer(done []Finished, all []rest.RestoreResult, pinned string) []string {
	told := map[string]bool{}
	var warnings []string
	for i, result := range all {
		if len(result.Manifests) == 0 || result.Manifests[0] == pinned || told[result.Manifests[0]] {
			continue
		}
		told[result.Manifests[0]] = true
		warnings = append(warnings, fmt.Sprintf("%s holds a newer backup %s, which not every node does; %s is restored",
			done[i].Node.Address, result.Manifests[0], pinned))
	}
	const most = 20
	return warnings[:min(len(warnings), most)]
}

// downloaded takes the tables that every node has. What was asked for by name
// is not left out.
func (r restore) downloaded(f Facts, done []Finished) (Facts, []rest.OperationError) {
	all, errs := results(rest.PhaseDownload, done)
	if len(errs) > 0 {
		return f, errs
	}
	holders := map[string]int{}
	for i, result := range all {
		if result.SnapshotTag != f.SnapshotTag {
			errs = append(errs, done[i].fail("backup %q was downloaded, when %q was meant", result.SnapshotTag, f.SnapshotTag))
		}
		for _, table := range slices.Compact(slices.Sorted(slices.Values(result.Tables))) {
			if _, err := rest.ParseTableName(table); err != nil {
				errs = append(errs, done[i].fail("a table was downloaded that is none: %v", err))
			}
			holders[table]++
		}
	}
	if len(errs) > 0 {
		return f, errs
	}
	f.Tables = nil
	var left []string
	for _, table := range slices.Sorted(maps.Keys(holders)) {
		if holders[table] == len(done) {
			f.Tables = append(f.Tables, table)
			continue
		}
		d := without(done, all, table)
		if slices.Contains(r.entities.Strings(), table) {
			errs = append(errs, d.fail("backup %s of this node lacks table %s; leave it out of entities, or name another backup", f.SnapshotTag, table))
			continue
		}
		left = append(left, fmt.Sprintf("%s (not on %s)", table, d.Node.Address))
	}
	if len(left) > 0 {
		f.Warnings = append(slices.Clip(f.Warnings), fmt.Sprintf(
			"these tables are left as they are, because not every node holds backup %s of them: %s", f.SnapshotTag, listed(left)))
	}
	return f, append(errs, r.unknown(f, holders)...)
}

// unknown tells which of the names that were asked for no node has, and
// whether anything is left to restore.
func (r restore) unknown(f Facts, holders map[string]int) []rest.OperationError {
	var errs []rest.OperationError
	for _, t := range r.entities.Tables {
		if holders[t.String()] == 0 {
			errs = append(errs, rest.OperationError{Message: fmt.Sprintf("no node's backup %s holds table %s; leave it out of entities, or name another backup", f.SnapshotTag, t)})
		}
	}
	for _, t := range f.Tables {
		name, err := rest.ParseTableName(t)
		if err == nil && !r.entities.Includes(name.Keyspace, name.Table) {
			errs = append(errs, rest.OperationError{Message: fmt.Sprintf("table %s was downloaded, which nobody asked for", t)})
		}
	}
	if len(f.Tables) == 0 && len(errs) == 0 {
		errs = append(errs, rest.OperationError{Message: fmt.Sprintf(
			"there is no table that the backup %s holds on every node; nothing was truncated", f.SnapshotTag)})
	}
	return errs
}

// without is the first node that lacks a table.
func without(done []Finished, all []rest.RestoreResult, table string) Finished {
	for i, result := range all {
		if !slices.Contains(result.Tables, table) {
			return done[i]
		}
	}
	return done[0]
}
