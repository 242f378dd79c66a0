package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/cassandra"
	"github.com/icarus-sidecar/icarus/pkg/logging"
	"github.com/icarus-sidecar/icarus/pkg/nodeops"
	"github.com/icarus-sidecar/icarus/pkg/operation"
	"github.com/icarus-sidecar/icarus/pkg/secret"
	"github.com/icarus-sidecar/icarus/pkg/server"
	"github.com/icarus-sidecar/icarus/pkg/store"
)

// serverFlags are the settings of `icarus server`.
type serverFlags struct {
	listen               string
	allowUnauthenticated bool
	doors                doorFlags
	disableCORS          bool
	jmx                  jmxFlags
	stateDir             string
	expiration           time.Duration
	workers              int
	enable, disable      []string
	enableTruncate       bool
	allowDirectories     []string
	allowSecrets         []string
	bandwidth            string
	logFormat            string
	verbosity            int
}

func newServerCommand() *cobra.Command {
	f := &serverFlags{}
	cmd := &cobra.Command{
		Use:     "server",
		Aliases: []string{"icarus"}, // the original's
		Short:   "Serve the REST API beside a Cassandra node",
		Long: `Serve the REST API of operations for the Cassandra node beside it.

The node is reached over JMX, which is asked only when an operation or a request
needs it: the server starts, and stays, while Cassandra is down. Operations and
what became of them are kept in the state directory, so that a restart goes on
with what can go on and says of the rest that it failed.

Buckets: the credentials of s3:// locations come from the environment
(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, or any other way of the
AWS SDK), and so does the address of another server than Amazon's (AWS_ENDPOINT).

Settings: every flag is also an environment variable (--listen is ICARUS_LISTEN), and
a line of a YAML file (listen: 10.0.0.1:4567), which is that of --config, or
` + settingsFile + ` where that is there. The command line goes before the
environment, and that before the file. icarus config prints such a file.`,
		Example: `  # beside a node with its defaults
  icarus server

  # for the sidecars of other nodes to reach, JMX with a password
  icarus server --listen 10.0.0.1:4567 --tls-cert tls.crt --tls-key tls.key --peer-ca ca.crt --token-file token \
    --jmx-credentials /etc/icarus/jmx.properties`,
		Args:        noArgs,
		RunE:        func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), f) },
		Annotations: map[string]string{readsByItself: "true"},
	}
	f.register(cmd.Flags())
	return cmd
}

func (f *serverFlags) register(fs *pflag.FlagSet) {
	fs.StringVarP(&f.listen, "listen", "l", "127.0.0.1:4567", "address to listen on; coordinators reach the other sidecars at the same port")
	fs.BoolVar(&f.allowUnauthenticated, "allow-unauthenticated", false,
		"listen on other addresses than the loopback although nothing asks callers who they are")
	fs.BoolVar(&f.disableCORS, "disable-cors", false, "leave out the headers that let web pages of other origins call")
	fs.StringVar(&f.stateDir, "state-dir", "/var/lib/icarus", "directory of the journal of operations; one sidecar at a time uses it")
	fs.DurationVarP(&f.expiration, "operations-expiration", "e", time.Hour, "how long a finished operation is remembered")
	fs.IntVar(&f.workers, "workers", 10, "how many operations run on this node at a time") //nolint:mnd // the original's
	fs.StringSliceVar(&f.enable, "enable-operations", nil, "turn on operations that are off by default: truncate, removenode, assassinate, restart")
	fs.StringSliceVar(&f.disable, "disable-operations", nil, "turn off operations")
	fs.BoolVar(&f.enableTruncate, "enable-truncate", false, "the original's name of --enable-operations truncate")
	fs.StringArrayVar(&f.allowDirectories, "allow-directory", nil,
		"directory that requests may name, beside those next to Cassandra's data directories (may be repeated)")
	fs.StringArrayVar(&f.allowSecrets, "allow-secret", nil,
		"Kubernetes Secret, name or namespace/name, that requests may name for the keys to a bucket (may be repeated); none by default")
	fs.StringVar(&f.bandwidth, "bandwidth", "", `bytes per second at most that all operations together move between this node and buckets, such as "10mbps"`)
	fs.StringVar(&f.logFormat, "log-format", "json", "format of the log: json or text")
	fs.IntVarP(&f.verbosity, "verbosity", "v", 0, "0 logs changes of state, 1 each file, 2 each request")
	f.doors.register(fs)
	f.jmx.register(fs)
	registerHash(fs)
	registerConfig(fs, "file with settings (YAML); "+settingsFile+" where it is there and no other is named")
}

// stopPatience is how long operations may take to stop; they go on at the next start.
const stopPatience = 10 * time.Second

