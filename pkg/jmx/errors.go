package jmx

import (
	"errors"

	"github.com/icarus-sidecar/icarus/pkg/jmx/rmi"
)

var (
	// ErrNotFound is for an MBean, attribute or operation that is not there.
	ErrNotFound = errors.New("no such MBean, attribute or operation")
	// ErrDenied is for a login that failed, and for what the user may not do.
	ErrDenied = errors.New("JMX access denied")
	// ErrGone is for a session that the server has ended, and for a Client that
	// was closed.
	ErrGone = errors.New("the JMX session is gone")
	// ErrTransport is for a connection that could not be made, or that did not
	// bring a whole answer. What was asked for may have been done.
	ErrTransport = rmi.ErrTransport
	// ErrValue is for a value of another kind than was asked for.
	ErrValue = errors.New("unexpected value")
)
