package javaobj

import (
	"errors"
	"fmt"
)

var (
	// ErrMalformed is for a stream that no Java wrote, or that cannot be read by
	// its structure.
	ErrMalformed = errors.New("malformed Java object stream")
	// ErrLimit is for a stream that is more than the Limits allow.
	ErrLimit = errors.New("the Java object stream is over a limit")
)

// Limits bound what one stream may cost.
type Limits struct {
	// Bytes of the stream.
	Bytes int64
	// Memory that its objects may take, in bytes, as reckoned before each
	// allocation.
	Memory int64
	// Depth of objects within objects.
	Depth int
}

// DefaultLimits are ten times what the largest known answer takes: the names of
// the 12,581 MBeans of a Cassandra 5.0, which are 1.5 MB.
func DefaultLimits() Limits { return Limits{Bytes: 16 << 20, Memory: 64 << 20, Depth: 200} }

const (
	// maxSupers is more than any class has above it. A deep lineage would let a
	// few bytes of an object cost a slot for each.
	maxSupers = 32
	// maxFields is more than any class has of its own.
	maxFields = 512
	// maxInterfaces is more than any dynamic proxy has.
	maxInterfaces = 64
	// chunk is how much is read on the word of a length alone.
	chunk = 64 << 10
)

// What things cost in memory, their headers included. They are estimates, a
// little above the truth on a 64-bit machine.
const (
	costHandle = 16
	costString = 32
	costClass  = 160
	costField  = 64
	costObject = 48
	costSlot   = 80
	costValue  = 24
	costArray  = 64
)

// AbortedError is for a stream whose writer failed in the midst of an object and
// said so.
type AbortedError struct {
	// Thrown is the exception that the writer met.
	Thrown any
}

// Error names the exception's class.
func (e *AbortedError) Error() string {
	const what = "the other side failed to write an object"
	if o, ok := e.Thrown.(*Object); ok {
		return fmt.Sprintf("%s: %.200q", what, o.Class.Name)
	}
	return what
}
