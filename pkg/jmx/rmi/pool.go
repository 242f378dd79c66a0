package rmi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
)

// take waits until another call may run, and finds or makes a connection for it.
func (t *Transport) take(ctx context.Context, to endpoint) (*conn, error) {
	select {
	case <-ctx.Done(): // before all: a free slot is no reason to go on
		return nil, endOf(ctx)
	default:
	}
	select {
	case t.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for one of %d JMX connections: %w", t.cfg.MaxConns, endOf(ctx))
	case <-t.closed:
		return nil, ErrClosed
	}
	c, err := t.find(ctx, to)
	if err != nil {
		<-t.slots
		return nil, t.explain(ctx, err)
	}
	return c, nil
}

func (t *Transport) find(ctx context.Context, to endpoint) (*conn, error) {
	for {
		c := t.reuse(to)
		if c == nil {
			break
		}
		if t.lives(ctx, c) {
			return c, nil
		}
		t.forget(c)
		if ctx.Err() != nil {
			return nil, endOf(ctx)
		}
	}
	return t.dial(ctx, to)
}

// reuse makes the idle connection that was used last a busy one.
func (t *Transport) reuse(to endpoint) *conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := len(t.idle) - 1; i >= 0; i-- {
		if c := t.idle[i]; c.to == to {
			t.idle = slices.Delete(t.idle, i, i+1)
			t.busy[c] = struct{}{}
			return c
		}
	}
	return nil
}

func (t *Transport) lives(ctx context.Context, c *conn) bool {
	if t.cfg.Clock.Since(c.used) < pingAfter {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	return c.during(ctx, c.ping) == nil && !c.dead.Load()
}

// forget closes a busy connection. Its slot stays taken.
func (t *Transport) forget(c *conn) {
	c.kill()
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.busy, c)
}

// put ends the use of a connection and gives its slot back.
func (t *Transport) put(c *conn, usable bool) {
	defer func() { <-t.slots }()
	c.used = t.cfg.Clock.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.busy, c)
	if !usable || c.dead.Load() || t.isClosed() {
		c.kill()
		return
	}
	t.idle = append(t.idle, c)
}

// admit counts a new connection among the busy ones. Idle ones to other ports
// make room for it.
func (t *Transport) admit(c *conn) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.isClosed() {
		return ErrClosed
	}
	for len(t.idle) > 0 && len(t.idle)+len(t.busy) >= t.cfg.MaxConns {
		t.idle[0].kill()
		t.idle = slices.Delete(t.idle, 0, 1)
	}
	t.busy[c] = struct{}{}
	return nil
}

// dial makes a connection and shakes hands, within the dial timeout.
func (t *Transport) dial(ctx context.Context, to endpoint) (*conn, error) {
	limited, cancel := context.WithTimeout(ctx, t.cfg.DialTimeout)
	defer cancel()
	address := net.JoinHostPort(t.host, strconv.Itoa(to.port))
	c, err := t.connect(limited, address, to)
	switch {
	case err == nil:
		return c, nil
	case ctx.Err() != nil:
		err = endOf(ctx)
	case limited.Err() != nil:
		err = fmt.Errorf("no answer within %s", t.cfg.DialTimeout)
	}
	return nil, fmt.Errorf("connecting to %s: %w", address, err)
}

func (t *Transport) connect(ctx context.Context, address string, to endpoint) (*conn, error) {
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c := &conn{to: to, limits: t.cfg.Limits, raw: raw, stream: raw}
	if err := t.admit(c); err != nil {
		c.kill()
		return nil, err
	}
	err = c.during(ctx, func() error {
		if to.tls {
			if err := c.secure(ctx, t.cfg.TLS); err != nil {
				return err
			}
		}
		c.r = bufio.NewReader(c.stream)
		return c.handshake()
	})
	if err == nil && c.dead.Load() {
		err = errors.New("it was closed while connecting")
	}
	if err != nil {
		t.forget(c)
		return nil, err
	}
	return c, nil
}
