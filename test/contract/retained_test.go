//nolint:thelper // the functions of rows are tests, and where they fail counts
package contract_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// thrice is a node with backups that share objects: a, b and c, from the oldest.
func thrice(t *testing.T) (r *ring, s *sidecar, tags []string) {
	t.Helper()
	r, s = one(t)
	for _, tag := range []string{"a", "b", "c"} {
		s.node.Write("shop", "items", tag)
		tags = append(tags, s.completed(r.backup(fmt.Sprintf(`{"snapshotTag":%q}`, tag))).text("snapshotTag"))
	}
	return r, s, tags
}

func (r *ring) list(s *sidecar, fields string) string {
	return merge(fmt.Sprintf(`{"type":"list","storageLocation":%q,"toRequest":true}`, r.own(s)), fields)
}

func (r *ring) remove(s *sidecar, fields string) string {
	return merge(fmt.Sprintf(`{"type":"remove-backup","storageLocation":%q}`, r.own(s)), fields)
}

// remaining are how many manifests the bucket has.
func (r *ring) remaining(want int) {
	r.t.Helper()
	if got := r.found("*", "*", "*", "manifests", "*"); len(got) != want {
		r.t.Errorf("%d backups remain: %v", len(got), got)
	}
}

var retained = []row{
	of("2.7.1", "list", func(t *testing.T) {
		r, s, tags := thrice(t)
		a := s.completed(r.list(s, ""))
		for i := range tags {
			a.want(fmt.Sprintf("response.reports.%d.name", i), quote(tags[2-i]))
		}
		a.want("response.totalManifests", "3").want("response.reports.3", "")
		if !equalJSON(t, a.raw("response"), a.raw("result")) {
			t.Errorf("response and result differ: %s", a.body)
		}
	}),
	of("2.7.2", "a report", func(t *testing.T) {
		r, s, tags := thrice(t)
		a := s.completed(r.list(s, ""))
		for _, name := range []string{"files", "size", "reclaimableSpace", "unixtimestamp", "manifest.size"} {
			var n int64
			if err := json.Unmarshal([]byte(a.raw("response.reports.0."+name)), &n); err != nil || n <= 0 {
				t.Errorf("%s is %s", name, a.raw("response.reports.0."+name))
			}
		}
		a.want("response.reports.0.manifest.objectKey", quote("manifests/"+tags[2]+".json")).want("response.reports.0.manifest.type", `"FILE"`)
		if _, err := time.Parse(time.RFC3339, a.text("response.reports.0.timestamp")); err != nil {
			t.Error(err)
		}
	}),
	of("2.7.3", "what a removal would free", func(t *testing.T) {
		r, s, _ := thrice(t)
		a := s.completed(r.list(s, ""))
		a.want("response.reports.2.reclaimableSpace", "0").want("response.reports.2.removableEntries", "[]") // b and c have it all
		if n := len(r.found("*", "*", "*", "data", "*", "*", "*", "*")); a.raw("response.totalFiles") != fmt.Sprint(n) {
			t.Errorf("the bucket has %d files, and %s are told", n, a.raw("response.totalFiles"))
		}
	}),
	of("2.7.4", "fromTimestamp keeps the newer", func(t *testing.T) {
		r, s, tags := thrice(t)
		at := s.completed(r.list(s, "")).raw("response.reports.1.unixtimestamp")
		a := s.completed(r.list(s, fmt.Sprintf(`{"fromTimestamp":%s}`, at)))
		a.want("response.reports.0.name", quote(tags[2])).want("response.reports.1.name", quote(tags[1])).want("response.reports.2", "")
		s.completed(r.list(s, `{"fromTimestamp":9223372036854775807}`)).want("response.totalManifests", "3") // the original's default
	}),
	of("2.7.5", "lastN keeps the newest", func(t *testing.T) {
		r, s, tags := thrice(t)
		s.completed(r.list(s, `{"lastN":1}`)).want("response.reports.0.name", quote(tags[2])).want("response.reports.1", "")
	}),
	of("2.7.6", "resolveNodes puts the node in place", func(t *testing.T) {
		r, s, _ := thrice(t)
		s.completed(r.list(s, fmt.Sprintf(`{"storageLocation":%q,"resolveNodes":true}`, r.placeholder()))).want("response.totalManifests", "3")
	}),
	of("2.7.7", "toRequest", func(t *testing.T) {
		r, s, _ := thrice(t)
		s.completed(r.list(s, `{"toRequest":false}`)).want("response", "").want("result.totalManifests", "3")
	}),

	of("2.8.1", "remove-backup by name", func(t *testing.T) {
		r, s, tags := thrice(t)
		s.completed(r.remove(s, fmt.Sprintf(`{"backupName":%q}`, tags[1]))).want("result.removed.0.name", quote(tags[1])).want("result.removed.1", "")
		r.remaining(2)
		s.completed(r.restore(`{"snapshotTag":"c"}`)) // what b had, too, is there
	}),
	of("2.8.2", "a name that is not whole", func(t *testing.T) {
		r, s, tags := thrice(t)
		s.failed(r.remove(s, fmt.Sprintf(`{"backupName":%q}`, tags[1][:len(tags[1])-1])))
		r.remaining(3)
	}),
	of("2.8.3", "dry", func(t *testing.T) {
		r, s, _ := thrice(t)
		s.completed(r.remove(s, `{"removeOldest":true,"dry":true}`)).want("result.dry", "true").want("result.removed.1", "")
		r.remaining(3)
	}),
	of("2.8.4", "removeOldest", func(t *testing.T) {
		r, s, tags := thrice(t)
		s.completed(r.remove(s, `{"removeOldest":true}`)).want("result.removed.0.name", quote(tags[0])).want("result.removed.1", "")
		r.remaining(2)
	}),
	of("2.8.5", "olderThan", func(t *testing.T) {
		r, s, _ := thrice(t)
		s.completed(r.remove(s, `{"olderThan":"1h"}`)).want("result.removed", "[]")
		r.remaining(3)
	}),
	of("2.8.6", "selectors that exclude each other", func(t *testing.T) {
		r, s, tags := thrice(t)
		s.refused(r.remove(s, ""), "backupName")
		s.refused(r.remove(s, fmt.Sprintf(`{"backupName":%q,"olderThan":"1d"}`, tags[0])), "olderThan")
		s.refused(r.remove(s, fmt.Sprintf(`{"backupName":%q,"removeOldest":true}`, tags[0])), "removeOldest")
		s.refused(r.remove(s, `{"removeOldest":true,"olderThan":{"value":1,"unit":"DAYS"}}`), "olderThan")
		s.refused(r.remove(s, `{"removeOldest":true,"resolveNodes":true,"globalRequest":true}`), "resolveNodes")
		r.remaining(3)
	}),
	of("2.8.7", "globalRequest of a removal", func(t *testing.T) {
		r, s := several(t, 2)
		tag := s.completed(r.backup("")).text("snapshotTag")
		s.completed(r.remove(s, fmt.Sprintf(`{"globalRequest":true,"backupName":%q}`, tag))).want("result.topologies", "["+quote(tag)+"]")
		r.remaining(0)
		if found := r.found("topology", "*"); len(found) > 0 {
			t.Errorf("there is %v", found)
		}
	}),
}

