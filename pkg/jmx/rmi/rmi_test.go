package rmi_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/icarus-sidecar/icarus/pkg/jmx/javaobj"
	"github.com/icarus-sidecar/icarus/pkg/jmx/rmi"
	"github.com/icarus-sidecar/icarus/pkg/jmx/rmi/rmitest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	echoMethod  = "echo(Ljava/lang/String;)Ljava/lang/String;"
	isMethod    = "is()Z"
	countMethod = "count(JI)I"
	sslFactory  = "javax.rmi.ssl.SslRMIClientSocketFactory"
)

var (
	echo  = rmi.NewMethod(echoMethod)
	is    = rmi.NewMethod(isMethod)
	count = rmi.NewMethod(countMethod)
	theID = rmi.ObjID{7, 7, 7}
)

// serve starts a server whose registry has one object of its own port, and whose
// object answers as handle says.
func serve(tb testing.TB, handle func(rmitest.Call) rmitest.Answer) *rmitest.Server {
	tb.Helper()
	return serveAs(tb, "10.9.9.9", "", nil, handle)
}

func serveAs(
	tb testing.TB, host, factory string, wrap func(net.Conn) net.Conn, handle func(rmitest.Call) rmitest.Answer,
) *rmitest.Server {
	tb.Helper()
	var s *rmitest.Server
	ready := make(chan struct{})
	s = rmitest.NewServer(tb, []string{echoMethod, isMethod, countMethod}, wrap, func(c rmitest.Call) rmitest.Answer {
		<-ready
		if c.Name() == "lookup" {
			return rmitest.Returns(rmitest.Stub(host, s.Port, theID, factory))
		}
		return handle(c)
	})
	close(ready)
	return s
}

func transport(tb testing.TB, s *rmitest.Server, change func(*rmi.Config)) *rmi.Transport {
	tb.Helper()
	cfg := rmi.Config{Address: s.Address}
	if change != nil {
		change(&cfg)
	}
	t, err := rmi.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(t.Close)
	return t
}

func lookup(tb testing.TB, t *rmi.Transport) rmi.Ref {
	tb.Helper()
	ref, err := t.Lookup(tb.Context(), "jmxrmi")
	if err != nil {
		tb.Fatal(err)
	}
	return ref
}

func echoes(c rmitest.Call) rmitest.Answer { return rmitest.Returns(c.Args[0]) }

func TestCallsAndTheirResults(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c rmitest.Call) rmitest.Answer {
		if c.ID != theID {
			t.Errorf("object %x was called", c.ID)
		}
		head := "\x51\xac\xed\x00\x05\x77"
		switch c.Name() {
		case "is":
			return rmitest.Stays([]byte(head + "\x10\x01" + rmitest.UID + "\x01"))
		case "count":
			if got := hex.EncodeToString(append(c.Args[0].([]byte), c.Args[1].([]byte)...)); got != "fffffffffffffffe00000003" {
				t.Errorf("numbers arrived as %s", got)
			}
			return rmitest.Stays([]byte(head + "\x13\x01" + rmitest.UID + "\xff\xff\xff\xfb"))
		}
		return echoes(c)
	})
	tr := transport(t, s, nil)
	// The stub names a host that does not answer: it is not asked.
	ref := lookup(t, tr)
	if ref.Host != "10.9.9.9" || ref.Port != s.Port || ref.ID != theID || ref.TLS {
		t.Errorf("found %+v", ref)
	}
	for _, c := range []struct {
		method rmi.Method
		args   []any
		want   any
	}{
		{echo, []any{"hello"}, "hello"},
		{echo, []any{nil}, nil},
		{is, nil, true},
		{count, []any{int64(-2), int32(3)}, int32(-5)},
	} {
		if got, err := tr.Call(t.Context(), ref, c.method, c.args...); err != nil || got != c.want {
			t.Errorf("got %v, %v, want %v", got, err, c.want)
		}
	}
	if n := s.Conns.Load(); n != 1 {
		t.Errorf("it took %d connections", n)
	}
	if n := s.Acks.Load(); n != 1 {
		t.Errorf("%d objects were acknowledged", n)
	}
}

