package javaobj

import (
	"encoding/binary"
	"math"
	"slices"
)

func (d *Decoder) object() (any, error) {
	class, err := d.class()
	if err != nil {
		return nil, err
	}
	if class == nil {
		return nil, d.malformed("an object is of no class")
	}
	if err := d.charge(costObject); err != nil {
		return nil, err
	}
	o := &Object{Class: class}
	if _, err := d.assign(o); err != nil {
		return nil, err
	}
	if class.Flags&FlagExternalizable != 0 {
		return o, d.external(o)
	}
	lineage := class.lineage()
	if err := d.charge(costSlot * int64(len(lineage))); err != nil {
		return nil, err
	}
	o.Slots = make([]Slot, 0, len(lineage))
	for _, c := range lineage {
		s, err := d.slot(c)
		if err != nil {
			return nil, err
		}
		o.Slots = append(o.Slots, s)
	}
	return o, nil
}

// external reads an object that wrote itself, without its superclasses.
func (d *Decoder) external(o *Object) error {
	if o.Class.Flags&FlagBlockData == 0 {
		return d.malformed("an object of class %.100q cannot be read: only its class knows where it ends", o.Class.Name)
	}
	if err := d.charge(costSlot); err != nil {
		return err
	}
	contents, err := d.contents()
	o.Slots = []Slot{{Class: o.Class, Contents: contents}}
	return err
}

func (d *Decoder) slot(class *Class) (Slot, error) {
	s := Slot{Class: class}
	if class.Flags&FlagSerializable == 0 || class.Flags&FlagEnum != 0 {
		return s, d.malformed("an object is of class %.100q, which has no objects in streams", class.Name)
	}
	if n := len(class.Fields); n > 0 {
		if err := d.charge(costValue * int64(n)); err != nil {
			return s, err
		}
		s.Values = make([]any, n)
	}
	for i, f := range class.Fields {
		v, err := d.fieldValue(f)
		if err != nil {
			return s, err
		}
		s.Values[i] = v
	}
	if class.Flags&FlagWriteMethod == 0 {
		return s, nil
	}
	var err error
	s.Contents, err = d.contents()
	return s, err
}

func (d *Decoder) fieldValue(f Field) (any, error) {
	if f.isReference() {
		tag, err := d.byte()
		if err != nil {
			return nil, err
		}
		return d.value(tag)
	}
	b := d.scratch[:sizes[f.Type]]
	if err := d.fill(b); err != nil {
		return nil, err
	}
	return number(f.Type, b), nil
}

// sizes of what is no object.
var sizes = map[byte]int{'B': 1, 'Z': 1, 'C': 2, 'S': 2, 'I': 4, 'F': 4, 'J': 8, 'D': 8}

func number(kind byte, b []byte) any {
	switch kind {
	case 'B':
		return int8(b[0])
	case 'Z':
		return b[0] != 0
	case 'C':
		return getUint16(b)
	case 'S':
		return getInt16(b)
	case 'I':
		return getInt32(b)
	case 'F':
		return getFloat32(b)
	case 'J':
		return getInt64(b)
	}
	return getFloat64(b)
}

func getBool(b []byte) bool       { return b[0] != 0 }
func getUint16(b []byte) uint16   { return binary.BigEndian.Uint16(b) }
func getInt16(b []byte) int16     { return int16(binary.BigEndian.Uint16(b)) }
func getInt32(b []byte) int32     { return int32(binary.BigEndian.Uint32(b)) }
func getInt64(b []byte) int64     { return int64(binary.BigEndian.Uint64(b)) }
func getFloat32(b []byte) float32 { return math.Float32frombits(binary.BigEndian.Uint32(b)) }
func getFloat64(b []byte) float64 { return math.Float64frombits(binary.BigEndian.Uint64(b)) }

