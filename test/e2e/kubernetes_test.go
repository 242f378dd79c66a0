package e2e_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/api/v1alpha1"
	"github.com/icarus-sidecar/icarus/hack/cassandra/ring"
	"github.com/icarus-sidecar/icarus/hack/dataset"
	"github.com/icarus-sidecar/icarus/hack/kubernetes"
	"github.com/icarus-sidecar/icarus/hack/stores"
)

const sampleBucket = "cassandra-backups" // of config/samples

// The samples are applied to a real API server, and a real controller lets real
// sidecars do what they say. It is killed in the midst of both.
func TestBackupLossAndRestoreByManifests(t *testing.T) {
	s3, azure := stores.S3ForTest(t, sampleBucket), stores.AzureForTest(t, sampleBucket)
	// The sidecars know where Azure is, and no key to it.
	b := setUp(t, ring.ForTest(t, ring41), append(s3Env(s3),
		"AZURE_STORAGE_SERVICE_ENDPOINT="+azure.ServiceURL(), "AWS_REQUEST_CHECKSUM_CALCULATION=when_required")) // Azurite knows no CRC-64
	c := control(t, racing, "--allow-credentials-over-http")
	for _, n := range b.ring.Nodes {
		if err := c.AddPod(t.Context(), fmt.Sprintf("cassandra-%d", n.Index-1), n.Address, v1alpha1.DefaultPort, podLabels); err != nil {
			t.Fatal(err)
		}
	}
	c.start(t)
	data := dataset.New(b.session, dataset.Options{Prefix: "kube", Rows: 40})
	if err := data.Populate(t.Context(), b.flush); err != nil {
		t.Fatal(err)
	}
	before, err := data.Prints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.backUpByManifest(t, c)
	if err := data.Damage(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.restoreByManifest(t, c)
	after, err := data.Prints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dataset.Compare(before, after) {
		t.Error(d)
	}
	t.Run("with the keys of a Secret, and its data deleted with it", func(t *testing.T) { b.deletedWithItsData(t, c, s3) })
	t.Run("with the key of an Azure account from a Secret", func(t *testing.T) { b.backUpToAzure(t, c, azure) })
}

// backUpByManifest applies the sample, and kills the controller while the nodes upload.
func (b *bench) backUpByManifest(t *testing.T, c *controlled) {
	t.Helper()
	c.apply(t, "backup.yaml", kubernetes.Edit{Kind: "CassandraBackup", Path: []string{"spec", "bandwidth"}, Value: "100K"})
	o := &v1alpha1.CassandraBackup{ObjectMeta: metav1.ObjectMeta{Name: "friday"}}
	c.until(t, o, &o.Status.OperationStatus, func() bool {
		return len(o.Status.Nodes) == len(b.ring.Nodes) && !slices.ContainsFunc(o.Status.Nodes, func(n v1alpha1.NodeStatus) bool {
			return n.State != v1alpha1.NodeRunning
		})
	})
	c.kill(t)
	c.start(t)
	c.until(t, o, &o.Status.OperationStatus, func() bool { return meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionComplete) })
	if o.Status.NodeSummary != "3/3" || o.Status.Progress != "100%" || o.Status.Transfer == nil || o.Status.Transfer.BytesDone == 0 {
		t.Errorf("the status tells %s, %s, %+v", o.Status.NodeSummary, o.Status.Progress, o.Status.Transfer)
	}
	want := map[string]int{rest.TypeUploadTopology + " ": 1}
	for _, s := range b.sidecars {
		want[rest.TypeBackup+" "+s.node.Address] = 1
	}
	b.wantOperations(t, []string{rest.TypeBackup, rest.TypeUploadTopology}, want)
}

// restoreByManifest applies the sample, and kills the controller when it is about
// to truncate.
func (b *bench) restoreByManifest(t *testing.T, c *controlled) {
	t.Helper()
	c.apply(t, "restore.yaml", kubernetes.Edit{Kind: "CassandraRestore", Path: []string{"spec", "downloadDirectory"}, Value: b.downloads})
	o := &v1alpha1.CassandraRestore{ObjectMeta: metav1.ObjectMeta{Name: "friday-back"}}
	c.until(t, o, &o.Status.OperationStatus, func() bool { return meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionDownloaded) })
	if o.IsFinished() {
		t.Fatal("it ended before the controller was killed")
	}
	c.kill(t)
	c.start(t)
	c.until(t, o, &o.Status.OperationStatus, func() bool { return meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionComplete) })
	for _, condition := range v1alpha1.RestoreConditions() {
		if is := meta.IsStatusConditionTrue(o.Status.Conditions, condition); is == (condition == v1alpha1.ConditionFailed) {
			t.Errorf("%s is %t", condition, is)
		}
	}
	want := map[string]int{rest.TypeRestore + "/" + string(rest.PhaseTruncate) + " ": 1}
	for _, s := range b.sidecars {
		for _, phase := range []rest.RestorePhase{rest.PhaseInit, rest.PhaseDownload, rest.PhaseImport, rest.PhaseCleanup} {
			want[rest.TypeRestore+"/"+string(phase)+" "+s.node.Address] = 1
		}
	}
	b.wantOperations(t, []string{rest.TypeRestore}, want)
	if left := filesIn(t, b.downloads); len(left) != 0 {
		t.Errorf("downloads are left behind: %q", left)
	}
}

