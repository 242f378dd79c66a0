package javaobj

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Encoder writes one stream. Its zero value is not ready: take NewEncoder.
type Encoder struct {
	buf []byte
	// block are bytes that the next block will have.
	block   []byte
	handles map[any]int
	// types are the handles of the type names of fields, which Java writes once.
	types     map[string]int
	next      int
	annotated bool
}

// NewEncoder begins a stream after what prefix holds. In a call of RMI every
// class is annotated (with nothing); in a file or a MarshalledObject none is.
func NewEncoder(prefix []byte, annotated bool) *Encoder {
	return &Encoder{
		buf:       append(prefix, magic>>8, magic&0xff, 0, version),
		handles:   map[any]int{},
		types:     map[string]int{},
		annotated: annotated,
	}
}

// Write adds bytes to the block that stands before the next object. It never
// fails.
func (e *Encoder) Write(p []byte) (int, error) {
	e.block = append(e.block, p...)
	return len(p), nil
}

// Object writes a value. After an error the stream is spoilt.
func (e *Encoder) Object(v any) error {
	e.flush()
	return e.value(v)
}

// Bytes is the stream with its prefix.
func (e *Encoder) Bytes() []byte {
	e.flush()
	return e.buf
}

func (e *Encoder) flush() {
	e.blockOf(e.block)
	e.block = nil
}

func (e *Encoder) blockOf(b []byte) {
	switch n := len(b); {
	case n == 0:
		return
	case n <= 0xff:
		e.buf = append(e.buf, tcBlockData, byte(n))
	default:
		e.buf = binary.BigEndian.AppendUint32(append(e.buf, tcBlockDataLong), uint32(n))
	}
	e.buf = append(e.buf, b...)
}

func (e *Encoder) value(v any) error {
	switch v := v.(type) {
	case nil:
		e.buf = append(e.buf, tcNull)
		return nil
	case string:
		e.text(v)
		e.next++
		return nil
	case *Class:
		if v == nil {
			return fmt.Errorf("encoding a Java object: a %T is nil", v)
		}
		if e.refer(v) {
			return nil
		}
		return e.class(v)
	case *Object:
		if v == nil || v.Class == nil {
			return fmt.Errorf("encoding a Java object: a %T is nil or of no class", v)
		}
		if e.refer(v) {
			return nil
		}
		return e.object(v)
	case *Array:
		if v == nil || v.Class == nil {
			return fmt.Errorf("encoding a Java object: a %T is nil or of no class", v)
		}
		if e.refer(v) {
			return nil
		}
		return e.array(v)
	}
	return fmt.Errorf("encoding a Java object: there is no form for a %T", v)
}

// refer writes a reference if the stream has v already.
func (e *Encoder) refer(v any) bool {
	handle, ok := e.handles[v]
	if ok {
		e.reference(handle)
	}
	return ok
}

func (e *Encoder) reference(handle int) {
	e.buf = binary.BigEndian.AppendUint32(append(e.buf, tcReference), baseHandle+uint32(handle))
}

func (e *Encoder) assign(v any) {
	e.handles[v] = e.next
	e.next++
}

func (e *Encoder) text(s string) {
	start := len(e.buf)
	buf, err := AppendUTF(append(e.buf, tcString), s)
	if err == nil {
		e.buf = buf
		return
	}
	e.buf = append(e.buf[:start], tcLongString, 0, 0, 0, 0, 0, 0, 0, 0)
	e.buf = appendModified(e.buf, s)
	binary.BigEndian.PutUint64(e.buf[start+1:], uint64(len(e.buf)-start-9))
}

// class writes a description that the stream does not have yet.
func (e *Encoder) class(c *Class) error {
	if len(c.Interfaces) > 0 {
		return errors.New("encoding a Java object: there is no form for a dynamic proxy")
	}
	var err error
	if e.buf, err = AppendUTF(append(e.buf, tcClassDesc), c.Name); err != nil {
		return fmt.Errorf("encoding the name of a class: %w", err)
	}
	e.buf = binary.BigEndian.AppendUint64(e.buf, uint64(c.SUID))
	e.assign(c)
	e.buf = append(e.buf, c.Flags)
	e.buf = binary.BigEndian.AppendUint16(e.buf, uint16(len(c.Fields)))
	for _, f := range c.Fields {
		if e.buf, err = AppendUTF(append(e.buf, f.Type), f.Name); err != nil {
			return fmt.Errorf("encoding the name of a field: %w", err)
		}
		if f.isReference() {
			e.typeName(f.ClassName)
		}
	}
	if e.annotated {
		e.buf = append(e.buf, tcNull)
	}
	e.buf = append(e.buf, tcEndBlockData)
	return e.classOrNull(c.Super)
}

