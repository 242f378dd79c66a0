package rmi

import (
	"errors"
	"fmt"

	"github.com/icarus-sidecar/icarus/pkg/jmx/javaobj"
)

var (
	// ErrTransport is for a connection that could not be made, or that did not
	// bring a whole answer. What was asked for may have been done.
	ErrTransport = errors.New("the JMX connection failed")
	// ErrClosed is for a call on a closed Transport.
	ErrClosed = errors.New("the JMX connection is closed")
)

// ThrownError is an exception that a call ended with.
type ThrownError struct {
	// Throwable is the exception as it was in the stream.
	Throwable any
}

// Error names the exception's class.
func (e *ThrownError) Error() string {
	if o, ok := e.Throwable.(*javaobj.Object); ok {
		return fmt.Sprintf("Java threw %.200s", o.Class.Name)
	}
	return "Java threw what is no exception"
}

// spoils is whether the connection is of no use after the exception: where RMI
// itself failed, the server may not have read all of the call, and takes the
// rest for the next.
func (e *ThrownError) spoils() bool {
	o, ok := e.Throwable.(*javaobj.Object)
	return !ok || o.Class.Is("java.rmi.RemoteException")
}
