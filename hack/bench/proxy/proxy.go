// Package proxy stands between a mover and a store, counts the requests and lets
// each wait: a store that is a network away.
//
// It reads no more than the head of a request. Bodies and answers are left to the
// kernel (splice), so that what it costs is small beside the mover and the store.
package proxy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// headSize is more than the head of any request here.
const headSize = 16 << 10

// Proxy listens until Close.
type Proxy struct {
	listener net.Listener
	target   string
	delay    atomic.Int64
	requests atomic.Int64
	ended    sync.WaitGroup

	mu   sync.Mutex
	open map[net.Conn]bool // nil when closed
}

// Start listens on a free port for requests to the target.
func Start(ctx context.Context, target string) (*Proxy, error) {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for the movers: %w", err)
	}
	p := &Proxy{listener: l, target: target, open: map[net.Conn]bool{}}
	p.ended.Go(p.accept)
	return p, nil
}

// Address is where it listens, host:port.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// SetDelay is how long each request waits from now on.
func (p *Proxy) SetDelay(d time.Duration) { p.delay.Store(int64(d)) }

// Requests is how many there were.
func (p *Proxy) Requests() int64 { return p.requests.Load() }

// Close ends all connections.
func (p *Proxy) Close() error {
	err := p.listener.Close()
	p.mu.Lock()
	for c := range p.open {
		_ = c.Close() // its goroutine sees the failure
	}
	p.open = nil
	p.mu.Unlock()
	p.ended.Wait()
	return err
}

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		if !p.hold(c) {
			return
		}
		p.ended.Go(func() {
			defer p.drop(c)
			p.serve(c)
		})
	}
}

func (p *Proxy) hold(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		_ = c.Close() // nothing was asked
		return false
	}
	p.open[c] = true
	return true
}

func (p *Proxy) drop(c net.Conn) {
	_ = c.Close() // it has ended
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
}

// serve passes requests on until a side closes. What fails the mover sees as a
// connection that ended.
func (p *Proxy) serve(client net.Conn) {
	store, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", p.target)
	if err != nil || !p.hold(store) {
		return
	}
	defer p.drop(store)
	var answers sync.WaitGroup
	answers.Go(func() {
		_, _ = io.Copy(client, store) // ends with the connection
		_ = client.Close()
	})
	head := bufio.NewReaderSize(client, headSize)
	for p.pass(head, client, store) == nil {
	}
	_ = store.Close() // the mover has all its answers, or is gone
	answers.Wait()
}

// pass passes one request on.
func (p *Proxy) pass(head *bufio.Reader, client, store net.Conn) error {
	length, err := readHead(head)
	if err != nil {
		return err
	}
	p.requests.Add(1)
	if d := time.Duration(p.delay.Load()); d > 0 {
		time.Sleep(d)
	}
	return p.forward(head, length, client, store)
}

func (p *Proxy) forward(head *bufio.Reader, length span, client, store net.Conn) error {
	total := length.head + length.body
	buffered := min(int64(head.Buffered()), total)
	if _, err := io.CopyN(store, head, buffered); err != nil {
		return err
	}
	// The rest does not pass through us: the kernel joins the connections.
	_, err := io.CopyN(store, client, total-buffered)
	return err
}

// span is how long a request is.
type span struct{ head, body int64 }

var errHead = errors.New("a head that the proxy cannot read")

// readHead looks at the head of the next request, and leaves it in the buffer.
func readHead(r *bufio.Reader) (span, error) {
	for n := 1; ; n = r.Buffered() + 1 {
		if _, err := r.Peek(n); err != nil {
			return span{}, err
		}
		seen, err := r.Peek(r.Buffered())
		if err != nil {
			return span{}, err
		}
		end := bytes.Index(seen, []byte("\r\n\r\n"))
		if end < 0 {
			continue
		}
		body, err := bodyLength(string(seen[:end]))
		return span{int64(end) + 4, body}, err
	}
}

func bodyLength(head string) (int64, error) {
	for line := range strings.SplitSeq(head, "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		switch strings.ToLower(name) {
		case "content-length":
			return strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		case "transfer-encoding":
			return 0, fmt.Errorf("%w: %s", errHead, line)
		}
	}
	return 0, nil
}