func (e *Encoder) classOrNull(c *Class) error {
	if c == nil {
		e.buf = append(e.buf, tcNull)
		return nil
	}
	return e.value(c)
}

func (e *Encoder) typeName(name string) {
	if handle, ok := e.types[name]; ok {
		e.reference(handle)
		return
	}
	e.text(name)
	e.types[name] = e.next
	e.next++
}

func (e *Encoder) object(o *Object) error {
	e.buf = append(e.buf, tcObject)
	if err := e.value(o.Class); err != nil {
		return err
	}
	e.assign(o)
	for i, c := range o.Class.lineage() {
		if c.Flags&^FlagWriteMethod != FlagSerializable {
			return fmt.Errorf("encoding a %s: there is no form for objects that write themselves", o.Class.Name)
		}
		if i >= len(o.Slots) || o.Slots[i].Class != c || len(o.Slots[i].Values) != len(c.Fields) {
			return fmt.Errorf("encoding a %s: what %s has of it is not there", o.Class.Name, c.Name)
		}
		if err := e.slot(o.Slots[i]); err != nil {
			return fmt.Errorf("encoding a %s: %w", o.Class.Name, err)
		}
	}
	return nil
}

func (e *Encoder) slot(s Slot) error {
	for i, f := range s.Class.Fields {
		if f.isReference() {
			if err := e.value(s.Values[i]); err != nil {
				return err
			}
			continue
		}
		if !e.number(f.Type, s.Values[i]) {
			return fmt.Errorf("field %s is a %T, and its type is %q", f.Name, s.Values[i], f.Type)
		}
	}
	if s.Class.Flags&FlagWriteMethod == 0 {
		return nil
	}
	for _, v := range s.Contents {
		if b, ok := v.(Block); ok {
			e.blockOf(b)
			continue
		}
		if err := e.value(v); err != nil {
			return err
		}
	}
	e.buf = append(e.buf, tcEndBlockData)
	return nil
}

// number writes what is no object, and reports whether it is of that type.
func (e *Encoder) number(kind byte, v any) bool {
	var is byte
	switch v := v.(type) {
	case int8:
		is, e.buf = 'B', append(e.buf, byte(v))
	case bool:
		is, e.buf = 'Z', appendBool(e.buf, v)
	case uint16:
		is, e.buf = 'C', binary.BigEndian.AppendUint16(e.buf, v)
	case int16:
		is, e.buf = 'S', binary.BigEndian.AppendUint16(e.buf, uint16(v))
	case int32:
		is, e.buf = 'I', binary.BigEndian.AppendUint32(e.buf, uint32(v))
	case int64:
		is, e.buf = 'J', binary.BigEndian.AppendUint64(e.buf, uint64(v))
	case float32:
		is, e.buf = 'F', binary.BigEndian.AppendUint32(e.buf, math.Float32bits(v))
	case float64:
		is, e.buf = 'D', binary.BigEndian.AppendUint64(e.buf, math.Float64bits(v))
	}
	return is == kind
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func (e *Encoder) array(a *Array) error {
	e.buf = append(e.buf, tcArray)
	if err := e.value(a.Class); err != nil {
		return err
	}
	e.assign(a)
	switch v := a.Elements.(type) {
	case []any:
		e.length(len(v))
		for _, element := range v {
			if err := e.value(element); err != nil {
				return err
			}
		}
	case []byte:
		e.length(len(v))
		e.buf = append(e.buf, v...)
	case []bool:
		appendNumbers(e, v)
	case []uint16:
		appendNumbers(e, v)
	case []int16:
		appendNumbers(e, v)
	case []int32:
		appendNumbers(e, v)
	case []int64:
		appendNumbers(e, v)
	case []float32:
		appendNumbers(e, v)
	case []float64:
		appendNumbers(e, v)
	default:
		return fmt.Errorf("encoding a %s: its elements are a %T", a.Class.Name, v)
	}
	return nil
}

func appendNumbers[T any](e *Encoder, v []T) {
	e.length(len(v))
	for _, n := range v {
		e.number(0, n) // the type of the slice is that of the array
	}
}

func (e *Encoder) length(n int) { e.buf = binary.BigEndian.AppendUint32(e.buf, uint32(n)) }
