package rmi

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/icarus-sidecar/icarus/pkg/jmx/javaobj"
)

// endpoint is one port of the host.
type endpoint struct {
	port int
	tls  bool
}

// conn is one connection. It is used by one call at a time.
type conn struct {
	to     endpoint
	limits javaobj.Limits
	// raw is beneath TLS: to close it waits for nothing.
	raw    net.Conn
	stream net.Conn
	r      *bufio.Reader
	// used is when the last call ended.
	used time.Time
	dead atomic.Bool
}

// kill closes the connection, and with that whatever waits for it.
func (c *conn) kill() {
	c.dead.Store(true)
	_ = c.raw.Close() // there is nobody to tell
}

// during runs do, and kills the connection when ctx ends in the meantime.
func (c *conn) during(ctx context.Context, do func() error) error {
	stop := context.AfterFunc(ctx, c.kill)
	err := do()
	if stop() {
		return err
	}
	c.dead.Store(true)
	if err != nil {
		return endOf(ctx)
	}
	return nil // the answer was whole when ctx ended
}

// endOf says why ctx ended: by its time, by whom it was cancelled, or both.
func endOf(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// The client's greeting: "JRMI", version 2, StreamProtocol; and the answers to it.
const (
	greeting    = "JRMI\x00\x02\x4b"
	protocolAck = 0x4e
	protocolNak = 0x4f
	tlsAlert    = 0x15
)

// ourEndpoint is where we could be called, which the server reads and drops.
const ourEndpoint = "\x00\x070.0.0.0\x00\x00\x00\x00"

func (c *conn) handshake() error {
	if _, err := io.WriteString(c.stream, greeting+ourEndpoint); err != nil {
		return err
	}
	answer, err := c.r.ReadByte()
	switch {
	case err != nil:
		return fmt.Errorf("waiting for the server's greeting: %w", err)
	case answer == protocolNak:
		return errors.New("the server refuses the stream protocol of RMI")
	case answer == tlsAlert && !c.to.tls:
		return errors.New("no RMI server is there: it speaks TLS")
	case answer != protocolAck:
		return fmt.Errorf("no RMI server is there: it answers with %02x", answer)
	}
	// It says how it sees us: a host and a port, which nobody needs.
	var head [2]byte
	if _, err := io.ReadFull(c.r, head[:]); err != nil {
		return fmt.Errorf("reading the server's greeting: %w", err)
	}
	if _, err := c.r.Discard(int(binary.BigEndian.Uint16(head[:])) + 4); err != nil {
		return fmt.Errorf("reading the server's greeting: %w", err)
	}
	return nil
}

// ping asks whether somebody is still there.
func (c *conn) ping() error {
	if _, err := c.stream.Write([]byte{msgPing}); err != nil {
		return err
	}
	answer, err := c.r.ReadByte()
	if err == nil && answer != msgPingAck {
		err = fmt.Errorf("a ping is answered with %02x", answer)
	}
	return err
}

// do sends a call and reads its answer. Of all errors only a *ThrownError may
// leave the connection usable.
func (c *conn) do(call []byte, m Method) (any, error) {
	if _, err := c.stream.Write(call); err != nil {
		return nil, fmt.Errorf("sending a call: %w", err)
	}
	v, err := c.answer(m)
	var thrown *ThrownError
	if err != nil && !errors.As(err, &thrown) {
		return nil, fmt.Errorf("reading the answer to a call: %w", err)
	}
	return v, err
}

// The head of an answer: how the call ended, and a number of the answer's own.
const (
	returnedValue     = 1
	returnedException = 2
	uidSize           = 14
)

func (c *conn) answer(m Method) (any, error) {
	first, err := c.r.ReadByte()
	if err != nil {
		return nil, err
	}
	if first != msgReturn {
		return nil, fmt.Errorf("%w: an answer begins with %02x", javaobj.ErrMalformed, first)
	}
	d, err := javaobj.NewDecoder(c.r, c.limits)
	if err != nil {
		return nil, err
	}
	block, err := d.Block()
	if err != nil {
		return nil, err
	}
	if len(block) < 1+uidSize {
		return nil, fmt.Errorf("%w: the head of an answer has %d bytes", javaobj.ErrMalformed, len(block))
	}
	switch block[0] {
	case returnedValue:
	case returnedException:
		thrown, err := d.Object()
		if err != nil {
			return nil, err
		}
		return nil, &ThrownError{Throwable: thrown}
	default:
		return nil, fmt.Errorf("%w: an answer is of kind %d", javaobj.ErrMalformed, block[0])
	}
	v, err := m.result(d, block[1+uidSize:])
	if err != nil {
		return nil, err
	}
	if o, ok := v.(*javaobj.Object); ok && remoteSlot(o) != nil {
		// Else the server keeps the object for us for five minutes.
		if _, err := c.stream.Write(append([]byte{msgDGCAck}, block[1:1+uidSize]...)); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// secure puts TLS on the connection.
func (c *conn) secure(ctx context.Context, config *tls.Config) error {
	secured := tls.Client(c.raw, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		return err
	}
	c.stream = secured
	return nil
}
