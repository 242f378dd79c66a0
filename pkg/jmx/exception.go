package jmx

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/jmx/javaobj"
	"github.com/icarus-sidecar/icarus/pkg/jmx/rmi"
)

// Exception is a Java exception. It is ErrNotFound, ErrDenied or ErrGone where it
// says so.
type Exception struct { //nolint:errname // it is what Java calls it
	// Class such as java.io.IOException.
	Class   string
	Message string
	// Cause is nil at the end of the chain.
	Cause *Exception

	// supers are the classes that Class extends.
	supers []string
}

const (
	// maxCauses is more than any chain has; a longer one is cut.
	maxCauses = 32
	// maxMessage keeps a report of Cassandra whole, and a flood out of our logs.
	maxMessage = 64 << 10
)

// Error is class and message, followed by the causes that the message does not
// tell itself.
func (e *Exception) Error() string {
	var b strings.Builder
	b.WriteString(e.line())
	said := e.line()
	for c := e.Cause; c != nil; c = c.Cause {
		if line := c.line(); !strings.Contains(said, line) {
			b.WriteString(", caused by " + line)
			said = line
		}
	}
	return b.String()
}

func (e *Exception) line() string {
	if e.Message == "" {
		return e.Class
	}
	return e.Class + ": " + e.Message
}

// Is finds the sentinels.
func (e *Exception) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return e.find(func(e *Exception) bool {
			return e.isA("javax.management.InstanceNotFoundException") ||
				e.isA("javax.management.AttributeNotFoundException") ||
				e.Class == "javax.management.ReflectionException" && e.Cause != nil && e.Cause.isA("java.lang.NoSuchMethodException")
		})
	case ErrDenied:
		// Cassandra's own JMX server wraps a failed login into another exception.
		return e.find(func(e *Exception) bool { return e.isA("java.lang.SecurityException") })
	case ErrGone:
		return e.find(func(e *Exception) bool { return e.isA("java.rmi.NoSuchObjectException") })
	}
	return false
}

// fromBean are the exceptions around what an MBean itself threw. A file that
// Cassandra may not read is a SecurityException, and yet not ours.
var fromBean = []string{
	"javax.management.MBeanException",
	"javax.management.RuntimeMBeanException",
	"javax.management.RuntimeErrorException",
}

// find looks for an exception of the JMX server along the chain.
func (e *Exception) find(is func(*Exception) bool) bool {
	for ; e != nil; e = e.Cause {
		if is(e) {
			return true
		}
		if slices.ContainsFunc(fromBean, e.isA) {
			return false
		}
	}
	return false
}

func (e *Exception) isA(class string) bool {
	return e.Class == class || slices.Contains(e.supers, class)
}

// explain makes an error of the transport one of this package.
func explain(err error) error {
	var thrown *rmi.ThrownError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &thrown):
		if e := exception(thrown.Throwable); e != nil {
			return e
		}
		return fmt.Errorf("%w: the server threw what is no exception", ErrTransport)
	case errors.Is(err, rmi.ErrClosed):
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	return err
}

// causeFields are the fields in which some exceptions keep their cause, rather
// than where all others do.
var causeFields = []string{"detail", "exception", "runtimeException", "error"}

// exception reads a throwable; nil if v is none.
func exception(v any) *Exception {
	var first, last *Exception
	seen := map[*javaobj.Object]bool{}
	for range maxCauses {
		o, ok := v.(*javaobj.Object)
		// A throwable without a cause is its own cause.
		if !ok || seen[o] || !o.Class.Is("java.lang.Throwable") {
			break
		}
		seen[o] = true
		e := oneException(o)
		if last == nil {
			first = e
		} else {
			last.Cause = e
		}
		last = e
		v = cause(o)
	}
	return first
}

func oneException(o *javaobj.Object) *Exception {
	e := &Exception{Class: o.Class.Name}
	for c := o.Class.Super; c != nil; c = c.Super {
		e.supers = append(e.supers, c.Name)
	}
	if message, ok := throwableField(o, "detailMessage").(string); ok {
		if len(message) > maxMessage {
			message = strings.ToValidUTF8(message[:maxMessage], "") + "..."
		}
		e.Message = message
	}
	return e
}

func cause(o *javaobj.Object) any {
	if c, ok := throwableField(o, "cause").(*javaobj.Object); ok && c != o {
		return c
	}
	for _, name := range causeFields {
		if c, ok := o.Field(name).(*javaobj.Object); ok && c != o && c.Class.Is("java.lang.Throwable") {
			return c
		}
	}
	return nil
}

// throwableField is a field of Throwable, which subclasses may hide.
func throwableField(o *javaobj.Object, name string) any {
	s := o.Slot("java.lang.Throwable")
	if s == nil {
		return nil
	}
	return s.Field(name)
}