func serve(ctx context.Context, f *serverFlags) (err error) {
	log, err := logging.New(os.Stderr, logging.Format(f.logFormat), f.verbosity)
	if err != nil {
		return usageError(err)
	}
	if err := errors.Join(f.checkListen(), f.doors.check(), f.checkRest()); err != nil {
		return usageError(err)
	}
	dial, err := f.jmx.dialer()
	if err != nil {
		return usageError(err)
	}
	node := cassandra.New(dial)
	deps, err := f.deps(node)
	if err != nil {
		return usageError(err)
	}
	ctx, deps.Stop = context.WithCancel(ctx)
	defer deps.Stop()
	registry, err := nodeops.Kinds(deps, f.enabled(), f.disable...)
	if err != nil {
		return usageError(err)
	}
	// The address is taken first: whoever has it is the sidecar of this node.
	listener, err := f.doors.listen(ctx, f.listen, log)
	if err != nil {
		return err
	}
	// Not ctx: a signal must not look to operations like a cancellation, after which
	// a coordinator would cancel what the other nodes are at. Closing the manager
	// stops them in a way that they go on from.
	manager, err := operation.New(context.WithoutCancel(ctx), operation.Config{
		Dir: f.stateDir, Registry: registry, Source: f.source(), Expiration: f.expiration, Workers: f.workers, Log: log,
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	log.Info("Starting", "version", version, "commit", commit, "instance", manager.Instance(), "operations", registry.Names())
	if f.allowUnauthenticated && !f.doors.ask() {
		log.Info("Serving without authentication: whoever reaches the address may do anything", "address", f.listen)
	}
	defer func() { err = errors.Join(err, stopManager(ctx, manager)) }()
	handler := server.Handler(server.Config{ //nolint:contextcheck // a handler gets its contexts with the requests
		Operations: manager, Node: nodeops.Info{Node: node, Clock: clock.RealClock{}}, Throttle: deps.SetBandwidth,
		Version: rest.SidecarVersion{Version: version, BuildTime: buildTime, GitCommit: commit}, DisableCORS: f.disableCORS, Log: log,
		Authenticate: f.doors.authenticator(), AllowCredentialsOverHTTP: f.doors.allowCredentialsOverHTTP,
	})
	return server.Serve(ctx, listener, handler, log)
}

func stopManager(ctx context.Context, m *operation.Manager) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	return m.Close(logr.NewContext(ctx, logr.Discard()))
}

// checkListen keeps an API that asks nobody who he is on the loopback.
func (f *serverFlags) checkListen() error {
	host, port, err := net.SplitHostPort(f.listen)
	if err != nil {
		return fmt.Errorf("--listen %q is not of the form address:port: %w", f.listen, err)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("--listen %q has no port from 0 to 65535", f.listen)
	}
	address, err := netip.ParseAddr(host)
	switch loopback := host == "localhost" || (err == nil && address.IsLoopback()); {
	case loopback:
		return nil
	case f.doors.showsTokens():
		return fmt.Errorf("--listen %s is not a loopback address, and tokens would travel in plain HTTP: "+
			"add --tls-cert and --tls-key, or --allow-credentials-over-http", f.listen)
	case f.allowUnauthenticated, f.doors.ask():
		return nil
	}
	return fmt.Errorf("--listen %s is not a loopback address, and nothing asks callers who they are: add --token-file or --tls-client-ca, "+
		"or --allow-unauthenticated if whoever reaches it may back up, restore and truncate", f.listen)
}

// checkRest refuses what would silently come to something else.
func (f *serverFlags) checkRest() error {
	switch {
	case f.workers < 1:
		return fmt.Errorf("--workers %d: at least one is needed", f.workers)
	case f.expiration <= 0:
		return fmt.Errorf("--operations-expiration %s is not above zero", f.expiration)
	}
	for _, dir := range f.allowDirectories {
		if !filepath.IsAbs(dir) {
			return fmt.Errorf("--allow-directory %q is not an absolute path", dir)
		}
	}
	return nil
}

// source is the host that errors of this sidecar name: where it listens, or
// what the host is called where it listens everywhere.
func (f *serverFlags) source() string {
	host, _, err := net.SplitHostPort(f.listen)
	if address, perr := netip.ParseAddr(host); err == nil && perr == nil && !address.IsUnspecified() {
		return host
	}
	if name, err := os.Hostname(); err == nil {
		return name
	}
	return host
}

func (f *serverFlags) enabled() []string {
	if f.enableTruncate {
		return append(f.enable, rest.TypeTruncate)
	}
	return f.enable
}

func (f *serverFlags) deps(node *cassandra.Node) (*nodeops.Deps, error) {
	options, err := store.OptionsFromEnv(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(f.listen)
	if err != nil {
		return nil, err
	}
	limit, err := newLimit(f.bandwidth)
	if err != nil {
		return nil, err
	}
	secrets, err := f.secrets()
	if err != nil {
		return nil, err
	}
	return &nodeops.Deps{
		Node: node, Store: options, Peer: f.doors.peers(port), AllowedDirectories: f.allowDirectories, Clock: clock.RealClock{},
		Limit: limit, CacheDir: filepath.Join(f.stateDir, "cache"), Secrets: secrets,
	}, nil
}

// secrets are those of Kubernetes that requests may name.
func (f *serverFlags) secrets() (secret.Reader, error) {
	r := secret.Reader{Pod: secret.FromEnv(os.LookupEnv)}
	for _, text := range f.allowSecrets {
		name, err := secret.ParseName(text)
		if err != nil {
			return secret.Reader{}, fmt.Errorf("--allow-secret: %w", err)
		}
		r.Allowed = append(r.Allowed, name)
	}
	return r, nil
}

var _ nodeops.Node = (*cassandra.Node)(nil)
