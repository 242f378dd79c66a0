package main

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/hack/certs"
	"github.com/icarus-sidecar/icarus/pkg/cli"
	"github.com/icarus-sidecar/icarus/pkg/client"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
	"github.com/icarus-sidecar/icarus/pkg/server"
)

func TestDoorsThatAreRefused(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing")
	tokens := write(t, "hunter2\n")
	ca := certs.New(t)
	cert, key := ca.Issue(t, "127.0.0.1").Files(t)
	serving := []string{"--tls-cert", cert, "--tls-key", key}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"a certificate without a key":                {[]string{"--tls-cert", cert}, "--tls-key need each other"},
		"a key without a certificate":                {[]string{"--tls-key", key}, "--tls-key need each other"},
		"a certificate that is missing":              {[]string{"--tls-cert", missing, "--tls-key", key}, missing},
		"authorities of callers in plain HTTP":       {[]string{"--tls-client-ca", ca.File(t)}, "needs --tls-cert"},
		"authorities of callers that are none":       {append([]string{"--tls-client-ca", key}, serving...), "no certificate"},
		"authorities of peers in plain HTTP":         {[]string{"--peer-ca", ca.File(t)}, "need --tls-cert"},
		"authorities of peers that are missing":      {append([]string{"--peer-ca", missing}, serving...), missing},
		"half a certificate for peers":               {append([]string{"--peer-cert", cert}, serving...), "--peer-key"},
		"tokens that are missing":                    {[]string{"--token-file", missing}, "--token-file"},
		"tokens for peers that are missing":          {[]string{"--peer-token-file", missing}, "--peer-token-file"},
		"no token":                                   {[]string{"--token-file", write(t, "\n")}, "--token-file"},
		"tokens in plain HTTP":                       {[]string{"--listen", "0.0.0.0:0", "--token-file", tokens}, "--allow-credentials-over-http"},
		"tokens in plain HTTP, and strangers":        {[]string{"--listen", "0.0.0.0:0", "--token-file", tokens, "--allow-unauthenticated"}, "--allow-credentials-over-http"},
		"tokens to peers in plain HTTP":              {[]string{"--listen", ":0", "--peer-token-file", tokens, "--allow-unauthenticated"}, "--allow-credentials-over-http"},
		"TLS that asks nobody, beyond the loopback":  {append([]string{"--listen", "0.0.0.0:0"}, serving...), "--allow-unauthenticated"},
		"a door for peers only, beyond the loopback": {append([]string{"--listen", ":0", "--peer-token-file", tokens}, serving...), "--token-file or --tls-client-ca"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state := filepath.Join(t.TempDir(), "state")
			_, err := execute(t, append([]string{"server", "--listen", "127.0.0.1:0", "--state-dir", state}, c.args...)...)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error is %v, and does not tell of %q", err, c.want)
			}
			if _, err := os.Stat(state); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the state directory was made: %v", err)
			}
		})
	}
}

func TestListenBeyondTheLoopbackWithADoor(t *testing.T) {
	t.Parallel()
	serving := server.TLSFiles{Cert: "c", Key: "k"}
	for name, f := range map[string]doorFlags{
		"tokens by TLS":                   {files: serving, tokenFile: "t"},
		"certificates of callers":         {files: server.TLSFiles{Cert: "c", Key: "k", ClientCA: "ca"}},
		"tokens in plain HTTP with leave": {tokenFile: "t", allowCredentialsOverHTTP: true},
	} {
		if err := (&serverFlags{listen: "10.0.0.1:4567", doors: f}).checkListen(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLockedDoors(t *testing.T) {
	t.Parallel()
	ca, tokens := certs.New(t), write(t, "first\nsecond\n")
	cert, key := ca.Issue(t, "127.0.0.1").Files(t)
	files := client.TLSFiles{CA: ca.File(t), Cert: cert, Key: key}
	address := freeAddress(t)
	url := "https://" + address
	s := startAt(t, url, []client.Option{client.WithTLSFiles(files), client.WithToken(client.TokenFile(tokens))}, "--state-dir", t.TempDir(),
		"--tls-cert", cert, "--tls-key", key, "--tls-client-ca", files.CA, "--token-file", tokens, "--peer-ca", files.CA)

	op, err := s.Submit(t.Context(), &rest.FlushRequest{Header: rest.Header{Type: rest.TypeFlush}, Keyspace: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	door := []string{"--server", url, "--ca", files.CA, "--cert", cert, "--key", key}
	with := func(more ...string) []string { return append(append([]string{"operations", "ls"}, door...), more...) }
	if out, err := execute(t, with("--token-file", tokens, "--output", "json")...); err != nil || !strings.Contains(out, op.ID) {
		t.Errorf("operations ls prints %q, %v", out, err)
	}
	if _, err := execute(t, with()...); !errors.Is(err, client.ErrDenied) {
		t.Errorf("without a token: %v", err)
	}
	if _, err := execute(t, with("--token-file", write(t, "third\n"))...); !errors.Is(err, client.ErrDenied) {
		t.Errorf("with another token: %v", err)
	}
	if _, err := execute(t, "operations", "ls", "--server", url, "--ca", files.CA, "--token-file", tokens); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("without a certificate: %v", err)
	}
	var usage *cli.UsageError
	if _, err := execute(t, with("--token-file", write(t, "two words"))...); !errors.As(err, &usage) {
		t.Errorf("with a file of no token: %v", err)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
}

// A sidecar reaches the others as it is reached, with what it was given for itself.
func TestPeersAreReachedAsThisOneIs(t *testing.T) {
	t.Parallel()
	ca, tokens := certs.New(t), write(t, "first\n")
	cert, key := ca.Issue(t, "127.0.0.1").Files(t)
	f := doorFlags{
		files: server.TLSFiles{Cert: cert, Key: key, ClientCA: ca.File(t)}, tokenFile: tokens, peer: client.TLSFiles{CA: ca.File(t)},
	}
	if err := f.check(); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	node := cluster.Node{HostID: "id", Address: "127.0.0.1"}
	reach := func(f doorFlags) *client.Client {
		peer, err := f.peers(port)(node)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(peer.(*client.Client).Close)
		return peer.(*client.Client)
	}
	s := startAt(t, "https://"+address, []client.Option{
		client.WithTLSFiles(client.TLSFiles{CA: f.peer.CA, Cert: cert, Key: key}),
		client.WithToken(client.TokenFile(tokens)),
	}, "--state-dir", t.TempDir(),
		"--tls-cert", cert, "--tls-key", key, "--tls-client-ca", f.files.ClientCA, "--token-file", tokens)
	if _, err := reach(f).Version(t.Context()); err != nil {
		t.Errorf("as this one: %v", err)
	}
	f.peerTokenFile = write(t, "other\n")
	if _, err := reach(f).Version(t.Context()); !errors.Is(err, client.ErrDenied) {
		t.Errorf("with a token of its own: %v", err)
	}
	if _, err := reach(doorFlags{}).Version(t.Context()); err == nil {
		t.Error("in plain HTTP it is answered")
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
}