var retainedFields = append(fields([]field{
	{id: "2.7.8", name: "json", absent: "false", takes: boolean},
	{id: "2.7.9", name: "resolveNodes", absent: "false", takes: boolean},
	{id: "2.7.10", name: "humanUnits", absent: "false", takes: boolean},
	{id: "2.7.11", name: "toFile", absent: "absent", takes: same(`"/srv/list"`)},
	{id: "2.7.12", name: "simpleFormat", absent: "false", takes: boolean},
	{id: "2.7.13", name: "fromTimestamp", absent: "0", takes: append(whole(7), same(`9223372036854775807`)...)},
	{id: "2.7.14", name: "lastN", absent: "0", takes: whole(7)},
	{id: "2.7.15", name: "skipDownload", absent: "false", takes: boolean},
	{id: "2.7.16", name: "cacheDir", absent: "absent", takes: same(`"/root/.esop"`)},
	{id: "2.7.17", name: "toRequest", absent: "false", takes: boolean},
}, `{"type":"list",`+node0+`}`), fields([]field{
	{id: "2.8.8", name: "backupName", absent: "absent", takes: same(`"snap-1"`), with: `{"removeOldest":false,"collectOrphans":true}`},
	{id: "2.8.9", name: "dry", absent: "false", takes: boolean},
	{id: "2.8.10", name: "resolveNodes", absent: "false", takes: boolean},
	{id: "2.8.11", name: "olderThan", absent: "absent", takes: append(span, spelling{`"14d"`, `"14d"`}), with: `{"removeOldest":false,"collectOrphans":true}`},
	{id: "2.8.12", name: "cacheDir", absent: "absent", takes: same(`"/root/.esop"`)},
	{id: "2.8.13", name: "removeOldest", absent: "false", takes: boolean, with: `{"collectOrphans":true}`},
	{id: "2.8.14", name: "globalRequest", absent: "false", takes: boolean},
}, `{"type":"remove-backup",`+node0+`,"removeOldest":true}`)...)
