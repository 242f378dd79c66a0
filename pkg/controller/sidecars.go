package controller

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/icarus-sidecar/icarus/api/rest"
	"github.com/icarus-sidecar/icarus/pkg/client"
	"github.com/icarus-sidecar/icarus/pkg/cluster"
)

// Sidecar is what the controller asks of one; a *client.Client is one.
type Sidecar interface {
	cluster.Peer
	Topology(ctx context.Context, datacenters ...string) (*rest.Topology, error)
	SchemaVersion(ctx context.Context) (*rest.SchemaVersion, error)
}

var _ Sidecar = (*client.Client)(nil)

// SidecarOptions say how sidecars are reached. The zero value speaks plain HTTP.
type SidecarOptions struct {
	// TLS is used where it is not nil, and then always. It is asked once for each
	// sidecar, with its host.
	TLS func(host string) *tls.Config
	// Token is sent with every call where it is not nil.
	Token func(ctx context.Context) (string, error)
	// AllowCredentialsOverHTTP lets the keys to buckets travel in plain HTTP.
	AllowCredentialsOverHTTP bool
	// Timeout bounds each call; 10 s by default, less than any patience.
	Timeout time.Duration
	// Clock is the real one by default.
	Clock clock.Clock
}

const (
	defaultSidecarTimeout = 10 * time.Second
	// idleSidecar is how long the connections to a sidecar are kept unused.
	idleSidecar = 5 * time.Minute
)

// Sidecars makes and keeps the clients of the sidecars, with their connections.
type Sidecars struct {
	options SidecarOptions

	mu    sync.Mutex
	known map[string]*connection
	swept time.Time
}

type connection struct {
	client *client.Client
	used   time.Time
}

// NewSidecars returns one for all reconcilers.
func NewSidecars(o SidecarOptions) *Sidecars {
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	if o.Timeout == 0 {
		o.Timeout = defaultSidecarTimeout
	}
	return &Sidecars{options: o, known: map[string]*connection{}, swept: o.Clock.Now()}
}

// mayCarryCredentials reports whether what is sent to a sidecar is kept from others.
func (s *Sidecars) mayCarryCredentials() bool {
	return s.options.TLS != nil || s.options.AllowCredentialsOverHTTP
}

// at returns the sidecar at an address.
func (s *Sidecars) at(host string, port int32) (Sidecar, error) {
	address := net.JoinHostPort(host, strconv.Itoa(int(port)))
	now := s.options.Clock.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(now)
	if c, ok := s.known[address]; ok {
		c.used = now
		return c.client, nil
	}
	options := []client.Option{client.WithTimeout(s.options.Timeout), client.WithClock(s.options.Clock)}
	if s.options.TLS != nil {
		options = append(options, client.WithTLS(s.options.TLS(host)))
	}
	if s.options.Token != nil {
		options = append(options, client.WithToken(s.options.Token))
	}
	if s.options.AllowCredentialsOverHTTP {
		options = append(options, client.WithCredentialsOverHTTP())
	}
	c, err := client.New(s.options.Scheme()+"://"+address, options...)
	if err != nil {
		return nil, fmt.Errorf("connecting to a sidecar: %w", err)
	}
	s.known[address] = &connection{client: c, used: now}
	return c, nil
}

// sweep lets go of those that nobody asked for in a while. The caller holds mu.
func (s *Sidecars) sweep(now time.Time) {
	if now.Sub(s.swept) < idleSidecar {
		return
	}
	s.swept = now
	for address, c := range s.known {
		if now.Sub(c.used) >= idleSidecar {
			c.client.Close()
			delete(s.known, address)
		}
	}
}

// Close gives back all idle connections.
func (s *Sidecars) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.known {
		c.client.Close()
	}
}

// Scheme is that of the sidecars' addresses.
func (o SidecarOptions) Scheme() string {
	if o.TLS != nil {
		return "https"
	}
	return "http"
}
