package rest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Validated is a request with rules that no struct tag can tell. Violations
// judges the request alone: whether a keyspace, a bucket or a directory
// exists is for the operation to find out.
type Validated interface{ Violations() []Violation }

type violations []Violation

func (v *violations) add(field, format string, args ...any) {
	*v = append(*v, Violation{field, fmt.Sprintf(format, args...)})
}

func (v *violations) check(field string, err error) {
	if err != nil {
		v.add(field, "%s", err)
	}
}

// Violations of a backup request.
func (r *BackupRequest) Violations() []Violation {
	var v violations
	v.store(r.Store)
	v.entities(r.Entities)
	v.datacenters(r.DC)
	v.tag(r.SnapshotTag)
	if len(r.SnapshotTag) > maxUserTag && !finalForm.MatchString(r.SnapshotTag) {
		v.add("snapshotTag", "is longer than %d bytes", maxUserTag)
	}
	v.limits(r.Duration, r.Bandwidth)
	return v
}

// limits judges those of a transfer.
func (v *violations) limits(d *Duration, b *Bandwidth) {
	if d != nil && d.Value < 1 {
		v.add("duration", "must be at least one second")
	}
	if b != nil && b.Value < 1 {
		v.add("bandwidth", "must be at least one byte per second")
	}
}

// Violations of a restore request.
func (r *RestoreRequest) Violations() []Violation {
	var v violations
	v.store(r.Store)
	v.entities(r.Entities)
	v.datacenters(r.DC)
	v.tag(r.SnapshotTag)
	v.phase(r)
	v.rename(r)
	v.limits(nil, r.Bandwidth)
	if r.Import != nil {
		v.downloads(r)
	}
	return v
}

func (v *violations) phase(r *RestoreRequest) {
	if r.RestorationStrategyType == StrategyInPlace {
		v.inPlace(r)
		return
	}
	switch {
	case r.RestorationPhase == "":
		v.add("restorationPhase", "must be set when restorationStrategyType is %s: INIT, DOWNLOAD, TRUNCATE, IMPORT or CLEANUP",
			r.RestorationStrategyType)
	case r.GlobalRequest && !r.SinglePhase && r.RestorationPhase != PhaseInit:
		v.add("restorationPhase", "must be INIT when globalRequest is true and singlePhase is false; it is %s", r.RestorationPhase)
	}
	if r.RestoreSystemKeyspace {
		v.add("restoreSystemKeyspace", "is for restorationStrategyType IN_PLACE only")
	}
}

// inPlace restores one node, all at once, without anything that it could be asked.
func (v *violations) inPlace(r *RestoreRequest) {
	switch {
	case r.RestorationPhase != "":
		v.add("restorationPhase", "must not be set when restorationStrategyType is IN_PLACE; it is %s", r.RestorationPhase)
	case r.GlobalRequest:
		v.add("globalRequest", "is not for restorationStrategyType IN_PLACE, which restores one node that is stopped")
	}
	if r.ExactSchemaVersion && r.SchemaVersion == "" {
		v.add("schemaVersion", "is missing: a node that is stopped cannot be asked for its own")
	}
}

// rename takes pairs of tables: no table is a target twice, or both source and target.
func (v *violations) rename(r *RestoreRequest) {
	targets := map[string]string{}
	for _, from := range slices.Sorted(maps.Keys(r.Rename)) {
		to := r.Rename[from]
		field := "rename." + from
		_, errFrom := ParseTableName(from)
		v.check(field, errFrom)
		_, errTo := ParseTableName(to)
		v.check(field, errTo)
		if other, twice := targets[to]; twice {
			v.add(field, "%s is the target of %s too", to, other)
		}
		targets[to] = from
		if _, both := r.Rename[to]; both {
			v.add(field, "%s is a source too", to)
		}
	}
	if len(r.Rename) > 0 && r.RestorationStrategyType == StrategyInPlace {
		v.add("rename", "is not for restorationStrategyType IN_PLACE")
	}
}

// downloads must not lie where Cassandra would take them for its data.
func (v *violations) downloads(r *RestoreRequest) {
	dir := string(r.Import.SourceDir)
	if dir == "" {
		return
	}
	for _, data := range append(slices.Clone(r.DataDirs), r.CassandraDirectory+"/data") {
		if dir == string(data) || strings.HasPrefix(dir, string(data)+"/") {
			v.add("import.sourceDir", "must not lie in Cassandra's data directory %s", data)
		}
	}
	if dir == string(r.CassandraDirectory) {
		v.add("import.sourceDir", "must not be Cassandra's directory itself")
	}
}

// Violations of a direct import.
func (r *ImportRequest) Violations() []Violation {
	var v violations
	v.check("keyspace", ValidateName(r.Keyspace))
	v.check("table", ValidateName(r.Table))
	if r.TablePath == "" {
		v.add("tablePath", "is missing: the directory that holds the SSTables")
	}
	return v
}

// Violations of a truncation.
func (r *TruncateRequest) Violations() []Violation { return ofTable(r.Keyspace, r.Table) }

// Violations of a flush.
func (r *FlushRequest) Violations() []Violation { return ofTables(r.Keyspace, r.Tables) }

// Violations of a cleanup.
func (r *CleanupRequest) Violations() []Violation { return ofTables(r.Keyspace, r.Tables) }

// Violations of an upload of the topology.
func (r *UploadTopologyRequest) Violations() []Violation {
	var v violations
	v.store(r.Store)
	v.tag(r.SnapshotTag)
	return v
}

// store leaves the grammar of locations to the store; here is only what no
// location ever holds.
func (v *violations) store(s Store) {
	loc := s.StorageLocation
	_, rest, hasScheme := strings.Cut(loc, "://")
	switch {
	case loc == "": // said by the struct tag
	case !hasScheme:
		v.add("storageLocation", "%.300q is not of the form provider://bucket or provider://bucket/cluster/datacenter/node", loc)
	case slices.Contains(strings.Split(rest, "/"), ".."), strings.ContainsRune(rest, 0):
		v.add("storageLocation", `must not contain ".." or a NUL byte`)
	}
	if s.ProxySettings != nil && s.ProxySettings.ProxyPassword == redacted {
		v.add("proxySettings.proxyPassword", "is %s, which stands in answers for a password; send the password", redacted)
	}
}

func (v *violations) entities(s string) {
	_, err := ParseEntities(s)
	v.check("entities", err)
}

func (v *violations) datacenters(list string) {
	for _, dc := range SplitDatacenters(list) {
		if !dcForm.MatchString(dc) {
			v.add("dc", "%.100q is not the name of a datacenter", dc)
		}
	}
}

// name leaves an empty name to the struct tag.
func (v *violations) name(field, name string) {
	if name != "" {
		v.check(field, ValidateName(name))
	}
}

func (v *violations) names(field string, names []string) {
	for i, name := range names {
		v.check(fmt.Sprintf("%s[%d]", field, i), ValidateName(name))
	}
}

// SplitDatacenters reads a list of datacenters; commas and blanks part them,
// and an empty list is all of them.
func SplitDatacenters(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}
