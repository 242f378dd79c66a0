package rest_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

func TestDecodeTakesNodeOperations(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	for name, c := range map[string]struct {
		body string
		want rest.Request
	}{
		"a scrub of the original": {
			`{"type":"scrub","keyspace":"ks1","tables":["t1"],"disableSnapshot":"true","skipCorrupted":true,"noValidate":false,"reinsertOverflowedTTL":true,"jobs":"2"}`,
			defaults(t, rest.TypeScrub, func(r *rest.ScrubRequest) {
				r.Keyspace, r.Tables, r.Jobs = "ks1", []string{"t1"}, 2
				r.DisableSnapshot, r.SkipCorrupted, r.ReinsertOverflowedTTL = true, true, true
			}),
		},
		"an upgrade, as the original spells it": {
			`{"type":"upgradesstables","keyspace":"ks1","tables":["t1"],"includeAllSStables":true,"jobs":0}`,
			defaults(t, rest.TypeUpgradeSSTables, func(r *rest.UpgradeSSTablesRequest) {
				r.Keyspace, r.Tables, r.IncludeAllSSTables = "ks1", []string{"t1"}, true
			}),
		},
		"an upgrade, as everyone would spell it": {
			`{"type":"upgradesstables","keyspace":"ks1","includeAllSSTables":true}`,
			defaults(t, rest.TypeUpgradeSSTables, func(r *rest.UpgradeSSTablesRequest) { r.Keyspace, r.IncludeAllSSTables = "ks1", true }),
		},
		"a rebuild of the original": {
			`{"type":"rebuild","sourceDC":"dc1","keyspace":"ks1","specificTokens":[{"start":"-9223372036854775808","end":"0"}],"specificSources":["10.0.0.1"]}`,
			defaults(t, rest.TypeRebuild, func(r *rest.RebuildRequest) {
				r.SourceDC, r.Keyspace, r.SpecificSources = "dc1", "ks1", []string{"10.0.0.1"}
				r.SpecificTokens = []rest.TokenRange{{Start: "-9223372036854775808", End: "0"}}
			}),
		},
		"tokens as numbers": {
			`{"type":"rebuild","keyspace":"ks1","specificTokens":[{"start":-9223372036854775808,"end":0}]}`,
			defaults(t, rest.TypeRebuild, func(r *rest.RebuildRequest) {
				r.Keyspace, r.SpecificTokens = "ks1", []rest.TokenRange{{Start: "-9223372036854775808", End: "0"}}
			}),
		},
		"a decommission by force":       {`{"type":"decommission","force":true}`, defaults(t, rest.TypeDecommission, func(r *rest.DecommissionRequest) { r.Force = &yes })},
		"one without":                   {`{"type":"decommission","force":"false"}`, defaults(t, rest.TypeDecommission, func(r *rest.DecommissionRequest) { r.Force = &no })},
		"one that does not say":         {`{"type":"decommission","force":null}`, defaults[rest.DecommissionRequest](t, rest.TypeDecommission, nil)},
		"a drain":                       {`{"type":"drain"}`, defaults[rest.DrainRequest](t, rest.TypeDrain, nil)},
		"a stop":                        {`{"type":"stop"}`, defaults[rest.StopRequest](t, rest.TypeStop, nil)},
		"a restart of Icarus 2.0":       {`{"type":"restart"}`, defaults[rest.RestartRequest](t, rest.TypeRestart, nil)},
		"a repair is full and parallel": {`{"type":"repair","keyspace":"ks1"}`, defaults(t, rest.TypeRepair, func(r *rest.RepairRequest) { r.Keyspace = "ks1" })},
		"words in any case": {
			`{"type":"garbagecollect","keyspace":"ks1","granularity":"cell"}`,
			defaults(t, rest.TypeGarbageCollect, func(r *rest.GarbageCollectRequest) { r.Keyspace, r.Granularity = "ks1", "CELL" }),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, warnings, err := rest.Decode([]byte(c.body))
			if err != nil || len(warnings) > 0 {
				t.Fatal(warnings, err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if err := operation.Validate(got); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestNodeOperationsNameTheFieldsThatAreWrong(t *testing.T) {
	t.Parallel()
	for body, want := range map[string][]string{
		`{"type":"scrub"}`:                                                                             {"keyspace"},
		`{"type":"scrub","keyspace":"","jobs":-1}`:                                                     {"jobs", "keyspace"},
		`{"type":"scrub","keyspace":"../x","tables":["a","/b"]}`:                                       {"keyspace", "tables[1]"},
		`{"type":"upgradesstables","jobs":-1}`:                                                         {"keyspace", "jobs"},
		`{"type":"refresh"}`:                                                                           {"keyspace", "table"},
		`{"type":"refresh","keyspace":"k","table":"a.b"}`:                                              {"table"},
		`{"type":"rebuild","specificTokens":[{"start":"1"}]}`:                                          {"specificTokens[0].end", "specificTokens"},
		`{"type":"rebuild","keyspace":"k","specificTokens":[{"start":"1","end":"2],(3"}]}`:             {"specificTokens[0].end"},
		`{"type":"rebuild","sourceDC":"a b","specificSources":["10.0.0.1","host,other"]}`:              {"sourceDC", "specificSources[1]"},
		`{"type":"snapshot"}`:                                                                          {"snapshotTag"},
		`{"type":"snapshot","snapshotTag":"a/b","entities":"a,b.c"}`:                                   {"snapshotTag", "entities"},
		`{"type":"clear-snapshot"}`:                                                                    {"snapshotTag"},
		`{"type":"clear-snapshot","snapshotTag":"t","keyspaces":["*"]}`:                                {"keyspaces[0]"},
		`{"type":"compact","keyspace":"k","startToken":"1","splitOutput":true}`:                        {"endToken", "splitOutput"},
		`{"type":"garbagecollect","keyspace":"k","granularity":"NONE"}`:                                {"granularity"},
		`{"type":"verify-sstables","keyspace":"k","quick":true,"extendedVerify":true}`:                 {"quick"},
		`{"type":"repair","keyspace":"k","parallelism":"much","jobThreads":5}`:                         {"parallelism", "jobThreads"},
		`{"type":"repair","keyspace":"k","primaryRange":true,"tokenRanges":[{"start":"1","end":"2"}]}`: {"tokenRanges"},
		`{"type":"repair","keyspace":"k","incremental":true,"tokenRanges":[{"start":"1","end":""}]}`:   {"tokenRanges[0].end", "tokenRanges"},
		`{"type":"repair","keyspace":"k","dc":"dc1","hosts":["10.0.0.1"]}`:                             {"hosts"},
		`{"type":"repair","keyspace":"k","primaryRange":true,"dc":"dc1"}`:                              {"primaryRange"},
		`{"type":"repair","keyspace":"k","incremental":true,"hosts":["10.0.0.1","x"]}`:                 {"hosts[1]", "incremental"},
		`{"type":"assassinate"}`:                                                                       {"address"},
		`{"type":"assassinate","address":"node3"}`:                                                     {"address"},
		`{"type":"removenode","hostId":"7"}`:                                                           {"hostId"},
	} {
		req, _, err := rest.Decode([]byte(body))
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		var told *rest.Error
		if err := operation.Validate(req); !errors.As(err, &told) {
			t.Errorf("%s: %v", body, err)
			continue
		}
		var got []string
		for _, v := range told.Violations {
			got = append(got, v.Field)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
	}
}

// The original's order and names, which typed clients read.
func TestNodeOperationsAreWrittenAsTheOriginalDoes(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]string{
		rest.TypeScrub:           `{"type":"scrub","disableSnapshot":false,"skipCorrupted":false,"noValidate":false,"reinsertOverflowedTTL":false,"jobs":0,"keyspace":""}`,
		rest.TypeUpgradeSSTables: `{"type":"upgradesstables","keyspace":"","includeAllSStables":false,"jobs":0}`,
		rest.TypeRefresh:         `{"type":"refresh","keyspace":"","table":""}`,
		rest.TypeRebuild:         `{"type":"rebuild"}`,
		rest.TypeDecommission:    `{"type":"decommission"}`,
		rest.TypeDrain:           `{"type":"drain"}`,
		rest.TypeStop:            `{"type":"stop"}`,
	} {
		req, _ := rest.NewRequest(kind)
		got, err := json.Marshal(req)
		if err != nil || string(got) != want {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
	}
}

func TestEveryTypeNamesItself(t *testing.T) {
	t.Parallel()
	for name, create := range rest.BuiltinTypes() {
		req := create()
		if req.RequestType() != name {
			t.Errorf("%s calls itself %s", name, req.RequestType())
		}
		if _, ok := req.(rest.Validated); !ok {
			t.Errorf("%s has no rules", name)
		}
	}
}
