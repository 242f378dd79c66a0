package javaobj

import "slices"

// Flags of a class.
const (
	// FlagWriteMethod is for a class that adds contents of its own to its fields.
	FlagWriteMethod byte = 1 << iota
	// FlagSerializable is for a class whose fields are in the stream.
	FlagSerializable
	// FlagExternalizable is for a class that writes itself in a way of its own.
	FlagExternalizable
	// FlagBlockData is for an externalizable class whose end can be found.
	FlagBlockData
	// FlagEnum is for an enum.
	FlagEnum
)

// Class is a class as a stream describes it.
type Class struct {
	Name   string
	SUID   int64
	Flags  byte
	Fields []Field
	Super  *Class
	// Interfaces are those of a dynamic proxy, which has no name.
	Interfaces []string
}

// Is reports whether this is the named class or a subclass of it.
func (c *Class) Is(name string) bool {
	for ; c != nil; c = c.Super {
		if c.Name == name {
			return true
		}
	}
	return false
}

// lineage are the classes from the topmost one down to this one.
func (c *Class) lineage() []*Class {
	var classes []*Class
	for ; c != nil; c = c.Super {
		classes = append(classes, c)
	}
	slices.Reverse(classes)
	return classes
}

// Field is one field of a class.
type Field struct {
	// Type is the letter of the virtual machine: B C D F I J S Z, L or [.
	Type byte
	Name string
	// ClassName is the type of a field of Type L or [, such as
	// "Ljava/lang/String;".
	ClassName string
}

// isReference is whether the field holds an object and not a number.
func (f Field) isReference() bool { return f.Type == 'L' || f.Type == '[' }

// Object is one object: a slot for each class that it is of, the topmost first.
type Object struct {
	Class *Class
	Slots []Slot
}

// Slot is what one class of an object wrote.
type Slot struct {
	Class *Class
	// Values are those of Class.Fields, in their order.
	Values []any
	// Contents are what the class added: Blocks, and values.
	Contents []any
}

// Block are bytes among contents.
type Block []byte

// Array is an array. Elements is []byte, []bool, []uint16 (chars), []int16,
// []int32, []int64, []float32, []float64, or []any for one of objects.
type Array struct {
	Class    *Class
	Elements any
}

// Enum is a constant of an enum.
type Enum struct {
	Class *Class
	Name  string
}

// Slot is the part of an object that the named class wrote; nil if the object is
// not of that class.
func (o *Object) Slot(class string) *Slot {
	for i := range o.Slots {
		if o.Slots[i].Class.Name == class {
			return &o.Slots[i]
		}
	}
	return nil
}

// Field is the value of a field, nil if there is none. A subclass's field hides
// one of the same name above it.
func (o *Object) Field(name string) any {
	for i := len(o.Slots) - 1; i >= 0; i-- {
		if v, ok := o.Slots[i].field(name); ok {
			return v
		}
	}
	return nil
}

// Field is the value of a field of this class, nil if there is none.
func (s *Slot) Field(name string) any {
	v, _ := s.field(name)
	return v
}

func (s *Slot) field(name string) (any, bool) {
	for i, f := range s.Class.Fields {
		if f.Name == name && i < len(s.Values) {
			return s.Values[i], true
		}
	}
	return nil, false
}

// Objects are the values of the contents, without the blocks.
func (s *Slot) Objects() []any {
	objects := make([]any, 0, len(s.Contents))
	for _, v := range s.Contents {
		if _, isBlock := v.(Block); !isBlock {
			objects = append(objects, v)
		}
	}
	return objects
}

// Bytes are the blocks of the contents, joined.
func (s *Slot) Bytes() []byte {
	var all []byte
	for _, v := range s.Contents {
		if b, isBlock := v.(Block); isBlock {
			all = append(all, b...)
		}
	}
	return all
}
