package config_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/api/v1alpha1"
)

const (
	backup = `
apiVersion: icarus.io/v1alpha1
kind: CassandraBackup
metadata: {name: friday, namespace: shop}
spec:
  cluster: {podSelector: {matchLabels: {app: cassandra}}}
  storageLocation: s3://backups
`
	fromRef = `
apiVersion: icarus.io/v1alpha1
kind: CassandraRestore
metadata: {name: back, namespace: shop}
spec:
  backupRef: {name: friday}
`
	fromLocation = `
apiVersion: icarus.io/v1alpha1
kind: CassandraRestore
metadata: {name: back, namespace: shop}
spec:
  cluster: {podSelector: {matchLabels: {app: cassandra}}}
  storageLocation: s3://backups
  snapshotTag: friday
`
)

// change is one field of an object set to a value, or removed where that is nil.
type change struct {
	path  string
	value any
}

func set(path string, value any) change { return change{path, value} }

func (c change) to(object map[string]any) {
	names := strings.Split(c.path, ".")
	last := len(names) - 1
	for _, name := range names[:last] {
		inner, ok := object[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			object[name] = inner
		}
		object = inner
	}
	if c.value == nil {
		delete(object, names[last])
		return
	}
	object[names[last]] = c.value
}

func kindOf(object map[string]any) string { return object["kind"].(string) }

func changed(t *testing.T, document string, changes ...change) map[string]any {
	t.Helper()
	object := decode(t, document)
	for _, c := range changes {
		c.to(object)
	}
	return object
}

// expect compares what a server says with the field and a part of the message, or
// with nothing where field is "".
func expect(t *testing.T, errs field.ErrorList, name, message string) {
	t.Helper()
	if name == "" {
		if len(errs) > 0 {
			t.Errorf("refused: %v", errs.ToAggregate())
		}
		return
	}
	for _, err := range errs {
		if err.Field == name && strings.Contains(err.Error(), message) {
			return
		}
	}
	t.Errorf("want an error at %s with %q, got %v", name, message, errs.ToAggregate())
}

type ruleTest struct {
	document       string
	changes        []change
	field, message string // "" where the object is good
}

func list(values ...any) []any { return values }

