package rmi

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/icarus-sidecar/icarus/pkg/jmx/javaobj"
)

// ErrStub is for what should be a remote object, and is none that we would call.
var ErrStub = errors.New("unusable remote object")

// ObjID is what a remote object is known by to its server.
type ObjID [22]byte

// registryID is the well-known id of the registry: all zero.
var registryID ObjID

// Ref is a remote object.
type Ref struct {
	// Host is what the server thinks its host is. It is never dialled.
	Host string
	Port int
	ID   ObjID
	// TLS is whether the object wants to be called inside TLS.
	TLS bool
}

const (
	remoteObject   = "java.rmi.server.RemoteObject"
	proxyHandler   = "java.rmi.server.RemoteObjectInvocationHandler"
	sslFactory     = "javax.rmi.ssl.SslRMIClientSocketFactory"
	withoutFactory = 0
	withFactory    = 1
)

// ParseRef reads a stub.
func ParseRef(v any) (Ref, error) {
	o, ok := v.(*javaobj.Object)
	if !ok {
		return Ref{}, fmt.Errorf("%w: it is a %T", ErrStub, v)
	}
	slot := remoteSlot(o)
	if slot == nil {
		return Ref{}, fmt.Errorf("%w: it is a %.100s", ErrStub, o.Class.Name)
	}
	ref, err := parseRef(slot)
	if err != nil {
		return Ref{}, fmt.Errorf("reading stub %.100s: %w", o.Class.Name, err)
	}
	if ref.Port < 1 || ref.Port > 0xffff {
		return Ref{}, fmt.Errorf("%w: its port is %d", ErrStub, ref.Port)
	}
	return ref, nil
}

// remoteSlot is where a stub says what it stands for; nil if o is none. A stub
// is of a class of its own, or a dynamic proxy with a handler.
func remoteSlot(o *javaobj.Object) *javaobj.Slot {
	if len(o.Class.Interfaces) > 0 {
		handler, ok := o.Field("h").(*javaobj.Object)
		if !ok || !handler.Class.Is(proxyHandler) {
			return nil
		}
		o = handler
	}
	return o.Slot(remoteObject)
}

func parseRef(slot *javaobj.Slot) (ref Ref, err error) {
	rest := slot.Bytes()
	if ref.TLS, rest, err = cutKind(rest, slot.Objects()); err != nil {
		return ref, err
	}
	if ref.Host, rest, err = javaobj.CutUTF(rest); err != nil {
		return ref, err
	}
	const portAndFlag = 4 + 1
	if len(rest) != portAndFlag+len(ref.ID) {
		return ref, fmt.Errorf("%w: its reference has %d bytes too many or too few", ErrStub, len(rest)-portAndFlag-len(ref.ID))
	}
	ref.Port = int(int32(binary.BigEndian.Uint32(rest)))
	copy(ref.ID[:], rest[4:])
	return ref, nil
}

// cutKind takes the kind of a reference off the front of b. Only a reference of
// the second kind can name a socket factory, which then stands among its objects.
func cutKind(b []byte, objects []any) (secured bool, rest []byte, err error) {
	kind, rest, err := javaobj.CutUTF(b)
	if err != nil {
		return false, nil, err
	}
	if kind == "UnicastRef" && len(objects) == 0 {
		return false, rest, nil
	}
	if kind != "UnicastRef2" || len(rest) == 0 {
		return false, nil, fmt.Errorf("%w: its reference is a %.100q", ErrStub, kind)
	}
	switch format, rest := rest[0], rest[1:]; {
	case format == withoutFactory && len(objects) == 0:
		return false, rest, nil
	case format == withFactory && len(objects) == 1:
		if factory, ok := objects[0].(*javaobj.Object); ok && factory.Class.Name == sslFactory {
			return true, rest, nil
		}
		return false, nil, fmt.Errorf("%w: it is to be reached through a socket factory that is not %s", ErrStub, sslFactory)
	default:
		return false, nil, fmt.Errorf("%w: its reference is of format %d with %d objects", ErrStub, format, len(objects))
	}
}
