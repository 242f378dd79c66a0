package stores

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/icarus-sidecar/icarus/hack/cache"
	"github.com/icarus-sidecar/icarus/hack/process"
)

// readyTimeout limits how long a server may take to answer; a quiet one takes a
// tenth of a second, and Azurite two.
const readyTimeout = 2 * time.Minute

var (
	// ErrNoServer means that no server was started in a directory.
	ErrNoServer = errors.New("no server was started there")
	// ErrRunning means that a server runs in a directory already.
	ErrRunning = errors.New("a server is running there")

	errEnded = errors.New("it ended")
)

// kind is what tells one kind of server from another.
type kind struct {
	name   string // in errors
	record string // the file that tells of one
	log    string // the file of what it says
	health string // the path that answers when it is ready
}

// server is a program on loopback that runs, or ran.
type server struct {
	Endpoint string `json:"endpoint"` // http://127.0.0.1:port
	Dir      string `json:"dir"`
	PID      int    `json:"pid"`

	kind    kind
	process *process.Process
}

// Running is whether the server lives.
func (s *server) Running() bool { return s.process.Running() }

// Stop ends the server. Its objects stay.
func (s *server) Stop(ctx context.Context) error {
	if err := s.process.Kill(ctx); err != nil {
		return fmt.Errorf("stopping the %s server: %w", s.kind.name, err)
	}
	return nil
}

// Log is the file of what the server said.
func (s *server) Log() string { return filepath.Join(s.Dir, s.kind.log) }

// Status is a line that tells of the server.
func (s *server) Status() string {
	state := "down"
	if s.Running() {
		state = "up"
	}
	return fmt.Sprintf("%s  %s  process %d  objects and log in %s", state, s.Endpoint, s.PID, s.Dir)
}

// objects is the directory of what the server keeps, and its mark.
func (s *server) objects() string { return filepath.Join(s.Dir, "objects") }

// prepare makes the directories of a server that does not run yet.
func (s *server) prepare(k kind, dir string) error {
	var old server
	if err := old.load(k, dir); err == nil && old.Running() {
		return fmt.Errorf("%w: %s is process %d at %s", ErrRunning, old.Dir, old.PID, old.Endpoint)
	}
	s.kind = k
	var err error
	if s.Dir, err = k.absolute(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(s.objects(), 0o755); err != nil {
		return fmt.Errorf("making the directories of the %s server: %w", k.name, err)
	}
	return nil
}

// load reads the record of a server.
func (s *server) load(k kind, dir string) error {
	dir, err := k.absolute(dir)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(dir, k.record))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("looking for an %s server in %s: %w", k.name, dir, ErrNoServer)
	}
	if err != nil {
		return fmt.Errorf("reading the record of an %s server: %w", k.name, err)
	}
	if err := json.Unmarshal(text, s); err != nil {
		return fmt.Errorf("reading the record of an %s server in %s: %w", k.name, dir, err)
	}
	s.Dir, s.kind = dir, k
	s.process = process.Attach(s.PID, s.objects())
	return nil
}

// start starts the program that command makes for an address.
func (s *server) start(ctx context.Context, port int, command func(address string) (process.Command, error)) error {
	// A free port can be taken before the server listens: then there is another.
	for attempt := 0; ; attempt++ {
		err := s.startOnce(ctx, port, command)
		if err == nil || port != 0 || attempt == 2 || !errors.Is(err, errEnded) {
			return err
		}
	}
}

func (s *server) startOnce(ctx context.Context, port int, command func(address string) (process.Command, error)) error {
	address, err := freeAddress(ctx, port)
	if err != nil {
		return err
	}
	c, err := command(address)
	if err != nil {
		return err
	}
	s.Endpoint = "http://" + address
	c.Mark, c.Dir, c.Log = s.objects(), s.Dir, s.Log()
	if s.process, err = process.Start(c); err != nil {
		return err
	}
	s.PID = s.process.PID()
	if err := s.awaitReady(ctx); err != nil {
		text, _ := os.ReadFile(s.Log()) // the reason stands without it
		return errors.Join(fmt.Errorf("starting the %s server at %s: %w\n%s", s.kind.name, address, err, text), s.Stop(context.WithoutCancel(ctx)))
	}
	return s.write()
}

func (s *server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("it does not answer after %s", readyTimeout))
	defer cancel()
	for {
		if s.healthy(ctx) {
			return nil
		}
		if !s.Running() {
			return errEnded
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// healthy is whether the server answers, and not with a failure of its own.
func (s *server) healthy(ctx context.Context) bool {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint+s.kind.health, http.NoBody)
	if err != nil {
		return false
	}
	q.Close = true // no idle connection outlives the question
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		return false
	}
	_ = a.Body.Close()
	return a.StatusCode < http.StatusInternalServerError
}

func (s *server) write() error {
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encoding the record of the %s server: %w", s.kind.name, err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir, s.kind.record), text, 0o644); err != nil {
		return fmt.Errorf("writing the record of the %s server: %w", s.kind.name, err)
	}
	return nil
}

func (k kind) absolute(dir string) (string, error) {
	if dir == "" {
		return cache.Dir("run", strings.TrimSuffix(k.record, ".json"))
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("finding the directory of the %s server: %w", k.name, err)
	}
	return dir, nil
}

// freeAddress is an address of 127.0.0.1 that nobody listens at.
func freeAddress(ctx context.Context, port int) (string, error) {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return "", fmt.Errorf("finding a port for the server: %w", err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return "", fmt.Errorf("finding a port for the server: %w", err)
	}
	return address, nil
}