func renames(pairs ...string) map[string]any {
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

func many(n int, format string) []any {
	values := make([]any, n)
	for i := range values {
		values[i] = fmt.Sprintf(format, i)
	}
	return values
}

func manyLabels(n int) map[string]any {
	labels := map[string]any{}
	for i := range n {
		labels[fmt.Sprintf("label-%d", i)] = "x"
	}
	return labels
}

var longName = strings.Repeat("n", 191)

var backupRules = map[string]ruleTest{
	"the least":                              {backup, nil, "", ""},
	"no cluster":                             {backup, []change{set("spec.cluster", nil)}, "spec.cluster", "Required"},
	"a selector without labels":              {backup, []change{set("spec.cluster.podSelector", map[string]any{})}, "spec.cluster.podSelector", "must name a label"},
	"a selector of empty labels":             {backup, []change{set("spec.cluster.podSelector.matchLabels", map[string]any{})}, "spec.cluster.podSelector", "must name a label"},
	"a selector of expressions":              {backup, []change{set("spec.cluster.podSelector", map[string]any{"matchExpressions": list(map[string]any{"key": "app", "operator": "Exists"})})}, "", ""},
	"a selector of more labels than fit":     {backup, []change{set("spec.cluster.podSelector.matchLabels", manyLabels(21))}, "spec.cluster.podSelector", "at most 20"},
	"a port by number":                       {backup, []change{set("spec.cluster.port", int64(14567))}, "", ""},
	"a port by name":                         {backup, []change{set("spec.cluster.port", "icarus-api")}, "", ""},
	"port 0":                                 {backup, []change{set("spec.cluster.port", int64(0))}, "spec.cluster.port", "from 1 to 65535"},
	"port 65536":                             {backup, []change{set("spec.cluster.port", int64(65536))}, "spec.cluster.port", "from 1 to 65535"},
	"a port's name that is none":             {backup, []change{set("spec.cluster.port", "Icarus API")}, "spec.cluster.port", "name of a container's port"},
	"a port's name that is too long":         {backup, []change{set("spec.cluster.port", "sixteen-letters-")}, "spec.cluster.port", "name of a container's port"},
	"two datacenters":                        {backup, []change{set("spec.cluster.datacenters", list("dc1", "dc2"))}, "", ""},
	"a datacenter twice":                     {backup, []change{set("spec.cluster.datacenters", list("dc1", "dc1"))}, "spec.cluster.datacenters[1]", "Duplicate"},
	"two datacenters in one string":          {backup, []change{set("spec.cluster.datacenters", list("dc1,dc2"))}, "spec.cluster.datacenters[0]", "should match"},
	"no location":                            {backup, []change{set("spec.storageLocation", nil)}, "spec.storageLocation", "Required"},
	"a location without a provider":          {backup, []change{set("spec.storageLocation", "backups")}, "spec.storageLocation", "should match"},
	"a location with a password":             {backup, []change{set("spec.storageLocation", "s3://key:secret@backups")}, "spec.storageLocation", "should match"},
	"a location with a query":                {backup, []change{set("spec.storageLocation", "s3://backups?region=x")}, "spec.storageLocation", "should match"},
	"a location that climbs":                 {backup, []change{set("spec.storageLocation", "file:///mnt/../etc/c/dc/n")}, "spec.storageLocation", "must not contain '..'"},
	"a location of files":                    {backup, []change{set("spec.storageLocation", "file:///mnt/backups/bucket/cluster/dc/node")}, "", ""},
	"a location of a node":                   {backup, []change{set("spec.storageLocation", "s3://backups/cluster/dc/node")}, "", ""},
	"a tag":                                  {backup, []change{set("spec.snapshotTag", "before.upgrade:4.1")}, "", ""},
	"a tag with a slash":                     {backup, []change{set("spec.snapshotTag", "a/b")}, "spec.snapshotTag", "should match"},
	"a tag that climbs":                      {backup, []change{set("spec.snapshotTag", "a..b")}, "spec.snapshotTag", "must not contain '..'"},
	"a tag too long to be completed":         {backup, []change{set("spec.snapshotTag", longName)}, "spec.snapshotTag", "Too long"},
	"a name too long for a tag":              {backup, []change{set("metadata.name", longName)}, "<nil>", "spec.snapshotTag must be set"},
	"a long name with a tag of its own":      {backup, []change{set("metadata.name", longName), set("spec.snapshotTag", "short")}, "", ""},
	"keyspaces":                              {backup, []change{set("spec.entities", list("shop", "stock"))}, "", ""},
	"tables":                                 {backup, []change{set("spec.entities", list("shop.orders", "stock.parts"))}, "", ""},
	"keyspaces and tables":                   {backup, []change{set("spec.entities", list("shop", "stock.parts"))}, "spec.entities", "never mixed"},
	"an entity twice":                        {backup, []change{set("spec.entities", list("shop", "shop"))}, "spec.entities[1]", "Duplicate"},
	"two entities in one string":             {backup, []change{set("spec.entities", list("shop,stock"))}, "spec.entities[0]", "should match"},
	"more entities than fit":                 {backup, []change{set("spec.entities", many(257, "ks%d"))}, "spec.entities", "at most 256"},
	"no connections":                         {backup, []change{set("spec.concurrentConnections", int64(0))}, "spec.concurrentConnections", "greater than or equal to 1"},
	"a bandwidth":                            {backup, []change{set("spec.bandwidth", "10M")}, "", ""},
	"a bandwidth of nothing":                 {backup, []change{set("spec.bandwidth", "0")}, "spec.bandwidth", "should match"},
	"a bandwidth without a number":           {backup, []change{set("spec.bandwidth", "fast")}, "spec.bandwidth", "should match"},
	"a duration":                             {backup, []change{set("spec.duration", "2h30m")}, "", ""},
	"a duration that Go does not read":       {backup, []change{set("spec.duration", "1 hour")}, "spec.duration", "should match"},
	"a duration of nothing":                  {backup, []change{set("spec.duration", "0s")}, "spec.duration", "at least 1s"},
	"a timeout in hours without a unit":      {backup, []change{set("spec.timeout", int64(5))}, "spec.timeout", "must be of type string"},
	"a timeout below a minute":               {backup, []change{set("spec.timeout", "59s")}, "spec.timeout", "at least 1m"},
	"missing nodes allowed":                  {backup, []change{set("spec.missingNodes", "Allow")}, "", ""},
	"missing nodes in unknown words":         {backup, []change{set("spec.missingNodes", "allow")}, "spec.missingNodes", "Unsupported"},
	"data deleted with the object":           {backup, []change{set("spec.deletionPolicy", "Delete")}, "", ""},
	"an unknown deletion policy":             {backup, []change{set("spec.deletionPolicy", "Orphan")}, "spec.deletionPolicy", "Unsupported"},
	"a secret without a name":                {backup, []change{set("spec.credentialsSecretRef", map[string]any{})}, "spec.credentialsSecretRef.name", "Required"},
	"a secret of another namespace":          {backup, []change{set("spec.credentialsSecretRef.name", "other/secret")}, "spec.credentialsSecretRef.name", "should match"},
	"a field that there is not":              {backup, []change{set("spec.schedule", "@daily")}, "spec.schedule", "unknown"},
	"keys in the object instead of a secret": {backup, []change{set("spec.credentials", map[string]any{"awssecretaccesskey": "x"})}, "spec.credentials", "unknown"},
}

var restoreRules = map[string]ruleTest{
	"by backupRef alone":                     {fromRef, nil, "", ""},
	"by location and tag":                    {fromLocation, nil, "", ""},
	"by backupRef into another cluster":      {fromRef, []change{set("spec.cluster.podSelector.matchLabels", map[string]any{"app": "other"})}, "", ""},
	"into a cluster without labels":          {fromRef, []change{set("spec.cluster.podSelector", map[string]any{})}, "spec.cluster.podSelector", "must name a label"},
	"into a cluster of more labels than fit": {fromRef, []change{set("spec.cluster.podSelector.matchLabels", manyLabels(21))}, "spec.cluster.podSelector", "at most 20"},
	"into a cluster of port 0":               {fromLocation, []change{set("spec.cluster.port", int64(0))}, "spec.cluster.port", "from 1 to 65535"},
	"of nothing":                             {fromRef, []change{set("spec.backupRef", nil)}, "spec", "either backupRef"},
	"by backupRef and location":              {fromLocation, []change{set("spec.backupRef.name", "friday")}, "spec", "either backupRef"},
	"by backupRef and tag":                   {fromRef, []change{set("spec.snapshotTag", "friday")}, "spec", "either backupRef"},
	"by location alone":                      {fromLocation, []change{set("spec.snapshotTag", nil)}, "spec", "either backupRef"},
	"by tag alone":                           {fromLocation, []change{set("spec.storageLocation", nil)}, "spec", "either backupRef"},
	"by location without a cluster":          {fromLocation, []change{set("spec.cluster", nil)}, "spec", "must have cluster"},
	"by an empty location and tag":           {fromRef, []change{set("spec.storageLocation", "")}, "spec.storageLocation", "at least 1"},
	"of keyspaces":                           {fromRef, []change{set("spec.entities", list("shop", "stock"))}, "", ""},
	"of keyspaces and tables":                {fromRef, []change{set("spec.entities", list("shop", "stock.parts"))}, "spec.entities", "never mixed"},
	"by import":                              {fromRef, []change{set("spec.strategy", "Import")}, "", ""},
	"in place, which needs a stopped one":    {fromRef, []change{set("spec.strategy", "InPlace")}, "spec.strategy", "Unsupported"},
	"with tables renamed":                    {fromRef, []change{set("spec.rename", renames("shop.a", "shop.b", "shop.c", "shop.d"))}, "", ""},
	"with a keyspace renamed":                {fromRef, []change{set("spec.rename", renames("shop", "shop2.a"))}, "spec.rename", "must rename tables"},
	"with a table renamed to a keyspace":     {fromRef, []change{set("spec.rename", renames("shop.a", "shop2"))}, "spec.rename.shop.a", "should match"},
	"with two tables renamed to one":         {fromRef, []change{set("spec.rename", renames("shop.a", "shop.c", "shop.b", "shop.c"))}, "spec.rename", "two tables to one"},
	"with tables swapped":                    {fromRef, []change{set("spec.rename", renames("shop.a", "shop.b", "shop.b", "shop.a"))}, "spec.rename", "renamed too"},
	"with a table renamed to itself":         {fromRef, []change{set("spec.rename", renames("shop.a", "shop.a"))}, "spec.rename", "to itself"},
	"with no table renamed":                  {fromRef, []change{set("spec.rename", renames())}, "spec.rename", "at least 1"},
	"of a schema version":                    {fromRef, []change{set("spec.schemaVersion", "6f5e9841-4f97-3198-9398-161b445b3954"), set("spec.exactSchemaVersion", true)}, "", ""},
	"of a schema version without a say":      {fromRef, []change{set("spec.schemaVersion", "6f5e9841-4f97-3198-9398-161b445b3954")}, "spec", "must have exactSchemaVersion"},
	"of a schema version that is none":       {fromRef, []change{set("spec.schemaVersion", "newest"), set("spec.exactSchemaVersion", true)}, "spec.schemaVersion", "should match"},
	"with a final tag":                       {fromLocation, []change{set("spec.snapshotTag", strings.Repeat("t", 190)+"-6f5e9841-4f97-3198-9398-161b445b3954-1769946556811")}, "", ""},
	"with a tag that climbs":                 {fromLocation, []change{set("spec.snapshotTag", "a..b")}, "spec.snapshotTag", "must not contain '..'"},
	"with a relative directory":              {fromRef, []change{set("spec.downloadDirectory", "downloads")}, "spec.downloadDirectory", "should match"},
	"with a directory that climbs":           {fromRef, []change{set("spec.downloadDirectory", "/var/lib/../../etc")}, "spec.downloadDirectory", "must not contain '..'"},
	"with a location that climbs":            {fromLocation, []change{set("spec.storageLocation", "s3://backups/..")}, "spec.storageLocation", "must not contain '..'"},
	"with a timeout below a minute":          {fromRef, []change{set("spec.timeout", "1s")}, "spec.timeout", "at least 1m"},
}

func TestRulesOfSpecs(t *testing.T) {
	t.Parallel()
	servers := newServers(t)
	for kind, tests := range map[string]map[string]ruleTest{"a backup: ": backupRules, "a restore ": restoreRules} {
		for name, test := range tests {
			t.Run(kind+name, func(t *testing.T) {
				t.Parallel()
				object := changed(t, test.document, test.changes...)
				_, errs := servers[kindOf(object)].create(t, object)
				expect(t, errs, test.field, test.message)
			})
		}
	}
}

func TestDefaultsOfSpecs(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]map[string]any{
		backup:  {"concurrentConnections": int64(10), "timeout": "5h", "missingNodes": "Fail", "deletionPolicy": "Retain"},
		fromRef: {"concurrentConnections": int64(10), "timeout": "5h", "strategy": "Hardlinks", "downloadDirectory": "/var/lib/cassandra/downloadedsstables"},
	} {
		object := decode(t, document)
		stored, errs := newServer(t, kindOf(object)).create(t, object)
		expect(t, errs, "", "")
		for name, value := range want {
			if got := stored["spec"].(map[string]any)[name]; !reflect.DeepEqual(got, value) {
				t.Errorf("%s: spec.%s is %v by default, want %v", kindOf(object), name, got, value)
			}
		}
		if cluster, ok := stored["spec"].(map[string]any)["cluster"].(map[string]any); ok && cluster["port"] != int64(v1alpha1.DefaultPort) {
			t.Errorf("spec.cluster.port is %v by default, want %d", cluster["port"], v1alpha1.DefaultPort)
		}
	}
}

