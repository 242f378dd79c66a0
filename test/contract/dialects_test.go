package contract_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

// What follows are the types into which clients of the original read answers, with
// the kinds that they insist on. A field of another kind is an error to them.

// common is what all of them read.
type common struct {
	ID       string  `json:"id"`
	Type     string  `json:"type"`
	State    string  `json:"state"`
	Progress float64 `json:"progress"`
	Errors   []struct {
		Source  string `json:"source"`
		Message string `json:"message"`
	} `json:"errors"`
}

// stored is what they read of requests that go to a bucket.
type stored struct {
	StorageLocation        string `json:"storageLocation"`
	SnapshotTag            string `json:"snapshotTag"`
	Entities               string `json:"entities"`
	DC                     string `json:"dc"`
	SchemaVersion          string `json:"schemaVersion"`
	K8sNamespace           string `json:"k8sNamespace"`
	K8sSecretName          string `json:"k8sSecretName"`
	CassandraDirectory     string `json:"cassandraDirectory"`
	ConcurrentConnections  int32  `json:"concurrentConnections"`
	Timeout                int32  `json:"timeout"`
	GlobalRequest          bool   `json:"globalRequest"`
	Insecure               bool   `json:"insecure"`
	SkipBucketVerification bool   `json:"skipBucketVerification"`
}

// cassKopBackup and cassKopRestore are those of the Go client that CassKop has:
// its times and its duration are texts.
type cassKopBackup struct {
	common
	stored

	CreationTime, StartTime, CompletionTime string
	Duration                                string
	Bandwidth                               struct {
		Value float64
		Unit  string
	}
	MetadataDirective                          string
	CreateMissingBucket, UploadClusterTopology bool
}

type cassKopRestore struct {
	common
	stored

	CreationTime, StartTime, CompletionTime                       string
	RestorationPhase, RestorationStrategyType                     string
	Rename                                                        map[string]string
	NoDeleteTruncates, NoDeleteDownloads, NoDownloadData          bool
	ExactSchemaVersion, ResolveHostIDFromTopology, NewCluster     bool
	UpdateCassandraYaml, RestoreSystemKeyspace, RestoreSystemAuth bool
	CassandraConfigDirectory                                      string
	Import                                                        struct {
		Type, SourceDir                                                              string
		KeepLevel, NoVerify, NoVerifyTokens, NoInvalidateCaches, Quick, KeepRepaired bool
	}
}

// operatorBackup is that of Instaclustr's operator, which reads times as RFC 3339.
type operatorBackup struct {
	common
	stored

	CreationTime, StartTime, CompletionTime time.Time
	CreateMissingBucket                     bool
	MetadataDirective                       string
}

// javaBackup is that of a coordinator of Icarus 3.0 itself: durations are objects,
// instants have an offset, numbers are whole where Java's are.
type javaBackup struct {
	common
	stored

	CreationTime, StartTime, CompletionTime time.Time
	Duration, Bandwidth                     struct {
		Value int64
		Unit  string
	}
	Retry struct {
		Interval, MaxAttempts int
		Strategy              string
		Enabled               bool
	}
	ProxySettings struct {
		UseProxy                 bool
		ProxyPort                int
		ProxyHost, ProxyProtocol string
	}
	SkipRefreshing bool
	DataDirs       []string
}

// decoded reads an answer as a client does.
func decoded[T any](t *testing.T, a *answer) (v T) {
	t.Helper()
	if !strings.Contains(a.header.Get("Content-Type"), "application/json") {
		t.Fatalf("it is %s", a.header.Get("Content-Type"))
	}
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return v
}

func TestCassKopBacksUpAndRestores(t *testing.T) {
	t.Parallel()
	r, s := several(t, 2)
	body := fmt.Sprintf(`{"type":"backup","storageLocation":%q,"snapshotTag":"nightly","duration":"1s","bandwidth":{"value":100,"unit":"MBPS"},
		"concurrentConnections":15,"entities":"shop","k8sSecretName":"cloud","dc":"dc1","globalRequest":true,"k8sNamespace":"cassandra"}`, r.placeholder())
	s.completed(r.backup(`{"snapshotTag":"first"}`)) // CassKop makes no bucket
	begun := decoded[cassKopBackup](t, s.submit(body))
	done := decoded[cassKopBackup](t, s.wait(begun.ID))
	if done.State != "COMPLETED" || done.Progress != 1 || done.Duration != "1s" || done.Bandwidth.Value != 100 || done.Bandwidth.Unit != "MBPS" ||
		done.CreationTime == "" || done.StartTime == "" || done.CompletionTime == "" || done.Errors == nil || done.ConcurrentConnections != 15 ||
		done.K8sNamespace != "cassandra" || done.K8sSecretName != "cloud" {
		t.Errorf("the backup is %+v", done)
	}
	decoded[[]cassKopBackup](t, s.get(operations+"?type=backup"))
	s.node.Write("shop", "items", "later")
	body = fmt.Sprintf(`{"type":"restore","dc":"dc1","storageLocation":%q,"snapshotTag":"nightly","noDeleteTruncates":true,"exactSchemaVersion":true,
		"restorationPhase":"INIT","globalRequest":true,"import":{"type":"import","sourceDir":%q},"entities":"shop.items","rename":{},"k8sSecretName":"cloud",
		"cassandraDirectory":"/var/lib/cassandra","restorationStrategyType":"HARDLINKS","resolveHostIdFromTopology":true,"concurrentConnections":15}`,
		r.placeholder(), r.downloads)
	restored := decoded[cassKopRestore](t, s.wait(decoded[cassKopRestore](t, s.submit(body)).ID))
	if restored.State != "COMPLETED" || restored.RestorationPhase != "INIT" || restored.RestorationStrategyType != "HARDLINKS" ||
		restored.Import.Type != "import" || restored.Import.SourceDir != "file://"+r.downloads ||
		!restored.NoDeleteTruncates || !restored.ExactSchemaVersion || !restored.ResolveHostIDFromTopology {
		t.Errorf("the restore is %+v", restored)
	}
	s.wantRows("shop.items", "items-of-127.0.0.1")
}

