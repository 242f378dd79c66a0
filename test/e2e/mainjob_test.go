package e2e_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
	"github.com/icarus-sidecar/icarus/hack/dataset"
	"github.com/icarus-sidecar/icarus/hack/stores"
)

// ring41 and ring50 are the rings of these tests; the second has what the
// first has not: several data directories.
var (
	ring41 = ring.Options{Version: "4.1", Nodes: 3}
	ring50 = ring.Options{Version: "5.0", Nodes: 3, DataDirs: 2}
)

func TestBackupLossAndRestoreOfARing(t *testing.T) {
	t.Run("4.1, a directory, hard links", func(t *testing.T) {
		b := setUp(t, ring.ForTest(t, ring41), nil)
		b.mainJob(t, "job41", fileLocation(t.TempDir()), rest.StrategyHardlinks)
	})
	t.Run("5.0, S3, import", func(t *testing.T) {
		s3 := stores.S3ForTest(t, "backups")
		b := setUp(t, ring.ForTest(t, ring50), s3Env(s3))
		b.mainJob(t, "job50", "s3://backups", rest.StrategyImport)
	})
	t.Run("5.0, S3, hard links", func(t *testing.T) {
		s3 := stores.S3ForTest(t, "backups")
		b := setUp(t, ring.ForTest(t, ring50), s3Env(s3))
		b.mainJob(t, "jobhl", "s3://backups", rest.StrategyHardlinks)
	})
}

func s3Env(s *stores.S3) []string {
	return []string{
		"AWS_ENDPOINT=" + s.Endpoint, "AWS_REGION=" + stores.Region,
		"AWS_ACCESS_KEY_ID=" + stores.AccessKey, "AWS_SECRET_ACCESS_KEY=" + stores.SecretKey,
	}
}

// mainJob is the whole line: data that hurts, one POST, a loss, one POST, and
// every row compared.
func (b *bench) mainJob(t *testing.T, prefix, location string, strategy rest.Strategy) {
	t.Helper()
	ctx := t.Context()
	data, before := b.populate(t, prefix, 100)
	entities := strings.Join(data.Keyspaces(), ",")
	request := backup(location, "nightly", entities)
	request.CreateMissingBucket = true
	op := b.sidecars[0].succeed(t, request)
	if op.Transfer == nil || op.Transfer.BytesDone == 0 || op.Transfer.BytesDone != op.Transfer.BytesTotal || len(op.Nodes) != 3 {
		t.Errorf("the first backup moved %+v on %+v", op.Transfer, op.Nodes)
	}
	again := b.sidecars[1].succeed(t, backup(location, "nightly", entities))
	if again.Transfer == nil || again.Transfer.BytesReused != again.Transfer.BytesTotal {
		t.Errorf("the backup of nothing new moved %+v", again.Transfer)
	}
	if left := b.snapshots(t, data.Keyspaces()...); len(left) != 0 {
		t.Errorf("snapshots are left behind: %q", left)
	}

	if err := data.Damage(ctx); err != nil {
		t.Fatal(err)
	}
	if err := data.CreateLater(ctx); err != nil {
		t.Fatal(err)
	}
	damaged := prints(t, data)
	own := b.snapshots(t, data.Keyspaces()...) // of the damage, which truncated a table; not ours to delete
	restored := b.sidecars[2].succeed(t, b.restore(location, "nightly", entities, strategy))
	after := prints(t, data)
	if after[data.Later()] != damaged[data.Later()] {
		t.Errorf("the later table was %+v and is %+v", damaged[data.Later()], after[data.Later()])
	}
	delete(after, data.Later())
	for _, d := range dataset.Compare(before, after) {
		t.Error(d)
	}
	if diff := cmp.Diff(own, b.snapshots(t, data.Keyspaces()...)); diff != "" {
		t.Errorf("the snapshots differ from those before the restore:\n%s", diff)
	}
	if left := filesIn(t, b.downloads); len(left) != 0 {
		t.Errorf("downloads are left behind: %q", left)
	}
	t.Logf("warnings of the restore: %q", restored.Warnings)
}

// The two requests of the original's documentation are sent as they stand
// there, but for the names of the bucket and the keyspaces.
func TestTheRequestsOfTheOriginalsDocumentation(t *testing.T) {
	s3 := stores.S3ForTest(t, "my-s3-bucket")
	b := setUp(t, ring.ForTest(t, ring41), s3Env(s3))
	data, before := b.populate(t, "readme", 40)
	post := func(body string) {
		t.Helper()
		req, warnings, err := rest.Decode([]byte(body))
		if err != nil || len(warnings) != 0 {
			t.Fatalf("%v, %q", err, warnings)
		}
		b.sidecars[0].succeed(t, raw{req, json.RawMessage(body)})
	}
	post(`{
		"type": "backup",
		"storageLocation": "s3://my-s3-bucket",
		"snapshotTag": "icarus-snapshot",
		"entities": "system_schema,readme_shop,readme_bank",
		"globalRequest": true
	}`)
	if err := data.Damage(t.Context()); err != nil {
		t.Fatal(err)
	}
	post(`{
		"type": "restore",
		"storageLocation": "s3://my-s3-bucket/test-cluster/dc1/abcd",
		"snapshotTag": "icarus-snapshot",
		"entities": "readme_shop",
		"globalRequest": "true",
		"restorationStrategyType": "HARDLINKS",
		"restorationPhase": "download",
		"import": {
			"type": "import",
			"sourceDir": "` + b.downloads + `"
		}
	}`)
	after := prints(t, data)
	for _, d := range dataset.Compare(before, after) {
		if strings.HasPrefix(d.String(), data.Shop()) {
			t.Error(d)
		}
	}
}

// raw is a request that is sent exactly as it was written.
type raw struct {
	rest.Request
	body json.RawMessage
}

func (r raw) MarshalJSON() ([]byte, error) { return r.body, nil }
