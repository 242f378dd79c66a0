package jmx

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/pkg/jmx/rmi"
)

const (
	// heartbeat is half of what Java does. The server ends a session that was
	// silent for two minutes.
	heartbeat = 30 * time.Second
	// maxIdle is how long an unused connection is kept.
	maxIdle = time.Minute
	// closeTimeout bounds telling the server that we leave. It finds out itself
	// if it does not hear us.
	closeTimeout = time.Second
)

// registryName is the name of the JMX server in the registry.
const registryName = "jmxrmi"

// ObjectName names an MBean, as "org.apache.cassandra.db:type=StorageService".
type ObjectName string

// Client is a session with a JMX server. Its methods may be called from any
// goroutine, and run side by side.
type Client struct {
	transport *rmi.Transport
	session   rmi.Ref
	timeout   time.Duration
	// lasting is the context of Dial without its end: for what is not a caller's.
	lasting func() context.Context
	closed  atomic.Bool
	once    sync.Once
	stop    context.CancelFunc
	beating sync.WaitGroup
}

// Dial logs in. The Client must be closed.
func Dial(ctx context.Context, o Options) (*Client, error) {
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	if o.DialTimeout <= 0 {
		o.DialTimeout = rmi.DefaultDialTimeout
	}
	transport, err := rmi.New(rmi.Config{
		Address: o.Address, TLS: o.TLS, PlainRegistry: o.PlainRegistry,
		DialTimeout: o.DialTimeout, MaxConns: o.MaxConnections, Clock: o.Clock,
	})
	if err != nil {
		return nil, err
	}
	session, err := dial(ctx, transport, o)
	if err != nil {
		transport.Close()
		return nil, fmt.Errorf("dialling JMX at %s: %w", o.Address, err)
	}
	c := &Client{
		transport: transport, session: session, timeout: o.DialTimeout,
		lasting: func() context.Context { return context.WithoutCancel(ctx) },
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.stop = stop
	ticker := o.Clock.NewTicker(heartbeat)
	c.beating.Go(func() {
		defer ticker.Stop()
		c.beat(life, ticker.C())
	})
	return c, nil
}

// dial does all of Dial that goes over the wire, within the dial timeout.
func dial(ctx context.Context, transport *rmi.Transport, o Options) (rmi.Ref, error) {
	limited, cancel := context.WithTimeout(ctx, o.DialTimeout)
	defer cancel()
	session, err := login(limited, transport, o)
	if err != nil && limited.Err() != nil && ctx.Err() == nil && errors.Is(err, limited.Err()) {
		return rmi.Ref{}, fmt.Errorf("%w: no answer within %s", ErrTransport, o.DialTimeout)
	}
	return session, err
}

func login(ctx context.Context, transport *rmi.Transport, o Options) (rmi.Ref, error) {
	server, err := transport.Lookup(ctx, registryName)
	if err != nil {
		return rmi.Ref{}, explain(err)
	}
	var credentials any
	if o.Username != "" || o.Password != "" {
		// Of any other class they would be refused unread.
		credentials = stringArray([]string{o.Username, o.Password})
	}
	v, err := transport.Call(ctx, server, methodNewClient, credentials)
	if err != nil {
		err = explain(err)
		withhold(err, o.Password)
		return rmi.Ref{}, fmt.Errorf("logging in: %w", err)
	}
	session, err := rmi.ParseRef(v)
	if err != nil {
		return rmi.Ref{}, fmt.Errorf("logging in: %w", err)
	}
	return session, nil
}

// withhold takes the password out of what the server threw: it may have quoted
// what it was sent.
func withhold(err error, password string) {
	var exception *Exception
	if password == "" || !errors.As(err, &exception) {
		return
	}
	for e := exception; e != nil; e = e.Cause {
		e.Message = strings.ReplaceAll(e.Message, password, "***")
	}
}

// call calls a method of the session.
func (c *Client) call(ctx context.Context, m rmi.Method, args ...any) (any, error) {
	if c.closed.Load() {
		return nil, fmt.Errorf("%w: the client is closed", ErrGone)
	}
	v, err := c.transport.Call(ctx, c.session, m, args...)
	if err != nil && c.closed.Load() && ctx.Err() == nil {
		return nil, fmt.Errorf("%w: the client was closed", ErrGone)
	}
	return v, explain(err)
}

// beat shows the server that we live, at each tick.
func (c *Client) beat(ctx context.Context, ticks <-chan time.Time) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
		limited, cancel := context.WithTimeout(ctx, c.timeout)
		_, err := c.call(limited, methodGetDefaultDomain, nil)
		cancel()
		if err != nil && ctx.Err() == nil {
			// The next call of the caller meets the same, and tells it.
			logr.FromContextOrDiscard(ctx).V(1).Info("Keeping the JMX session alive", "reason", err.Error())
		}
		c.transport.CloseIdle(maxIdle)
	}
}

// Close ends the session, and with it all calls that are under way: they are
// ErrGone. What they asked for may go on in the server. A session that is gone
// already is no error.
func (c *Client) Close() error {
	var err error
	c.once.Do(func() {
		c.closed.Store(true)
		c.stop()
		c.transport.Interrupt()
		c.beating.Wait()
		ctx, cancel := context.WithTimeout(c.lasting(), closeTimeout)
		defer cancel()
		_, err = c.transport.Call(ctx, c.session, methodClose)
		c.transport.Close()
		if err = explain(err); errors.Is(err, ErrGone) {
			err = nil
		}
	})
	if err != nil {
		return fmt.Errorf("closing the JMX session: %w", err)
	}
	return nil
}
