package rest_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/operation"
)

func TestCommitLogDefaults(t *testing.T) {
	t.Parallel()
	const way = `"storageLocation":"s3://b1b","concurrentConnections":10,"insecure":false,"skipBucketVerification":false,` +
		`"retry":{"interval":10,"strategy":"LINEAR","maxAttempts":3,"enabled":false},`
	for name, c := range map[string]struct{ body, want string }{
		"backup": {
			`{"type":"commitlog-backup","storageLocation":"s3://b1b"}`,
			`{"type":"commitlog-backup",` + way + `"metadataDirective":"COPY","online":false,"createMissingBucket":false,"skipRefreshing":false}`,
		},
		"restore": {
			`{"type":"commitlog-restore","storageLocation":"s3://b1b","commitlogDownloadDir":"/d","timestampEnd":"7","cassandraConfigDirectory":""}`,
			`{"type":"commitlog-restore",` + way + `"cassandraCommitLogDirectory":"/var/lib/cassandra/data/commitlog","sharedContainerPath":"/",` +
				`"cassandraConfigDirectory":"/etc/cassandra","commitlogDownloadDir":"file:///d","timestampStart":0,"timestampEnd":7}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req, warnings, err := rest.Decode([]byte(c.body))
			if err != nil || len(warnings) > 0 {
				t.Fatal(err, warnings)
			}
			got, err := json.Marshal(req)
			if diff := cmp.Diff(c.want, string(got)); diff != "" || err != nil {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
}

func TestCommitLogViolations(t *testing.T) {
	t.Parallel()
	restore := func(fields string) string {
		return `{"type":"commitlog-restore","storageLocation":"s3://b1b",` + fields + `}`
	}
	for name, c := range map[string]struct {
		body   string
		fields string // of the violations
	}{
		"a restore":                         {restore(`"commitlogDownloadDir":"/d","timestampEnd":7,"keyspaceTables":"a.b c.d"`), ""},
		"a restore of nothing":              {restore(`"timestampStart":1`), "commitlogDownloadDir timestampEnd"},
		"a restore that ends before":        {restore(`"commitlogDownloadDir":"/d","timestampStart":8,"timestampEnd":7`), "timestampStart"},
		"a restore to microseconds":         {restore(`"commitlogDownloadDir":"/d","timestampEnd":1795409334496000`), "timestampEnd"},
		"a restore to before 1970":          {restore(`"commitlogDownloadDir":"/d","timestampEnd":-1`), "timestampEnd"},
		"a restore into a list":             {restore(`"commitlogDownloadDir":"/d,/e","timestampEnd":7`), "commitlogDownloadDir"},
		"a restore into blanks":             {restore(`"commitlogDownloadDir":"/d e","timestampEnd":7`), "commitlogDownloadDir"},
		"a restore into the commit log":     {restore(`"commitlogDownloadDir":"/l/d","timestampEnd":7,"cassandraCommitLogDirectory":"/l"`), "commitlogDownloadDir"},
		"a restore around the commit log":   {restore(`"commitlogDownloadDir":"/var/lib","timestampEnd":7`), "commitlogDownloadDir"},
		"a restore of a keyspace":           {restore(`"commitlogDownloadDir":"/d","timestampEnd":7,"keyspaceTables":"a"`), "keyspaceTables"},
		"a restore of what a shell runs":    {restore(`"commitlogDownloadDir":"/d","timestampEnd":7,"keyspaceTables":"a.b$(reboot)"`), "keyspaceTables"},
		"a backup":                          {`{"type":"commitlog-backup","storageLocation":"s3://b1b","duration":"1h"}`, ""},
		"a backup to nowhere":               {`{"type":"commitlog-backup"}`, "storageLocation"},
		"a backup in no time":               {`{"type":"commitlog-backup","storageLocation":"s3://b1b","duration":"0h","bandwidth":"0M"}`, "duration bandwidth"},
		"a backup of a relative segment":    {`{"type":"commitlog-backup","storageLocation":"s3://b1b","commitLog":"x"}`, "commitLog"},
		"a backup of a segment that climbs": {`{"type":"commitlog-backup","storageLocation":"s3://b1b","commitLog":"/a/../x"}`, "commitLog"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req, _, err := rest.Decode([]byte(c.body))
			if err == nil {
				err = operation.Validate(req)
			}
			var told *rest.Error
			var fields []string
			if errors.As(err, &told) {
				for _, v := range told.Violations {
					fields = append(fields, v.Field)
				}
			}
			if got := strings.Join(fields, " "); got != c.fields || (err == nil) != (c.fields == "") {
				t.Errorf("%v", err)
			}
		})
	}
}