// contents reads blocks and values up to the mark of their end.
func (d *Decoder) contents() ([]any, error) {
	var all []any
	for {
		tag, err := d.byte()
		if err != nil {
			return nil, err
		}
		if tag == tcEndBlockData {
			return all, nil
		}
		if err := d.charge(costValue); err != nil {
			return nil, err
		}
		var v any
		if tag == tcBlockData || tag == tcBlockDataLong {
			var b []byte
			b, err = d.block(tag)
			v = Block(b)
		} else {
			v, err = d.value(tag)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
}

// block reads a block whose tag was read.
func (d *Decoder) block(tag byte) ([]byte, error) {
	switch tag {
	case tcBlockData:
		n, err := d.byte()
		if err != nil {
			return nil, err
		}
		return d.bytes(int(n))
	case tcBlockDataLong:
		n, err := d.uint32()
		if err != nil {
			return nil, err
		}
		if n > math.MaxInt32 {
			return nil, d.malformed("a block has %d bytes", int32(n))
		}
		return d.bytes(int(n))
	}
	return nil, d.malformed("no block begins with %02x", tag)
}

// bytes reads n bytes, and allocates as they come.
func (d *Decoder) bytes(n int) ([]byte, error) {
	var all []byte
	for n > 0 {
		step := min(n, max(chunk, len(all)))
		if err := d.charge(int64(step)); err != nil {
			return nil, err
		}
		all = slices.Grow(all, step)
		part := all[len(all) : len(all)+step]
		if err := d.fill(part); err != nil {
			return nil, err
		}
		all = all[:len(all)+step]
		n -= step
	}
	return all, nil
}

func (d *Decoder) array() (any, error) {
	class, err := d.class()
	if err != nil {
		return nil, err
	}
	if class == nil || len(class.Name) < 2 || class.Name[0] != '[' {
		return nil, d.malformed("an array is of a class that has none")
	}
	if err := d.charge(costArray); err != nil {
		return nil, err
	}
	a := &Array{Class: class}
	if _, err := d.assign(a); err != nil {
		return nil, err
	}
	size, err := d.uint32()
	if err != nil {
		return nil, err
	}
	if size > math.MaxInt32 {
		return nil, d.malformed("an array has %d elements", int32(size))
	}
	a.Elements, err = d.elements(class.Name[1], int(size))
	return a, err
}

func (d *Decoder) elements(kind byte, n int) (any, error) {
	switch kind {
	case 'L', '[':
		return d.values(n)
	case 'B':
		return d.bytes(n)
	case 'Z':
		return numbers(d, n, 1, getBool)
	case 'C':
		return numbers(d, n, 2, getUint16)
	case 'S':
		return numbers(d, n, 2, getInt16)
	case 'I':
		return numbers(d, n, 4, getInt32)
	case 'F':
		return numbers(d, n, 4, getFloat32)
	case 'J':
		return numbers(d, n, 8, getInt64)
	case 'D':
		return numbers(d, n, 8, getFloat64)
	}
	return nil, d.malformed("an array has elements of type %02x", kind)
}

func (d *Decoder) values(n int) (any, error) {
	all := make([]any, 0, min(n, 16))
	for range n {
		if err := d.charge(costValue); err != nil {
			return nil, err
		}
		tag, err := d.byte()
		if err != nil {
			return nil, err
		}
		v, err := d.value(tag)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// numbers reads an array of what is no object, a part at a time.
func numbers[T any](d *Decoder, n, size int, get func([]byte) T) (any, error) {
	perStep := min(n, chunk/size)
	if err := d.charge(int64(perStep * size)); err != nil {
		return nil, err
	}
	part := make([]byte, perStep*size)
	all := make([]T, 0, perStep)
	for n > 0 {
		step := min(n, perStep)
		if err := d.charge(int64(step * size)); err != nil {
			return nil, err
		}
		if err := d.fill(part[:step*size]); err != nil {
			return nil, err
		}
		for i := range step {
			all = append(all, get(part[i*size:]))
		}
		n -= step
	}
	return all, nil
}
