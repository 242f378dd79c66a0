package jmx

import "github.com/icarus-sidecar/icarus/pkg/jmx/javaobj"

// The classes that we write, as JDK 8 to 25 have them. A server compares the
// numbers with those of its own.
const (
	serializable = javaobj.FlagSerializable
	writesItself = javaobj.FlagSerializable | javaobj.FlagWriteMethod
)

var (
	classNumber    = class("java.lang.Number", 0x86ac951d0b94e08b, serializable)
	classInteger   = box("java.lang.Integer", 0x12e2a0a4f7818738, 'I', classNumber)
	classLong      = box("java.lang.Long", 0x3b8be490cc8f23df, 'J', classNumber)
	classShort     = box("java.lang.Short", 0x684d37133460da52, 'S', classNumber)
	classByte      = box("java.lang.Byte", 0x9c4e6084ee50f51c, 'B', classNumber)
	classFloat     = box("java.lang.Float", 0xdaedc9a2db3cf0ec, 'F', classNumber)
	classDouble    = box("java.lang.Double", 0x80b3c24a296bfb04, 'D', classNumber)
	classBoolean   = box("java.lang.Boolean", 0xcd207280d59cfaee, 'Z', nil)
	classCharacter = box("java.lang.Character", 0x348b47d96b1a2678, 'C', nil)

	classStrings  = class("[Ljava.lang.String;", 0xadd256e7e91d7b47, serializable)
	classObjects  = class("[Ljava.lang.Object;", 0x90ce589f1073296c, serializable)
	classBytes    = class("[B", 0xacf317f8060854e0, serializable)
	classInts     = class("[I", 0x4dba602676eab2a5, serializable)
	classLongs    = class("[J", 0x782004b512b17593, serializable)
	classBooleans = class("[Z", 0x578f203914b85de2, serializable)
	classIntegers = class("[Ljava.lang.Integer;", 0xfe97ada00183e21b, serializable)
	classNames    = class("[Ljavax.management.ObjectName;", 0x11838f543538c9ee, serializable)
	classWrapped  = class("[Ljava.rmi.MarshalledObject;", 0x9e683287739f6bfe, serializable)

	classArrayList = class("java.util.ArrayList", 0x7881d21d99c7619d, writesItself,
		javaobj.Field{Type: 'I', Name: "size"})
	classHashSet = class("java.util.HashSet", 0xba44859596b8b734, writesItself)
	classHashMap = class("java.util.HashMap", 0x0507dac1c31660d1, writesItself,
		javaobj.Field{Type: 'F', Name: "loadFactor"}, javaobj.Field{Type: 'I', Name: "threshold"})

	classObjectName = class("javax.management.ObjectName", 0x0f03a71beb6d15cf, writesItself)
	classAttribute  = class("javax.management.Attribute", 0x2279b907538b3b0e, serializable,
		javaobj.Field{Type: 'L', Name: "name", ClassName: "Ljava/lang/String;"},
		javaobj.Field{Type: 'L', Name: "value", ClassName: "Ljava/lang/Object;"})
	classMarshalledObject = class("java.rmi.MarshalledObject", 0x7cbd1e97ed63fc3e, serializable,
		javaobj.Field{Type: 'I', Name: "hash"},
		javaobj.Field{Type: '[', Name: "locBytes", ClassName: "[B"},
		javaobj.Field{Type: '[', Name: "objBytes", ClassName: "[B"})
)

func class(name string, suid uint64, flags byte, fields ...javaobj.Field) *javaobj.Class {
	return &javaobj.Class{Name: name, SUID: int64(suid), Flags: flags, Fields: fields}
}

func box(name string, suid uint64, kind byte, super *javaobj.Class) *javaobj.Class {
	c := class(name, suid, serializable, javaobj.Field{Type: kind, Name: "value"})
	c.Super = super
	return c
}

// newObject makes an object of a class with at most a fieldless class above it.
func newObject(c *javaobj.Class, contents []any, values ...any) *javaobj.Object {
	o := &javaobj.Object{Class: c}
	if c.Super != nil {
		o.Slots = append(o.Slots, javaobj.Slot{Class: c.Super})
	}
	o.Slots = append(o.Slots, javaobj.Slot{Class: c, Values: values, Contents: contents})
	return o
}
