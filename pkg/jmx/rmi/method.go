package rmi

import (
	"crypto/sha1" //nolint:gosec // the protocol's hash of methods; nothing is secured by it
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/icarus-sidecar/icarus/pkg/jmx/javaobj"
)

// Method is one method of a remote interface.
type Method struct {
	op      int32
	hash    int64
	returns byte
}

// NewMethod is the method of a name and descriptor such as
// "fetchNotifications(JIJ)Ljavax/management/remote/NotificationResult;".
func NewMethod(descriptor string) Method {
	_, returns, _ := strings.Cut(descriptor, ")")
	return Method{op: -1, hash: Hash(descriptor), returns: returns[0]}
}

// Hash is what a method is known by on the wire.
func Hash(descriptor string) int64 {
	sum := sha1.Sum(append([]byte{byte(len(descriptor) >> 8), byte(len(descriptor))}, descriptor...)) //nolint:gosec // see above
	return int64(binary.LittleEndian.Uint64(sum[:]))
}

// lookup is the registry's lookup(String), which is of an older protocol: the
// number of the method, and the hash of the whole interface.
var lookup = Method{op: 2, hash: 4905912898345647071, returns: 'L'}

// The bytes that begin messages.
const (
	msgCall    = 0x50
	msgReturn  = 0x51
	msgPing    = 0x52
	msgPingAck = 0x53
	msgDGCAck  = 0x54
)

// call encodes a call. Arguments that are int32, int64 or bool are primitives;
// all others must be of the types that javaobj encodes.
func (m Method) call(id ObjID, args []any) ([]byte, error) {
	e := javaobj.NewEncoder(append(make([]byte, 0, 512), msgCall), true)
	head := append(make([]byte, 0, len(id)+12), id[:]...)
	head = binary.BigEndian.AppendUint32(head, uint32(m.op))
	head = binary.BigEndian.AppendUint64(head, uint64(m.hash))
	_, _ = e.Write(head) // it never fails
	for i, arg := range args {
		var number []byte
		switch v := arg.(type) {
		case int32:
			number = binary.BigEndian.AppendUint32(nil, uint32(v))
		case int64:
			number = binary.BigEndian.AppendUint64(nil, uint64(v))
		case bool:
			number = []byte{0}
			if v {
				number[0] = 1
			}
		default:
			if err := e.Object(arg); err != nil {
				return nil, fmt.Errorf("encoding argument %d: %w", i+1, err)
			}
		}
		_, _ = e.Write(number)
	}
	return e.Bytes(), nil
}

// result reads what stands in an answer after its head: in the block of the head
// itself if it is a number, in an object of its own otherwise.
func (m Method) result(d *javaobj.Decoder, block []byte) (any, error) {
	var need int
	switch m.returns {
	case 'V':
		return nil, nil //nolint:nilnil // void is no value and no error
	case 'Z':
		need = 1
	case 'I':
		need = 4
	case 'J':
		need = 8
	default:
		return d.Object()
	}
	if len(block) < need {
		return nil, fmt.Errorf("%w: an answer of %d bytes where %d are due", javaobj.ErrMalformed, len(block), need)
	}
	switch m.returns {
	case 'Z':
		return block[0] != 0, nil
	case 'I':
		return int32(binary.BigEndian.Uint32(block)), nil
	}
	return int64(binary.BigEndian.Uint64(block)), nil
}
