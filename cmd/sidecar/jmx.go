package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/icarus-sidecar/icarus/pkg/client"
	"github.com/icarus-sidecar/icarus/pkg/jmx"
)

// jmxFlags say how the node is reached.
type jmxFlags struct {
	address     string
	user        string
	credentials string
	tls         bool
	files       client.TLSFiles
}

func (f *jmxFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&f.address, "jmx-address", "127.0.0.1:7199", "address of the node's JMX (also --jmx-service)")
	alias(fs, "jmx-address", "jmx-service")
	fs.StringVar(&f.user, "jmx-user", "", "user of JMX; the password is in the environment (ICARUS_JMX_PASSWORD)")
	fs.StringVar(&f.credentials, "jmx-credentials", "", "file with the lines username=... and password=..., read at each connection")
	fs.BoolVar(&f.tls, "jmx-tls", false, "speak TLS to the node's JMX")
	fs.StringVar(&f.files.CA, "jmx-ca", "", "file with the certificates (PEM) that vouch for the node; those of the system by default")
	fs.StringVar(&f.files.Cert, "jmx-cert", "", "file with the sidecar's own certificate (PEM), where JMX asks for one")
	fs.StringVar(&f.files.Key, "jmx-key", "", "file with the key (PEM) of --jmx-cert")
	fs.StringVar(&f.files.ServerName, "jmx-server-name", "", "name in the node's certificate; the host of --jmx-address by default")
}

const passwordVariable = "ICARUS_JMX_PASSWORD" //nolint:gosec // the name of the variable, not a password

// dialer connects with what the flags say. Files are read at each connection,
// because certificates and passwords that are mounted into pods rotate.
func (f *jmxFlags) dialer() (func(ctx context.Context) (*jmx.Client, error), error) {
	f.address = hostPort(f.address)
	if f.user != "" && f.credentials != "" {
		return nil, errors.New("--jmx-user and --jmx-credentials exclude each other")
	}
	if !f.tls && f.files != (client.TLSFiles{}) {
		return nil, errors.New("--jmx-ca, --jmx-cert, --jmx-key and --jmx-server-name need --jmx-tls")
	}
	if err := f.files.Check(); err != nil {
		return nil, fmt.Errorf("--jmx-ca, --jmx-cert, --jmx-key: %w", err)
	}
	if _, err := f.options(); err != nil {
		return nil, err
	}
	return func(ctx context.Context) (*jmx.Client, error) {
		o, err := f.options()
		if err != nil {
			return nil, err
		}
		return jmx.Dial(ctx, o)
	}, nil
}

// hostPort reads the original's forms of an address, too: without a host, and as a
// URL of JMX.
func hostPort(address string) string {
	if strings.HasPrefix(address, "service:jmx:") {
		const scheme = "/rmi://"
		_, address, _ = strings.Cut(address, scheme)
		address, _, _ = strings.Cut(address, "/")
	}
	if strings.HasPrefix(address, ":") {
		return "127.0.0.1" + address
	}
	return address
}

func (f *jmxFlags) options() (jmx.Options, error) {
	o := jmx.Options{Address: f.address}
	host, _, err := net.SplitHostPort(f.address)
	if err != nil {
		return o, fmt.Errorf("--jmx-address %q is not of the form host:port: %w", f.address, err)
	}
	if f.tls {
		o.TLS = f.files.Config(host)
	}
	switch {
	case f.credentials != "":
		if o.Username, o.Password, err = readCredentials(f.credentials); err != nil {
			return o, err
		}
	case f.user != "":
		password, set := os.LookupEnv(passwordVariable)
		if !set {
			return o, fmt.Errorf("--jmx-user is given, but %s is not set", passwordVariable)
		}
		o.Username, o.Password = f.user, password
	}
	return o, nil
}

// readCredentials reads the properties file of the original: username and
// password. Its lines are never part of an error.
func readCredentials(path string) (username, password string, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", "", fmt.Errorf("reading --jmx-credentials: %w", err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), "=")
		if !ok {
			continue
		}
		switch strings.TrimSpace(name) {
		case "username":
			username = strings.TrimSpace(value)
		case "password":
			password = strings.TrimSpace(value)
		}
	}
	if err := lines.Err(); err != nil {
		return "", "", fmt.Errorf("reading --jmx-credentials: %w", err)
	}
	if username == "" || password == "" {
		return "", "", fmt.Errorf("reading --jmx-credentials: %s lacks a line username=... or password=... with a value", path)
	}
	return username, password, nil
}
