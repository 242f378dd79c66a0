package javaobj

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Decoder reads one stream. It is for one goroutine.
type Decoder struct {
	r       *bufio.Reader
	limits  Limits
	read    int64
	memory  int64
	depth   int
	handles []any
	// open are the classes whose descriptions are being read: nothing may be of
	// such a class yet.
	open    []*Class
	scratch [8]byte
}

// NewDecoder reads the header of a stream. Where something else follows the
// stream, r must be a *bufio.Reader, or bytes of that are taken.
func NewDecoder(r io.Reader, limits Limits) (*Decoder, error) {
	buffered, ok := r.(*bufio.Reader)
	if !ok {
		buffered = bufio.NewReader(r)
	}
	d := &Decoder{r: buffered, limits: limits}
	head, err := d.uint32()
	if err != nil {
		return nil, err
	}
	if head != magic<<16|version {
		return nil, d.malformed("it begins with %08x", head)
	}
	return d, nil
}

// Block reads the next block of bytes.
func (d *Decoder) Block() ([]byte, error) {
	tag, err := d.tag()
	switch {
	case err != nil:
		return nil, err
	case tag == tcException:
		return nil, d.aborted()
	}
	return d.block(tag)
}

// Object reads the next value.
func (d *Decoder) Object() (any, error) {
	tag, err := d.tag()
	if err != nil {
		return nil, err
	}
	return d.value(tag)
}

// tag reads what comes next outside of all objects.
func (d *Decoder) tag() (byte, error) {
	for {
		tag, err := d.byte()
		if err != nil || tag != tcReset {
			return tag, err
		}
		d.handles = nil
	}
}

// value reads a value whose tag was read.
func (d *Decoder) value(tag byte) (any, error) {
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.leave()
	switch tag {
	case tcNull:
		return nil, nil //nolint:nilnil // it is Java's null, and that is a value
	case tcReference:
		return d.reference()
	case tcObject:
		return d.object()
	case tcString, tcLongString:
		return d.string(tag)
	case tcArray:
		return d.array()
	case tcEnum:
		return d.enum()
	case tcClass:
		return d.classValue()
	case tcClassDesc, tcProxyClassDesc:
		return d.classOf(tag)
	case tcException:
		return nil, d.aborted()
	}
	return nil, d.malformed("no value begins with %02x", tag)
}

func (d *Decoder) enter() error {
	if d.depth++; d.depth > d.limits.Depth {
		return fmt.Errorf("%w: it goes deeper than %d", ErrLimit, d.limits.Depth)
	}
	return nil
}

func (d *Decoder) leave() { d.depth-- }

// assign gives a value the next handle and returns its index.
func (d *Decoder) assign(v any) (int, error) {
	if err := d.charge(costHandle); err != nil {
		return 0, err
	}
	d.handles = append(d.handles, v)
	return len(d.handles) - 1, nil
}

func (d *Decoder) reference() (any, error) {
	handle, err := d.uint32()
	if err != nil {
		return nil, err
	}
	i := int64(handle) - baseHandle
	if i < 0 || i >= int64(len(d.handles)) {
		return nil, d.malformed("it refers to %08x, which is not there", handle)
	}
	v := d.handles[i]
	switch v := v.(type) {
	case *Class:
		if slices.Contains(d.open, v) {
			return nil, d.malformed("class %.100q refers to itself", v.Name)
		}
	case nil:
		return nil, d.malformed("an enum refers to itself")
	}
	return v, nil
}

func (d *Decoder) string(tag byte) (any, error) {
	s, err := d.text(tag)
	if err != nil {
		return nil, err
	}
	_, err = d.assign(s)
	return s, err
}

// text reads a string that has no handle yet.
func (d *Decoder) text(tag byte) (string, error) {
	var n uint64
	if tag == tcLongString {
		long, err := d.uint64()
		if err != nil {
			return "", err
		}
		n = long
	} else {
		short, err := d.uint16()
		if err != nil {
			return "", err
		}
		n = uint64(short)
	}
	if n > uint64(d.limits.Bytes) {
		return "", fmt.Errorf("%w: a text is %d bytes long", ErrLimit, n)
	}
	return d.modified(int(n))
}

