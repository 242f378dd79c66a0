package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"

	"github.com/icarus-sidecar/icarus/pkg/client"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
	"github.com/icarus-sidecar/icarus/pkg/nodeops"
	"github.com/icarus-sidecar/icarus/pkg/server"
)

// doorFlags say who may call, and how this sidecar calls the others. All sidecars
// of a ring are alike: what one serves, it expects of the others.
type doorFlags struct {
	files                    server.TLSFiles
	tokenFile                string
	peer                     client.TLSFiles
	peerTokenFile            string
	allowCredentialsOverHTTP bool
}

func (f *doorFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&f.files.Cert, "tls-cert", "",
		"file with the certificate (PEM) of the API: it is served over HTTPS then, and the other sidecars are expected to do so")
	fs.StringVar(&f.files.Key, "tls-key", "", "file with the key (PEM) of --tls-cert")
	fs.StringVar(&f.files.ClientCA, "tls-client-ca", "", "file with the certificates (PEM) that vouch for callers: every caller needs one of theirs then")
	fs.StringVar(&f.tokenFile, "token-file", "", "file with tokens, one a line: every caller needs to send one then; it is read at each request")
	fs.StringVar(&f.peer.CA, "peer-ca", "", "file with the certificates (PEM) that vouch for the other sidecars; those of the system by default")
	fs.StringVar(&f.peer.Cert, "peer-cert", "", "file with the certificate (PEM) to show to the other sidecars; --tls-cert by default, where --tls-client-ca is given")
	fs.StringVar(&f.peer.Key, "peer-key", "", "file with the key (PEM) of --peer-cert")
	fs.StringVar(&f.peer.ServerName, "peer-server-name", "", "name in the certificates of the other sidecars; the addresses of their nodes by default")
	fs.StringVar(&f.peerTokenFile, "peer-token-file", "", "file whose first token is sent to the other sidecars; --token-file by default")
	registerOverHTTP(fs, &f.allowCredentialsOverHTTP)
}

func registerOverHTTP(fs *pflag.FlagSet, allow *bool) {
	fs.BoolVar(allow, "allow-credentials-over-http", false,
		"let tokens, and requests that carry the keys of buckets, travel in plain HTTP, where whoever sees the network can read them")
}

// check refuses what does not go together, and files that cannot be read.
func (f *doorFlags) check() error {
	switch {
	case (f.files.Cert == "") != (f.files.Key == ""):
		return errors.New("--tls-cert and --tls-key need each other")
	case f.files.Cert == "" && f.files.ClientCA != "":
		return errors.New("--tls-client-ca needs --tls-cert and --tls-key")
	case f.files.Cert == "" && f.peer != (client.TLSFiles{}):
		return errors.New("--peer-ca, --peer-cert, --peer-key and --peer-server-name need --tls-cert and --tls-key: the other sidecars are reached as this one is")
	}
	if f.files.Cert != "" {
		if _, err := f.files.Config(logr.Discard()); err != nil {
			return fmt.Errorf("--tls-cert, --tls-key, --tls-client-ca: %w", err)
		}
	}
	if err := f.peer.Check(); err != nil {
		return fmt.Errorf("--peer-ca, --peer-cert, --peer-key: %w", err)
	}
	return errors.Join(checkTokens("--token-file", f.tokenFile), checkTokens("--peer-token-file", f.peerTokenFile))
}

func checkTokens(flag, path string) error {
	if path == "" {
		return nil
	}
	if _, err := client.ReadTokens(path); err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	return nil
}

// ask tells whether callers are asked who they are.
func (f *doorFlags) ask() bool { return f.tokenFile != "" || f.files.ClientCA != "" }

// showsTokens tells whether tokens can be read on their way.
func (f *doorFlags) showsTokens() bool {
	return (f.tokenFile != "" || f.peerTokenFile != "") && f.files.Cert == "" && !f.allowCredentialsOverHTTP
}

func (f *doorFlags) listen(ctx context.Context, address string, log logr.Logger) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	if f.files.Cert == "" {
		return l, nil
	}
	config, err := f.files.Config(log)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return tls.NewListener(l, config), nil
}

func (f *doorFlags) authenticator() server.Authenticator {
	if f.tokenFile == "" {
		return nil
	}
	return server.BearerTokens(func() ([]string, error) { return client.ReadTokens(f.tokenFile) })
}

// peers are the other sidecars, reached as this one is.
func (f *doorFlags) peers(port string) func(n cluster.Node) (cluster.Peer, error) {
	scheme, files := "http", f.peer
	if f.files.Cert != "" {
		scheme = "https"
	}
	if f.files.ClientCA != "" && files.Cert == "" {
		files.Cert, files.Key = f.files.Cert, f.files.Key
	}
	return nodeops.Peers(scheme, port, clientOptions(files, cmp.Or(f.peerTokenFile, f.tokenFile), f.allowCredentialsOverHTTP)...)
}

func clientOptions(files client.TLSFiles, tokenFile string, overHTTP bool) []client.Option {
	options := []client.Option{client.WithTLSFiles(files)}
	if tokenFile != "" {
		options = append(options, client.WithToken(client.TokenFile(tokenFile)))
	}
	if overHTTP {
		options = append(options, client.WithCredentialsOverHTTP())
	}
	return options
}

// remoteDoor are the flags of a command that talks to a sidecar.
type remoteDoor struct {
	files                    client.TLSFiles
	tokenFile                string
	allowCredentialsOverHTTP bool
}

func (f *remoteDoor) register(fs *pflag.FlagSet) {
	fs.StringVar(&f.tokenFile, "token-file", "", "file whose first token is sent to the sidecar of --server")
	fs.StringVar(&f.files.CA, "ca", "", "file with the certificates (PEM) that vouch for the sidecar of --server; those of the system by default")
	fs.StringVar(&f.files.Cert, "cert", "", "file with the certificate (PEM) to show to the sidecar of --server, where it asks for one")
	fs.StringVar(&f.files.Key, "key", "", "file with the key (PEM) of --cert")
	fs.StringVar(&f.files.ServerName, "server-name", "", "name in the certificate of the sidecar; the host of --server by default")
	registerOverHTTP(fs, &f.allowCredentialsOverHTTP)
}

// client of the sidecar at an address.
func (f *remoteDoor) client(address string) (*client.Client, error) {
	if err := f.files.Check(); err != nil {
		return nil, fmt.Errorf("--ca, --cert, --key: %w", err)
	}
	if err := checkTokens("--token-file", f.tokenFile); err != nil {
		return nil, err
	}
	c, err := client.New(address, clientOptions(f.files, f.tokenFile, f.allowCredentialsOverHTTP)...)
	if err != nil {
		return nil, fmt.Errorf("--server: %w", err)
	}
	return c, nil
}
