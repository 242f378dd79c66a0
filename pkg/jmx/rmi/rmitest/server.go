// Package rmitest has an RMI server for tests: it speaks the protocol, and
// answers as the test wants it to, wrongly too.
package rmitest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/icarus-sidecar/icarus/pkg/jmx/javaobj"
	"github.com/icarus-sidecar/icarus/pkg/jmx/rmi"
)

// Call is what a client called.
type Call struct {
	// Method is the descriptor, "lookup" of the registry.
	Method string
	// ID of the object that was called.
	ID rmi.ObjID
	// Args are objects as decoded, and numbers as the bytes of each.
	Args []any
}

// Name of the method.
func (c Call) Name() string {
	name, _, _ := strings.Cut(c.Method, "(")
	return name
}

// An Answer says what a call is answered with: the bytes after the call, and
// whether the connection stays. Nil is no answer at all, until the client leaves.
type Answer func() (answer []byte, stays bool)

// Server is an RMI server on one port of 127.0.0.1: registry and objects alike.
type Server struct {
	// Address is host:port.
	Address string
	Port    int
	// Conns counts connections, Pings pings and Acks acknowledged objects.
	Conns, Pings, Acks atomic.Int64
	// Seen, if it is set before the first call, sees every call.
	Seen func(Call)

	tb      testing.TB
	methods map[int64]string
	handle  func(Call) Answer
	mu      sync.Mutex
	open    map[net.Conn]struct{}
	done    bool
	running sync.WaitGroup
}

// lookup is the registry's hash of lookup(String).
const lookup = 4905912898345647071

// NewServer starts a server that knows methods by their descriptors. Wrap, if it
// is not nil, is put around each connection, such as TLS. The server ends with
// the test.
func NewServer(tb testing.TB, methods []string, wrap func(net.Conn) net.Conn, handle func(Call) Answer) *Server {
	tb.Helper()
	var config net.ListenConfig
	l, err := config.Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{
		Address: l.Addr().String(), Port: l.Addr().(*net.TCPAddr).Port,
		tb: tb, methods: map[int64]string{lookup: "lookup(Ljava/lang/String;)Ljava/rmi/Remote;"}, handle: handle,
		open: map[net.Conn]struct{}{},
	}
	for _, m := range methods {
		s.methods[rmi.Hash(m)] = m
	}
	s.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			s.Conns.Add(1)
			if !s.keep(conn) {
				continue
			}
			s.running.Go(func() {
				defer s.drop(conn)
				stream := conn
				if wrap != nil {
					stream = wrap(conn)
				}
				if err := s.serve(stream); err != nil && !isEnd(err) {
					tb.Errorf("serving RMI: %v", err)
				}
			})
		}
	})
	tb.Cleanup(func() {
		_ = l.Close()
		s.mu.Lock()
		s.done = true
		for conn := range s.open {
			_ = conn.Close()
		}
		s.mu.Unlock()
		s.running.Wait()
	})
	return s
}

// Cut closes all connections, as the end of a JVM does.
func (s *Server) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.open {
		_ = conn.Close()
	}
}

func (s *Server) keep(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		_ = conn.Close()
		return false
	}
	s.open[conn] = struct{}{}
	return true
}

func (s *Server) drop(conn net.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, conn)
}

// isEnd is whether a connection ended as connections do.
func isEnd(err error) bool {
	var of *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.As(err, &of)
}

// hello is what a client begins with.
const hello = "JRMI\x00\x02\x4b\x00\x070.0.0.0\x00\x00\x00\x00"

func (s *Server) serve(conn net.Conn) error {
	r := bufio.NewReader(conn)
	got := make([]byte, len(hello))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != hello {
		return io.EOF // it speaks something else, which is what some tests are about
	}
	if _, err := io.WriteString(conn, "\x4e\x00\x09127.0.0.1\x00\x00\x30\x39"); err != nil {
		return err
	}
	for {
		message, err := r.ReadByte()
		if err != nil {
			return err
		}
		switch message {
		case 0x52:
			s.Pings.Add(1)
			_, err = conn.Write([]byte{0x53})
		case 0x54:
			s.Acks.Add(1)
			_, err = r.Discard(14)
		case 0x50:
			err = s.call(conn, r)
		default:
			err = fmt.Errorf("a message begins with %02x", message)
		}
		if err != nil {
			return err
		}
	}
}

func (s *Server) call(conn net.Conn, r *bufio.Reader) error {
	call, err := s.read(r)
	if err != nil {
		return err
	}
	if s.Seen != nil {
		s.Seen(call)
	}
	answer := s.handle(call)
	if answer == nil {
		_, err := r.ReadByte() // the client leaves
		return err
	}
	b, stays := answer()
	if _, err := conn.Write(b); err != nil {
		return err
	}
	if !stays {
		return io.EOF
	}
	return nil
}