// modified reads n bytes of text.
func (d *Decoder) modified(n int) (string, error) {
	var b []byte
	if n <= d.r.Size() {
		// Most texts: no copy between the buffer and the string.
		if err := d.take(int64(n)); err != nil {
			return "", err
		}
		var err error
		if b, err = d.r.Peek(n); err != nil {
			return "", ended(err)
		}
		defer d.r.Discard(n) //nolint:errcheck // these bytes are in the buffer
	} else {
		var err error
		if b, err = d.bytes(n); err != nil {
			return "", err
		}
	}
	// Twice: what is not plain is decoded into a buffer.
	if err := d.charge(costString + 2*int64(n)); err != nil {
		return "", err
	}
	s, ok := fromModified(b)
	if !ok {
		return "", d.malformed("a text is not modified UTF-8")
	}
	return s, nil
}

func (d *Decoder) enum() (any, error) {
	class, err := d.class()
	if err != nil {
		return nil, err
	}
	if class == nil || class.Flags&FlagEnum == 0 {
		return nil, d.malformed("an enum is of a class that is none")
	}
	if err := d.charge(costObject); err != nil {
		return nil, err
	}
	i, err := d.assign(nil)
	if err != nil {
		return nil, err
	}
	name, err := d.stringValue()
	if err != nil {
		return nil, err
	}
	e := &Enum{Class: class, Name: name}
	d.handles[i] = e
	return e, nil
}

// stringValue reads a value that must be a string.
func (d *Decoder) stringValue() (string, error) {
	tag, err := d.byte()
	if err != nil {
		return "", err
	}
	if tag != tcString && tag != tcLongString && tag != tcReference {
		return "", d.malformed("where a text must be there is %02x", tag)
	}
	v, err := d.value(tag)
	if err != nil {
		return "", err
	}
	s, ok := v.(string)
	if !ok {
		return "", d.malformed("where a text must be there is a %T", v)
	}
	return s, nil
}

// aborted reads the exception that a failing writer leaves.
func (d *Decoder) aborted() error {
	d.handles = nil
	tag, err := d.byte()
	if err != nil {
		return err
	}
	if tag == tcException {
		return d.malformed("a writer failed twice")
	}
	thrown, err := d.value(tag)
	if err != nil {
		return err
	}
	d.handles = nil
	return &AbortedError{Thrown: thrown}
}

func (d *Decoder) malformed(format string, args ...any) error {
	return fmt.Errorf("%w at byte %d: %s", ErrMalformed, d.read, fmt.Sprintf(format, args...))
}

// charge takes memory off the budget, before it is allocated.
func (d *Decoder) charge(n int64) error {
	if d.memory += n; d.memory > d.limits.Memory {
		return fmt.Errorf("%w: it needs more than %d bytes of memory", ErrLimit, d.limits.Memory)
	}
	return nil
}

// take counts bytes that are about to be read.
func (d *Decoder) take(n int64) error {
	if d.read += n; d.read > d.limits.Bytes {
		return fmt.Errorf("%w: it is longer than %d bytes", ErrLimit, d.limits.Bytes)
	}
	return nil
}

// fill reads len(p) bytes.
func (d *Decoder) fill(p []byte) error {
	if err := d.take(int64(len(p))); err != nil {
		return err
	}
	_, err := io.ReadFull(d.r, p)
	return ended(err)
}

// ended makes an end in the midst of something an unexpected one.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (d *Decoder) byte() (byte, error) {
	if err := d.take(1); err != nil {
		return 0, err
	}
	b, err := d.r.ReadByte()
	return b, ended(err)
}

func (d *Decoder) uint16() (uint16, error) {
	err := d.fill(d.scratch[:2])
	return binary.BigEndian.Uint16(d.scratch[:]), err
}

func (d *Decoder) uint32() (uint32, error) {
	err := d.fill(d.scratch[:4])
	return binary.BigEndian.Uint32(d.scratch[:]), err
}

func (d *Decoder) uint64() (uint64, error) {
	err := d.fill(d.scratch[:8])
	return binary.BigEndian.Uint64(d.scratch[:]), err
}
