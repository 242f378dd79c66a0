// Package jmx is a client of Java Management Extensions over RMI, in Go alone. It
// reads and sets attributes of MBeans, invokes operations, finds names and
// descriptions, and listens to notifications.
//
// Invariants:
//
//   - A Client is one session with one JVM. When the session or the JVM is gone,
//     so is the Client: errors are ErrGone or ErrTransport, and the caller dials
//     anew. Nothing is repeated here, for an operation may have run although its
//     answer was lost.
//   - A Client is open until Close; until then it shows the server every 30 s
//     that it lives. Close waits for its goroutine and leaves none behind.
//   - Every call ends with its context, at once, and takes its connection along.
//     The operation may go on in the JVM. Without a deadline a call takes as long
//     as the operation; dialling has a limit of its own.
//   - An exception is an *Exception, in whatever class it came: no class has to be
//     known. Passwords are in no error.
//   - What an answer may cost is bounded, see package javaobj.
//
// Values come as Go values: bool, int8, int16, int32, int64, float32, float64,
// string; uint16 for a char; null as nil; an enum's constant as its name.
//
//	array of Strings, none of them null     []string
//	array of numbers                        []byte, []int32, []int64, ...
//	other array, List, Set, Collection      []any
//	Map                                     map[any]any
//	CompositeData                           map[string]any
//	TabularData                             []map[string]any
//	ObjectName, UUID, Date, InetAddress     ObjectName, string, time.Time, netip.Addr
//	AtomicLong, AtomicInteger, ...          int64, int32, ...
//	anything else                           *javaobj.Object
//
// A key of a map that Go cannot use as one, such as a list, is its text as Java
// prints it: "[a, b]".
//
// Arguments are given as the same Go values, with []string and []any as arrays,
// maps of strings as HashMap, and List and Set as ArrayList and HashSet. The int
// of Java is int32; an int is refused, because its size would be a guess.
package jmx
