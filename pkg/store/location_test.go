package store_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/store"
	"github.com/icarus-sidecar/icarus/pkg/store/storetest"
)

func TestParseLocation(t *testing.T) {
	t.Parallel()
	node := func(p store.Provider, dir, bucket, cluster, dc, id string) store.Location {
		return store.Location{Provider: p, Dir: dir, Bucket: bucket, Cluster: cluster, Datacenter: dc, NodeID: id}
	}
	for name, c := range map[string]struct {
		text string
		want store.Location
	}{
		// The first five are requests of the original as its clients send them.
		"a bucket":                              {"s3://my-s3-bucket", store.Location{Provider: store.S3, Bucket: "my-s3-bucket"}},
		"a node in a bucket":                    {"s3://my-s3-bucket/test-cluster/dc1/abcd", node(store.S3, "", "my-s3-bucket", "test-cluster", "dc1", "abcd")},
		"a bucket in a directory":               {"file:///backups/one/cluster/dc/node", node(store.File, "/backups", "one", "cluster", "dc", "node")},
		"a node of a real ring":                 {"file:///backups/one/lab/dc1/7c637d5f-11eb-45d7-81bd-87ee5caacf01", node(store.File, "/backups", "one", "lab", "dc1", "7c637d5f-11eb-45d7-81bd-87ee5caacf01")},
		"a bucket deep in directories":          {"file:///srv/icarus/store/bucket/c/d/n", node(store.File, "/srv/icarus/store", "bucket", "c", "d", "n")},
		"a bucket in the root":                  {"file:///a/b/c/d", node(store.File, "/", "a", "b", "c", "d")},
		"a slash at the end":                    {"s3://bucket/", store.Location{Provider: store.S3, Bucket: "bucket"}},
		"a slash at the end of a node":          {"file:///backups/one/a/b/c/", node(store.File, "/backups", "one", "a", "b", "c")},
		"a name of 2017":                        {"s3://My_Bucket.1", store.Location{Provider: store.S3, Bucket: "My_Bucket.1"}},
		"spaces and percents mean themselves":   {"file:///my backups/a%20b/Test Cluster/dc/n", node(store.File, "/my backups", "a%20b", "Test Cluster", "dc", "n")},
		"a bucket of Google's":                  {"gcp://bucket", store.Location{Provider: store.GCP, Bucket: "bucket"}},
		"a bucket of Google's, by its scheme":   {"gs://bucket/c/d/n", node(store.GS, "", "bucket", "c", "d", "n")},
		"a bucket that is a domain's":           {"gs://" + strings.Repeat("b", 60) + ".example.org", store.Location{Provider: store.GS, Bucket: strings.Repeat("b", 60) + ".example.org"}},
		"a container of Azure's":                {"azure://container/c/d/n", node(store.Azure, "", "container", "c", "d", "n")},
		"a bucket of MinIO":                     {"minio://bucket", store.Location{Provider: store.MinIO, Bucket: "bucket"}},
		"a bucket of Ceph":                      {"ceph://bucket", store.Location{Provider: store.Ceph, Bucket: "bucket"}},
		"a bucket of Oracle's":                  {"oracle://bucket", store.Location{Provider: store.Oracle, Bucket: "bucket"}},
		"the word global is a word like others": {"s3://global/global/global/global", node(store.S3, "", "global", "global", "global", "global")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := store.ParseLocation(c.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.String() != strings.TrimSuffix(c.text, "/") {
				t.Errorf("as text it is %s", got)
			}
		})
	}
}

func TestParseLocationRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, says string }{
		"nothing":                         {"", "provider://"},
		"no provider":                     {"/backups/one/a/b/c", "provider://"},
		"an unknown provider":             {"ftp://bucket", "azure, ceph, file, gcp, gs, minio, oracle, s3"},
		"a provider in capitals":          {"S3://bucket", "azure, ceph, file, gcp, gs, minio, oracle, s3"},
		"a cloud's part of a node":        {"s3://bucket/a/b", "s3://bucket/cluster/datacenter/node"},
		"a cloud's more than a node":      {"s3://bucket/a/b/c/d", "s3://bucket/cluster/datacenter/node"},
		"no bucket":                       {"s3://", "s3://bucket"},
		"a directory alone":               {"file:///tmp/ic-x", "file:///directory/bucket/cluster/datacenter/node"},
		"three segments":                  {"file:///a/b/c", "file:///directory/bucket/cluster/datacenter/node"},
		"the root":                        {"file:///", "file:///directory/bucket/cluster/datacenter/node"},
		"a relative directory":            {"file://backups/one/a/b/c", "file:///directory/bucket/cluster/datacenter/node"},
		"a host":                          {"file://localhost/backups/one/a/b/c", "file:///directory"},
		"a climbing directory":            {"file:///a/../etc/b/c/d/e", "segment .."},
		"a climbing node":                 {"s3://bucket/a/b/..", "segment .."},
		"a standing segment":              {"file:///a/./b/c/d", "segment ."},
		"two slashes":                     {"file:///a//b/c/d/e", "empty segment"},
		"two slashes at the end":          {"s3://bucket//", "empty segment"},
		"a control character":             {"s3://buc\nket", "control character"},
		"a NUL":                           {"file:///a/b\x00/c/d/e", "control character"},
		"bytes that are no text":          {"file:///a/b\xff/c/d/e", "UTF-8"},
		"a query":                         {"s3://bucket?endpoint=http://x", "query"},
		"a fragment":                      {"s3://bucket#x", "query"},
		"a bucket with a colon":           {"s3://bucket:80", "no name of a bucket"},
		"a bucket that begins with a dot": {"s3://.bucket", "no name of a bucket"},
		"a short bucket":                  {"s3://ab", "no name of a bucket"},
		"a long bucket":                   {"s3://" + strings.Repeat("b", 64), "no name of a bucket"},
		"our own names":                   {"file:///a/.icarus-x/c/d/e", "are ours"},
		"a long location":                 {"file:///" + strings.Repeat("d/", 1500) + "b/c/d/e", "bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := store.ParseLocation(c.text)
			if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%+v, %v", l, err)
			}
		})
	}
}

func TestALocationsPasswordIsNotShown(t *testing.T) {
	t.Parallel()
	if _, err := store.ParseLocation("s3://key:hunter2@bucket"); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
}

func TestCheckKey(t *testing.T) {
	t.Parallel()
	for _, key := range storetest.BadKeys() {
		if err := store.CheckKey(key); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%.50q: %v", key, err)
		}
	}
	for _, key := range []string{"a", "a/b", ".hidden", "...", strings.Repeat("k", 1024)} {
		if err := store.CheckKey(key); err != nil {
			t.Error(err)
		}
	}
}

func FuzzParseLocation(f *testing.F) {
	for _, s := range []string{"s3://bucket/a/b/c", "file:///a/b/c/d", "file:///x/../a/b/c/d/", "s3://b@c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := store.ParseLocation(s)
		if err != nil {
			if !errors.Is(err, store.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		again, err := store.ParseLocation(l.String())
		if err != nil || again != l {
			t.Fatalf("%q is %+v, and its text %+v, %v", s, l, again, err)
		}
		if l.HasNode() {
			if err := store.CheckKey(l.NodePrefix() + "x"); err != nil && len(s) < 900 {
				t.Fatal(err)
			}
		}
	})
}
