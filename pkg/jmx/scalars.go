package jmx

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/icarus-sidecar/icarus/pkg/jmx/javaobj"
)

// scalars are the classes that are one value in Go.
var scalars = map[string]conversion{
	"java.lang.Boolean":                         fieldValue[bool],
	"java.lang.Byte":                            fieldValue[int8],
	"java.lang.Character":                       fieldValue[uint16],
	"java.lang.Short":                           fieldValue[int16],
	"java.lang.Integer":                         fieldValue[int32],
	"java.lang.Long":                            fieldValue[int64],
	"java.lang.Float":                           fieldValue[float32],
	"java.lang.Double":                          fieldValue[float64],
	"java.util.concurrent.atomic.AtomicLong":    fieldValue[int64],
	"java.util.concurrent.atomic.AtomicInteger": fieldValue[int32],
	"java.util.concurrent.atomic.AtomicBoolean": atomicBoolean,
	"java.util.UUID":                            uuid,
	"java.util.Date":                            date,
	"java.net.InetAddress":                      inetAddress,
	"java.net.Inet6Address":                     inet6Address,
	"javax.management.ObjectName":               nameOf,
}

func fieldValue[T any](_ *converter, s *javaobj.Slot) (any, error) {
	v, ok := s.Field("value").(T)
	if !ok {
		return nil, malformed(s)
	}
	return v, nil
}

func atomicBoolean(_ *converter, s *javaobj.Slot) (any, error) {
	v, ok := s.Field("value").(int32)
	if !ok {
		return nil, malformed(s)
	}
	return v != 0, nil
}

func uuid(_ *converter, s *javaobj.Slot) (any, error) {
	high, ok1 := s.Field("mostSigBits").(int64)
	low, ok2 := s.Field("leastSigBits").(int64)
	if !ok1 || !ok2 {
		return nil, malformed(s)
	}
	h, l := uint64(high), uint64(low)
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", h>>32, h>>16&0xffff, h&0xffff, l>>48, l&0xffffffffffff), nil
}

func date(_ *converter, s *javaobj.Slot) (any, error) {
	b := s.Bytes()
	if len(b) != 8 {
		return nil, malformed(s)
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b))).UTC(), nil
}

// inetAddress is an IPv4 address; one of version 6 is converted by its own class.
func inetAddress(_ *converter, s *javaobj.Slot) (any, error) {
	v, ok := s.Field("address").(int32)
	if !ok {
		return nil, malformed(s)
	}
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(v)))), nil
}

func inet6Address(_ *converter, s *javaobj.Slot) (any, error) {
	a, ok := s.Field("ipaddress").(*javaobj.Array)
	if !ok {
		return nil, malformed(s)
	}
	b, ok := a.Elements.([]byte)
	if !ok || len(b) != 16 {
		return nil, malformed(s)
	}
	return netip.AddrFrom16([16]byte(b)), nil
}

func nameOf(_ *converter, s *javaobj.Slot) (any, error) {
	objects := s.Objects()
	if len(objects) != 1 {
		return nil, malformed(s)
	}
	name, ok := objects[0].(string)
	if !ok {
		return nil, malformed(s)
	}
	return ObjectName(name), nil
}
