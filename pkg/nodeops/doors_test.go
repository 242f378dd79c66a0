package nodeops_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/hack/certs"
	"github.com/icarus-sidecar/icarus/pkg/client"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
	"github.com/icarus-sidecar/icarus/pkg/nodeops"
	"github.com/icarus-sidecar/icarus/pkg/server"
)

// lock puts the sidecars of a ring behind TLS in both directions and tokens, at
// the addresses of their nodes and one port. The files are for clients, too.
func (r *ring) lock(tokens string) (port string, files client.TLSFiles) {
	t := r.t
	t.Helper()
	authority := certs.New(t)
	files.CA = authority.File(t)
	files.Cert, files.Key = authority.Issue(t, "127.0.0.1", "127.0.0.2", "127.0.0.3").Files(t)
	config, err := server.TLSFiles{Cert: files.Cert, Key: files.Key, ClientCA: files.CA}.Config(logr.Discard())
	noError(t, err)
	port = "0"
	for _, s := range r.sidecars {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort(s.node.Address(), port))
		noError(t, err)
		_, port, err = net.SplitHostPort(l.Addr().String())
		noError(t, err)
		handler := server.Handler(server.Config{
			Operations: s.manager, Node: nodeops.Info{Node: s.node, Clock: clock.RealClock{}}, Log: logr.Discard(),
			Authenticate: server.BearerTokens(func() ([]string, error) { return client.ReadTokens(tokens) }),
		})
		ctx, stop := context.WithCancel(r.stopped())
		served := make(chan error, 1)
		go func() { served <- server.Serve(ctx, tls.NewListener(l, config), handler, logr.Discard()) }()
		t.Cleanup(func() {
			stop()
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	}
	return port, files
}

// closing notes the clients that a function makes, and closes them at the end.
func closing(t *testing.T, peers func(cluster.Node) (cluster.Peer, error)) func(cluster.Node) (cluster.Peer, error) {
	t.Helper()
	return func(n cluster.Node) (cluster.Peer, error) {
		p, err := peers(n)
		if c, ok := p.(*client.Client); ok {
			t.Cleanup(c.Close)
		}
		return p, err
	}
}

func TestARingIsBackedUpBehindLockedDoors(t *testing.T) {
	t.Parallel()
	r := newRing(t, "dc1", "dc2")
	r.fill()
	tokens := filepath.Join(t.TempDir(), "tokens")
	noError(t, os.WriteFile(tokens, []byte("first\nsecond\n"), 0o600))
	port, files := r.lock(tokens)

	r.reach = closing(t, nodeops.Peers("https", port, client.WithTLSFiles(files), client.WithToken(client.TokenFile(tokens))))
	r.sidecars[0].completed(r.backup(nil))
	if n := len(r.manifests()); n != 2 {
		t.Errorf("%d nodes have a manifest", n)
	}

	// The token of the coordinator is not one of theirs.
	wrong := filepath.Join(t.TempDir(), "tokens")
	noError(t, os.WriteFile(wrong, []byte("third\n"), 0o600))
	r.reach = closing(t, nodeops.Peers("https", port, client.WithTLSFiles(files), client.WithToken(client.TokenFile(wrong))))
	mentions(t, r.sidecars[1].failed(r.backup(func(b *rest.BackupRequest) { b.SnapshotTag = "other" })),
		"127.0.0.1: Upload", "127.0.0.2: Upload", "unauthenticated")
	if n := r.calls("Snapshot"); n != 2 {
		t.Errorf("there were %d snapshots, want those of the first backup", n)
	}
}

func TestCredentialsAreNotForwardedInPlainHTTP(t *testing.T) {
	t.Parallel()
	node := cluster.Node{HostID: "id", Address: "192.0.2.1"}
	req := newRequest(rest.TypeBackup, func(b *rest.BackupRequest) {
		b.StorageLocation = "s3://bucket"
		b.ProxySettings = &rest.ProxySettings{ProxyPassword: "hunter2"}
	})
	peer, err := nodeops.Peers("http", "4567")(node)
	noError(t, err)
	if _, err := peer.Submit(t.Context(), req); !errors.Is(err, client.ErrExposed) {
		t.Errorf("a request with credentials: %v", err)
	}
	peer, err = nodeops.Peers("http", "4567", client.WithToken(func(context.Context) (string, error) { return "token", nil }))(node)
	noError(t, err)
	if _, err := peer.Operation(t.Context(), "id"); !errors.Is(err, client.ErrExposed) {
		t.Errorf("a token: %v", err)
	}
}
