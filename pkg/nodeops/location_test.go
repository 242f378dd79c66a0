package nodeops_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
	"github.com/icarus-sidecar/icarus/pkg/nodeops"
	"github.com/icarus-sidecar/icarus/pkg/store"
)

func TestStoreOptions(t *testing.T) {
	t.Parallel()
	sidecars := store.Options{
		Endpoint: "https://own:9000", Region: "own-1", Insecure: true, CAFile: "/ca.pem",
		Credentials: store.Credentials{AccessKeyID: "own", SecretAccessKey: "own-secret", SessionToken: "own-token"},
		GCS:         store.GCSOptions{Endpoint: "https://gcs", Anonymous: true, KeyFile: "/own.json", Project: "own"},
		Azure: store.AzureOptions{
			Account: "own", ConnectionString: "own", SharedAccessSignature: "own", Endpoint: "https://azure", Domain: "blob.example",
		},
	}
	base := func() rest.Store { return newRequest[rest.BackupRequest](rest.TypeBackup, nil).Store }
	with := func(change func(o *store.Options)) store.Options {
		o := sidecars
		o.Connections = 10
		change(&o)
		return o
	}
	// With an account of the request's, none of the sidecar's is left.
	as := func(change func(o *store.Options)) store.Options {
		return with(func(o *store.Options) {
			o.Credentials, o.GCS = store.Credentials{}, store.GCSOptions{Endpoint: "https://gcs"}
			o.Azure = store.AzureOptions{Endpoint: "https://azure", Domain: "blob.example"}
			change(o)
		})
	}
	cases := map[string]struct {
		ask  func(s *rest.Store)
		want store.Options
	}{
		"nothing asked for": {func(*rest.Store) {}, with(func(*store.Options) {})},
		"connections":       {func(s *rest.Store) { s.ConcurrentConnections = 3 }, with(func(o *store.Options) { o.Connections = 3 })},
		"retries, of which the first attempt is none": {
			func(s *rest.Store) {
				s.Retry = rest.Retry{Enabled: true, MaxAttempts: 3, Interval: 10, Strategy: "LINEAR"}
			},
			with(func(o *store.Options) { o.Retry = store.Retry{MaxAttempts: 4, Interval: 10 * time.Second} }),
		},
		"no retries": {
			func(s *rest.Store) { s.Retry = rest.Retry{Enabled: true, Interval: 1, Strategy: "EXPONENTIAL"} },
			with(func(o *store.Options) {
				o.Retry = store.Retry{MaxAttempts: 1, Interval: time.Second, Exponential: true}
			}),
		},
		"an account at the sidecar's store": {
			func(s *rest.Store) { s.Credentials = &rest.Credentials{AccessKeyID: "id", SecretAccessKey: "secret"} },
			as(func(o *store.Options) {
				o.Credentials = store.Credentials{AccessKeyID: "id", SecretAccessKey: "secret"}
			}),
		},
		"an account elsewhere": {
			func(s *rest.Store) {
				s.Credentials = &rest.Credentials{
					AccessKeyID: "id", SecretAccessKey: "secret", SessionToken: "token", Region: "r", Endpoint: "https://else",
				}
			},
			as(func(o *store.Options) {
				o.Credentials = store.Credentials{AccessKeyID: "id", SecretAccessKey: "secret", SessionToken: "token"}
				o.Region, o.Endpoint, o.PathStyle = "r", "https://else", true
			}),
		},
		"an account of Google at the sidecar's server": {
			func(s *rest.Store) { s.Credentials = &rest.Credentials{GCPKey: "key"} },
			as(func(o *store.Options) { o.GCS.Key = "key" }),
		},
		"an account of Azure at the sidecar's server": {
			func(s *rest.Store) { s.Credentials = &rest.Credentials{AzureAccount: "other", AzureKey: "key"} },
			as(func(o *store.Options) { o.Azure.Account, o.Azure.Key = "other", "key" }),
		},
		"a proxy that is not to be used": {
			func(s *rest.Store) { s.ProxySettings = &rest.ProxySettings{ProxyHost: "proxy"} }, with(func(*store.Options) {}),
		},
		"a proxy with the defaults": {
			func(s *rest.Store) { s.ProxySettings = &rest.ProxySettings{UseProxy: true, ProxyHost: "proxy"} },
			with(func(o *store.Options) { o.ProxyURL = &url.URL{Scheme: "https", Host: "proxy:3128"} }),
		},
		"a proxy with an account": {
			func(s *rest.Store) {
				s.ProxySettings = &rest.ProxySettings{
					UseProxy: true, ProxyHost: "fd00::1", ProxyPort: 8080, ProxyProtocol: "http", ProxyUsername: "me", ProxyPassword: "p@ss",
				}
			},
			with(func(o *store.Options) {
				o.ProxyURL = &url.URL{Scheme: "http", Host: "[fd00::1]:8080", User: url.UserPassword("me", "p@ss")}
			}),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := base()
			c.ask(&s)
			got := (&nodeops.Deps{Store: sidecars}).StoreOptions(s)
			if diff := cmp.Diff(c.want, got, cmp.Comparer(func(a, b *url.URL) bool {
				return a == nil && b == nil || a != nil && b != nil && a.String() == b.String()
			})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// known is a node that tells who it is, and nothing else.
type known struct {
	nodeops.Node

	id cassandra.Identity
}

func (k known) Identity(context.Context) (cassandra.Identity, error) { return k.id, nil }

func TestLocationsAreCompleted(t *testing.T) {
	t.Parallel()
	id := cassandra.Identity{ClusterName: "Test-Cluster", Datacenter: "dc1", HostID: "host-1"}
	for location, want := range map[string]string{
		"s3://bucket":                        "s3://bucket/Test-Cluster/dc1/host-1",
		"s3://bucket/":                       "s3://bucket/Test-Cluster/dc1/host-1",
		"s3://bucket/c/d/n":                  "s3://bucket/c/d/n",
		"file:///backups/bucket/c/d/n":       "file:///backups/bucket/c/d/n",
		"file:///backups/more/bucket/c/d/n/": "file:///backups/more/bucket/c/d/n",
	} {
		got, err := (&nodeops.Deps{Node: known{id: id}}).Locate(t.Context(), rest.Store{StorageLocation: location})
		if err != nil || got.String() != want {
			t.Errorf("%s is %s, %v, want %s", location, got, err, want)
		}
	}
}

func TestALocationIsRefusedWithoutItsPassword(t *testing.T) {
	t.Parallel()
	err := nodeops.CheckStore(rest.Store{StorageLocation: "s3://me:hunter2@bucket"})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the refusal is %v", err)
	}
}

func TestCredentialsAreAWholeAccountOfTheProvider(t *testing.T) {
	t.Parallel()
	const gcp = `{"type": "service_account", "private_key": "hunter2"}`
	all := rest.Credentials{AccessKeyID: "id", SecretAccessKey: "hunter2", GCPKey: gcp, AzureAccount: "account", AzureKey: "hunter2"}
	cases := map[string]struct {
		location string
		spoil    func(c *rest.Credentials)
		field    string // refused, or "" where nothing is
	}{
		"an account of S3":             {"s3://bucket", func(c *rest.Credentials) { c.GCPKey, c.AzureAccount, c.AzureKey = "", "", "" }, ""},
		"no id of a key of S3":         {"s3://bucket", func(c *rest.Credentials) { c.AccessKeyID = "" }, "credentials.accessKeyId"},
		"no key of a server of S3":     {"minio://bucket", func(c *rest.Credentials) { c.SecretAccessKey = "" }, "credentials.secretAccessKey"},
		"an account of Google":         {"gs://bucket", func(c *rest.Credentials) { *c = rest.Credentials{GCPKey: gcp} }, ""},
		"no key of Google":             {"gcp://bucket", func(c *rest.Credentials) { c.GCPKey = "" }, "credentials.gcpKey"},
		"a key of Google that is none": {"gcp://bucket", func(c *rest.Credentials) { c.GCPKey = "hunter2" }, "credentials.gcpKey"},
		"a key of Google that names a program of the sidecar's": {
			"gs://bucket", func(c *rest.Credentials) {
				c.GCPKey = `{"type": "external_account", "credential_source": {"executable": {"command": "hunter2"}}}`
			}, "credentials.gcpKey",
		},
		"an account of Azure": {"azure://bucket", func(c *rest.Credentials) { *c = rest.Credentials{AzureAccount: "account", AzureKey: "k"} }, ""},
		"no account of Azure": {"azure://bucket", func(c *rest.Credentials) { c.AzureAccount = "" }, "credentials.azureAccount"},
		"no key of Azure":     {"azure://bucket", func(c *rest.Credentials) { c.AzureKey = "" }, "credentials.azureKey"},
		"a directory, which needs none": {
			"file:///backups/bucket/c/d/n", func(c *rest.Credentials) { *c = rest.Credentials{} }, "",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			credentials := all
			c.spoil(&credentials)
			err := nodeops.CheckStore(rest.Store{StorageLocation: c.location, Credentials: &credentials})
			if c.field == "" {
				noError(t, err)
				return
			}
			var refused *rest.Error
			if !errors.As(err, &refused) || len(refused.Violations) != 1 || refused.Violations[0].Field != c.field {
				t.Errorf("it is %v, want %s to be refused", err, c.field)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a key is in %v", err)
			}
		})
	}
}

func TestPeersAreReachedAtOnePort(t *testing.T) {
	t.Parallel()
	peers := nodeops.Peers("http", "4567")
	first, err := peers(cluster.Node{HostID: "h1", Address: "10.0.0.1"})
	noError(t, err)
	again, err := peers(cluster.Node{HostID: "h1", Address: "10.0.0.1"})
	noError(t, err)
	if first != again {
		t.Error("a peer is not the same the second time, and its connections are lost")
	}
	other, err := peers(cluster.Node{HostID: "h2", Address: "fd00::2"})
	noError(t, err)
	if first == other {
		t.Error("two nodes have one sidecar")
	}
}