func TestExceptionsAndTheirConnections(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer rmitest.Answer
		conns  int64
	}{
		"an exception leaves the connection usable": {rmitest.Throws("x", "java.io.IOException", "java.lang.Exception"), 1},
		"one of RMI itself does not": {
			rmitest.Throws("x", "java.rmi.ServerException", "java.rmi.RemoteException", "java.io.IOException"), 2,
		},
		"nor does what is no exception": {rmitest.Stays([]byte("\x51\xac\xed\x00\x05\x77\x0f\x02" + rmitest.UID + "\x70")), 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(call rmitest.Call) rmitest.Answer {
				if call.Args[0] == "throw" {
					return c.answer
				}
				return echoes(call)
			})
			tr := transport(t, s, nil)
			ref := lookup(t, tr)
			var thrown *rmi.ThrownError
			if v, err := tr.Call(t.Context(), ref, echo, "throw"); !errors.As(err, &thrown) {
				t.Fatalf("got %v, %v, want an exception", v, err)
			}
			if v, err := tr.Call(t.Context(), ref, echo, "after"); err != nil || v != "after" {
				t.Errorf("after it: %v, %v", v, err)
			}
			if n := s.Conns.Load(); n != c.conns {
				t.Errorf("it took %d connections, want %d", n, c.conns)
			}
		})
	}
}

func TestACallIsNeverSentTwice(t *testing.T) {
	t.Parallel()
	head := "\x51\xac\xed\x00\x05"
	for name, answer := range map[string]struct {
		answer rmitest.Answer
		want   error
	}{
		"the server leaves without a word":      {rmitest.Leaves(nil), rmi.ErrTransport},
		"it leaves in the midst of its answer":  {rmitest.Leaves([]byte(head + "\x77\x0f\x01")), rmi.ErrTransport},
		"what it sends is no answer":            {rmitest.Stays([]byte("\x50\xac\xed\x00\x05")), javaobj.ErrMalformed},
		"the stream has no header":              {rmitest.Stays([]byte("\x51\xca\xfe\xba\xbe")), javaobj.ErrMalformed},
		"the head of the answer is missing":     {rmitest.Stays([]byte(head + "\x70")), javaobj.ErrMalformed},
		"the head of the answer is too short":   {rmitest.Stays([]byte(head + "\x77\x01\x01")), javaobj.ErrMalformed},
		"the answer is of an unknown kind":      {rmitest.Stays([]byte(head + "\x77\x0f\x03" + rmitest.UID)), javaobj.ErrMalformed},
		"the value is malformed":                {rmitest.Stays([]byte(head + "\x77\x0f\x01" + rmitest.UID + "\x73\x70")), javaobj.ErrMalformed},
		"the writer failed":                     {rmitest.Stays([]byte(head + "\x77\x0f\x01" + rmitest.UID + "\x7b\x70")), rmi.ErrTransport},
		"the value is larger than an answer is": {rmitest.Stays([]byte(head + "\x77\x0f\x01" + rmitest.UID + "\x7c\x00\x00\x00\x00\x7f\xff\xff\xff")), javaobj.ErrLimit},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int64
			s := serve(t, func(c rmitest.Call) rmitest.Answer {
				if c.Args[0] == "after" {
					return echoes(c)
				}
				calls.Add(1)
				return answer.answer
			})
			tr := transport(t, s, nil)
			ref := lookup(t, tr)
			if v, err := tr.Call(t.Context(), ref, echo, "x"); !errors.Is(err, answer.want) {
				t.Errorf("got %v, %v, want %v", v, err, answer.want)
			}
			if n := calls.Load(); n != 1 {
				t.Errorf("it was called %d times", n)
			}
			// And the connection is not used again.
			if v, err := tr.Call(t.Context(), ref, echo, "after"); err != nil || v != "after" {
				t.Errorf("after it: %v, %v", v, err)
			}
		})
	}
}

