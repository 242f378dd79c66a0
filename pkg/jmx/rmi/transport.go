package rmi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/pkg/jmx/javaobj"
)

const (
	// DefaultDialTimeout is enough for a busy node: fifty dials at once took 3 s.
	DefaultDialTimeout = 10 * time.Second
	// DefaultMaxConns keeps us far below a Java server's backlog, which is 50.
	DefaultMaxConns = 8
	// pingAfter is how long a connection may rest and still be taken for alive.
	pingAfter = time.Second
	// pingTimeout is for a host that went away without a word.
	pingTimeout = 2 * time.Second
)

// Config says where a registry is and how to reach it.
type Config struct {
	// Address is host:port of the registry. Its host is the host of all calls.
	Address string
	// TLS is for all connections; nil is none.
	TLS *tls.Config
	// PlainRegistry leaves the registry, which gets no secrets, without TLS.
	PlainRegistry bool
	// DialTimeout bounds dialling and both handshakes. 0 is DefaultDialTimeout.
	DialTimeout time.Duration
	// MaxConns is how many connections, so how many calls, there are at once.
	// 0 is DefaultMaxConns.
	MaxConns int
	// Limits of an answer. The zero value is javaobj.DefaultLimits.
	Limits javaobj.Limits
	// Clock decides how long a connection has rested. Nil is the real one.
	Clock clock.PassiveClock
}

// Transport makes calls. It may be used from any goroutine.
type Transport struct {
	cfg  Config
	host string
	port int
	// slots hold a token for each call that is under way.
	slots chan struct{}

	mu   sync.Mutex
	idle []*conn // the one used last is the last
	busy map[*conn]struct{}
	// closed ends waiting for a slot, too.
	closed chan struct{}
}

// New makes a Transport. It dials when something is called.
func New(cfg Config) (*Transport, error) {
	host, port, err := net.SplitHostPort(cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("parsing the address of a registry: %w", err)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 || host == "" {
		return nil, fmt.Errorf("address %q of a registry is not of the form host:7199", cfg.Address)
	}
	if cfg.DialTimeout <= 0 {
		cfg.DialTimeout = DefaultDialTimeout
	}
	if cfg.MaxConns <= 0 {
		cfg.MaxConns = DefaultMaxConns
	}
	if cfg.Limits == (javaobj.Limits{}) {
		cfg.Limits = javaobj.DefaultLimits()
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	if cfg.TLS != nil {
		cfg.TLS = cfg.TLS.Clone()
		if cfg.TLS.ServerName == "" {
			cfg.TLS.ServerName = host
		}
	}
	return &Transport{
		cfg: cfg, host: host, port: int(number),
		slots:  make(chan struct{}, cfg.MaxConns),
		busy:   map[*conn]struct{}{},
		closed: make(chan struct{}),
	}, nil
}

// Lookup asks the registry for an object.
func (t *Transport) Lookup(ctx context.Context, name string) (Ref, error) {
	to := endpoint{port: t.port, tls: t.cfg.TLS != nil && !t.cfg.PlainRegistry}
	v, err := t.call(ctx, to, registryID, lookup, name)
	if err != nil {
		return Ref{}, fmt.Errorf("looking up %s in the registry: %w", name, err)
	}
	ref, err := ParseRef(v)
	if err != nil {
		return Ref{}, fmt.Errorf("looking up %s in the registry: %w", name, err)
	}
	if ref.Port != t.port {
		t.drop(func(c *conn) bool { return c.to == to }) // it is not needed any more
	}
	return ref, nil
}

// Call calls a method of a remote object. An exception is a *ThrownError.
func (t *Transport) Call(ctx context.Context, ref Ref, m Method, args ...any) (any, error) {
	switch secured := t.cfg.TLS != nil; {
	case secured && !ref.TLS:
		return nil, fmt.Errorf("%w: it is to be called without TLS, and TLS is set", ErrStub)
	case !secured && ref.TLS:
		return nil, fmt.Errorf("%w: it is to be called inside TLS, and TLS is not set", ErrStub)
	}
	return t.call(ctx, endpoint{port: ref.Port, tls: ref.TLS}, ref.ID, m, args...)
}

func (t *Transport) call(ctx context.Context, to endpoint, id ObjID, m Method, args ...any) (any, error) {
	message, err := m.call(id, args)
	if err != nil {
		return nil, err
	}
	c, err := t.take(ctx, to)
	if err != nil {
		return nil, err
	}
	var v any
	err = c.during(ctx, func() error {
		v, err = c.do(message, m)
		return err
	})
	var thrown *ThrownError
	usable := err == nil || errors.As(err, &thrown) && !thrown.spoils()
	t.put(c, usable)
	if err != nil {
		return nil, t.explain(ctx, err)
	}
	return v, nil
}

// explain says what kind of error it is that ended a call or a dial.
func (t *Transport) explain(ctx context.Context, err error) error {
	var thrown *ThrownError
	switch {
	case errors.As(err, &thrown), errors.Is(err, ErrClosed):
		return err
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return err
	case t.isClosed():
		return ErrClosed
	case errors.Is(err, javaobj.ErrLimit):
		return err
	}
	return fmt.Errorf("%w: %w", ErrTransport, err)
}

func (t *Transport) isClosed() bool {
	select {
	case <-t.closed:
		return true
	default:
		return false
	}
}

// Interrupt closes the connections of the calls that are under way.
func (t *Transport) Interrupt() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.busy {
		c.kill()
	}
}

// Close closes all connections, and ends what waits for one.
func (t *Transport) Close() {
	t.mu.Lock()
	if !t.isClosed() {
		close(t.closed)
	}
	t.mu.Unlock()
	t.Interrupt()
	t.drop(func(*conn) bool { return true })
}

// CloseIdle closes the connections that have rested for longer than d.
func (t *Transport) CloseIdle(d time.Duration) {
	now := t.cfg.Clock.Now()
	t.drop(func(c *conn) bool { return now.Sub(c.used) > d })
}

// drop closes some of the idle connections.
func (t *Transport) drop(which func(*conn) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.idle = slices.DeleteFunc(t.idle, func(c *conn) bool {
		if which(c) {
			c.kill()
			return true
		}
		return false
	})
}
