package jmx

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"time"

	"k8s.io/utils/clock"
)

// Options say where a JMX server is and how to be let in. They print without the
// password.
type Options struct {
	// Address is host:port of the RMI registry, as 127.0.0.1:7199. The port of
	// the server itself is what the registry says; its host is this one.
	Address string
	// Username and Password log in; without both there is no login.
	Username string
	Password string `json:"-"`
	// TLS is for all connections, with a certificate where the server asks for
	// one. Nil is none. A server that does not fit is refused either way.
	TLS *tls.Config `json:"-"`
	// PlainRegistry is for a JVM with com.sun.management.jmxremote.ssl, but
	// without registry.ssl: its registry has no TLS.
	PlainRegistry bool
	// DialTimeout bounds Dial as a whole, and each later connection. 0 is 10 s.
	DialTimeout time.Duration
	// MaxConnections is how many calls run at once; a subscription that waits is
	// one. 0 is 8.
	MaxConnections int
	// Clock is for tests. Nil is the real one.
	Clock clock.WithTicker `json:"-"`
}

// String has no password.
func (o Options) String() string {
	switch {
	case o.TLS != nil:
		return fmt.Sprintf("JMX at %s with TLS as %q", o.Address, o.Username)
	case o.Username != "":
		return fmt.Sprintf("JMX at %s as %q", o.Address, o.Username)
	}
	return "JMX at " + o.Address
}

// GoString has no password either.
func (o Options) GoString() string { return o.String() }

// LogValue is String.
func (o Options) LogValue() slog.Value { return slog.StringValue(o.String()) }