// wantOperations compares how often each node ran operations of some types. What
// one node runs for all is counted under no address.
func (b *bench) wantOperations(t *testing.T, types []string, want map[string]int) {
	t.Helper()
	got := map[string]int{}
	for _, s := range b.sidecars {
		ops, err := s.Operations(t.Context(), clientFilter)
		if err != nil {
			t.Fatal(err)
		}
		for _, op := range ops {
			if !slices.Contains(types, op.Type) {
				continue
			}
			name, address := op.Type, s.node.Address
			if op.Type == rest.TypeRestore {
				var req rest.RestoreRequest
				if _, err := rest.DecodeInto(op.Request, &req); err != nil {
					t.Fatal(err)
				}
				name += "/" + string(req.RestorationPhase)
				if req.RestorationPhase == rest.PhaseTruncate {
					address = ""
				}
			}
			if op.Type == rest.TypeUploadTopology {
				address = ""
			}
			got[name+" "+address]++
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the operations of the nodes (-want +got):\n%s", diff)
	}
}

// deletedWithItsData backs up into the bucket of another server, which only the
// Secret names, and deletes the object.
func (b *bench) deletedWithItsData(t *testing.T, c *controlled, own *stores.S3) {
	t.Helper()
	other := stores.S3ForTest(t, sampleBucket)
	objects := func(s *stores.S3) []string { return filesIn(t, filepath.Join(s.Dir, "objects", sampleBucket)) }
	kept := objects(own)
	edits := make([]kubernetes.Edit, 0, 4)
	secret := map[string]string{
		"awsaccesskeyid": stores.AccessKey, "awssecretaccesskey": stores.SecretKey, "awsregion": stores.Region, "awsendpoint": other.Endpoint,
	}
	for _, key := range slices.Sorted(maps.Keys(secret)) {
		edits = append(edits, kubernetes.Edit{Kind: "Secret", Path: []string{"stringData", key}, Value: secret[key]})
	}
	c.apply(t, "backup-with-secret.yaml", edits...)
	o := &v1alpha1.CassandraBackup{ObjectMeta: metav1.ObjectMeta{Name: "nightly"}}
	c.until(t, o, &o.Status.OperationStatus, func() bool { return meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionComplete) })
	b.holds(t, o, objects(other))
	c.deleted(t, o)
	if left := objects(other); len(left) != 0 {
		t.Errorf("%d objects are left behind, such as %s", len(left), left[0])
	}
	var events eventsv1.EventList
	if err := c.List(t.Context(), &events, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(events.Items, func(e eventsv1.Event) bool {
		return e.Regarding.Name == "nightly" && e.Reason == v1alpha1.ReasonDataDeleted && e.Type == corev1.EventTypeNormal
	}) {
		t.Errorf("no event tells that the data was deleted: %+v", events.Items)
	}
	// The one that is to be retained is.
	c.deleted(t, &v1alpha1.CassandraBackup{ObjectMeta: metav1.ObjectMeta{Name: "friday", Namespace: namespace}})
	if diff := cmp.Diff(kept, objects(own)); diff != "" {
		t.Errorf("the bucket of the retained backup has changed:\n%s", diff)
	}
}

// holds looks that the bucket which the Secret leads to has a manifest of every node.
func (b *bench) holds(t *testing.T, o *v1alpha1.CassandraBackup, names []string) {
	t.Helper()
	n := 0
	for _, name := range names {
		if strings.Contains(name, "/manifests/"+o.Status.SnapshotTag) {
			n++
		}
	}
	if n != len(b.ring.Nodes) {
		t.Errorf("the bucket has %d manifests of %s", n, o.Status.SnapshotTag)
	}
}

// backUpToAzure backs up into a container to which the Secret alone has the key, and
// deletes the object with its data.
func (b *bench) backUpToAzure(t *testing.T, c *controlled, azure *stores.Azure) {
	t.Helper()
	named := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: namespace, Name: name} }
	secret := &corev1.Secret{ObjectMeta: named("azure-account"), StringData: map[string]string{
		"azurestorageaccount": stores.AzureAccount, "azurestoragekey": stores.AzureKey,
	}}
	o := &v1alpha1.CassandraBackup{ObjectMeta: named("to-azure"), Spec: v1alpha1.CassandraBackupSpec{
		Cluster:              v1alpha1.ClusterReference{PodSelector: metav1.LabelSelector{MatchLabels: podLabels}},
		StorageLocation:      "azure://" + sampleBucket,
		CredentialsSecretRef: &v1alpha1.SecretReference{Name: secret.Name},
		DeletionPolicy:       v1alpha1.DeletionPolicyDelete,
	}}
	for _, made := range []client.Object{secret, o} {
		if err := c.Create(t.Context(), made); err != nil {
			t.Fatal(err)
		}
	}
	c.until(t, o, &o.Status.OperationStatus, func() bool { return meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionComplete) })
	b.holds(t, o, blobs(t, azure))
	c.deleted(t, o)
	if left := blobs(t, azure); len(left) != 0 {
		t.Errorf("%d objects are left behind, such as %s", len(left), left[0])
	}
}

// blobs are the names of all that the container of the samples holds.
func blobs(t *testing.T, azure *stores.Azure) (names []string) {
	t.Helper()
	account, err := azure.Client()
	if err != nil {
		t.Fatal(err)
	}
	for pages := account.NewListBlobsFlatPager(sampleBucket, nil); pages.More(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Segment.BlobItems {
			names = append(names, *item.Name)
		}
	}
	return names
}

// deleted deletes an object, and waits until it is gone.
func (c *controlled) deleted(t *testing.T, o client.Object) {
	t.Helper()
	if err := c.Delete(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Minute, func() error {
		switch err := c.Get(t.Context(), client.ObjectKeyFromObject(o), o); {
		case apierrors.IsNotFound(err):
			return nil
		case err != nil:
			return err
		}
		return fmt.Errorf("%s is there still", o.GetName())
	})
}
