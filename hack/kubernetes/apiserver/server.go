package apiserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"k8s.io/client-go/rest"

	"github.com/icarus-sidecar/icarus/hack/process"
)

const (
	recordFile = "apiserver.json"
	// readyTimeout limits how long the API server may take; a quiet one takes five
	// seconds.
	readyTimeout = 3 * time.Minute
	poll         = 100 * time.Millisecond
)

var (
	// ErrNoServer means that no API server was started in a directory.
	ErrNoServer = errors.New("no API server was started there")

	errEnded = errors.New("it ended")
)

// Options describe a server.
type Options struct {
	// Dir holds what etcd keeps, certificates, tokens and logs. A server starts
	// with what is there.
	Dir string
	// Namespace is the one that kubectl means where none is named; default by default.
	Namespace string
	// DieWithParent ends it with this process.
	DieWithParent bool
	// Output is where progress is told. Nil is nowhere.
	Output io.Writer
}

// Server is a kube-apiserver with its etcd that runs on loopback, or ran.
type Server struct {
	URL  string `json:"url"`
	Dir  string `json:"dir"`
	Etcd int    `json:"etcd"` // process ids
	API  int    `json:"apiServer"`

	etcd, api *process.Process
}

// Up starts a server, and returns when it answers.
func Up(ctx context.Context, o Options) (*Server, error) {
	if o.Output == nil {
		o.Output = io.Discard
	}
	programs, err := Build(ctx, o.Output)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("finding the directory of the API server: %w", err)
	}
	s := &Server{Dir: dir}
	for _, d := range []string{s.data(), s.certificates()} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fmt.Errorf("making the directories of the API server: %w", err)
		}
	}
	if err := s.writeSecrets(); err != nil {
		return nil, err
	}
	// A free port can be taken before the server listens: then there is another.
	for attempt := 0; ; attempt++ {
		err := s.start(ctx, programs, o.DieWithParent)
		if err == nil {
			return s, s.WriteKubeconfig(s.Kubeconfig(), s.adminToken(), o.Namespace)
		}
		err = errors.Join(err, s.Down(context.WithoutCancel(ctx)))
		if attempt == 2 || !errors.Is(err, errEnded) {
			return nil, err
		}
	}
}

// Load returns the server of a directory, whether it runs or not.
func Load(dir string) (*Server, error) {
	text, err := os.ReadFile(filepath.Join(dir, recordFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("looking for an API server in %s: %w", dir, ErrNoServer)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the record of an API server: %w", err)
	}
	s := &Server{}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("reading the record of an API server in %s: %w", dir, err)
	}
	s.etcd, s.api = process.Attach(s.Etcd, s.etcdMark()), process.Attach(s.API, s.apiMark())
	return s, nil
}

// Running is whether any of it lives.
func (s *Server) Running() bool { return s.api.Running() || s.etcd.Running() }

// Down stops it. What etcd keeps stays.
func (s *Server) Down(ctx context.Context) error {
	// Asked politely, the API server waits for its clients to leave.
	var errs []error
	for _, p := range []*process.Process{s.api, s.etcd} {
		if err := p.Kill(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stopping the API server: %w", err))
		}
	}
	return errors.Join(errs...)
}

// Admin is the configuration of a client that may do everything.
func (s *Server) Admin() (*rest.Config, error) {
	ca, err := os.ReadFile(s.authority())
	if err != nil {
		return nil, fmt.Errorf("reading the certificate of the API server: %w", err)
	}
	// Tests and a person at a terminal need no brake.
	return &rest.Config{Host: s.URL, BearerToken: s.adminToken(), TLSClientConfig: rest.TLSClientConfig{CAData: ca}, QPS: -1}, nil
}

// Kubeconfig is the file with which kubectl may do everything.
func (s *Server) Kubeconfig() string { return filepath.Join(s.Dir, "kubeconfig") }

// Logs are the files of what the programs say.
func (s *Server) Logs() []string { return []string{s.log("kube-apiserver"), s.log("etcd")} }

func (s *Server) log(program string) string { return filepath.Join(s.Dir, program+".log") }

func (s *Server) data() string { return filepath.Join(s.Dir, "etcd") }

func (s *Server) certificates() string { return filepath.Join(s.Dir, "certificates") }

