package rest

import (
	"fmt"
	"net/netip"
	"regexp"
)

// tokenForm is a token of any partitioner: nothing that parts one from the next.
var tokenForm = regexp.MustCompile(`^-?[0-9A-Za-z]{1,128}$`)

// Violations of a scrub.
func (r *ScrubRequest) Violations() []Violation { return ofTables(r.Keyspace, r.Tables) }

// Violations of an upgrade.
func (r *UpgradeSSTablesRequest) Violations() []Violation { return ofTables(r.Keyspace, r.Tables) }

// Violations of a garbage collection.
func (r *GarbageCollectRequest) Violations() []Violation { return ofTables(r.Keyspace, r.Tables) }

// ofTables judges a keyspace and tables of it.
func ofTables(keyspace string, tables []string) violations {
	var v violations
	v.name("keyspace", keyspace)
	v.names("tables", tables)
	return v
}

// ofTable judges one table.
func ofTable(keyspace, table string) violations {
	var v violations
	v.name("keyspace", keyspace)
	v.name("table", table)
	return v
}

// Violations of a refresh.
func (r *RefreshRequest) Violations() []Violation { return ofTable(r.Keyspace, r.Table) }

// Violations of a rebuild.
func (r *RebuildRequest) Violations() []Violation {
	var v violations
	if r.SourceDC != "" && !dcForm.MatchString(r.SourceDC) {
		v.add("sourceDC", "%.100q is not the name of a datacenter", r.SourceDC)
	}
	v.name("keyspace", r.Keyspace)
	v.ranges("specificTokens", r.SpecificTokens)
	if len(r.SpecificTokens) > 0 && r.Keyspace == "" {
		v.add("specificTokens", "Cannot set specificTokens without specifying a keyspace")
	}
	v.addresses("specificSources", r.SpecificSources)
	return v
}

// Violations of a decommission: there is nothing to get wrong.
func (r *DecommissionRequest) Violations() []Violation { return nil }

// Violations of a drain: there is nothing to get wrong.
func (r *DrainRequest) Violations() []Violation { return nil }

// Violations of a stop: there is nothing to get wrong.
func (r *StopRequest) Violations() []Violation { return nil }

// Violations of a restart: there is nothing to get wrong.
func (r *RestartRequest) Violations() []Violation { return nil }

// Violations of a snapshot.
func (r *SnapshotRequest) Violations() []Violation {
	var v violations
	v.tag(r.SnapshotTag)
	v.entities(r.Entities)
	return v
}

// Violations of the removal of a snapshot.
func (r *ClearSnapshotRequest) Violations() []Violation {
	var v violations
	v.tag(r.SnapshotTag)
	v.names("keyspaces", r.Keyspaces)
	return v
}

// Violations of a compaction.
func (r *CompactRequest) Violations() []Violation {
	v := ofTables(r.Keyspace, r.Tables)
	if r.StartToken == "" && r.EndToken == "" {
		return v
	}
	v.token("startToken", r.StartToken)
	v.token("endToken", r.EndToken)
	if r.SplitOutput {
		v.add("splitOutput", "is not for a range of tokens")
	}
	return v
}

// Violations of a verification.
func (r *VerifySSTablesRequest) Violations() []Violation {
	v := ofTables(r.Keyspace, r.Tables)
	if r.Quick && r.ExtendedVerify {
		v.add("quick", "excludes extendedVerify")
	}
	return v
}

// Violations of a repair.
func (r *RepairRequest) Violations() []Violation {
	v := ofTables(r.Keyspace, r.Tables)
	v.ranges("tokenRanges", r.TokenRanges)
	v.datacenters(r.DC)
	v.addresses("hosts", r.Hosts)
	switch limited := r.DC != "" || len(r.Hosts) > 0; {
	case r.PrimaryRange && len(r.TokenRanges) > 0:
		v.add("tokenRanges", "must not be set with primaryRange, which chooses the ranges")
	case r.Incremental && len(r.TokenRanges) > 0:
		v.add("tokenRanges", "must not be set with incremental: incremental repairs are of whole tables")
	case r.DC != "" && len(r.Hosts) > 0:
		v.add("hosts", "must not be set with dc")
	case r.PrimaryRange && limited:
		v.add("primaryRange", "must not be set with dc or hosts: ranges without a first replica among them would not be repaired")
	case r.Incremental && limited:
		v.add("incremental", "must not be set with dc or hosts: what only some replicas have is not repaired")
	}
	return v
}

// Violations of an assassination.
func (r *AssassinateRequest) Violations() []Violation {
	var v violations
	if r.Address != "" {
		v.address("address", r.Address)
	}
	return v
}

// Violations of the removal of a node: the struct tag tells them.
func (r *RemoveNodeRequest) Violations() []Violation { return nil }

// tag leaves an empty tag to the struct tag.
func (v *violations) tag(tag string) {
	if tag != "" {
		v.check("snapshotTag", ValidateTag(tag))
	}
}

func (v *violations) ranges(field string, ranges []TokenRange) {
	for i, r := range ranges {
		v.token(fmt.Sprintf("%s[%d].start", field, i), r.Start)
		v.token(fmt.Sprintf("%s[%d].end", field, i), r.End)
	}
}

func (v *violations) token(field, token string) {
	switch {
	case token == "":
		v.add(field, "is missing")
	case !tokenForm.MatchString(token):
		v.add(field, "%.200q is not a token", token)
	}
}

func (v *violations) addresses(field string, addresses []string) {
	for i, address := range addresses {
		v.address(fmt.Sprintf("%s[%d]", field, i), address)
	}
}

func (v *violations) address(field, address string) {
	if _, err := netip.ParseAddr(address); err != nil {
		v.add(field, "%.100q is not an IP address", address)
	}
}
