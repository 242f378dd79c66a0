package rmi_test

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/jmx/javaobj"
	"github.com/icarus-sidecar/icarus/pkg/jmx/rmi"
	"github.com/icarus-sidecar/icarus/pkg/jmx/rmi/rmitest"
)

// A stub as a Cassandra sent it.
const recordedStub = `aced0005
	73 72 002e 6a617661782e6d616e6167656d656e742e72656d6f74652e726d692e524d49536572766572496d706c5f53747562 0000000000000002 02 0000 70 78
	   72 001a 6a6176612e726d692e7365727665722e52656d6f746553747562 e9fedcc98be1651a 02 0000 70 78
	   72 001c 6a6176612e726d692e7365727665722e52656d6f74654f626a656374 d361b4910c61331e 03 0000 70 78 70
	77 32 000a 556e6963617374526566 0009 3132372e302e302e31 00008edb
	   0102030405060708 090a0b0c 0d0e0f1011121314 1516  01  78`

func TestStubs(t *testing.T) {
	t.Parallel()
	const ssl = "javax.rmi.ssl.SslRMIClientSocketFactory"
	id := rmi.ObjID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22}
	d, err := javaobj.NewDecoder(hex.NewDecoder(strings.NewReader(strings.Join(strings.Fields(recordedStub), ""))), javaobj.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	recorded, err := d.Object()
	if err != nil {
		t.Fatal(err)
	}
	format2 := append([]byte("\x00\x0bUnicastRef2\x00\x00\x01h\x00\x00\x1c\x1f"), append(id[:], 0)...)
	handler := rmitest.Stub("h", 7199, id, "")
	handler.Class.Name = "java.rmi.server.RemoteObjectInvocationHandler"
	proxyOf := func(h any) *javaobj.Object {
		above := &javaobj.Class{Name: "java.lang.reflect.Proxy", Fields: []javaobj.Field{{Type: 'L', Name: "h"}}}
		class := &javaobj.Class{Interfaces: []string{"java.rmi.Remote"}, Super: above}
		return &javaobj.Object{Class: class, Slots: []javaobj.Slot{{Class: above, Values: []any{h}}, {Class: class}}}
	}
	block := func(text string, numbers ...uint32) *javaobj.Object {
		b := []byte(text)
		for _, n := range numbers {
			b = binary.BigEndian.AppendUint32(b, n)
		}
		return rmitest.StubOf(javaobj.Block(b))
	}
	for name, c := range map[string]struct {
		stub any
		want rmi.Ref
		err  error
	}{
		"as recorded":              {recorded, rmi.Ref{Host: "127.0.0.1", Port: 36571, ID: id}, nil},
		"with TLS":                 {rmitest.Stub("h", 7199, id, ssl), rmi.Ref{Host: "h", Port: 7199, ID: id, TLS: true}, nil},
		"of the second format":     {rmitest.StubOf(javaobj.Block(format2)), rmi.Ref{Host: "h", Port: 7199, ID: id}, nil},
		"as a dynamic proxy":       {proxyOf(handler), rmi.Ref{Host: "h", Port: 7199, ID: id}, nil},
		"a proxy of something":     {proxyOf(rmitest.Stub("h", 7199, id, "")), rmi.Ref{}, rmi.ErrStub},
		"a proxy of nothing":       {proxyOf(nil), rmi.Ref{}, rmi.ErrStub},
		"an unknown factory":       {rmitest.Stub("h", 7199, id, "evil.Factory"), rmi.Ref{}, rmi.ErrStub},
		"a port of none":           {rmitest.Stub("h", 0, id, ""), rmi.Ref{}, rmi.ErrStub},
		"a port out of range":      {rmitest.Stub("h", 65536, id, ""), rmi.Ref{}, rmi.ErrStub},
		"a negative port":          {rmitest.Stub("h", -1, id, ""), rmi.Ref{}, rmi.ErrStub},
		"an unknown reference":     {block("\x00\x08UnicastX"), rmi.Ref{}, rmi.ErrStub},
		"without contents":         {rmitest.StubOf(), rmi.Ref{}, javaobj.ErrMalformed},
		"without a format":         {block("\x00\x0bUnicastRef2"), rmi.Ref{}, rmi.ErrStub},
		"of an unknown format":     {block("\x00\x0bUnicastRef2\x07"), rmi.Ref{}, rmi.ErrStub},
		"cut in the host":          {block("\x00\x0aUnicastRef\x00\x05h"), rmi.Ref{}, javaobj.ErrMalformed},
		"cut after the port":       {block("\x00\x0aUnicastRef\x00\x01h", 7199), rmi.Ref{}, rmi.ErrStub},
		"longer than it should be": {block("\x00\x0aUnicastRef\x00\x01h", 1, 2, 3, 4, 5, 6, 7, 8), rmi.Ref{}, rmi.ErrStub},
		"null":                     {nil, rmi.Ref{}, rmi.ErrStub},
		"a text":                   {"stub", rmi.Ref{}, rmi.ErrStub},
		"an exception":             {rmitest.Throwable("x", "java.io.IOException"), rmi.Ref{}, rmi.ErrStub},
	} {
		got, err := rmi.ParseRef(c.stub)
		if !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" && c.err == nil {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