// Every field has a value here that no other object has, so that a new field
// without a rule is found.
func TestSpecsAreImmutable(t *testing.T) {
	t.Parallel()
	other := map[string]any{
		"cluster":         map[string]any{"podSelector": map[string]any{"matchLabels": map[string]any{"app": "other"}}},
		"storageLocation": "s3://others", "credentialsSecretRef": map[string]any{"name": "other"}, "snapshotTag": "other",
		"entities": list("other"), "concurrentConnections": int64(3), "bandwidth": "3M", "duration": "3h", "timeout": "3h",
		"missingNodes": "Allow", "deletionPolicy": "Delete", "backupRef": map[string]any{"name": "other"},
		"rename": renames("a.b", "c.d"), "strategy": "Import", "downloadDirectory": "/other", "keepDownloads": true, "keepTruncated": true,
		"schemaVersion": "00000000-4f97-3198-9398-161b445b3954", "exactSchemaVersion": true,
	}
	full := []change{
		set("spec.credentialsSecretRef.name", "bucket"), set("spec.snapshotTag", "tag"), set("spec.entities", list("shop")),
		set("spec.bandwidth", "10M"), set("spec.duration", "1h"),
	}
	backups, restores := reflect.TypeFor[v1alpha1.CassandraBackupSpec](), reflect.TypeFor[v1alpha1.CassandraRestoreSpec]()
	for _, test := range []struct {
		object map[string]any
		spec   reflect.Type
	}{
		{decode(t, backup), backups},
		{changed(t, backup, full...), backups},
		{decode(t, fromRef), restores},
		{decode(t, fromLocation), restores},
	} {
		s := newServer(t, kindOf(test.object))
		before, errs := s.create(t, test.object)
		expect(t, errs, "", "")
		expect(t, s.update(t, before, before), "", "")
		for f := range test.spec.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			value, listed := other[name]
			if !listed {
				t.Fatalf("no other value of spec.%s is listed here", name)
			}
			after := clone(t, test.object)
			set("spec."+name, value).to(after)
			if name == "deletionPolicy" {
				expect(t, s.update(t, after, before), "", "")
				continue
			}
			expectImmutable(t, s.update(t, after, before), name)
			stored, _ := s.create(t, after)
			expectImmutable(t, s.update(t, test.object, stored), name)
		}
	}
}

func expectImmutable(t *testing.T, errs field.ErrorList, name string) {
	t.Helper()
	if !slices.ContainsFunc(errs, func(e *field.Error) bool { return strings.Contains(e.Detail, "immutable") }) {
		t.Errorf("spec.%s can be changed: %v", name, errs.ToAggregate())
	}
}

// What the schema lets pass, the REST contract reads.
func TestQuantitiesAreThoseOfTheRESTContract(t *testing.T) {
	t.Parallel()
	s := newServer(t, "CassandraBackup")
	for _, text := range []string{
		"1", "10485760", "999999999999999", "500K", "500k", "10M", "10mbps", "10MBPS", "999999G", "7bps",
		"1000000G", "0", "-1M", "10MB", "10 M", "1.5M", "10T", "M", "1e6",
	} {
		_, errs := s.create(t, changed(t, backup, set("spec.bandwidth", text)))
		var b rest.Bandwidth
		err := b.UnmarshalJSON([]byte(`"` + text + `"`))
		if len(errs) == 0 && (err != nil || b.BytesPerSecond() < 1) {
			t.Errorf("bandwidth %q is accepted, and read as %d with error %v", text, b.BytesPerSecond(), err)
		}
	}
}