func TestARestedConnectionIsAskedWhetherItLives(t *testing.T) {
	t.Parallel()
	clock := clocktesting.NewFakePassiveClock(time.Unix(0, 0))
	s := serve(t, echoes)
	tr := transport(t, s, func(c *rmi.Config) { c.Clock = clock })
	ref := lookup(t, tr)
	call := func(wantConns, wantPings int64) {
		t.Helper()
		if v, err := tr.Call(t.Context(), ref, echo, "x"); err != nil || v != "x" {
			t.Errorf("got %v, %v", v, err)
		}
		if c, p := s.Conns.Load(), s.Pings.Load(); c != wantConns || p != wantPings {
			t.Errorf("%d connections and %d pings, want %d and %d", c, p, wantConns, wantPings)
		}
	}
	call(1, 0)
	clock.SetTime(clock.Now().Add(10 * time.Second))
	call(1, 1)
	clock.SetTime(clock.Now().Add(10 * time.Second))
	s.Cut()
	call(2, 1)
	clock.SetTime(clock.Now().Add(time.Minute))
	tr.CloseIdle(30 * time.Second)
	call(3, 1)
}

func TestContextsEndCalls(t *testing.T) {
	t.Parallel()
	left := make(chan struct{})
	s := serve(t, func(rmitest.Call) rmitest.Answer {
		left <- struct{}{} // the call has arrived
		return nil         // and is never answered
	})
	tr := transport(t, s, func(c *rmi.Config) { c.MaxConns = 1 })
	ref := lookup(t, tr)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-left
		// The only connection is taken.
		short, cancelShort := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancelShort()
		if _, err := tr.Call(short, ref, echo, "waits"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting: %v, want that its time is up", err)
		}
		cancel()
	}()
	if _, err := tr.Call(ctx, ref, echo, "x"); !errors.Is(err, context.Canceled) || errors.Is(err, rmi.ErrTransport) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	if _, err := tr.Call(ctx, ref, echo, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that had ended: %v", err)
	}
	reason := errors.New("reason")
	reasoned, cancelReasoned := context.WithCancelCause(t.Context())
	cancelReasoned(reason)
	if _, err := tr.Call(reasoned, ref, echo, "x"); !errors.Is(err, context.Canceled) || !errors.Is(err, reason) {
		t.Errorf("got %v, want that it was cancelled, and why", err)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	const most = 3
	var now, peak atomic.Int64
	s := serve(t, func(c rmitest.Call) rmitest.Answer {
		n := now.Add(1)
		defer now.Add(-1)
		for {
			p := peak.Load()
			if n <= p || peak.CompareAndSwap(p, n) {
				break
			}
		}
		return echoes(c)
	})
	tr := transport(t, s, func(c *rmi.Config) { c.MaxConns = most })
	ref := lookup(t, tr)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if v, err := tr.Call(t.Context(), ref, echo, "x"); err != nil || v != "x" {
				t.Errorf("got %v, %v", v, err)
			}
		})
	}
	all.Wait()
	if p, c := peak.Load(), s.Conns.Load(); p > most || c > most {
		t.Errorf("%d calls at once on %d connections, want at most %d", p, c, most)
	}
}

func TestCloseEndsEverything(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 1)
	s := serve(t, func(rmitest.Call) rmitest.Answer {
		arrived <- struct{}{}
		return nil
	})
	tr := transport(t, s, func(c *rmi.Config) { c.MaxConns = 1 })
	ref := lookup(t, tr)
	errs := make(chan error, 2)
	for range 2 { // one that runs and one that waits for it
		go func() {
			_, err := tr.Call(t.Context(), ref, echo, "x")
			errs <- err
		}()
	}
	<-arrived
	tr.Close()
	for range 2 {
		if err := <-errs; !errors.Is(err, rmi.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	}
	if _, err := tr.Call(t.Context(), ref, echo, "x"); !errors.Is(err, rmi.ErrClosed) {
		t.Errorf("after it: %v, want ErrClosed", err)
	}
	tr.Close() // twice is once
}