func TestWhatFailsIsReadByCassKop(t *testing.T) {
	t.Parallel()
	r, s := one(t)
	failed := decoded[cassKopBackup](t, s.run(r.backup(`{"entities":"zoo"}`)))
	if failed.State != "FAILED" || len(failed.Errors) != 1 || failed.Errors[0].Source != "127.0.0.1" || !strings.Contains(failed.Errors[0].Message, "zoo") {
		t.Errorf("it is %+v", failed)
	}
}

func TestTheOperatorOfInstaclustrBacksUpAndDecommissions(t *testing.T) {
	t.Parallel()
	r, s := several(t, 2)
	body := fmt.Sprintf(`{"type":"backup","storageLocation":%q,"snapshotTag":"nightly","concurrentConnections":5,"entities":"shop","k8sSecretName":"",
		"k8sNamespace":"default","globalRequest":true,"createMissingBucket":true,"skipBucketVerification":false,"metadataDirective":"COPY","insecure":false}`,
		r.placeholder())
	begun := s.submit(body)
	location, err := url.Parse(begun.header.Get("Location"))
	noError(t, err)
	id := location.Path[strings.LastIndex(location.Path, "/")+1:]
	if !location.IsAbs() || id != begun.text("id") {
		t.Errorf("Location is %s", location)
	}
	done := decoded[operatorBackup](t, s.wait(id))
	if done.State != "COMPLETED" || done.CreationTime.IsZero() || done.StartTime.Before(done.CreationTime) || done.CompletionTime.Before(done.StartTime) {
		t.Errorf("it is %+v", done)
	}
	s.completed(`{"type":"decommission"}`)
	if found := decoded[[]common](t, s.get(operations+"?type=backup,decommission&state=COMPLETED,FAILED")); len(found) != 3 { // with the child
		t.Errorf("it finds %+v", found)
	}
}

func TestACoordinatorOfIcarus3ReadsItsChildren(t *testing.T) {
	t.Parallel()
	r, s := one(t)
	dirs, err := s.node.DataDirectories(t.Context())
	noError(t, err)
	body := r.backupOf(s, fmt.Sprintf(`{"dataDirs":[%q],"duration":{"value":1,"unit":"SECONDS"},"bandwidth":{"value":1,"unit":"GBPS"},"skipRefreshing":true,
		"proxySettings":{"useProxy":false,"proxyHost":"p","proxyPort":3128,"proxyProtocol":"http"},"retry":{"interval":10,"strategy":"LINEAR","maxAttempts":3,"enabled":false}}`, dirs[0]))
	done := decoded[javaBackup](t, s.run(body))
	if done.State != "COMPLETED" || done.Duration.Value != 1 || done.Duration.Unit != "SECONDS" || done.Bandwidth.Unit != "GBPS" || len(done.DataDirs) != 1 ||
		done.ProxySettings.ProxyPort != 3128 || done.Retry.MaxAttempts != 3 || !done.SkipRefreshing || done.CompletionTime.IsZero() {
		t.Errorf("it is %+v", done)
	}
}

func TestANodeThatIsAskedForItsStatusIsReadByAll(t *testing.T) {
	t.Parallel()
	_, s := one(t)
	status := decoded[struct {
		NodeState string `json:"nodeState"`
	}](t, s.get("/status"))
	version := decoded[struct{ Major, Minor, Patch, DSEPatch int }](t, s.get("/version/cassandra"))
	topology := decoded[struct {
		Timestamp   int64
		ClusterName string
		Topology    []struct{ Hostname, Cluster, DC, Rack, NodeID, IPAddress string }
	}](t, s.get("/topology"))
	if status.NodeState != "NORMAL" || version.Major != 4 || version.DSEPatch != -1 || len(topology.Topology) != 1 || topology.Topology[0].Rack != "rack1" {
		t.Errorf("they are %+v, %+v and %+v", status, version, topology)
	}
}