func (s *Server) read(r *bufio.Reader) (c Call, err error) {
	d, err := javaobj.NewDecoder(r, javaobj.DefaultLimits())
	if err != nil {
		return c, err
	}
	block, err := d.Block()
	if err != nil {
		return c, err
	}
	const head = 34
	if len(block) < head {
		return c, fmt.Errorf("the head of a call has %d bytes", len(block))
	}
	copy(c.ID[:], block)
	hash := int64(binary.BigEndian.Uint64(block[26:]))
	numbers := block[head:]
	if c.Method = s.methods[hash]; c.Method == "" {
		return c, fmt.Errorf("a call is of method %d", hash)
	}
	for _, kind := range parameters(c.Method) {
		switch kind {
		case 'I':
			c.Args, numbers = append(c.Args, numbers[:4]), numbers[4:]
		case 'J':
			c.Args, numbers = append(c.Args, numbers[:8]), numbers[8:]
		default:
			v, err := d.Object()
			if err != nil {
				return c, fmt.Errorf("reading an argument of %s: %w", c.Name(), err)
			}
			c.Args = append(c.Args, v)
		}
	}
	return c, nil
}

// parameters are the letters of a descriptor's parameters, L for all objects.
func parameters(descriptor string) (kinds []byte) {
	_, rest, _ := strings.Cut(descriptor, "(")
	rest, _, _ = strings.Cut(rest, ")")
	for rest != "" {
		kind := rest[0]
		rest = strings.TrimLeft(rest, "[")
		if rest[0] == 'L' {
			_, rest, _ = strings.Cut(rest, ";")
			kind = 'L'
		} else {
			rest = rest[1:]
		}
		kinds = append(kinds, kind)
	}
	return kinds
}

// UID is the number that all answers have.
const UID = "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e"

// Stays sends bytes and leaves the connection open.
func Stays(answer []byte) Answer { return func() ([]byte, bool) { return answer, true } }

// Leaves sends bytes and closes the connection.
func Leaves(answer []byte) Answer { return func() ([]byte, bool) { return answer, false } }

// Void answers a call of a method that returns nothing.
func Void() Answer { return Stays(encode(1)) }

// Returns answers with a value, of the types that package javaobj encodes.
func Returns(v any) Answer { return Stays(encode(1, v)) }

// Throws answers with an exception of a class and those above it.
func Throws(message string, class string, supers ...string) Answer {
	return Stays(encode(2, Throwable(message, class, supers...)))
}

func encode(kind byte, values ...any) []byte {
	e := javaobj.NewEncoder([]byte{0x51}, true)
	_, _ = e.Write(append([]byte{kind}, UID...)) // it never fails
	for _, v := range values {
		if err := e.Object(v); err != nil {
			panic("encoding an answer: " + err.Error())
		}
	}
	return e.Bytes()
}

// Throwable is an exception.
func Throwable(message, class string, supers ...string) *javaobj.Object {
	o := &javaobj.Object{Class: &javaobj.Class{
		Name: "java.lang.Throwable", Flags: javaobj.FlagSerializable,
		Fields: []javaobj.Field{{Type: 'L', Name: "detailMessage", ClassName: "Ljava/lang/String;"}},
	}}
	o.Slots = []javaobj.Slot{{Class: o.Class, Values: []any{message}}}
	for i := len(supers) - 1; i >= -1; i-- {
		name := class
		if i >= 0 {
			name = supers[i]
		}
		o.Class = &javaobj.Class{Name: name, Flags: javaobj.FlagSerializable, Super: o.Class}
		o.Slots = append(o.Slots, javaobj.Slot{Class: o.Class})
	}
	return o
}

// Stub is a remote object at a host and port. A factory, if it is not "", is the
// class of the socket factory that the object is to be reached through.
func Stub(host string, port int, id rmi.ObjID, factory string) *javaobj.Object {
	contents := []any{}
	var head []byte
	if factory == "" {
		head = utf(head, "UnicastRef")
	} else {
		head = append(utf(head, "UnicastRef2"), 1)
	}
	head = binary.BigEndian.AppendUint32(utf(head, host), uint32(port))
	tail := append(id[:], 1)
	if factory == "" {
		contents = append(contents, javaobj.Block(append(head, tail...)))
	} else {
		class := &javaobj.Class{Name: factory, Flags: javaobj.FlagSerializable}
		made := &javaobj.Object{Class: class, Slots: []javaobj.Slot{{Class: class}}}
		contents = append(contents, javaobj.Block(head), made, javaobj.Block(tail))
	}
	return StubOf(contents...)
}

// StubOf is a stub with contents of a test's own.
func StubOf(contents ...any) *javaobj.Object {
	object := &javaobj.Class{Name: "java.rmi.server.RemoteObject", Flags: javaobj.FlagSerializable | javaobj.FlagWriteMethod}
	stub := &javaobj.Class{Name: "java.rmi.server.RemoteStub", Flags: javaobj.FlagSerializable, Super: object}
	class := &javaobj.Class{Name: "javax.management.remote.rmi.RMIServerImpl_Stub", Flags: javaobj.FlagSerializable, Super: stub}
	return &javaobj.Object{Class: class, Slots: []javaobj.Slot{{Class: object, Contents: contents}, {Class: stub}, {Class: class}}}
}

func utf(b []byte, s string) []byte {
	b, err := javaobj.AppendUTF(b, s)
	if err != nil {
		panic("encoding " + strconv.Quote(s) + ": " + err.Error())
	}
	return b
}