func TestPeersThatAreNoRMIServers(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"one that says nothing":            "",
		"one that speaks TLS":              "\x15\x03\x03\x00\x02\x02\x0a",
		"one that speaks CQL":              "\x85\x00\x00\x00\x00",
		"one that refuses the protocol":    "\x4f",
		"one that stops in its greeting":   "\x4e\x00\x09127",
		"one that never ends its greeting": "\x4e\xff\xff127",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := listen(t, func(c net.Conn) {
				_, _ = io.WriteString(c, answer)
				_, _ = io.Copy(io.Discard, c) // until the client leaves
			})
			tr, err := rmi.New(rmi.Config{Address: l, DialTimeout: 50 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			defer tr.Close()
			if _, err := tr.Lookup(t.Context(), "jmxrmi"); !errors.Is(err, rmi.ErrTransport) || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want ErrTransport and no deadline of the caller's", err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := tr.Lookup(ctx, "jmxrmi"); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want that it was cancelled", err)
			}
		})
	}
	tr, err := rmi.New(rmi.Config{Address: listen(t, func(net.Conn) {}), TLS: &tls.Config{}, DialTimeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	if _, err := tr.Lookup(t.Context(), "jmxrmi"); !errors.Is(err, rmi.ErrTransport) {
		t.Errorf("one that leaves in the handshake of TLS: %v, want ErrTransport", err)
	}
}

// listen accepts connections and gives each to serve.
func listen(tb testing.TB, serve func(net.Conn)) (address string) {
	tb.Helper()
	var config net.ListenConfig
	l, err := config.Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	tb.Cleanup(func() {
		_ = l.Close()
		running.Wait()
	})
	return l.Addr().String()
}

func TestTLSIsNotNegotiable(t *testing.T) {
	t.Parallel()
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	inTLS := func(c net.Conn) net.Conn { return tls.Server(c, &tls.Config{Certificates: web.TLS.Certificates}) }
	trusting := &tls.Config{RootCAs: roots}
	for name, c := range map[string]struct {
		factory string
		wrap    func(net.Conn) net.Conn
		config  rmi.Config
		want    error
	}{
		"TLS all through":                     {sslFactory, inTLS, rmi.Config{TLS: trusting}, nil},
		"an authority that is not trusted":    {sslFactory, inTLS, rmi.Config{TLS: &tls.Config{RootCAs: x509.NewCertPool()}}, rmi.ErrTransport},
		"TLS where there is none":             {"", nil, rmi.Config{TLS: trusting}, rmi.ErrTransport},
		"no TLS where there is":               {sslFactory, inTLS, rmi.Config{}, rmi.ErrTransport},
		"a registry without, an object with":  {sslFactory, nil, rmi.Config{}, rmi.ErrStub},
		"a plain object in a plain registry":  {"", nil, rmi.Config{TLS: trusting, PlainRegistry: true}, rmi.ErrStub},
		"a plain object in a secure registry": {"", inTLS, rmi.Config{TLS: trusting}, rmi.ErrStub},
		"a way of its own to connect":         {"evil.SocketFactory", nil, rmi.Config{}, rmi.ErrStub},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int64
			s := serveAs(t, "127.0.0.1", c.factory, c.wrap, func(c rmitest.Call) rmitest.Answer {
				calls.Add(1)
				return echoes(c)
			})
			c.config.Address = s.Address
			tr, err := rmi.New(c.config)
			if err != nil {
				t.Fatal(err)
			}
			defer tr.Close()
			ref, err := tr.Lookup(t.Context(), "jmxrmi")
			if err == nil {
				_, err = tr.Call(t.Context(), ref, echo, "secret")
			}
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if c.want != nil && calls.Load() != 0 {
				t.Error("the secret was sent")
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for address, ok := range map[string]bool{
		"127.0.0.1:7199": true, "[::1]:7199": true, "cassandra-0.cassandra:7199": true,
		"": false, "127.0.0.1": false, ":7199": false, "host:0": false, "host:65536": false, "host:jmx": false, "host:-1": false,
	} {
		if _, err := rmi.New(rmi.Config{Address: address}); (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestNothingIsSentThatCannotBeEncoded(t *testing.T) {
	t.Parallel()
	s := serve(t, echoes)
	tr := transport(t, s, nil)
	ref := lookup(t, tr)
	if _, err := tr.Call(t.Context(), ref, echo, 5.5); err == nil || errors.Is(err, rmi.ErrTransport) {
		t.Errorf("got %v, want an error that is not the connection's", err)
	}
	if v, err := tr.Call(t.Context(), ref, echo, strings.Repeat("x", 100_000)); err != nil || len(v.(string)) != 100_000 {
		t.Errorf("a long argument: %v", err)
	}
}
