package rest_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/api/rest"
)

func defaults[R any](t *testing.T, kind string, change func(*R)) rest.Request {
	t.Helper()
	req, ok := rest.NewRequest(kind)
	if !ok {
		t.Fatalf("no type %s", kind)
	}
	typed, ok := req.(any).(*R)
	if !ok {
		t.Fatalf("%s is a %T", kind, req)
	}
	if change != nil {
		change(typed)
	}
	return req
}

func TestDecodeTakesTheUnionOfTheDialects(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		body     string
		want     rest.Request
		warnings []string
	}{
		"the backup of the original's README": {
			body: `{"type":"backup","storageLocation":"s3://my-s3-bucket","snapshotTag":"icarus-snapshot","entities":"system_schema,test1,test2","globalRequest":true}`,
			want: defaults(t, rest.TypeBackup, func(r *rest.BackupRequest) {
				r.StorageLocation, r.SnapshotTag = "s3://my-s3-bucket", "icarus-snapshot"
				r.Entities, r.GlobalRequest = "system_schema,test1,test2", true
			}),
		},
		"the restore of the original's README, which begins with download": {
			body: `{"type":"restore","storageLocation":"s3://my-s3-bucket/test-cluster/dc1/abcd","snapshotTag":"icarus-snapshot","entities":"test1","globalRequest":"true","restorationStrategyType":"HARDLINKS","restorationPhase":"download","import":{"type":"import","sourceDir":"/var/lib/cassandra/downloadedsstables"}}`,
			want: defaults(t, rest.TypeRestore, func(r *rest.RestoreRequest) {
				r.StorageLocation, r.SnapshotTag = "s3://my-s3-bucket/test-cluster/dc1/abcd", "icarus-snapshot"
				r.Entities, r.GlobalRequest = "test1", true
				r.RestorationStrategyType, r.RestorationPhase = rest.StrategyHardlinks, rest.PhaseInit
				r.Import = &rest.ImportRequest{Header: rest.Header{Type: "import"}, SourceDir: "/var/lib/cassandra/downloadedsstables"}
			}),
		},
		"a restore as CassKop sends it": {
			body: `{"type":"restore","dc":"dc1","storageLocation":"s3://b/a/b/c","snapshotTag":"s","noDeleteTruncates":true,"exactSchemaVersion":true,"restorationPhase":"INIT","globalRequest":true,"import":{"type":"import","sourceDir":"/var/lib/cassandra/downloadedsstables"},"entities":"k1.t1","rename":{"k1.t1":"k1.t2"},"k8sSecretName":"secret","cassandraDirectory":"/var/lib/cassandra","schemaVersion":"40b7edb9-c49e-3800-9b50-353ea0f50fa7","restorationStrategyType":"HARDLINKS","resolveHostIdFromTopology":true,"concurrentConnections":15}`,
			want: defaults(t, rest.TypeRestore, func(r *rest.RestoreRequest) {
				r.DC, r.StorageLocation, r.SnapshotTag = "dc1", "s3://b/a/b/c", "s"
				r.NoDeleteTruncates, r.ExactSchemaVersion, r.GlobalRequest, r.ResolveHostIDFromTopology = true, true, true, true
				r.RestorationStrategyType, r.RestorationPhase = rest.StrategyHardlinks, rest.PhaseInit
				r.Import = &rest.ImportRequest{Header: rest.Header{Type: "import"}, SourceDir: "/var/lib/cassandra/downloadedsstables"}
				r.Entities, r.Rename, r.K8sSecretName = "k1.t1", map[string]string{"k1.t1": "k1.t2"}, "secret"
				r.SchemaVersion, r.ConcurrentConnections = "40b7edb9-c49e-3800-9b50-353ea0f50fa7", 15
			}),
		},
		"scalars as strings": {
			body: `{"type":"backup","storageLocation":"s3://b","concurrentConnections":"3","insecure":"TRUE","snapshotTag":20240101,"proxySettings":{"useProxy":"true","proxyPort":"3128","proxyPassword":"x","proxyProtocol":"HTTPS"},"createMissingBucket":""}`,
			want: defaults(t, rest.TypeBackup, func(r *rest.BackupRequest) {
				r.StorageLocation, r.ConcurrentConnections, r.Insecure, r.SnapshotTag = "s3://b", 3, true, "20240101"
				r.ProxySettings = &rest.ProxySettings{UseProxy: true, ProxyPort: 3128, ProxyPassword: "x", ProxyProtocol: "https"}
			}),
		},
		"nulls are absent, and part of retry keeps the other defaults": {
			body: `{"type":"backup","storageLocation":"s3://b","entities":null,"duration":null,"proxySettings":null,"retry":{"interval":1,"strategy":"exponential"},"timeout":"2.0"}`,
			want: defaults(t, rest.TypeBackup, func(r *rest.BackupRequest) {
				r.StorageLocation, r.Timeout = "s3://b", 2
				r.Retry.Interval, r.Retry.Strategy = 1, "EXPONENTIAL"
			}),
		},
		"what the original quietly replaced": {
			body: `{"type":"backup","storageLocation":"s3://b","timeout":0,"retry":{"strategy":"quadratic"}}`,
			want: defaults(t, rest.TypeBackup, func(r *rest.BackupRequest) { r.StorageLocation = "s3://b" }),
			warnings: []string{
				`retry.strategy "QUADRATIC" is not known; LINEAR is used`,
				"timeout 0 is less than one hour; 5 is used",
			},
		},
		"unknown fields are told": {
			body:     `{"type":"flush","keyspace":"k","noSuchField":1,"tables":["a","b"]}`,
			want:     &rest.FlushRequest{Header: rest.Header{Type: "flush"}, Keyspace: "k", Tables: []string{"a", "b"}},
			warnings: []string{`field "noSuchField" is not known and was ignored`},
		},
		"names in another case": {
			body: `{"type":"cleanup","KeySpace":"k","JOBS":2}`,
			want: &rest.CleanupRequest{Header: rest.Header{Type: "cleanup"}, Keyspace: "k", Jobs: 2},
		},
		"paths as URIs": {
			body: `{"type":"backup","storageLocation":"s3://b","dataDirs":["file:///var/lib/my%20data","/srv/b/"],"cassandraDirectory":"file:/srv"}`,
			want: defaults(t, rest.TypeBackup, func(r *rest.BackupRequest) {
				r.StorageLocation, r.CassandraDirectory = "s3://b", "/srv"
				r.DataDirs = []rest.Path{"/var/lib/my data", "/srv/b"}
			}),
		},
		"quick spelt out": {
			body: `{"type":"import","keyspace":"k","table":"t","tablePath":"file:///srv/x","quick":true,"extendedVerify":true}`,
			want: &rest.ImportRequest{
				Header: rest.Header{Type: "import"}, Keyspace: "k", Table: "t", TablePath: "/srv/x",
				Quick: true, NoVerify: true, NoVerifyTokens: true, NoInvalidateCaches: true,
			},
			warnings: []string{"extendedVerify is not done, because quick is set"},
		},
		"an id that the client chose": {
			body: `{"type":"truncate","id":"0b26a94e-0000-5000-8000-000000000001","keyspace":"k","table":"t"}`,
			want: &rest.TruncateRequest{
				Header: rest.Header{Type: "truncate", ID: "0b26a94e-0000-5000-8000-000000000001"}, Keyspace: "k", Table: "t",
			},
		},
		"a single phase stays as it is": {
			body: `{"type":"restore","storageLocation":"s3://b","snapshotTag":"s","globalRequest":true,"singlePhase":true,"restorationStrategyType":"import","restorationPhase":"Download"}`,
			want: defaults(t, rest.TypeRestore, func(r *rest.RestoreRequest) {
				r.StorageLocation, r.SnapshotTag, r.GlobalRequest, r.SinglePhase = "s3://b", "s", true, true
				r.RestorationStrategyType, r.RestorationPhase = rest.StrategyImport, rest.PhaseDownload
			}),
		},
		"UNKNOWN, which the original answers, is no phase": {
			body: `{"type":"restore","storageLocation":"s3://b","snapshotTag":"s","restorationPhase":"UNKNOWN"}`,
			want: defaults(t, rest.TypeRestore, func(r *rest.RestoreRequest) { r.StorageLocation, r.SnapshotTag = "s3://b", "s" }),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, warnings, err := rest.Decode([]byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.warnings, warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		body   string
		code   int
		fields []string
	}{
		"an empty body":                    {``, 400, nil},
		"blanks only":                      {" \n", 400, nil},
		"cut short":                        {`{"type": "backup",`, 400, nil},
		"an array":                         {`[]`, 400, nil},
		"a string":                         {`"backup"`, 400, nil},
		"two objects":                      {`{"type":"flush"}{}`, 400, nil},
		"nested too deep":                  {`{"type":"flush","x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`, 400, nil},
		"a field twice":                    {`{"type":"flush","keyspace":"a","keyspace":"b"}`, 400, nil},
		"too large":                        {`{"type":"` + strings.Repeat("x", rest.MaxBody) + `"}`, 413, nil},
		"no type":                          {`{}`, 400, []string{"type"}},
		"an unknown type":                  {`{"type":"nosuch"}`, 400, []string{"type"}},
		"a type that is no string":         {`{"type":{}}`, 400, []string{"type"}},
		"a number that is none":            {`{"type":"cleanup","jobs":"abc"}`, 400, []string{"jobs"}},
		"half a job":                       {`{"type":"cleanup","jobs":1.5}`, 400, []string{"jobs"}},
		"more jobs than a number holds":    {`{"type":"cleanup","jobs":99999999999999999999}`, 400, []string{"jobs"}},
		"a flag that is none":              {`{"type":"backup","globalRequest":"maybe"}`, 400, []string{"globalRequest"}},
		"an object for a string":           {`{"type":"backup","entities":{}}`, 400, []string{"entities"}},
		"a string for an array":            {`{"type":"flush","tables":"t"}`, 400, []string{"tables"}},
		"a null among tables":              {`{"type":"flush","tables":["t",null]}`, 400, []string{"tables[1]"}},
		"a wrong field inside, as written": {`{"type":"restore","Import":{"sourceDIR":"relative/dir"}}`, 400, []string{"Import.sourceDIR"}},
		"a path that climbs":               {`{"type":"backup","dataDirs":["/a","/a/../../etc"]}`, 400, []string{"dataDirs[1]"}},
		"a URI of another host":            {`{"type":"backup","cassandraDirectory":"file://elsewhere/x"}`, 400, []string{"cassandraDirectory"}},
		"an unknown phase":                 {`{"type":"restore","restorationPhase":"CLUSTER_HEALTHCHECK"}`, 400, []string{"restorationPhase"}},
		"an unknown strategy":              {`{"type":"restore","restorationStrategyType":"COPY"}`, 400, []string{"restorationStrategyType"}},
		"a duration without unit":          {`{"type":"backup","duration":"15"}`, 400, []string{"duration"}},
		"a bandwidth below one byte":       {`{"type":"backup","bandwidth":"0.5"}`, 400, []string{"bandwidth"}},
		"everything at once":               {`{"type":"backup","timeout":[],"bandwidth":true,"rename":1,"retry":[]}`, 400, []string{"bandwidth", "retry", "timeout"}},
		"one name in two cases":            {`{"type":"flush","keyspace":"a","KEYSPACE":"b"}`, 400, []string{"keyspace"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := rest.Decode([]byte(c.body))
			var told *rest.Error
			if !errors.As(err, &told) {
				t.Fatalf("error is %v", err)
			}
			if told.Code != c.code || told.Message == "" {
				t.Errorf("got %+v, want code %d", told, c.code)
			}
			var fields []string
			for _, v := range told.Violations {
				fields = append(fields, v.Field)
			}
			if diff := cmp.Diff(c.fields, fields); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWarningsAreBounded(t *testing.T) {
	t.Parallel()
	body := `{"type":"flush","keyspace":"k"`
	for i := range 5000 {
		body += `,"x` + string(rune('a'+i%26)) + strings.Repeat("y", i/26) + `":1`
	}
	_, warnings, err := rest.Decode([]byte(body + "}"))
	if err != nil {
		t.Fatal(err)
	}
	if len(warnings) != 21 {
		t.Errorf("%d warnings", len(warnings))
	}
}

func TestQuantitiesEchoTheFormTheyCameIn(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		duration, bandwidth string
		span                time.Duration
		rate                int64
	}{
		"objects":            {`{"value":1,"unit":"HOURS"}`, `{"value":10,"unit":"MBPS"}`, time.Hour, 10e6},
		"words":              {`"1 hour"`, `"10mbps"`, time.Hour, 10e6},
		"letters":            {`"15m"`, `"10M"`, 15 * time.Minute, 10e6},
		"fractions":          {`".25h"`, `"1.5K"`, 15 * time.Minute, 1500},
		"no unit for a rate": {`"30 seconds"`, `"512"`, 30 * time.Second, 512},
		"the largest":        {`"3 DAYS"`, `{"value":2,"unit":"GBPS"}`, 72 * time.Hour, 2e9},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var req rest.BackupRequest
			body := `{"duration":` + c.duration + `,"bandwidth":` + c.bandwidth + `}`
			if _, err := rest.DecodeInto([]byte(body), &req); err != nil {
				t.Fatal(err)
			}
			if req.Duration.Duration() != c.span || req.Bandwidth.BytesPerSecond() != c.rate {
				t.Errorf("read %v and %d", req.Duration.Duration(), req.Bandwidth.BytesPerSecond())
			}
			duration, _ := json.Marshal(req.Duration)
			bandwidth, _ := json.Marshal(req.Bandwidth)
			if string(duration) != c.duration || string(bandwidth) != c.bandwidth {
				t.Errorf("echoed %s and %s", duration, bandwidth)
			}
		})
	}
}
