package rest_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/icarus-sidecar/icarus/api/rest"
)

func TestViolations(t *testing.T) {
	t.Parallel()
	const restore = `{"type":"restore","storageLocation":"s3://b","snapshotTag":"s",`
	cases := map[string]struct {
		body   string
		fields []string
	}{
		"a good backup":                        {`{"type":"backup","storageLocation":"s3://b","snapshotTag":"s","entities":"a,b","dc":"dc1,dc2"}`, nil},
		"a location without provider":          {`{"type":"backup","storageLocation":"nowhere"}`, []string{"storageLocation"}},
		"a location that climbs":               {`{"type":"backup","storageLocation":"file:///a/../etc/b/c/d"}`, []string{"storageLocation"}},
		"an answer sent back":                  {`{"type":"backup","storageLocation":"s3://b","proxySettings":{"proxyPassword":"***"}}`, []string{"proxySettings.proxyPassword"}},
		"a tag that climbs":                    {`{"type":"backup","storageLocation":"s3://b","snapshotTag":"../x"}`, []string{"snapshotTag"}},
		"a tag that leaves no room":            {`{"type":"backup","storageLocation":"s3://b","snapshotTag":"` + strings.Repeat("x", 191) + `"}`, []string{"snapshotTag"}},
		"a long tag that is complete":          {`{"type":"backup","storageLocation":"s3://b","snapshotTag":"` + strings.Repeat("x", 190) + `-6f5e9841-4f97-3198-9398-161b445b3954-1604922565811"}`, nil},
		"an entity that climbs":                {`{"type":"backup","storageLocation":"s3://b","entities":"../x"}`, []string{"entities"}},
		"an absolute entity":                   {`{"type":"backup","storageLocation":"s3://b","entities":"/etc"}`, []string{"entities"}},
		"mixed entities":                       {`{"type":"backup","storageLocation":"s3://b","entities":"a,b.c"}`, []string{"entities"}},
		"a datacenter with a slash":            {`{"type":"backup","storageLocation":"s3://b","dc":"dc1,a/b"}`, []string{"dc"}},
		"no bandwidth and no time":             {`{"type":"backup","storageLocation":"s3://b","bandwidth":"0M","duration":"0h"}`, []string{"duration", "bandwidth"}},
		"a good global restore":                {restore + `"globalRequest":true,"restorationStrategyType":"HARDLINKS","restorationPhase":"INIT"}`, nil},
		"a global restore without phase":       {restore + `"globalRequest":true,"restorationStrategyType":"HARDLINKS"}`, nil},
		"a global restore from the middle":     {restore + `"globalRequest":true,"restorationStrategyType":"HARDLINKS","restorationPhase":"IMPORT"}`, []string{"restorationPhase"}},
		"a phase with IN_PLACE":                {restore + `"restorationPhase":"DOWNLOAD"}`, []string{"restorationPhase"}},
		"no phase with HARDLINKS":              {restore + `"restorationStrategyType":"HARDLINKS"}`, []string{"restorationPhase"}},
		"system keyspaces into a running node": {restore + `"restorationStrategyType":"IMPORT","restorationPhase":"INIT","restoreSystemKeyspace":true}`, []string{"restoreSystemKeyspace"}},
		"downloads among Cassandra's data":     {restore + `"restorationStrategyType":"IMPORT","restorationPhase":"INIT","dataDirs":["/d1"],"import":{"sourceDir":"/d1/x"}}`, []string{"import.sourceDir"}},
		"downloads in Cassandra's directory":   {restore + `"restorationStrategyType":"IMPORT","restorationPhase":"INIT","import":{"sourceDir":"/var/lib/cassandra"}}`, []string{"import.sourceDir"}},
		"one target for two tables":            {restore + `"restorationStrategyType":"IMPORT","restorationPhase":"INIT","rename":{"a.b":"c.d","a.x":"c.d"}}`, []string{"rename.a.x"}},
		"a target that is a source":            {restore + `"restorationStrategyType":"IMPORT","restorationPhase":"INIT","rename":{"a.b":"c.d","c.d":"e.f"}}`, []string{"rename.a.b"}},
		"a rename of no table":                 {restore + `"restorationStrategyType":"IMPORT","restorationPhase":"INIT","rename":{"a":"../b.c"}}`, []string{"rename.a", "rename.a"}},
		"a ring with IN_PLACE":                 {restore + `"globalRequest":true}`, []string{"globalRequest"}},
		"the schema of a stopped node":         {restore + `"exactSchemaVersion":true}`, []string{"schemaVersion"}},
		"a rename with IN_PLACE":               {restore + `"rename":{"a.b":"c.d"}}`, []string{"rename"}},
		"an import of nothing":                 {`{"type":"import"}`, []string{"keyspace", "table", "tablePath"}},
		"a truncation outside":                 {`{"type":"truncate","keyspace":"../k","table":"a/b"}`, []string{"keyspace", "table"}},
		"a flush of no table":                  {`{"type":"flush","keyspace":"k","tables":["ok",""]}`, []string{"tables[1]"}},
		"a cleanup of a directory":             {`{"type":"cleanup","keyspace":"k","tables":["/x"]}`, []string{"tables[0]"}},
		"a topology without a good tag":        {`{"type":"upload-topology","storageLocation":"s3://b","snapshotTag":"a/b"}`, []string{"snapshotTag"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req, _, err := rest.Decode([]byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			validated, ok := req.(rest.Validated)
			if !ok {
				t.Fatalf("%T has no rules", req)
			}
			var fields []string
			for _, v := range validated.Violations() {
				fields = append(fields, v.Field)
			}
			if diff := cmp.Diff(c.fields, fields); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What Decode takes, it takes again from what Encode makes of it.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"type":"backup","storageLocation":"s3://b","duration":".25h","bandwidth":{"value":"10","unit":"m"},"dataDirs":["file:///x"],"proxySettings":{"proxyPassword":"p"}}`,
		`{"type":"restore","globalRequest":"true","restorationStrategyType":"hardlinks","restorationPhase":"download","import":{"sourceDir":"/x"},"rename":{"a.b":"c.d"}}`,
		`{"type":"import","quick":true,"tablePath":"file:///a%20b"}`, `{"type":"cleanup","jobs":"3.0","tables":[1,true]}`,
		`{"type":"flush","a":{"b":[{}]}}`, `{"type":"truncate","id":1}`, `{"type":`, `[]`, `{"type":"backup","TYPE":"flush"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		req, _, err := rest.Decode(body)
		if err != nil {
			return
		}
		if validated, ok := req.(rest.Validated); ok {
			validated.Violations()
		}
		sent, err := rest.Encode(req)
		if err != nil {
			t.Fatalf("encoding %+v: %v", req, err)
		}
		again, warnings, err := rest.Decode(sent)
		if err != nil || len(warnings) > 0 {
			t.Fatalf("decoding %s: %v, %v", sent, warnings, err)
		}
		if diff := cmp.Diff(req, again, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("after a round (-before +after):\n%s", diff)
		}
	})
}