// authority is the file in which the API server puts the certificate that it makes
// for itself, with the one that vouches for it.
func (s *Server) authority() string { return filepath.Join(s.certificates(), "apiserver.crt") }

func (s *Server) etcdMark() string { return "--data-dir=" + s.data() }

func (s *Server) apiMark() string { return "--cert-dir=" + s.certificates() }

func (s *Server) start(ctx context.Context, programs string, dieWithParent bool) error {
	etcd, err := freePort(ctx)
	if err != nil {
		return err
	}
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	store := "http://" + address(etcd)
	s.URL = "https://" + address(port)
	s.etcd, err = process.Start(process.Command{
		Path: filepath.Join(programs, "etcd"), Dir: s.Dir, Log: s.log("etcd"), Mark: s.etcdMark(), DieWithParent: dieWithParent,
		Args: []string{
			s.etcdMark(), "--listen-client-urls=" + store, "--advertise-client-urls=" + store, "--listen-peer-urls=http://127.0.0.1:0",
			"--unsafe-no-fsync", "--log-level=warn",
		},
	})
	if err != nil {
		return err
	}
	s.Etcd = s.etcd.PID()
	s.api, err = process.Start(process.Command{
		Path: filepath.Join(programs, "kube-apiserver"), Dir: s.Dir, Log: s.log("kube-apiserver"), Mark: s.apiMark(), DieWithParent: dieWithParent,
		Args: append(s.apiArguments(store), "--secure-port="+strconv.Itoa(port)),
	})
	if err != nil {
		return err
	}
	s.API = s.api.PID()
	if err := s.write(); err != nil { // before it is waited for: what runs can be found
		return err
	}
	return s.awaitReady(ctx)
}

func (s *Server) apiArguments(store string) []string {
	return []string{
		s.apiMark(), "--etcd-servers=" + store, "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
		// It is nobody's Service, so that it needs no address but this.
		"--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.0.0.0/24",
		"--authorization-mode=RBAC", "--token-auth-file=" + s.tokens(),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + s.signingKey(), "--service-account-signing-key-file=" + s.signingKey(),
		// No controller makes the account that it would ask for.
		"--disable-admission-plugins=ServiceAccount",
	}
}

func (s *Server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("it is not ready after %s", readyTimeout))
	defer cancel()
	for {
		err := s.ready(ctx)
		if err == nil {
			return nil
		}
		if !s.api.Running() || !s.etcd.Running() {
			return s.startError(errEnded)
		}
		select {
		case <-ctx.Done():
			return s.startError(fmt.Errorf("%w: %w", context.Cause(ctx), err))
		case <-time.After(poll):
		}
	}
}

// ready asks, once, whether it is ready, with its rights set up.
func (s *Server) ready(ctx context.Context) error {
	config, err := s.Admin()
	if err != nil {
		return err
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		return fmt.Errorf("reaching the API server: %w", err)
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/readyz", http.NoBody)
	if err != nil {
		return fmt.Errorf("reaching the API server: %w", err)
	}
	c := http.Client{Transport: transport}
	defer c.CloseIdleConnections()
	a, err := c.Do(q)
	if err != nil {
		return fmt.Errorf("reaching the API server: %w", err)
	}
	if err := a.Body.Close(); err != nil {
		return fmt.Errorf("reaching the API server: %w", err)
	}
	if a.StatusCode != http.StatusOK {
		return fmt.Errorf("the API server is not ready: %s", a.Status)
	}
	return nil
}

// startError quotes the ends of the logs.
func (s *Server) startError(err error) error {
	const shown = 2 << 10
	err = fmt.Errorf("starting the API server: %w", err)
	for _, file := range s.Logs() {
		text, _ := os.ReadFile(file) // the reason stands without it
		err = fmt.Errorf("%w\n--- end of %s\n%s", err, file, text[max(0, len(text)-shown):])
	}
	return err
}

func (s *Server) write() error {
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encoding the record of the API server: %w", err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir, recordFile), text, 0o644); err != nil {
		return fmt.Errorf("writing the record of the API server: %w", err)
	}
	return nil
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// freePort is a port of 127.0.0.1 that nobody listens at.
func freePort(ctx context.Context) (int, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("finding a port for the API server: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return 0, fmt.Errorf("finding a port for the API server: %w", err)
	}
	return port, nil
}
